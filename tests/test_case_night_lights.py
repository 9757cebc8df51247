"""The street-light case on the sample, where lights have coordinates: sums, distances, and what a dong without lights changes."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank

NEEDED = ["dong_boundaries", "population_age", "lights", "hydrants", "pharmacies", "school_zones", "parks"]


@pytest.fixture(scope="module")
def before(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("night_lights", tmp_path_factory.mktemp("lights") / "before", patch, municipality="sample")


def test_the_report_adds_up(before):
    table = before.table("by_legal")
    assert table["people"].sum() == pytest.approx(405_579)
    assert before.number("dim") == pytest.approx(table.loc[table["standing"] == "어두운 편", "people"].sum())
    assert table["given"].sum() <= 200
    assert (table["given"] <= table["short"]).all()
    assert before.table("chosen")["people"].is_monotonic_decreasing


def test_far_residents_lie_outside_circles_around_the_lights(before, sample_bank, monkeypatch):
    # a second way for an even spread would be areas; here the chosen cells themselves: no light within 100 m of their middle's half
    monkeypatch.setenv("GSAN_BANK", sample_bank)
    lights = bank.load("sample/lights").geometry
    chosen = before.table("chosen")
    middles = gpd.GeoSeries.from_wkb(chosen["geometry"]) if not isinstance(chosen, gpd.GeoDataFrame) else chosen.geometry
    assert middles.distance(lights.union_all()).min() > 50


def test_a_legal_dong_that_loses_its_lights_is_told_as_such(before, sample_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def without(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["legal_dong"] != "수완동"].reset_index(drop=True) if dataset == "lights" else frame

    after = play("night_lights", tmp_path / "after", monkeypatch, municipality="sample", change=without)
    table = after.table("by_legal").set_index("legal_dong")
    assert table.loc["수완동", "standing"] == "한 등도 없음"
    assert table.loc["수완동", "given"] == 0, "a legal dong that the list leaves out is looked at before lights are given"
    assert after.number("none") == before.number("none") + 1
    assert after.number("far") > before.number("far")
    assert "한 등도 실리지 않은 법정동 1개(수완동, " in after.results["decision"]["sentence"]
