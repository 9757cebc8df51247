"""The bus case on the real files of Hwaseong: what the complaints name, what the timetable says, and how few stops can be placed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from case_cells import Played, play

from gsan_lib import bank, settings
from gsan_lib.errors import CaseError
from gsan_lib.reports import cases, needs

pytestmark = pytest.mark.real
DATASETS = ["dong_boundaries", "stop_ridership", "stop_positions", "bus_routes", "complaints", "households", "commuting"]


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("hwaseong", DATASETS)


@pytest.fixture(scope="module")
def words() -> dict:
    """What Hwaseong says about its own names of places."""
    return yaml.safe_load((settings.municipality("hwaseong").folder / "cases" / "bus_stops.yml").read_text(encoding="utf-8"))["common"]


@pytest.fixture(scope="module")
def report(real_bank, words, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("bus_stops", tmp_path_factory.mktemp("run") / "edition", patch, municipality="hwaseong", **words)


@pytest.fixture(scope="module")
def sheet(inbox) -> pd.DataFrame:
    """The complaints as a spreadsheet program shows them."""
    return pd.read_excel(next((Path(inbox) / "reports").glob("*버스*.xlsx")))


def test_the_route_named_most_is_counted_as_a_plain_search_of_the_sheet_counts_it(report, sheet):
    texts = sheet["노선"].astype(str)
    by_route = report.table("by_route").set_index("route_no")
    for number in ("6002", "6001", "6003"):
        assert by_route.loc[number, "complaints"] == texts.str.contains(number, regex=False).sum()
    assert by_route.index[0] == "6002"
    assert by_route.loc["6002", "complaints"] == 22
    assert report.number("top_share") == pytest.approx(100 * 22 / 109)


def test_purposes_are_those_that_the_author_of_the_sheet_tallied_beside_it(report, sheet):
    tallied = {
        name: int(sheet.columns[place + 1].removesuffix("건"))
        for place, name in enumerate(sheet.columns[:-1])
        if name in ("노선변경", "배차간격")
    }
    assert tallied == {"노선변경": 10, "배차간격": 51}
    counted = report.table("texts")["purpose"].value_counts()
    assert {name: counted[name] for name in tallied} == tallied
    assert counted.sum() == 109


def test_numbers_that_are_no_routes_are_not_read_as_routes(report):
    texts = report.table("texts").set_index("wording")["routes"]
    assert texts.loc["동탄2지구 -> 서울"] == ""
    assert texts.loc["a83 -> 2두산위브 h1"].eq("H1").all()
    assert texts.loc["동탄대로 -> 호반6차 아파트 h3번"] == "H3"
    assert texts.loc["향남2지구 -> 수원역"] == ""
    assert texts.loc["사곡6리 -> 구문천리 33-1"] == "33-1"
    assert texts.loc["반도유보라10차 -> 동탄역"] == ""


def test_positions_reach_too_few_stops_to_speak_of_dongs_and_the_decision_says_so(report, real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    ridership, positions = bank.load("hwaseong/stop_ridership"), bank.load("hwaseong/stop_positions")
    known, placed, whole = set(positions["stop_name"]), 0, 0
    for row in ridership[ridership["mode"] == "버스"].itertuples():
        whole += row.boardings
        placed += row.boardings if row.stop_name in known else 0
    assert whole == 1_142_140
    assert report.number("placed") == pytest.approx(100 * placed / whole)
    assert report.number("placed") < 1
    assert "동별 수요는 말하지 않습니다" in report.results["decision"]["sentence"]
    assert "6002번" in report.results["decision"]["sentence"]


def test_complaints_for_residents_are_worked_by_hand(report):
    new_town = report.table("by_area").set_index("area").loc["동탄2신도시"]
    assert new_town["population"] == 162_853
    assert new_town["rate"] == pytest.approx(1e4 * 67 / 162_853)
    assert report.table("by_area")["complaints"].sum() == 109


def test_the_headway_of_6002_is_shorter_than_that_of_nearly_all_routes(report, real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    routes = bank.load("hwaseong/bus_routes")
    middles = {}
    for row in routes.itertuples():
        low, high = (int(part.strip().removesuffix("분")) for part in row.headway_weekday.split("~"))
        if low + high:
            middles[row.route_no] = min(middles.get(row.route_no, 1e9), (low + high) / 2)
    assert middles["6002"] == 12.5
    shorter = 100 * sum(value < 12.5 for value in middles.values()) / len(middles)
    assert report.table("by_route").set_index("route_no").loc["6002", "shorter"] == pytest.approx(shorter)


def test_a_municipality_without_ridership_by_stop_is_refused_with_the_dataset(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    case = cases.case("bus_stops")
    assert needs.lacking("hwaseong", case) == []
    assert {"stop_ridership", "complaints"} <= {one.dataset for one in needs.lacking("dongdaemun", case)}


def test_names_of_places_are_the_municipalitys_and_not_the_cases(real_bank, words, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    source = (cases.cases_dir() / "bus_stops.ipynb").read_text(encoding="utf-8")
    dongs = set(bank.load("hwaseong/dong_boundaries")["dong_name"]) | {"동탄", "병점", "봉담", "향남", "월드반도", "호반"}
    assert [name for name in sorted(dongs) if name in source] == []
    with pytest.raises(CaseError, match=r"지역\(`areas`\)이 정해져 있지 않습니다.*매개변수 파일\(`hwaseong`의 `bus_stops.yml`\)"):
        play("bus_stops", tmp_path / "bare", monkeypatch, municipality="hwaseong")
    foreign = [*words["areas"], "전농 = 전농 = 전농1동, 전농2동", "이름만"]
    with pytest.raises(CaseError, match="`전농`의 전농1동, 전농2동; `이름만`에 글에 나오는 말이 없음"):
        play("bus_stops", tmp_path / "foreign", monkeypatch, municipality="hwaseong", **words | {"areas": foreign})


def test_the_new_town_counts_residents_of_its_dongs_and_shades_those_split_off_later(report):
    table = report.table("by_area").set_index("area")
    assert table.loc["동탄2신도시", "dongs"] == "동탄4동, 동탄5동, 동탄6동"
    assert table.loc["동탄(1·2를 가릴 수 없음)", "dongs"] == ""
    assert pd.isna(table.loc["동탄(1·2를 가릴 수 없음)", "rate"])
