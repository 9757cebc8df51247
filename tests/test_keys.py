"""Keys: whose code it is, which codes contradict their names, since when they hold, and where a legal dong lies."""

from __future__ import annotations

import pandas as pd
import pytest

from gsan_lib.bank.dongs import code_history, legal_shares, spread, validity
from gsan_lib.bank.keys import code_system, compare_names, crosswalk, mend_swapped, plain_name
from gsan_lib.errors import DataError


def dongs(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["dong_code", "dong_name"], index=pd.RangeIndex(1, len(pairs) + 1, name="source_row"))


def test_11230_is_two_places_and_is_refused_without_a_system():
    with pytest.raises(DataError, match="MOIS와 KOSTAT"):
        code_system("11230")
    assert code_system("11230", system="MOIS") == "MOIS"
    assert code_system("11230", system="KOSTAT") == "KOSTAT"
    with pytest.raises(DataError, match="MOIS와 KOSTAT"):
        code_system("11230", known={"MOIS": {"11230"}, "KOSTAT": {"11230"}})


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("2920063700", "MOIS"),
        ("41590", "MOIS"),
        ("5115000000", "MOIS"),
        ("24050", "KOSTAT"),
        ("2405075", "KOSTAT"),
        ("24050750", "KOSTAT"),
        ("240004", "HIRA"),
    ],
)
def test_codes_that_say_whose_they_are(code, system):
    assert code_system(code) == system


def test_known_codes_settle_a_province_number_that_both_systems_use():
    with pytest.raises(DataError):
        code_system("31240")  # Hwaseong to KOSTAT; 31 is also Ulsan to MOIS
    assert code_system("31240", known={"MOIS": {"31110"}, "KOSTAT": {"31240"}}) == "KOSTAT"


@pytest.mark.parametrize("code", ["", "abc", "99999", "123", "29200637001"])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(DataError):
        code_system(code)


def test_a_system_that_cannot_have_the_code_is_refused():
    with pytest.raises(DataError, match="HIRA"):
        code_system("2920063700", system="HIRA")


@pytest.mark.parametrize(
    ("one", "other"), [("전농제1동", "전농1동"), ("서울특별시 동대문구 이문제2동", "이문2동"), ("종로1·2·3·4가동", "종로1.2.3.4가동")]
)
def test_spellings_of_one_name(one, other):
    assert plain_name(one) == plain_name(other)


def test_a_name_that_merely_begins_with_the_filler_is_not_shortened():
    assert plain_name("제기동") == "제기동"
    assert plain_name("동탄6동") != plain_name("동탄7동")


def test_swapped_codes_are_found_named_and_exchanged_back():
    areas = dongs(("4159060000", "동탄7동"), ("4159061000", "동탄6동"), ("4159062000", "동탄8동")).assign(
        kostat_code=["3124069", "3124070", "3124071"]
    )
    residents = dongs(("4159060000", "동탄6동"), ("4159061000", "동탄7동"), ("4159062000", "동탄8동"))
    (conflict,) = compare_names(areas, residents)
    assert (conflict.kind, conflict.codes) == ("swapped", ("4159060000", "4159061000"))
    assert "동탄6동" in conflict.message
    assert "동탄7동" in conflict.message
    mended = mend_swapped(areas, [conflict])
    assert mended.frame.set_index("dong_name")["dong_code"].to_dict() == {
        "동탄6동": "4159060000",
        "동탄7동": "4159061000",
        "동탄8동": "4159062000",
    }
    assert mended.frame.set_index("dong_name")["kostat_code"].to_dict() == {
        "동탄6동": "3124070",
        "동탄7동": "3124069",
        "동탄8동": "3124071",
    }
    (repair,) = mended.repairs
    assert (repair.count, repair.rows) == (2, (1, 2))
    assert areas["dong_code"].tolist()[0] == "4159060000"  # the input is as it was
    assert compare_names(mended.frame, residents) == []


def test_the_population_joined_by_code_goes_to_the_right_dong_only_after_mending():
    areas = dongs(("2920000001", "가1동"), ("2920000002", "가2동"))
    residents = dongs(("2920000001", "가2동"), ("2920000002", "가1동")).assign(population=[10, 99])
    mended = mend_swapped(areas, compare_names(areas, residents)).frame.merge(residents.drop(columns="dong_name"), on="dong_code")
    assert mended.set_index("dong_name")["population"].to_dict() == {"가1동": 99, "가2동": 10}


