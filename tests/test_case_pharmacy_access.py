"""The pharmacy case on the sample: what one pharmacy fewer, or one more to be asked, may and may not change."""

from __future__ import annotations

import pandas as pd
import pytest
from case_cells import Played, play

NEEDED = ["dong_boundaries", "population_age", "pharmacies"]


@pytest.fixture(scope="module")
def report(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("pharmacy_access", tmp_path_factory.mktemp("run") / "edition", patch, most=4)


def test_more_late_pharmacies_reach_more_residents_and_each_adds_less_than_all_before(report):
    curve = report.table("curve")
    assert curve["share"].is_monotonic_increasing
    assert curve["share"].iloc[1] <= 2 * curve["share"].iloc[0]
    assert curve.loc[curve["count"] == 2, "share"].iloc[0] == pytest.approx(report.number("night"))
    assert (curve["gap"] == 0).all(), "proven"


def test_without_addressed_places_residents_are_spread_evenly_and_the_report_says_that_hours_are_unknown(report):
    assert set(report.table("assumptions")["assumption"]) == {
        "이 보고서",
        "밤에 닿는 길 1,500 m",
        "밤에 닿는 길 2,500 m",
        "경계 밖 약국을 빼면(낮)",
    }
    assert "영업시간 자료가 없으므로" in report.results["decision"]["sentence"]
    assert report.table("by_dong")["population"].sum() == 405_579


def test_without_the_pharmacies_that_were_chosen_no_more_residents_are_reached(report, sample_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", sample_bank)
    chosen = set(report.table("chosen")["name"])

    def without(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~frame["name"].isin(chosen)].reset_index(drop=True) if dataset == "pharmacies" else frame

    fewer = play("pharmacy_access", tmp_path / "edition", monkeypatch, change=without, most=2)
    assert fewer.number("night") <= report.number("night")
    assert fewer.number("pharmacies") < report.number("pharmacies")
    assert not chosen & set(fewer.table("chosen")["name"])
