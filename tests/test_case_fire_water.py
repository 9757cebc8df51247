"""The hydrant case on the sample: its sums, and what becomes of number, map and sentence when hydrants change."""

from __future__ import annotations

import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank
from gsan_lib.errors import MissingData

NEEDED = ["dong_boundaries", "population_age", "hydrants", "fires", "pharmacies", "school_zones", "bus_stops"]
SUWAN = "2920063700"


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("fire_water", tmp_path / name, monkeypatch, **{"municipality": "sample", "most_candidates": 300, "cell_m": 100} | how)

    return run


@pytest.fixture(scope="module")
def before(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The report on the sample as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play(
            "fire_water", tmp_path_factory.mktemp("water") / "before", patch, municipality="sample", most_candidates=300, cell_m=100
        )


def pictures(report: Played) -> list[bytes]:
    return [(report.folder / one["file"]).read_bytes() for one in report.results["figures"]]


def test_the_report_adds_up(before):
    one = before
    dongs, chosen = one.table("by_dong"), one.table("chosen")
    assert dongs["population"].sum() == 405_579
    assert dongs["beyond_weighted"].sum() == pytest.approx(one.number("beyond"))
    assert chosen["people"].sum() == pytest.approx(one.number("gained"))
    assert (chosen["now_m"] > 0).all()
    proof = one.table("proof")
    assert (proof["status"] == "증명됨").all()
    assert (proof["gap"] == 0).all()
    assert (proof["ours"] <= proof["best"] + 1e-9).all(), "other sites beat a proven optimum"
    decision = one.results["decision"]
    assert decision["stable"] == bool(chosen["in_both"].all())
    assert f"{one.number('beyond'):,.0f}명 가운데 {one.number('gained'):,.0f}명" in decision["sentence"]


def test_even_spread_is_the_share_of_land_beyond_the_circles(report):
    one = report("one", cell_m=50)
    dongs, water = bank.load("sample/dong_boundaries"), bank.load("sample/hydrants")
    water = water[water.geometry.notna() & (water["kind"] != "비상소화장치")]
    dry = dongs.geometry.difference(water.geometry.buffer(100, quad_segs=32).union_all()).area / dongs.area
    table = one.table("by_dong").merge(pd.DataFrame({"dong_name": dongs["dong_name"], "dry": dry}))
    assert (table["population"] * table["dry"]).sum() == pytest.approx(table["beyond_even"].sum(), rel=0.01)
    assert (table["share_even"] - 100 * table["dry"]).abs().max() < 1.5


def test_a_dong_that_loses_its_hydrants_leads_number_map_and_sentence(report, before):
    def without(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["dong_code"] != SUWAN].reset_index(drop=True) if dataset == "hydrants" else frame

    after = report("after", change=without)
    assert after.number("beyond") > before.number("beyond") + 10_000
    assert after.table("by_dong").loc[0, "dong_name"] == "수완동"
    assert after.results["decision"]["sentence"].split("곳을 ")[1].startswith("수완동 ")
    assert after.results["decision"]["sentence"] != before.results["decision"]["sentence"]
    assert pictures(after)[0] != pictures(before)[0]
    assert pictures(after)[1] != pictures(before)[1]


def test_a_hydrant_at_the_first_site_brings_water_and_a_twin_row_or_an_emergency_cabinet_does_not(report, before):
    first = before.table("chosen").iloc[0]
    where = bank.load("sample/dong_boundaries").set_index("dong_name").loc[first["dong_name"]]

    hydrants = bank.load("sample/hydrants")
    dry = where.geometry.difference(hydrants.geometry.dropna().buffer(200).union_all())
    spot = dry.representative_point()

    def added(kind: str, twin: bool = False):
        def change(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
            if dataset != "hydrants":
                return frame
            row = frame.iloc[[0]].assign(kind=kind)
            return pd.concat([frame, row if twin else row.set_geometry([spot], crs=frame.crs)], ignore_index=True)

        return change

    twice = report("twice", change=added("급수탑", twin=True))
    cabinet, hydrant = report("cabinet", change=added("비상소화장치")), report("hydrant", change=added("소화전"))
    for same in (twice, cabinet):  # an emergency cabinet is no facility of fire water (소방기본법 제10조)
        assert same.number("beyond") == before.number("beyond")
        assert same.number("facilities") == before.number("facilities")
        assert same.results["decision"]["sentence"] == before.results["decision"]["sentence"]
    assert hydrant.number("facilities") == before.number("facilities") + 1
    assert hydrant.number("beyond") < before.number("beyond") - 1
    assert hydrant.results["decision"]["sentence"] != before.results["decision"]["sentence"]


def test_a_longer_hose_reaches_fewer_and_a_longer_legal_distance_more(before):
    table = before.table("assumptions").set_index(["spread", "limit_m", "detour"])["beyond"]
    for spread in ("면적에 고르게", "주소점 가중"):
        assert table[spread, 100, 1.4] > table[spread, 100, 1.0] > table[spread, 140, 1.0]
        assert table[spread, 140, 1.4] == pytest.approx(table[spread, 100, 1.0]), "140 m at 1.4 is 100 m in a straight line"


def test_the_report_does_not_speak_of_two_spreads_where_there_are_no_addresses(report, monkeypatch):
    whole = bank.load

    def poor(id: str, **how):
        if id.split("/")[1] in ("pharmacies", "school_zones", "bus_stops"):
            raise MissingData("not published")
        return whole(id, **how)

    monkeypatch.setattr(bank, "load", poor)
    decision = report("poor").results["decision"]
    assert not decision["stable"]
    assert "주소점 자료가 없어" in decision["sentence"]
