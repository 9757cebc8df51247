"""Areal interpolation and zonal statistics: totals kept, errors measured, brute force agrees."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from shapely.geometry import Point, box

from gsan_lib import geo
from gsan_lib.analysis import areal, zonal
from gsan_lib.errors import CrsError, DataError, InputError, UsageError

CRS = "EPSG:5179"


def voronoi(count: int, seed: int) -> gpd.GeoDataFrame:
    """`count` areas that cover a square of 6 km."""
    places = np.random.default_rng(seed).uniform(0, 6000, (count, 2))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(places)))
    frame = gpd.GeoDataFrame(geometry=shapely.intersection(cells, box(0, 0, 6000, 6000)), crs=CRS)
    return frame[frame.area > 0].reset_index(drop=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["even", "mask", "weight"]))
def test_demand_is_conserved_by_areal_interpolation(seed, method):
    made = np.random.default_rng(seed)
    source, target = voronoi(9, seed), voronoi(25, seed + 1)
    source["people"], source["old"] = made.integers(0, 90_000, len(source)), made.integers(0, 900, len(source))
    ways = {
        "even": {},
        "mask": {"mask": gpd.GeoSeries([box(x, y, x + 900, y + 700) for x, y in made.uniform(0, 5000, (6, 2))], crs=CRS)},
        "weight": {"weights": gpd.GeoDataFrame(geometry=gpd.points_from_xy(*made.uniform(0, 6000, (2, 40))), crs=CRS)},
    }
    found = areal.interpolate(source, target, ["people", "old"], **ways[method])
    assert found.method == method
    assert found.values.index.equals(target.index)
    for column in ("people", "old"):
        assert found.values[column].sum() == pytest.approx(source[column].sum(), rel=1e-9)
    assert (found.values >= 0).all(axis=None)


def test_even_interpolation_is_toblers():
    source, target = voronoi(9, 3), voronoi(25, 4)
    source["people"] = np.arange(len(source)) * 1000.0
    np.testing.assert_allclose(
        areal.interpolate(source, target, ["people"]).values["people"], geo.interpolate(source, target, ["people"])["people"], rtol=1e-6
    )


def test_weights_by_area_and_by_points_are_those_worked_by_hand():
    source = gpd.GeoDataFrame({"people": [120]}, geometry=[box(0, 0, 2000, 1000)], crs=CRS)
    target = gpd.GeoDataFrame(geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)], crs=CRS)
    points = gpd.GeoDataFrame({"weight": [3.0, 1.0, 2.0]}, geometry=[Point(500, 500), Point(1500, 500), Point(1000, 500)], crs=CRS)
    # the point on the common border counts for the first of the two: 5 to 1
    assert areal.interpolate(source, target, ["people"], weights=points).values["people"].tolist() == [100, 20]
    blocks = gpd.GeoDataFrame({"weight": [30.0]}, geometry=[box(800, 0, 1600, 10)], crs=CRS)  # a quarter of it lies in the west
    assert areal.interpolate(source, target, ["people"], weights=blocks).values["people"].tolist() == [30, 90]


def test_a_mask_keeps_everybody_out_of_where_nobody_can_live():
    source, target = voronoi(6, 5), voronoi(40, 6)
    source["people"] = 1000.0
    built = gpd.GeoSeries([box(0, 0, 6000, 2500)], crs=CRS)
    found = areal.interpolate(source, target, ["people"], mask=built)
    outside = target.intersection(built.iloc[0]).area == 0
    held = {i for i, shape in source.geometry.items() if shape.intersection(built.iloc[0]).area == 0}
    assert set(found.fallback) == held
    touched = target[outside].geometry.apply(lambda shape: any(shape.intersection(source.geometry[i]).area > 0 for i in held))
    assert (found.values.loc[touched.index[~touched.to_numpy(dtype=bool)], "people"] == 0).all()


def test_leaving_zones_out_measures_the_error_that_is_there():
    areas = voronoi(30, 7)
    homes = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*np.clip(np.random.default_rng(8).normal(2500, 900, (2, 4000)), 1, 5999)), crs=CRS)
    areas["people"] = np.bincount(geo.points_in_areas(homes, areas.assign(key=areas.index), "key"), minlength=len(areas))
    groups = areal.pairs_of_neighbours(areas)
    assert groups.value_counts().max() == 2
    even, known = areal.leave_zones(areas, "people", groups), areal.leave_zones(areas, "people", groups, weights=homes)
    assert known.rmse == pytest.approx(0, abs=1e-9)  # every home is known: nothing is left to guess
    table = even.table
    by_hand = np.sqrt(np.mean((table["estimate"] - table["known"]) ** 2))
    assert even.rmse == pytest.approx(by_hand)
    assert even.misplaced == pytest.approx((table["estimate"] - table["known"]).abs().sum() / 2 / table["known"].sum())
    for _, part in table.groupby("group"):
        assert part["estimate"].sum() == pytest.approx(part["known"].sum(), rel=1e-9)
    assert "RMSE" in even.sentence()


def test_equally_dense_zones_are_interpolated_without_error():
    areas = voronoi(20, 9)
    areas["people"] = areas.area / 1000
    found = areal.leave_zones(areas, "people", areal.pairs_of_neighbours(areas))
    assert found.rmse == pytest.approx(0, abs=1e-6)
    assert found.mape == pytest.approx(0, abs=1e-6)


def test_gaps_overlaps_missing_counts_and_two_ways_at_once_are_refused():
    source, target = voronoi(6, 1), voronoi(10, 2)
    source["people"] = 10.0
    with pytest.raises(DataError, match="not covered once"):
        areal.interpolate(source, target.iloc[1:], ["people"])
    with pytest.raises(DataError, match="not covered once"):
        areal.interpolate(source, pd.concat([target, target.iloc[:1]], ignore_index=True), ["people"])
    with pytest.raises(DataError, match="no value"):
        areal.interpolate(source.assign(people=[np.nan, *[1.0] * (len(source) - 1)]), target, ["people"])
    with pytest.raises(InputError, match="one of them"):
        areal.interpolate(source, target, ["people"], mask=target, weights=target)
    with pytest.raises(CrsError):
        areal.interpolate(source.to_crs(4326), target.to_crs(4326), ["people"])
    with pytest.raises(DataError, match="`weight` is missing"):
        areal.interpolate(source, target, ["people"], weights=target.assign(weight=-1.0))
    with pytest.raises(DataError, match="No group"):
        areal.leave_zones(source, "people", pd.Series(range(len(source)), index=source.index))


# zonal statistics


@pytest.fixture(scope="module")
def heights(tmp_path_factory) -> Path:
    """A raster of 60 x 60 cells of 100 m over the square of 6 km, a block of it without values."""
    values = np.random.default_rng(3).normal(100, 20, (60, 60)).astype("float32")
    values[:5, :9] = -9999
    place = tmp_path_factory.mktemp("raster") / "heights.tif"
    shape = {
        "width": 60,
        "height": 60,
        "count": 1,
        "dtype": "float32",
        "crs": CRS,
        "transform": from_origin(0, 6000, 100, 100),
        "nodata": -9999,
    }
    with rasterio.open(place, "w", driver="GTiff", **shape) as made:
        made.write(values, 1)
    return place


def brute_force(place: Path, areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Every cell cut with every area by shapely."""
    with rasterio.open(place) as opened:
        values, (west, north), (height, width) = opened.read(1, masked=True), (opened.bounds.left, opened.bounds.top), opened.shape
        side = opened.transform.a
    row, column = np.divmod(np.arange(height * width), width)
    squares = shapely.box(west + column * side, north - (row + 1) * side, west + (column + 1) * side, north - row * side)
    rows = []
    for shape in areas.geometry:
        share = shapely.area(shapely.intersection(squares, shape)) / side**2
        used = (share > 0) & ~np.ma.getmaskarray(values).ravel()
        v, w = values.data.ravel()[used].astype(float), share[used]
        rows.append((np.average(v, weights=w), (v * w).sum(), v.min(), v.max(), w.sum() * side**2 / shape.area))
    return pd.DataFrame(rows, columns=["mean", "sum", "min", "max", "covered"], index=areas.index)


