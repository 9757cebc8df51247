"""Places and grids: nothing is lost, nothing is counted twice, and no coordinate system is mixed with another."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib import geo, grids, sample
from gsan_lib.errors import CrsError, DataError, InputError

DONGS = sample.district()


def points(*xy: tuple[float, float], crs: str = geo.WORK_CRS) -> gpd.GeoSeries:
    return gpd.GeoSeries([shapely.Point(one) for one in xy], crs=crs)


def areas(*boxes: tuple[float, float, float, float], **columns: list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[shapely.box(*box) for box in boxes], crs=geo.WORK_CRS)


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_degrees_and_unknown_systems_are_refused_with_what_to_do(crs: str | None) -> None:
    with pytest.raises(CrsError, match=r"`stops`.*(to_crs\(geo.WORK_CRS\)|set_crs)"):
        geo.require_metric(points((127, 37)).set_crs(crs, allow_override=True), "stops")


def test_two_metric_systems_are_not_compared_with_each_other() -> None:
    with pytest.raises(CrsError, match="EPSG:5186"):
        geo.nearest_distance_m(points((0, 0)), points((0, 0), crs="EPSG:5186"))


def test_repair_keeps_both_halves_of_a_bow_tie_and_leaves_its_input_alone() -> None:
    bow = gpd.GeoDataFrame(
        {"key": [1, 2]}, geometry=[shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]), shapely.box(5, 5, 6, 6)], crs=geo.WORK_CRS
    )
    mended, count = geo.repair(bow)
    assert (count, mended.area.tolist(), mended.is_valid.all()) == (1, [2.0, 1.0], True)
    assert not bow.is_valid.iloc[0]


@pytest.mark.parametrize(
    "nothing",
    [None, shapely.Polygon(), shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon([(0, 0), (1, 1), (2, 2)])],
)
def test_repair_refuses_a_row_of_which_no_area_is_left(nothing: shapely.Geometry | None) -> None:
    with pytest.raises(DataError, match="1 of 2 rows.*x7"):
        geo.repair(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), nothing], index=["ok", "x7"], crs=geo.WORK_CRS))


@given(st.permutations(range(4)))
@settings(max_examples=24, deadline=None)
def test_a_point_on_shared_borders_goes_to_one_area_whatever_their_order(order: list[int]) -> None:
    quarters = areas((0, 0, 1, 1), (1, 0, 2, 1), (0, 1, 1, 2), (1, 1, 2, 2), dong_code=["d", "b", "c", "a"]).iloc[order]
    found = geo.points_in_areas(points((1, 1), (1, 0.5), (0.5, 0.5), (3, 3)), quarters)
    assert found.iloc[:3].tolist() == ["a", "b", "d"]
    assert pd.isna(found.iloc[3])


def test_points_keep_their_index_and_an_empty_geometry_lies_nowhere() -> None:
    frame = gpd.GeoDataFrame(
        {"no": [7, 8, 9]}, geometry=[shapely.Point(0.5, 0.5), None, shapely.Point()], index=["x", "x", "y"], crs=geo.WORK_CRS
    )
    found = geo.points_in_areas(frame, areas((0, 0, 1, 1), dong_code=["a"]))
    assert found.index.tolist() == ["x", "x", "y"]
    assert found.isna().tolist() == [False, True, True]


def test_a_missing_key_column_is_named() -> None:
    with pytest.raises(InputError, match="`dong_code`.*`code`"):
        geo.points_in_areas(points((0, 0)), areas((0, 0, 1, 1), code=["a"]))


def test_nearest_distance_agrees_with_every_pair_computed() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    origins, targets = (gpd.GeoSeries(shapely.points(rng.uniform(0, 1000, (size, 2))), crs=geo.WORK_CRS) for size in (40, 15))
    pairs = np.array([[one.distance(other) for other in targets] for one in origins])
    np.testing.assert_allclose(geo.nearest_distance_m(origins, targets), pairs.min(axis=1), rtol=1e-12)


def test_no_target_is_an_error_and_no_origin_is_null() -> None:
    with pytest.raises(DataError, match="not published"):
        geo.nearest_distance_m(points((0, 0)), points())
    found = geo.nearest_distance_m(gpd.GeoSeries([shapely.Point(3, 4), None], crs=geo.WORK_CRS), points((0, 0)))
    assert found.iloc[0] == 5.0
    assert np.isnan(found.iloc[1])


def test_a_detour_factor_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="0.9"):
        geo.detour_m(pd.Series([1.0]), 0.9)


def test_demand_is_conserved_by_areal_interpolation() -> None:
    cells = grids.grid(DONGS, 500)
    moved = geo.interpolate(DONGS, cells, ["population"])
    assert moved["population"].sum() == pytest.approx(405_579, rel=1e-9)
    assert moved.index.equals(cells.index)


def test_interpolation_says_how_many_a_gap_would_lose_and_rescales_only_when_asked() -> None:
    source, target = areas((0, 0, 10, 10), people=[1000]), areas((0, 0, 9, 10))
    with pytest.raises(DataError, match=r"`people` 1,000 -> 900 \(-100\)"):
        geo.interpolate(source, target, ["people"])
    assert geo.interpolate(source, target, ["people"], uncovered="rescale")["people"].tolist() == [pytest.approx(1000.0)]
    with pytest.raises(DataError, match="-1,000"):
        geo.interpolate(source, areas((50, 50, 60, 60)), ["people"], uncovered="rescale")


def test_interpolation_refuses_missing_counts() -> None:
    with pytest.raises(DataError, match="1 of 2 rows"):
        geo.interpolate(areas((0, 0, 1, 1), (1, 0, 2, 1), people=[1.0, None]), areas((0, 0, 2, 1)), ["people"])


@pytest.mark.parametrize("cell_m", [1000, 250, 100])
def test_pieces_cover_each_dong_exactly_and_lie_on_the_national_lines(cell_m: int) -> None:
    pieces = grids.grid(DONGS, cell_m)
    by_dong = pieces.groupby("dong_code")["area_m2"].sum()
    np.testing.assert_allclose(by_dong, DONGS.set_index("dong_code").area.loc[by_dong.index], rtol=1e-9)
    whole = pieces[pieces["area_m2"] == cell_m**2]
    assert len(whole) > 0.5 * len(pieces) * (cell_m < 1000)
    assert (whole.bounds % cell_m == 0).all(axis=None)
    assert shapely.contains_xy(pieces.geometry.to_numpy(), pieces["x"], pieces["y"]).all()
    assert not pieces.duplicated(["cell_id", "dong_code"]).any()


def test_the_grid_does_not_depend_on_the_order_of_the_dongs() -> None:
    pd.testing.assert_frame_equal(grids.grid(DONGS, 500), grids.grid(DONGS.iloc[::-1], 500))


def test_a_25_m_subgrid_divides_the_100_m_grid() -> None:
    one = DONGS.query("dong_name == '월곡1동'")
    fine, coarse = grids.grid(one, 25), grids.grid(one, 100)
    corner = (fine.bounds[["minx", "miny"]] // 100 * 100).astype(int)
    parent = grids.cell_ids(corner["minx"], corner["miny"], 100)
    assert set(parent) == set(coarse["cell_id"])
    summed = fine["area_m2"].groupby(parent).sum()
    np.testing.assert_allclose(summed.loc[coarse["cell_id"]], coarse["area_m2"], rtol=1e-9)


def test_a_subgrid_of_some_pieces_is_that_part_of_the_fine_grid_and_keeps_their_people() -> None:
    one = DONGS.query("dong_name == '월곡1동'")
    coarse, fine = grids.grid(one, 100), grids.grid(one, 25).set_index("cell_id")
    some = coarse.iloc[3::2]
    sub = grids.subgrid(some, 25)
    alike = fine.loc[sub["cell_id"]]
    np.testing.assert_allclose(sub[["area_m2", "x", "y"]], alike[["area_m2", "x", "y"]], rtol=1e-6)
    assert sub["dong_code"].tolist() == alike["dong_code"].tolist()
    people = grids.spread(BANDS.loc[one["dong_code"]].sum(axis=1), coarse).population
    inherited = people.loc[sub["piece"]].to_numpy() * sub["share"]
    np.testing.assert_allclose(inherited.groupby(sub["piece"]).sum(), people.loc[some.index], rtol=1e-9)


@pytest.mark.parametrize("cell_m", [30, 0, 12.5])
def test_a_subgrid_whose_lines_leave_the_coarse_ones_is_refused(cell_m: float) -> None:
    with pytest.raises(InputError, match="cell_m"):
        grids.subgrid(PIECES, cell_m)


def test_cell_names_are_those_of_the_national_point_number() -> None:
    # by hand: 953,900 - 700,000 = 2 blocks (다) and 53,900 m; 1,951,900 - 1,300,000 = 6 blocks (사) and 51,900 m
    assert grids.cell_ids([953_900], [1_951_900], 1000).tolist() == ["다사5351"]
    assert grids.cell_ids([953_900], [1_951_900], 100).tolist() == ["다사539519"]
    assert len(set(grids.cell_ids(np.arange(900_000, 1_100_000, 100), 1_900_000 + np.zeros(2000), 100))) == 2000


@pytest.mark.parametrize("cell_m", [0, -100, 12.5, 0.001])
def test_impossible_cells_are_refused(cell_m: float) -> None:
    with pytest.raises(InputError, match="cell_m"):
        grids.grid(DONGS, cell_m)


def test_a_grid_too_fine_for_its_area_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InputError, match="5,000,000"):
        grids.grid(DONGS, 5)


PIECES = grids.grid(DONGS, 500)
BANDS = sample.facts().set_index("dong_code").filter(like="age_")


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_spreading_keeps_every_band_of_every_dong_whatever_the_weights(seed: int, bare: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    weights = pd.Series(np.where(rng.random(len(PIECES)) < bare, 0.0, rng.lognormal(0, 5, len(PIECES))), index=PIECES.index)
    spread = grids.spread(BANDS, PIECES, weights)
    back = spread.population.groupby(PIECES["dong_code"]).sum()
    np.testing.assert_allclose(back, BANDS.loc[back.index], rtol=1e-9, atol=1e-9)
    assert (spread.population >= 0).all(axis=None)
    empty = weights.groupby(PIECES["dong_code"]).sum() == 0
    assert set(spread.fallback) == set(empty.index[empty])
    assert len(spread.notes) == bool(spread.fallback)


def test_weights_move_people_off_the_farmland() -> None:
    town = sample.town()
    homes = gpd.GeoSeries.from_xy(town.addresses["x"], town.addresses["y"], crs=geo.WORK_CRS)
    weights = grids.address_weights(homes, PIECES, 200)
    people = BANDS.sum(axis=1)
    even, weighted = (grids.spread(people, PIECES, one).population for one in (None, weights))
    rural = PIECES["dong_code"] == DONGS.loc[DONGS["dong_name"] == "본량동", "dong_code"].item()
    assert even[rural].sum() == pytest.approx(weighted[rural].sum())
    assert (weighted[rural] < 0.5).mean() > 0.5 > (even[rural] < 0.5).mean()


def test_an_address_that_repeats_counts_once() -> None:
    once, thrice = (
        points((936_000, 1_685_000), (936_900, 1_685_000)),
        points((936_000, 1_685_000), (936_900, 1_685_000), (936_000.2, 1_685_000.3), (936_000, 1_685_000)),
    )
    pd.testing.assert_series_equal(grids.address_weights(once, PIECES, 300), grids.address_weights(thrice, PIECES, 300))


def test_the_kernel_gives_each_address_about_one_unit_of_weight() -> None:
    pieces = grids.grid(DONGS, 100)
    weights = grids.address_weights(points((936_000, 1_685_000), (938_000, 1_687_000)), pieces, 200)
    assert weights.sum() == pytest.approx(2 * (1 - np.exp(-(grids.CUTOFF**2) / 2)), rel=0.01)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_are_no_weights_are_refused(bad: float) -> None:
    weights = pd.Series(1.0, index=PIECES.index)
    weights.iloc[4] = bad
    with pytest.raises(DataError, match="1 of .*rows 4"):
        grids.spread(BANDS, PIECES, weights)


def test_a_dong_missing_on_either_side_is_an_error_and_not_a_loss() -> None:
    with pytest.raises(DataError, match="a piece but no `population`"):
        grids.spread(BANDS.iloc[1:], PIECES)
    with pytest.raises(DataError, match="`population` but no piece"):
        grids.spread(BANDS, PIECES[PIECES["dong_code"] != PIECES["dong_code"].iloc[0]])
