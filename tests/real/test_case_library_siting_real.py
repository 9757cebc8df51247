"""The library case on the real list of 2015: which rows count, and its distances by another way of counting."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xlrd
from case_cells import Played, play
from scipy.spatial import cKDTree

from gsan_lib import bank

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(inbox, banked, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", banked("dongdaemun", ["dong_boundaries", "population_age", "libraries", "school_zones", "pharmacies"]))
        played = play("library_siting", tmp_path_factory.mktemp("library") / "edition", patch, municipality="dongdaemun", spread="even")
        dongs = bank.load("dongdaemun/dong_boundaries")
    dongs[["dong_code", "dong_name", "geometry"]].to_parquet(played.folder / "outlines.parquet")
    return played


@pytest.fixture(scope="module")
def listed(inbox) -> pd.DataFrame:
    """The national list, read without the bank: names, addresses and points as written."""
    sheet = xlrd.open_workbook(inbox / "facilities/national/전국도서관표준데이터.xls").sheet_by_index(0)
    rows = [[str(value).strip().strip('"') for value in sheet.row_values(number)] for number in range(sheet.nrows)]
    return pd.DataFrame(rows[1:], columns=rows[0])


def test_only_three_libraries_of_the_gu_stand_in_the_list(report, listed):
    address = next(name for name in listed if "도로명주소" in name)
    own = listed[listed[address].str.startswith("서울특별시 동대문구", na=False)]
    assert set(own["도서관명"]) == {"정보화도서관", "휘경어린이도서관", "답십리도서관"}
    assert report.number("libraries_inside") == 3
    kinds = report.table("kinds").set_index("kind")
    assert kinds["inside"].sum() == 3
    assert kinds["margin"].sum() == 69, "85 rows beyond the border, 16 of them listed twice"
    assert kinds.loc["작은도서관", "inside"] == 0
    assert any("공표하지 않았다는 것이지 없다는 뜻이 아닙니다" in one for one in report.results["texts"])
    assert any("12곳" in one and "작은도서관" in one for one in report.results["texts"]), (
        "12 of Seongdong's small libraries are listed as public ones"
    )


@pytest.fixture(scope="module")
def counted(report, listed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points 25 m apart, the residents each stands for (evenly within a dong), and the way from each to the nearest listed library."""
    outlines = gpd.read_parquet(report.folder / "outlines.parquet")
    xmin, ymin, xmax, ymax = outlines.total_bounds
    east, north = np.meshgrid(np.arange(xmin, xmax, 25.0), np.arange(ymin, ymax, 25.0))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(east.ravel(), north.ravel(), crs=outlines.crs)).sjoin(
        outlines, predicate="within"
    )
    people = report.table("by_dong").merge(outlines[["dong_code", "dong_name"]], on="dong_name").set_index("dong_code")["population"]
    weights = points["dong_code"].map(people / points.groupby("dong_code").size()).to_numpy()
    written = listed[["경도", "위도"]].apply(pd.to_numeric, errors="coerce").dropna()
    libraries = gpd.GeoSeries.from_xy(written["경도"], written["위도"], crs=4326)
    libraries = libraries[(libraries.x.between(124, 132)) & (libraries.y.between(33, 39))].to_crs(outlines.crs)
    near = libraries[libraries.within(outlines.union_all().buffer(3000))]
    xy = points.get_coordinates().to_numpy()
    return xy, weights, cKDTree(near.get_coordinates().to_numpy()).query(xy)[0]


def test_mean_way_and_share_agree_with_a_count_on_points(report, counted):
    _, weights, way = counted
    assert weights.sum() == pytest.approx(338_233)  # 2021-05, both sexes, published total
    assert (weights * way).sum() / weights.sum() == pytest.approx(report.number("mean_now"), rel=0.01)
    assert 100 * weights[way <= 800].sum() / weights.sum() == pytest.approx(report.number("share_now"), abs=0.7)


def test_no_other_place_of_the_gu_is_clearly_better_than_the_chosen_one(report, counted):
    xy, weights, way = counted
    spot = gpd.read_parquet(report.folder / "chosen.parquet").geometry.iloc[0]

    def mean_with(x: float, y: float) -> float:
        return float((weights * np.minimum(way, np.hypot(xy[:, 0] - x, xy[:, 1] - y))).sum() / weights.sum())

    assert mean_with(spot.x, spot.y) == pytest.approx(report.number("mean_after"), rel=0.01)
    everywhere = min(mean_with(x, y) for x, y in xy[::40])
    assert mean_with(spot.x, spot.y) < everywhere + 12, "candidates stand 500 m apart, so the very best point may be a little better"


def test_the_chosen_place_holds_without_the_libraries_across_the_border(report):
    table = report.table("assumptions")
    own = table[table["variant"] == "경계 밖 도서관 제외"]
    assert len(own) == 4
    assert own["same"].all()
    assert report.results["decision"]["stable"]
    assert str(report.table("chosen").loc[0, "dong_name"]) in report.results["decision"]["sentence"]
