"""The crossing case on the real files of Dongdaemun: who has neither signal nor zone, a second way; what the lists cannot carry."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.csgraph import connected_components
from shapely import Point

from gsan_lib import bank
from gsan_lib.reports import cases, needs

pytestmark = [pytest.mark.real, pytest.mark.slow]

DATASETS = [
    "dong_boundaries", "population_elderly", "crossings", "junctions", "floor_signals", "elder_zones", "cooling_shelters", "markets",
    "welfare_elder_leisure", "welfare_home_care", "cameras", "accidents", "hydrants",
]  # fmt: skip


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("dongdaemun", DATASETS)


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("crossing_safety", tmp_path_factory.mktemp("crossings") / "edition", patch, municipality="dongdaemun")


@pytest.fixture
def old_places(real_bank, monkeypatch) -> gpd.GeoDataFrame:
    """Clubs, markets, leisure and day care inside the gu, each position once: put together here by other means than in the case."""
    monkeypatch.setenv("GSAN_BANK", real_bank)
    shelters, care = bank.load("dongdaemun/cooling_shelters"), bank.load("dongdaemun/welfare_home_care")
    parts = [
        shelters[[("경로당" in name) for name in shelters["name"]]],
        bank.load("dongdaemun/markets"),
        bank.load("dongdaemun/welfare_elder_leisure"),
        care[[any(word in name for word in ("데이케어", "주간", "주야간", "단기보호")) for name in care["name"]]],
    ]
    points = gpd.GeoSeries(np.concatenate([one.geometry.to_numpy() for one in parts]), crs="EPSG:5179").dropna().drop_duplicates()
    return gpd.GeoDataFrame(geometry=points[points.within(bank.load("dongdaemun/dong_boundaries").union_all())]).reset_index(drop=True)


def test_places_with_neither_are_those_outside_the_circles(report, old_places):
    signals, zones = bank.load("dongdaemun/floor_signals"), bank.load("dongdaemun/elder_zones")
    safe = signals.buffer(200, quad_segs=128).union_all().union(zones.buffer(300, quad_segs=128).union_all())
    empty = int((~old_places.within(safe)).sum())
    assert report.table("by_kind")["count"].sum() == len(old_places)
    assert report.number("empty") == pytest.approx(empty, abs=1)  # circles are polygons of 512 edges
    assert report.table("by_dong")["empty"].sum() == report.number("empty")


def test_another_solver_on_groups_made_another_way_fills_as_many(report, old_places):
    # groups as connected components of a graph instead of merged circles, the choice by scipy's milp
    signals, zones, crossings = (bank.load(f"dongdaemun/{name}") for name in ("floor_signals", "elder_zones", "crossings"))
    empty = old_places[(old_places.distance(signals.union_all()) > 200) & (old_places.distance(zones.union_all()) > 300)]
    xy = np.column_stack([crossings.geometry.x, crossings.geometry.y])
    apart = np.hypot(*(xy[:, None] - xy[None, :]).transpose(2, 0, 1))
    count, group = connected_components(apart <= 30)
    lit = crossings.distance(signals.union_all()).to_numpy() <= 50
    gu = bank.load("dongdaemun/dong_boundaries").union_all()
    free = [one for one in range(count) if not lit[group == one].any() and gu.contains(Point(xy[group == one].mean(axis=0)))]
    close = np.column_stack([crossings.distance(point).to_numpy() <= 200 for point in empty.geometry])
    near = np.column_stack([close[group == one].any(axis=0) for one in free]).astype(float)
    places, sites = near.shape
    cover = LinearConstraint(np.hstack([np.eye(places), -near]), ub=np.zeros(places))
    budget = LinearConstraint(np.concatenate([np.zeros(places), np.ones(sites)])[None, :], ub=[10])
    kinds = np.concatenate([np.zeros(places), np.ones(sites)])
    found = milp(np.concatenate([-np.ones(places), np.zeros(sites)]), constraints=[cover, budget], integrality=kinds, bounds=Bounds(0, 1))
    assert found.status == 0
    assert report.number("filled") == pytest.approx(-found.fun)


def test_cameras_that_enforce_parking_only_are_not_taken_for_speed_cameras(report, real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    assert bank.load("dongdaemun/cameras")["enforcement"].unique().tolist() == ["4"]
    assert any("88대 가운데 과속이나 신호위반을 단속하는 것이 0대" in one for one in report.results["limits"])


def test_a_place_is_chosen_again_under_other_assumptions_than_those_of_the_report(report):
    frame, chosen = report.table("assumptions"), report.table("chosen")
    own = (frame["near_m"] == 200) & (frame["zone_m"] == 300) & (frame["weight"] == "시설의 수") & (frame["note"] == "–")
    assert own.sum() == 1
    assert frame.loc[own, "same"].item() == len(chosen)
    assert chosen["kept"].sum() == frame.loc[~own, "same"].sum(), "the report's own assumption is none of the others"
    assert f"다른 가정 {(~own).sum()}가지의 절반 이상" in report.results["decision"]["sentence"]
    assert f"다시 뽑히는 {(2 * chosen['kept'] >= (~own).sum()).sum()}곳" in report.results["decision"]["sentence"]


def test_accidents_are_ten_of_all_ages_and_decide_nothing(report, real_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    accidents = bank.load("dongdaemun/accidents")
    assert int((accidents["place"] == "inside").sum()) == 10
    assert report.number("walkers") == int(((accidents["place"] == "inside") & (accidents["kind"] == "차대사람")).sum())

    def moved(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[::2].reset_index(drop=True) if dataset == "accidents" else frame

    after = play("crossing_safety", tmp_path / "after", monkeypatch, municipality="dongdaemun", change=moved)
    assert after.results["decision"]["sentence"] == report.results["decision"]["sentence"]


def test_a_signal_at_the_first_place_fills_it_and_the_next_one_leads(report, real_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    first = gpd.read_parquet(report.folder / "chosen.parquet").iloc[0]

    def lit(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "floor_signals":
            return frame
        new = frame.iloc[[0]].assign(signal_no="new").set_geometry([first.geometry], crs=frame.crs)
        return pd.concat([frame, new], ignore_index=True)

    after = play("crossing_safety", tmp_path / "after", monkeypatch, municipality="dongdaemun", change=lit)
    assert report.number("empty") - after.number("empty") > 0
    assert after.table("chosen").loc[0, "name"] != first["name"]


def test_municipalities_without_the_lists_are_told_which(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    lacks = needs.lacking("gwangsan", cases.case("crossing_safety"))
    assert {one.dataset for one in lacks} >= {"elder_zones", "floor_signals", "population_elderly"}
