"""Counting points in polygons: the raster never changes an answer, and every point is accounted for."""

from __future__ import annotations

import dask.dataframe
import dask_geopandas
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from gsan_lib import geo
from gsan_lib.analysis.counting import BORDER, Locator, count_points
from gsan_lib.errors import CrsError, DataError, InputError

CRS = "EPSG:5179"


def voronoi(count: int, seed: int) -> gpd.GeoDataFrame:
    """`count` Voronoi cells of the unit square of 10 km."""
    made = np.random.default_rng(seed)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(made.uniform(0, 10_000, (count, 2)))))
    return gpd.GeoDataFrame({"code": [f"a{i:03d}" for i in range(len(cells))]}, geometry=cells, crs=CRS)


def by_the_predicate(points: np.ndarray, areas: gpd.GeoDataFrame) -> np.ndarray:
    """The first area that each point intersects, one point after another."""
    shapes = areas.geometry.to_numpy()
    hits = shapely.intersects_xy(shapes[:, None], points[:, 0][None, :], points[:, 1][None, :])
    return np.where(hits.any(axis=0), hits.argmax(axis=0), -1)


@pytest.mark.parametrize("cells", [1, 7, 100, 10_000, 1_000_000])
def test_the_raster_of_any_size_gives_the_answer_of_the_predicate(cells):
    areas = voronoi(40, 1)
    points = np.random.default_rng(2).uniform(-500, 10_500, (5000, 2))
    corners = shapely.get_coordinates(areas.geometry.to_numpy())
    middles = (corners[1:] + corners[:-1]) / 2
    points = np.concatenate([points, corners, middles, np.round(points, -3)])
    assert Locator.of(areas, cells).find(points[:, 0], points[:, 1]).tolist() == by_the_predicate(points, areas).tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=6),
    st.integers(1, 5000),
    st.integers(0, 1000),
)
def test_overlaps_holes_and_borders_follow_the_order_of_the_areas(boxes, cells, seed):
    shapes = [box(x, y, x + w, y + h) for x, y, w, h in boxes]
    shapes.append(Polygon([(0, 0), (30, 0), (30, 30), (0, 30)], [[(5, 5), (25, 5), (25, 25), (5, 25)]]))
    shapes.append(MultiPolygon([box(40, 0, 45, 5), box(40, 10, 45, 15)]))
    areas = gpd.GeoDataFrame(geometry=shapes, crs=CRS)
    points = np.random.default_rng(seed).integers(-1, 47, (300, 2)).astype(float)  # whole numbers: many lie on borders and corners
    assert Locator.of(areas, cells).find(points[:, 0], points[:, 1]).tolist() == by_the_predicate(points, areas).tolist()


def test_counts_are_those_of_sjoin_and_of_points_in_areas():
    areas = voronoi(200, 3)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*np.random.default_rng(4).uniform(0, 10_000, (2, 20_000))), crs=CRS)
    counted = count_points(points, areas, key="code", cells=1_000_000)
    joined = gpd.sjoin(points, areas, predicate="within")["code"].value_counts().reindex(areas["code"], fill_value=0)
    assert counted.counts.tolist() == joined.tolist()
    assert counted.counts.index.tolist() == areas["code"].tolist()
    assert (
        counted.counts.sort_index().tolist()
        == geo.points_in_areas(points, areas, "code").value_counts().reindex(sorted(areas["code"]), fill_value=0).tolist()
    )
    assert counted.near < 0.2


def test_every_point_is_counted_once_or_told():
    areas = gpd.GeoDataFrame(geometry=[box(0, 0, 10, 10), box(10, 0, 20, 10), box(5, 5, 15, 15)], crs=CRS)
    points = gpd.GeoSeries(
        [Point(10, 3), Point(10, 5), Point(10, 12), Point(30, 3), Point(), None, Point(np.nan, np.nan), Point(0, 0), Point(20, 10)], crs=CRS
    )
    counted = count_points(points, areas)
    assert counted.counts.tolist() == [3, 1, 1]
    assert (counted.points, counted.inside, counted.outside, counted.unplaced) == (9, 5, 1, 3)
    assert "5 of 9 points" in counted.sentence()


def test_one_frame_parts_and_dask_frames_of_geometries_or_coordinates_give_equal_counts():
    areas = voronoi(50, 5)
    where = np.random.default_rng(6).uniform(-100, 10_000, (6000, 2))
    table = pd.DataFrame(where, columns=["x", "y"])
    table.loc[::500, "x"] = np.nan
    shapes = gpd.GeoDataFrame(geometry=gpd.points_from_xy(table["x"], table["y"]), crs=CRS)
    one = count_points(table, areas, cells=10_000)
    ways = [
        count_points(shapes, areas, cells=10_000),
        count_points(shapes.geometry, areas, cells=10_000),
        count_points((table.iloc[i : i + 700] for i in range(0, 6000, 700)), areas, cells=1000),
        count_points(dask.dataframe.from_pandas(table, npartitions=5), areas, cells=10_000),
        count_points(dask_geopandas.from_geopandas(shapes, npartitions=5), areas, cells=10_000),
        count_points(table.rename(columns={"x": "lon", "y": "lat"}), areas, xy=("lon", "lat"), cells=10_000),
    ]
    for other in ways:
        assert other.counts.equals(one.counts)
        assert (other.points, other.outside, other.unplaced) == (one.points, one.outside, one.unplaced) == (6000, one.outside, 12)


@pytest.mark.slow
def test_a_local_cluster_gives_the_counts_of_one_process():
    from distributed import Client, LocalCluster

    areas = voronoi(50, 7)
    table = pd.DataFrame(np.random.default_rng(8).uniform(0, 10_000, (20_000, 2)), columns=["x", "y"])
    shapes = gpd.GeoDataFrame(geometry=gpd.points_from_xy(table["x"], table["y"]), crs=CRS)
    one = count_points(table, areas, cells=10_000)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster):
        many = count_points(dask_geopandas.from_geopandas(shapes, npartitions=6), areas, cells=10_000)
    assert many.counts.equals(one.counts)
    assert (many.points, many.outside, many.unplaced) == (one.points, one.outside, one.unplaced)


def test_few_points_of_a_partition_need_the_predicate():
    locator = Locator.of(voronoi(100, 9), 1_000_000)
    assert (locator.raster == BORDER).mean() < 0.06


def test_what_cannot_be_counted_is_refused_with_the_remedy():
    areas = voronoi(5, 1)
    points = gpd.GeoSeries([Point(1, 1)], crs=CRS)
    with pytest.raises(CrsError, match=r"to_crs\(areas.crs\)"):
        count_points(points.set_crs("EPSG:5186", allow_override=True), areas)
    with pytest.raises(InputError, match="are no points"):
        count_points(points.buffer(1), areas)
    with pytest.raises(InputError, match="`lon`"):
        count_points(pd.DataFrame({"x": [1.0]}), areas, xy=("lon", "x"))
    with pytest.raises(DataError, match="geo.repair"):
        count_points(points, gpd.GeoDataFrame(geometry=[Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])], crs=CRS))
    with pytest.raises(DataError, match="empty"):
        count_points(points, areas.iloc[:0])
