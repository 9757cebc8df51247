"""The shelter case on the real files of Dongdaemun: main numbers a second way, and what becomes of them when shelters change."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play
from scipy.optimize import Bounds, LinearConstraint, milp

from gsan_lib import bank, grids
from gsan_lib.reports import cases, needs

pytestmark = [pytest.mark.real, pytest.mark.slow]

DATASETS = ["dong_boundaries", "population_elderly", "cooling_shelters", "warming_shelters", "warming_shelters_seoul", "welfare_elder_leisure", "hydrants"]  # fmt: skip
WALK_M = 480 / 1.3  # ten minutes at 0.8 m/s, paths 1.3 times the straight line


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("dongdaemun", DATASETS)


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("shelters", tmp_path_factory.mktemp("shelters") / "edition", patch, municipality="dongdaemun")


@pytest.fixture
def bank_here(real_bank, monkeypatch) -> None:
    monkeypatch.setenv("GSAN_BANK", real_bank)


def test_all_warming_shelters_of_the_gu_stand_at_the_address_of_a_cooling_shelter(bank_here):
    # counted by hand in the two files: 14 rows, 13 of them in use (회기동 is not), every road address also in the summer list
    warming, cooling = bank.load("dongdaemun/warming_shelters"), bank.load("dongdaemun/cooling_shelters")
    plain = {"".join(text.split("(")[0].split()) for text in cooling["road_address"]}
    assert ["".join(text.split("(")[0].split()) in plain for text in warming["address"]] == [True] * 14
    assert warming.loc[~warming["in_use"], "name"].tolist() == ["회기동 경로당"]


def test_the_old_beyond_a_warming_shelter_are_those_outside_circles_laid_over_the_dongs(report, bank_here):
    # a second way, without grid: circles of the walk cut from each dong, residents spread evenly
    warming, cooling = bank.load("dongdaemun/warming_shelters"), bank.load("dongdaemun/cooling_shelters")
    where = {"".join(text.split("(")[0].split()): point for text, point in zip(cooling["road_address"], cooling.geometry, strict=True)}
    points = gpd.GeoSeries([where["".join(text.split("(")[0].split())] for text in warming.loc[warming["in_use"], "address"]])
    dongs = bank.load("dongdaemun/dong_boundaries").set_index("dong_code")
    old = bank.load("dongdaemun/population_elderly").set_index("dong_code")["population_65_over"]
    dry = dongs.geometry.difference(points.buffer(WALK_M, quad_segs=64).union_all()).area / dongs.area
    table = report.table("assumptions").set_index(["spread", "minutes", "detour", "border"])["cold"]
    assert table["면적에 고르게", 10.0, 1.3, "안"] == pytest.approx((old * dry).sum(), rel=0.005)


def test_the_whole_is_the_published_number_of_the_old_and_the_dongs_add_up(report):
    dongs = report.table("by_dong")
    assert dongs["old"].sum() == 70_188  # 14 dongs of the published table of March 2025
    assert dongs["cold"].sum() == pytest.approx(report.number("cold_far"))
    assert dongs["heat"].sum() == pytest.approx(report.number("heat_far"))
    assert dongs["warm"].sum() == 13
    assert report.number("heat_seats") * 701.88 == pytest.approx(report.table("night").loc[0, "seats"])


def test_seats_shared_out_are_the_seats_that_there_are(report):
    # two-step floating catchment conserves supply: people times their share is the capacity of every shelter that anybody reaches
    dongs = report.table("by_dong")
    assert (dongs["old"] * dongs["cold_seats"]).sum() / 100 == pytest.approx(report.number("cold_seats") * 701.88, rel=1e-6)


def test_another_solver_finds_no_better_five(report, bank_here):
    # a second model of the same question, built by hand for an even spread and solved by scipy's milp
    dongs, cooling = bank.load("dongdaemun/dong_boundaries"), bank.load("dongdaemun/cooling_shelters")
    old = bank.load("dongdaemun/population_elderly").set_index("dong_code")["population_65_over"]
    warming = bank.load("dongdaemun/warming_shelters")
    address = ["".join(text.split("(")[0].split(",")[0].split()) for text in cooling["road_address"]]
    where = dict(zip(reversed(address), reversed(cooling.geometry.tolist()), strict=True))
    opened = gpd.GeoSeries([where["".join(text.split("(")[0].split())] for text in warming.loc[warming["in_use"], "address"]])
    indoors = cooling[cooling["in_use"] & (cooling["air_conditioners"] > 0) & (cooling["place"] == "inside")]
    public = indoors[["경로당" not in name for name in indoors["name"]]]
    sites = pd.concat([public.geometry, bank.load("dongdaemun/welfare_elder_leisure").geometry]).drop_duplicates()
    sites = sites[(sites.distance(opened.union_all()) > 0) & sites.within(dongs.union_all())]
    cells = grids.grid(dongs, 50)
    people = cells["area_m2"] * cells["dong_code"].map(old / dongs.set_index("dong_code").area)
    middles = gpd.GeoSeries.from_xy(cells["x"], cells["y"])
    far = middles.distance(opened.union_all()) > WALK_M
    near = np.column_stack([middles[far].distance(site).to_numpy() <= WALK_M for site in sites])
    held = near.any(axis=1)
    near, weight = near[held], people[far].to_numpy()[held]
    patterns, group = np.unique(near, axis=0, return_inverse=True)  # cells that the same sites reach count as one
    weight = np.bincount(group.ravel(), weights=weight)
    demand, places = patterns.shape
    cover = LinearConstraint(np.hstack([np.eye(demand), -patterns.astype(float)]), ub=np.zeros(demand))
    budget = LinearConstraint(np.concatenate([np.zeros(demand), np.ones(places)])[None, :], ub=[5])
    kinds = np.concatenate([np.zeros(demand), np.ones(places)])
    found = milp(-np.concatenate([weight, np.zeros(places)]), constraints=[cover, budget], integrality=kinds, bounds=Bounds(0, 1))
    assert found.status == 0
    table = report.table("assumptions").set_index(["spread", "minutes", "detour", "border"])
    assert table.loc[("면적에 고르게", 10.0, 1.3, "안"), "gained"] == pytest.approx(-found.fun, rel=0.01)


def test_more_shelters_reach_more_and_the_list_adds_up(report):
    chosen, budgets = report.table("chosen"), report.table("budgets")
    assert chosen["people"].sum() == pytest.approx(report.number("gained"))
    assert budgets.loc[4, "gained"] == pytest.approx(report.number("gained"))
    assert (budgets["gained"].diff().dropna() >= -1e-6).all()


def test_members_clubs_and_the_border_change_the_numbers_the_right_way(report):
    table = report.table("assumptions").set_index(["spread", "minutes", "detour", "border"])
    for spread in ("면적에 고르게", "주소점 가중"):
        one = table.loc[spread]
        assert one["cold"][10.0, 1.3, "안과 밖"] <= one["cold"][10.0, 1.3, "안"]
        assert one["heat"][10.0, 1.3, "안과 밖"] <= one["heat"][10.0, 1.3, "안"]
        assert one["cold"][5.0, 1.3, "안"] >= one["cold"][10.0, 1.3, "안"] >= one["cold"][15.0, 1.3, "안"]
    night = report.table("night").set_index("which")["far"]
    assert night["경로당이 아닌 곳"] > 10 * night["무더위쉼터 모두"], "nearly all shelters are clubs; without them few are near"


def test_a_shelter_that_opens_at_the_first_place_leaves_the_list(real_bank, report, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    first = report.table("chosen").iloc[0]
    cooling = bank.load("dongdaemun/cooling_shelters")
    row = cooling[cooling["name"] == first["name"]].iloc[0]

    def opened(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "warming_shelters":
            return frame
        new = frame.iloc[[0]].assign(name=row["name"], address=row["road_address"], road_address=row["road_address"], in_use=True)
        return pd.concat([frame, new], ignore_index=True)

    after = play("shelters", tmp_path / "after", monkeypatch, municipality="dongdaemun", change=opened)
    assert report.number("cold_far") - after.number("cold_far") == pytest.approx(first["people"], rel=0.35)
    assert after.number("cold_far") < report.number("cold_far")
    assert first["name"] not in after.results["decision"]["sentence"]


def test_municipalities_without_the_lists_are_told_which(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    lacks = needs.lacking("gwangsan", cases.case("shelters"))
    assert {one.dataset for one in lacks} >= {"cooling_shelters", "warming_shelters", "population_elderly"}
