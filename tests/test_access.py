"""Access and inequality on places small enough to work out by hand, and against plain second implementations."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import access, distances, equity
from gsan_lib.analysis.distances import between, od_matrix
from gsan_lib.errors import CrsError, DataError, ModelError

X0, Y0 = 950_000.0, 1_950_000.0


def points(*places: tuple[float, float], ids: object = None) -> gpd.GeoSeries:
    x, y = np.array(places, dtype=float).reshape(-1, 2).T
    return gpd.GeoSeries.from_xy(x + X0, y + Y0, index=None if ids is None else list(ids), crs="EPSG:5179")


def test_a_point_on_the_rim_of_the_radius_is_inside():
    homes = points((3, 4), (3.001, 4), (0, 0), ids="abc")
    assert access.service_radius(homes, points((0, 0)), radius_m=5).to_dict() == {"a": 1, "b": 0, "c": 1}


def test_each_facility_may_have_a_radius_of_its_own():
    schools = points((0, 0), (100, 0), ids="ST")
    homes = points((30, 0), (60, 0), ids="ab")
    assert access.service_radius(homes, schools, radius_m=pd.Series({"T": 70.0, "S": 20.0})).to_dict() == {"a": 1, "b": 1}
    assert access.service_radius(homes, schools, radius_m=pd.Series({"T": 40.0, "S": 60.0})).to_dict() == {"a": 1, "b": 2}


def test_the_detour_shortens_the_reach_and_lengthens_the_way():
    homes, tap = points((100, 0)), points((0, 0))
    assert access.service_radius(homes, tap, radius_m=140, detour=1.4)[0] == 1
    assert access.service_radius(homes, tap, radius_m=139.9, detour=1.4)[0] == 0
    assert access.nearest(homes, tap, detour=1.4)["distance_m"][0] == pytest.approx(140)


def test_a_large_park_farther_away_can_be_nearer():
    # circle of radius 80 around x=100: its rim is at 20; the small one at x=30 has a rim at 30 - 1
    parks, area = points((30, 0), (100, 0), ids=["small", "large"]), pd.Series({"small": np.pi, "large": np.pi * 6400})
    found = access.nearest(points((0, 0)), parks, area_m2=area, detour=1.5)
    assert found["facility"][0] == "large"
    assert found["distance_m"][0] == pytest.approx(30)
    assert access.nearest(points((90, 0)), parks, area_m2=area)["distance_m"][0] == 0
    assert access.service_radius(points((0, 0)), parks, radius_m=20, area_m2=area)[0] == 1


@pytest.mark.parametrize("with_area", [False, True])
def test_the_trees_agree_with_the_whole_matrix(with_area):
    draw = np.random.default_rng(7)
    homes, places = points(*draw.uniform(0, 1000, (300, 2))), points(*draw.uniform(0, 1000, (90, 2)))
    area = pd.Series(draw.uniform(0, 90_000, 90)) if with_area else None
    rim = np.sqrt(area.to_numpy() / np.pi) if with_area else 0.0
    straight = np.array([[home.distance(place) for place in places] for home in homes])
    edges = np.maximum(straight - rim, 0)
    found = access.nearest(homes, places, area_m2=area)
    assert found["distance_m"].to_numpy() == pytest.approx(edges.min(axis=1))
    assert (access.service_radius(homes, places, radius_m=120, area_m2=area).to_numpy() == (edges <= 120).sum(axis=1)).all()


def test_facilities_in_degrees_are_refused():
    with pytest.raises(CrsError, match="4326"):
        access.nearest(points((0, 0)), points((0, 0)).to_crs(4326))


def test_no_facility_is_not_a_distance():
    nothing = points((0, 0)).iloc[:0]
    with pytest.raises(DataError, match="no row"):
        access.nearest(points((0, 0)), nothing)
    assert access.service_radius(points((0, 0)), nothing, radius_m=100).tolist() == [0]


def test_missing_areas_and_a_factor_below_one_are_refused():
    with pytest.raises(DataError, match="1 of 2 facilities"):
        access.nearest(points((0, 0)), points((0, 0), (1, 1), ids="ab"), area_m2=pd.Series({"a": 1.0}))
    with pytest.raises(ModelError, match=r"`detour`=0\.9"):
        access.nearest(points((0, 0)), points((0, 0)), detour=0.9)


def test_supply_reached_is_supply_given():
    """Sum of demand times 2SFCA is the supply of the facilities that anybody reaches."""
    draw = np.random.default_rng(3)
    od = pd.DataFrame([(i, j, draw.uniform(0, 60)) for i in range(40) for j in range(12)], columns=["origin", "destination", "cost"])
    supply, demand = pd.Series(draw.integers(1, 50, 12)), pd.Series(draw.integers(1, 500, 40))
    for decay in (None, lambda cost: np.exp(-cost / 20)):
        given = (access.two_step_floating_catchment(od, supply, demand, catchment=30, decay=decay) * demand).sum()
        assert given == pytest.approx(supply[od.loc[od["cost"] <= 30, "destination"].unique()].sum())


def test_access_of_places_without_demand_to_unused_supply_has_no_value():
    od = pd.DataFrame({"origin": ["A", "B"], "destination": ["x", "y"], "cost": [1.0, 1.0]})
    found = access.two_step_floating_catchment(od, pd.Series({"x": 5, "y": 5}), pd.Series({"A": 10, "B": 0}), catchment=2)
    assert found["A"] == 0.5
    assert np.isnan(found["B"])


def test_an_origin_without_demand_is_refused_by_name():
    od = pd.DataFrame({"origin": ["A"], "destination": ["x"], "cost": [1.0]})
    with pytest.raises(DataError, match=r"1 of 1 origins.*\(A\)"):
        access.two_step_floating_catchment(od, pd.Series({"x": 5}), pd.Series({"B": 10}), catchment=2)


def test_every_problem_of_a_matrix_is_said_at_once():
    broken = pd.DataFrame({"origin": ["A", "A", "B", None], "destination": ["x", "x", "x", "y"], "cost": [1.0, 2.0, -1.0, np.nan]})
    with pytest.raises(DataError) as caught:
        od_matrix(broken)
    assert len(caught.value.problems) == 4


def test_a_matrix_cut_short_is_not_asked_farther():
    od = between(points((0, 0), (10, 0)), points((0, 0)), within_m=5)
    with pytest.raises(ModelError, match="6 m.*5 m"):
        access.cumulative_opportunities(od, pd.Series({0: 1}), most=6)
    assert access.cumulative_opportunities(od, pd.Series({0: 1}), most=5).tolist() == [1, 0]


places_on_a_lattice = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=0, max_size=14)


@settings(deadline=None, max_examples=60)
@given(places_on_a_lattice, places_on_a_lattice, st.sampled_from([0.0, 1.0, 5.0, 13.0]), st.sampled_from([1.0, 1.3]), st.integers(1, 5))
def test_a_matrix_cut_at_a_distance_is_the_whole_matrix_without_the_rest(here, there, within, detour, block):
    """Points on a lattice: many stand on one another, and many pairs lie exactly on the rim (3, 4, 5)."""
    homes, sites = points(*here), points(*there)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "_BLOCK", block)
        cut = between(homes, sites, within_m=within, detour=detour)
    length = np.hypot(*(np.array(here, dtype=float).reshape(-1, 1, 2) - np.array(there, dtype=float).reshape(1, -1, 2)).transpose(2, 0, 1))
    rows, cols = np.nonzero(length <= within / detour)
    assert (cut.row.tolist(), cut.col.tolist()) == (rows.tolist(), cols.tolist())
    assert cut.cost == pytest.approx(length[rows, cols] * detour)
    assert cut.covers(within).toarray().tolist() == (length <= within / detour).tolist()
    if here and there:
        whole = between(homes, sites, detour=detour).dense()
        assert whole == pytest.approx(between(sites, homes, detour=detour).dense().T)


def test_a_matrix_does_not_depend_on_the_order_of_the_rows():
    draw = np.random.default_rng(10)
    homes, sites = points(*draw.uniform(0, 500, (60, 2)), ids=[f"h{k}" for k in range(60)]), points(*draw.uniform(0, 500, (20, 2)))
    first = between(homes, sites, within_m=200)
    again = between(homes.iloc[draw.permutation(60)], sites.iloc[draw.permutation(20)], within_m=200)
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame(), check_exact=True)
    table = first.to_frame().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(od_matrix(table).to_frame(), first.to_frame(), check_exact=True)


# ---- inequality


def test_gini_of_a_population_worked_by_hand():
    # 6 people with 1, 2 with 3, 2 with 9: 30 in all; Lorenz points (.6, .2), (.8, .4); area under it .06 + .06 + .14 = .26
    values, people = pd.Series([9.0, 1, 3]), pd.Series([2, 6, 2])
    assert equity.gini(values, people) == pytest.approx(1 - 2 * 0.26)
    assert equity.lowest_share(values, people) == pytest.approx(0.1 / 0.6 * 0.2)
    assert equity.lowest_share(values, people, share=0.7) == pytest.approx(0.3)


people_and_values = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=12).filter(
    lambda rows: sum(value * people for value, people in rows) > 0
)


@given(people_and_values)
def test_weights_count_people_not_rows(rows):
    values, people = pd.Series([row[0] for row in rows], dtype=float), pd.Series([row[1] for row in rows])
    one_by_one = pd.Series(np.repeat(values, people).to_numpy())
    # mean absolute difference over twice the mean: the definition
    differences = np.abs(one_by_one.to_numpy()[:, None] - one_by_one.to_numpy()).mean()
    assert equity.gini(values, people) == pytest.approx(differences / (2 * one_by_one.mean()), abs=1e-9)
    assert equity.lowest_share(values, people) <= 0.1 + 1e-12


def test_nothing_to_share_and_other_indexes_are_refused():
    with pytest.raises(DataError, match="nobody has anything"):
        equity.gini(pd.Series([0.0, 0.0]))
    with pytest.raises(DataError, match="same index"):
        equity.gini(pd.Series([1.0, 2.0]), pd.Series([1, 2], index=[1, 2]))
