"""The school zone case on the real lists: rows and accidents counted without the bank, intervals without its formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from case_cells import Played, play
from scipy.optimize import brentq
from scipy.stats import poisson

pytestmark = [pytest.mark.real, pytest.mark.slow]

PLACES = {  # zones of the two editions as published by the municipality; fatal accidents of all ages, those with a pedestrian
    "gwangsan": ("광주광역시 광산구", 202, 129, "광산구", 15, 6),
    "dongdaemun": ("서울특별시 동대문구", 72, 76, "동대문구", 10, 5),
    "hwaseong": ("경기도 화성시", 170, 194, "화성시", 44, 11),
}


@pytest.fixture(scope="module")
def report(inbox, banked, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    place, done = tmp_path_factory.mktemp("real_bank"), {}

    def run(municipality: str) -> Played:
        if municipality not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("GSAN_BANK", banked(municipality, ["dong_boundaries", "school_zones", "accidents"]))
                done[municipality] = play("school_zones", place / municipality, patch, municipality=municipality)
        return done[municipality]

    return run


def zones(inbox: Path, year: int) -> pd.DataFrame:
    return pd.read_csv(inbox / f"facilities/national/전국어린이보호구역표준데이터_{year}.csv", encoding="cp949", dtype=str)


def accidents(inbox: Path, sigungu: str) -> gpd.GeoDataFrame:
    frame = pd.read_csv(inbox / "events/koroad_fatal_accidents_2020.csv")
    frame = frame[frame["발생지시군구"] == sigungu]
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["경도"], frame["위도"], crs=4326).to_crs(5179))


@pytest.mark.parametrize("municipality", PLACES)
def test_rows_and_accidents_are_those_of_the_files(municipality, report, inbox):
    provider, old, new, sigungu, deaths, walkers = PLACES[municipality]
    lists = [frame[frame["제공기관명"] == provider] for frame in (zones(inbox, 2020), zones(inbox, 2026))]
    assert [len(frame) for frame in lists] == [old, new]
    crashes = accidents(inbox, sigungu)
    assert (len(crashes), (crashes["사고유형_대분류"] == "차대사람").sum()) == (deaths, walkers)
    played = report(municipality)
    changes = played.table("changes")
    placed = [pd.to_numeric(frame["위도"], errors="coerce").notna().sum() for frame in lists]
    assert [changes["before"].sum(), changes["after"].sum()] == placed
    assert len(played.table("crashes")) == walkers
    assert any(f"이 지자체에서 {deaths}건, 그 가운데 보행자 사고(차대사람) {walkers}건" in one for one in played.results["texts"])


@pytest.mark.parametrize("municipality", PLACES)
def test_accidents_near_a_zone_are_counted_alike_from_the_files_with_exact_limits(municipality, report, inbox):
    crashes = accidents(inbox, PLACES[municipality][3])
    crashes = crashes[crashes["사고유형_대분류"] == "차대사람"]
    around = report(municipality).table("around").set_index(["edition", "radius_m"])
    for year in (2020, 2026):
        listed = zones(inbox, year)
        points = gpd.GeoSeries(
            gpd.points_from_xy(pd.to_numeric(listed["경도"], errors="coerce"), pd.to_numeric(listed["위도"], errors="coerce"), crs=4326)
        )
        points = points[points.x.between(124, 132) & points.y.between(33, 39)].to_crs(5179)
        nearest = crashes.geometry.map(lambda one, points=points: points.distance(one).min())
        for radius in (300.0, 500.0):
            row = around.loc[(f"{year}년 판", radius)]
            count = int((nearest <= radius).sum())
            assert row["near"] == count
            low = brentq(lambda mean, count=count: poisson.sf(count - 1, mean) - 0.025, 1e-9, 100) if count else 0.0
            high = brentq(lambda mean, count=count: poisson.cdf(count, mean) - 0.025, 1e-9, 100)
            assert row["near_span"] == f"{low:.1f}~{high:.1f}"


@pytest.mark.parametrize("municipality", PLACES)
def test_no_facility_called_vanished_has_a_row_of_its_name_in_the_later_file(municipality, report, inbox):
    listed = zones(inbox, 2026)
    listed = listed[listed["제공기관명"] == PLACES[municipality][0]]
    named = listed["대상시설명"].str.replace(" ", "")
    vanished = report(municipality).table("zones")
    vanished = vanished[vanished["said"] == "목록에서 사라짐"]
    assert len(vanished) == report(municipality).number("vanished")
    assert sorted(set(vanished["name"].str.replace(" ", "")) & set(named)) == []


def test_the_sentence_of_gwangsan_starts_with_its_merged_kindergartens_and_closes_nothing(report):
    played = report("gwangsan")
    gone = played.table("to_check")
    attached = gone[gone["step"] == "바"]
    assert attached["name"].str.contains("병설").mean() > 0.9
    assert len(attached) + played.number("alone") == played.number("vanished")
    assert "해제되었다고 보지 않습니다" in played.results["decision"]["sentence"]
