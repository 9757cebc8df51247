"""Areal interpolation and zonal statistics on real files: the published totals are kept, the error is told, both rasters agree with brute force."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from gsan_lib import geo, grids
from gsan_lib.analysis import areal, zonal

pytestmark = pytest.mark.real
FILES = {
    "29200": ("admdong_2021_29_gwangju.geojson", 405_579, 21),
    "11230": ("admdong_2021_11230_dongdaemun.geojson", 342_837, 14),
    "41590": ("admdong_2021_41590_hwaseong.geojson", 855_248, 28),
}


def dongs_of(inbox: Path, code: str) -> gpd.GeoDataFrame:
    """Outlines of 2021 with the residents of 2020-12."""
    every = gpd.read_file(inbox / "boundaries" / FILES[code][0]).to_crs(geo.WORK_CRS)
    mine, _ = geo.repair(every[every["sgg"] == code].rename(columns={"adm_cd2": "dong_code"}).reset_index(drop=True))
    table = pd.read_csv(inbox / "population" / "age.csv", encoding="cp949")
    people = table["총인구수"].set_axis(table["행정구역"].str.extract(r"\((\d{10})\)")[0])
    return mine.assign(people=mine["dong_code"].map(people).astype(float))


@pytest.mark.parametrize("code", FILES)
def test_residents_go_from_dongs_to_the_100_m_grid_and_back_without_loss(inbox: Path, code: str) -> None:
    dongs = dongs_of(inbox, code)
    assert (len(dongs), dongs["people"].sum()) == (FILES[code][2], FILES[code][1])
    pieces = grids.grid(dongs, 100)
    down = areal.interpolate(dongs[["people", "geometry"]], pieces[["geometry"]], ["people"]).values["people"]
    assert down.sum() == pytest.approx(FILES[code][1], rel=1e-9)
    back = down.groupby(pieces["dong_code"]).sum().reindex(dongs["dong_code"])
    np.testing.assert_allclose(back, dongs["people"], rtol=1e-5)  # a border of 1e-6 m belongs to either side


def points_of(longitude: pd.Series, latitude: pd.Series) -> gpd.GeoDataFrame:
    """Distinct points in metres."""
    places = gpd.GeoSeries(gpd.points_from_xy(longitude.astype(float), latitude.astype(float)), crs=4326).to_crs(geo.WORK_CRS)
    return gpd.GeoDataFrame(geometry=places.drop_duplicates().reset_index(drop=True))


@pytest.mark.parametrize(("code", "better"), [("29200", True), ("41590", True), ("11230", False)])
def test_pharmacies_tell_where_people_live_in_wide_municipalities_and_not_in_a_dense_one(inbox: Path, code: str, better: bool) -> None:
    dongs = dongs_of(inbox, code)
    rows = pd.read_csv(inbox / "facilities" / "pharmacies_hira_subset.csv")
    groups = areal.pairs_of_neighbours(dongs)
    even, weighted = (
        areal.leave_zones(dongs, "people", groups),
        areal.leave_zones(dongs, "people", groups, weights=points_of(rows["x좌표"], rows["y좌표"])),
    )
    assert even.table["known"].sum() == weighted.table["known"].sum() > 300_000
    assert (weighted.misplaced < even.misplaced) == (weighted.rmse < even.rmse) == (weighted.mape < even.mape) == better


def test_hydrants_of_gwangsan_tell_no_more_than_area_does(inbox: Path) -> None:
    """They stand in the industrial estates of 하남동 and 평동, where nobody sleeps."""
    dongs = dongs_of(inbox, "29200")
    told = json.loads((inbox / "facilities" / "gwangju" / "firewater_광산구.json").read_text("utf-8"))
    rows = pd.DataFrame(told["response"]["body"]["items"])
    groups = areal.pairs_of_neighbours(dongs)
    even, weighted = (
        areal.leave_zones(dongs, "people", groups),
        areal.leave_zones(dongs, "people", groups, weights=points_of(rows["longitude"], rows["latitude"])),
    )
    assert weighted.misplaced == pytest.approx(even.misplaced, abs=0.01)


@pytest.mark.parametrize("name", ["elevation1.tif", "elevation2.tif"])
def test_zonal_means_of_the_real_rasters_are_those_of_cells_cut_one_by_one(inbox: Path, name: str) -> None:
    place = inbox / "raster" / name
    with rasterio.open(place) as opened:
        values, bounds, a, e = opened.read(1, masked=True), opened.bounds, opened.transform.a, opened.transform.e
    width, height = (bounds.right - bounds.left) / 3, (bounds.top - bounds.bottom) / 4
    tilted = shapely.transform(
        shapely.box(0, 0, 1, 1),
        lambda c: c @ np.array([[width, height * 0.3], [-width * 0.3, height]]) + (bounds.left + width, bounds.bottom + height),
    )
    areas = gpd.GeoSeries([tilted, shapely.box(bounds.left, bounds.bottom, bounds.left + width, bounds.top)], crs=opened.crs)
    row, column = np.divmod(np.arange(values.size), values.shape[1])
    squares = shapely.box(bounds.left + column * a, bounds.top + (row + 1) * e, bounds.left + (column + 1) * a, bounds.top + row * e)
    found = zonal.zonal(place, areas, ["mean", "max"])
    for shape, mean, largest in zip(areas, found["mean"], found["max"], strict=True):
        share = shapely.area(shapely.intersection(squares, shape)) * ~np.ma.getmaskarray(values).ravel()
        assert mean == pytest.approx(np.average(values.data.ravel().astype(float), weights=share), rel=1e-4)
        assert largest == values.data.ravel()[share > share.max() * 1e-9].max()