def test_a_rename_is_named_and_left_alone():
    areas, residents = dongs(("1", "용신동"), ("2", "나동")), dongs(("1", "신설동"), ("2", "나동"))
    (conflict,) = compare_names(areas, residents)
    assert conflict.kind == "differs"
    assert mend_swapped(areas, [conflict]).repairs == []
    assert mend_swapped(areas, [conflict]).frame.equals(areas)


def test_a_code_that_the_population_does_not_know_is_named():
    assert [one.kind for one in compare_names(dongs(("1", "가동"), ("9", "나동")), dongs(("1", "가동")))] == ["missing"]


def test_names_exchanged_between_two_municipalities_are_no_swap():
    areas, residents = dongs(("1111051500", "가동"), ("2911051500", "나동")), dongs(("1111051500", "나동"), ("2911051500", "가동"))
    assert [one.kind for one in compare_names(areas, residents)] == ["differs", "differs"]


def test_crosswalk_goes_both_ways_and_refuses_a_code_that_stands_twice():
    table = crosswalk(pd.DataFrame({"dong_code": ["2920063700", "2920064000"], "kostat_code": ["2405075", "2405068"]}), "2021-04")
    codes = pd.Series(["2920064000", "2920063700", "9999999999"])
    assert table.to_kostat(codes).tolist()[:2] == ["2405068", "2405075"]
    assert table.to_kostat(codes).isna().tolist() == [False, False, True]
    assert table.to_mois(table.to_kostat(codes))[:2].tolist() == codes[:2].tolist()
    with pytest.raises(DataError, match="2405075"):
        crosswalk(pd.DataFrame({"dong_code": ["1", "2"], "kostat_code": ["2405075", "2405075"]}), "2021-04")


def test_validity_speaks_of_the_editions_seen_and_of_nothing_else():
    table = validity(
        {
            "2020-12": dongs(("1", "가동"), ("2", "나동")),
            "2018-12": dongs(
                ("1", "가 동"),
            ),
            "2021-05": dongs(
                ("1", "가동"),
            ),
        }
    ).set_index("dong_code")
    assert table.loc["1", ["first_seen", "last_seen", "editions"]].tolist() == ["2018-12", "2021-05", 3]
    assert "그전은 알 수 없습니다" in table.loc["1", "basis"]
    assert "2018-12 판에는 없었습니다" in table.loc["2", "basis"]
    assert "2021-05 판부터 없습니다" in table.loc["2", "basis"]
    with pytest.raises(DataError):
        validity({})


def test_codes_of_an_undated_list_are_told_from_those_seen():
    units = pd.DataFrame(
        {
            "dong_code": ["2920000000", "2920062500", "2920062600", "1123051500"],
            "full_name": ["광주광역시 광산구", "광주광역시 광산구 비아첨단지소", "광주광역시 광산구 첨단2동", "서울특별시 동대문구 신설동"],
        }
    )
    table = code_history(
        units,
        {"2020-12": dongs(("2920062600", "첨단2동"), ("2920063700", "수완동"))},
        "29200",
        [{"date": "2023-02-24", "what": "경계 변경"}],
    )
    assert table.set_index("dong_code")["status"].to_dict() == {"2920062500": "not_seen", "2920062600": "seen", "2920063700": "seen"}
    assert table.attrs["history"] == [{"date": "2023-02-24", "what": "경계 변경"}]


def test_counts_by_legal_dong_are_conserved_when_spread():
    points = pd.DataFrame(
        {"legal_dong": ["가"] * 5 + ["나"] * 3 + [None, "다"], "dong_code": ["1", "1", "1", "2", "3", "3", "3", "3", "1", None]}
    )
    shares = legal_shares(points)
    assert shares.groupby("legal_dong")["share"].sum().tolist() == pytest.approx([1, 1])
    assert set(shares.loc[shares["split"], "legal_dong"]) == {"가"}
    given = pd.Series({"가": 10, "나": 4, "라": 7})
    by_dong, left = spread(given, shares)
    assert by_dong.to_dict() == pytest.approx({"1": 6, "2": 2, "3": 6})
    assert left.to_dict() == {"라": 7}


def test_a_misspelt_legal_dong_is_named_and_no_dong_of_its_own():
    points = pd.DataFrame({"legal_dong": ["월계동", "월게동"], "dong_code": ["1", "1"]})
    shares = legal_shares(points, existing={"월계동"})
    assert shares["legal_dong"].tolist() == ["월계동"]
    assert shares.attrs["unknown"] == {"월게동": 1}
