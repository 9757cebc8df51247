"""The pharmacy case on the real files of Dongdaemun: every pair of pharmacies tried, and residents counted by circles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from case_cells import Played, play

from gsan_lib import bank, grids

pytestmark = pytest.mark.real
REACH_M, DAY_M, DETOUR = 2000.0, 500.0, 1.3


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("dongdaemun", ["dong_boundaries", "population_age", "pharmacies"])


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play(
            "pharmacy_access", tmp_path_factory.mktemp("run") / "edition", patch, municipality="dongdaemun", spread="even", night_m=REACH_M
        )


def test_no_pair_of_pharmacies_reaches_more_residents(report, real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    dongs, people, listed = (bank.load(f"dongdaemun/{name}") for name in ("dong_boundaries", "population_age", "pharmacies"))
    residents = people[people["sex"] == "all"].groupby("dong_code")["population"].sum().astype(float)
    pieces = grids.grid(dongs, 100)
    home = (
        residents.reindex(pieces["dong_code"]).to_numpy() * pieces["area_m2"] / pieces.groupby("dong_code")["area_m2"].transform("sum")
    ).to_numpy()
    own = listed[(listed["place"] == "inside") & listed.geometry.notna()]
    away = np.hypot(
        pieces["x"].to_numpy()[:, None] - own.geometry.x.to_numpy(), pieces["y"].to_numpy()[:, None] - own.geometry.y.to_numpy()
    )
    seen = away * DETOUR <= REACH_M
    alone = home @ seen
    both = (seen * home[:, None]).T @ seen
    most = max(alone[one] + alone[two] - both[one, two] for one, two in itertools.combinations(range(len(own)), 2))
    assert report.number("night") == pytest.approx(100 * most / residents.sum(), rel=1e-9)
    assert report.table("curve")["share"].is_monotonic_increasing
    assert report.table("curve")["share"].iloc[0] == pytest.approx(100 * alone.max() / residents.sum())


def test_residents_near_a_pharmacy_by_day_are_those_under_circles_laid_over_the_dongs(report, real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    dongs, people, listed = (bank.load(f"dongdaemun/{name}") for name in ("dong_boundaries", "population_age", "pharmacies"))
    residents = people[people["sex"] == "all"].groupby("dong_code")["population"].sum()
    circles = listed.geometry.dropna().buffer(DAY_M / DETOUR, quad_segs=64).union_all()
    dongs = dongs.set_index("dong_code")
    near = (residents.reindex(dongs.index) * dongs.intersection(circles).area / dongs.area).sum()
    assert report.number("day") == pytest.approx(100 * near / residents.sum(), abs=0.6), "cells of 100 m against circles of 385 m"


def test_each_pharmacy_and_each_resident_counts_once(report):
    by_dong = report.table("by_dong")
    assert by_dong["pharmacies"].sum() == report.number("pharmacies") == 213
    assert by_dong["population"].sum() == 338_233
    assert "영업시간 자료가 없으므로" in report.results["decision"]["sentence"]
