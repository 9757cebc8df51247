"""The source register: every problem of an entry is said at once, and every entry of this repository is complete."""

from __future__ import annotations

import datetime

import pytest

from gsan_lib import settings
from gsan_lib.bank.register import Edition, parse, register, source
from gsan_lib.errors import DataError, UsageError

REAL = {"gwangsan": 12, "dongdaemun": 20, "hwaseong": 10, "baltimore": 1}  # least numbers of datasets


def entry(**changes):
    whole = {
        "title_ko": "가로등", "title_en": "Lights", "standard": "lights", "publisher": "광산구", "licence": "확인되지 않음", "access": "public",
        "file": "lights.csv", "as_of": datetime.date(2023, 4, 17),
    }  # fmt: skip
    return {name: value for name, value in (whole | changes).items() if value != "left out"}


def problems(**changes) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        parse({"datasets": {"lights": entry(**changes)}}, "gwangsan")
    return caught.value.problems


def test_entry_in_order_becomes_a_source():
    found = parse({"datasets": {"lights": entry(only={"sigungu": ["광산구"]}, place={"margin_m": 500})}}, "gwangsan")["lights"]
    assert found.id == "gwangsan/lights"
    assert found.editions == (Edition("lights.csv", "2023-04-17"),)
    assert found.only == {"sigungu": ("광산구",)}
    assert found.place.margin_m == 500


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": "left out"}, "`licence` 항목이 없습니다"),
        ({"as_of": "left out"}, "`as_of`(기준일)가 없습니다"),
        ({"as_of": None}, "`as_of`(기준일)가 없습니다"),
        ({"as_of": "2020년 12월"}, "`2020-12-31` 꼴의 날짜"),
        ({"file": "left out"}, "`file` 항목이 없습니다"),
        ({"file": "../secret.csv"}, "상대 경로"),
        ({"file": "/etc/passwd"}, "상대 경로"),
        ({"sha256": "abc"}, "16진수 64자"),
        ({"acces": "public"}, "모르는 항목 `acces`"),
        ({"access": "secret"}, "`access`는 public, internal, restricted"),
        ({"standard": "lamps"}, "`lamps`(이)라는 표준이"),
        ({"place": {"margin": 3}}, "모르는 항목 `margin`"),
        ({"place": {"margin_m": -1}}, "0 이상의 미터"),
        ({"place": {"position": "perhaps"}}, "required, optional, none"),
        ({"place": {"by": {"sigungu": "광산구"}}}, "`필드: [값, ...]`"),
        ({"place": "inside"}, "`place`는"),
        ({"only": {"sigungu": "광산구"}}, "`필드: [값, ...]`"),
        ({"editions": [{"file": "a.csv", "as_of": "2020-01-01"}]}, "함께 쓸 수 없습니다"),
        ({"reader": ["sheet"]}, "`reader`는"),
    ],
)
def test_each_fault_is_named(changes, said):
    found = problems(**changes)
    assert len(found) == 1
    assert said in found[0]


def test_all_faults_of_all_entries_are_said_at_once():
    with pytest.raises(DataError) as caught:
        parse(
            {"datasets": {"a": entry(licence="left out", file="/x"), "B": entry(), "c": "lights.csv"}, "dataset": {}},
            "gwangsan",
            "sources.yml",
        )
    assert len(caught.value.problems) == 5
    assert "5건" in str(caught.value)


def test_editions_are_sorted_and_share_what_stands_beside_them():
    listed = [{"file": "b.csv", "as_of": "2026-01-01"}, {"file": "a.csv", "as_of": "2020-01-01", "reader": {"encoding": "cp949"}}]
    found = parse(
        {"datasets": {"lights": entry(file="left out", as_of="left out", editions=listed, columns={"번호": "light_no"})}}, "gwangsan"
    )["lights"]
    assert [edition.file for edition in found.editions] == ["a.csv", "b.csv"]
    assert found.editions[0].reader == {"encoding": "cp949"}
    assert all(edition.columns == {"번호": "light_no"} for edition in found.editions)


def test_date_that_a_file_does_not_state_needs_its_reason():
    found = parse({"datasets": {"lights": entry(as_of=None, as_of_note="파일에 연도가 없음")}}, "gwangsan")["lights"]
    assert found.editions[0].as_of is None


@pytest.mark.parametrize("municipality", settings.municipalities())
def test_every_source_of_this_repository_says_whose_it_is_and_of_when(municipality):
    sources = register(municipality)
    assert len(sources) >= REAL.get(municipality, 10)
    for one in sources.values():
        assert one.attribution, one.id
        assert "http" not in one.licence
        for edition in one.editions:
            assert edition.as_of or edition.as_of_note, one.id
            assert edition.sha256 or municipality == "sample", one.id


def test_dataset_that_is_not_registered_is_a_wrong_call():
    with pytest.raises(UsageError, match="hydrants"):
        source("gwangsan", "hydrant")