def test_zonal_statistics_are_those_of_cells_cut_one_by_one(heights):
    areas = voronoi(12, 11).set_index(pd.Index([f"d{i}" for i in range(12)]))
    found = zonal.zonal(heights, areas, ["mean", "sum", "min", "max"])
    expected = brute_force(heights, areas)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def test_sums_over_a_partition_are_the_sum_of_the_raster(heights):
    areas = voronoi(12, 12)
    with rasterio.open(heights) as opened:
        whole = opened.read(1, masked=True)
    found = zonal.zonal(heights, areas, ["sum", "count"])
    assert found["sum"].sum() == pytest.approx(float(whole.sum()), rel=1e-5)
    assert found["count"].sum() == pytest.approx(whole.count(), rel=1e-6)


def test_an_area_outside_the_raster_has_no_value_and_says_so(heights):
    areas = gpd.GeoSeries({"in": box(3000, 3000, 3250, 3250), "half": box(5900, 0, 6100, 100), "out": box(9000, 0, 9100, 100)}, crs=CRS)
    found = zonal.zonal(heights, areas, ["mean", "variety"])
    assert found["covered"].round(6).tolist() == [1.0, 0.5, 0.0]
    assert found.loc["out", ["mean", "variety"]].isna().all()


def test_zonal_statistics_refuse_what_has_no_place_or_no_meaning(heights, tmp_path):
    areas = voronoi(3, 1)
    with pytest.raises(UsageError, match="average"):
        zonal.zonal(heights, areas, ["average"])
    with pytest.raises(CrsError, match="set_crs"):
        zonal.zonal(heights, areas.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="band 2"):
        zonal.zonal(heights, areas, band=2)
    bare = tmp_path / "bare.tif"
    with rasterio.open(bare, "w", driver="GTiff", width=2, height=2, count=1, dtype="uint8", transform=from_origin(0, 2, 1, 1)) as made:
        made.write(np.ones((1, 2, 2), dtype="uint8"))
    with pytest.raises(CrsError, match="`bare.tif`"):
        zonal.zonal(bare, areas)
