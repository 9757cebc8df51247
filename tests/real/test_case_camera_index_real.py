"""The camera index of Dongdaemun a second way: plain pandas and circles instead of the library's grid and index."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank
from gsan_lib.reports import cases, needs

pytestmark = [pytest.mark.real, pytest.mark.slow]

DATASETS = ["dong_boundaries", "population_age", "cctv_police", "cctv_ansimi", "bus_stops", "stations", "markets", "hydrants"]
WEIGHTS = pd.Series({"unseen": 0.3, "few": 0.2, "density": 0.1, "children": 0.1, "old": 0.1, "night": 0.2})


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("dongdaemun", DATASETS)


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play(
            "camera_index", tmp_path_factory.mktemp("index") / "edition", patch, municipality="dongdaemun", old_from=65, spread="even"
        )


@pytest.fixture
def plain(real_bank, monkeypatch) -> pd.DataFrame:
    """The six indicators by dong: residents out of sight by the area outside the circles, everything else counted from the bank's rows."""
    monkeypatch.setenv("GSAN_BANK", real_bank)
    dongs = bank.load("dongdaemun/dong_boundaries").set_index("dong_code").sort_index()
    people = bank.load("dongdaemun/population_age").query("sex == 'all'")
    total = people.groupby("dong_code")["population"].sum()
    lists = [gpd.GeoSeries(bank.load(f"dongdaemun/{name}").geometry.drop_duplicates()) for name in ("cctv_police", "cctv_ansimi")]
    circles = pd.concat(lists).buffer(50, quad_segs=32).union_all()
    spots = [bank.load(f"dongdaemun/{name}").geometry.drop_duplicates() for name in ("bus_stops", "stations", "markets")]
    night = dongs.geometry.apply(lambda one: sum(int(spot.within(one).sum()) for spot in spots))
    return pd.DataFrame(
        {
            "unseen": total * dongs.difference(circles).area / dongs.area,
            "density": total / (dongs.area / 1e6),
            "children": 100 * people[people["age_to"] <= 9].groupby("dong_code")["population"].sum() / total,
            "old": 100 * people[people["age_from"] >= 65].groupby("dong_code")["population"].sum() / total,
            "night": night / (dongs.area / 1e6),
        }
    )


def test_the_indicators_are_those_counted_from_the_rows(report, plain):
    raw = report.table("indicators").set_index("dong_code").sort_index()
    for name in ("density", "children", "old", "night"):
        assert raw[name].to_numpy() == pytest.approx(plain[name].to_numpy()), name
    assert raw["unseen"].to_numpy() == pytest.approx(plain["unseen"].to_numpy(), rel=0.03)  # points of 25 m stand for areas
    assert raw["cameras"].sum() in range(1000, 1005), "1,004 places, some in the margin"
    assert raw["few"].to_numpy() == pytest.approx((1000 * raw["cameras"] / raw["population"]).to_numpy())


def test_the_index_is_the_weighted_sum_of_what_lies_between_least_and_most(report, plain):
    raw = report.table("indicators").set_index("dong_code").sort_index()
    second = plain.assign(few=raw["few"])[WEIGHTS.index]
    scaled = (second - second.min()) / (second.max() - second.min())
    scaled["few"] = 1 - scaled["few"]
    index = 100 * (scaled * WEIGHTS).sum(axis=1)
    ours = report.table("index_by_dong").set_index("dong_code")["index"].sort_index()
    assert ours.to_numpy() == pytest.approx(index.to_numpy(), abs=1.0)
    assert ours.rank().corr(index.rank()) > 0.99


def test_ranks_under_drawn_weights_are_those_of_a_second_draw(report):
    parts = report.table("contributions").set_index("dong_code")[list(WEIGHTS.index)]
    scaled = parts / (100 * WEIGHTS)
    drawn = np.random.default_rng(7).dirichlet(50 * WEIGHTS, 4000)
    places = pd.DataFrame(scaled.to_numpy() @ drawn.T, index=scaled.index).rank(ascending=False, method="min")
    ours = report.table("index_by_dong").set_index("dong_code")["top_share"]
    assert ours.to_numpy() == pytest.approx(100 * (places <= 3).mean(axis=1).reindex(ours.index).to_numpy(), abs=5)


def test_the_sentence_says_that_it_is_no_order_of_danger(report):
    assert "위험한 차례가 아닙니다" in report.results["decision"]["sentence"]
    assert any("범죄와 교통사고의 동별 자료가 없어" in one for one in report.results["limits"])


def test_municipalities_without_camera_lists_are_told_which(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    assert {one.dataset for one in needs.lacking("gwangsan", cases.case("camera_index"))} >= {"cctv_police", "cctv_ansimi"}
