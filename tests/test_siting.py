"""Siting models: answers worked by hand, every subset tried on small instances, properties, and what contradictions say."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gsan_lib.analysis import siting
from gsan_lib.analysis.distances import ODMatrix, between, od_matrix
from gsan_lib.analysis.solver import Limits, Programme, solve
from gsan_lib.errors import CrsError, DataError, ModelError

# Villages along a road at km 0, 1, 4, 9, 10, 10.5; a site is possible in each
KM = pd.Series([0.0, 1, 4, 9, 10, 10.5], index=list("abcdef"))
PEOPLE = pd.Series([10.0, 20, 5, 30, 10, 1], index=list("abcdef"))


def road(places: pd.Series = KM, sites: str = "abcdef") -> pd.DataFrame:
    return pd.DataFrame(
        [(i, j, abs(places[i] - places[j])) for i in places.index for j in sites], columns=["origin", "destination", "cost"]
    )


# ---- worked by hand


def test_two_schools_on_a_road():
    # b and d: a walks 1 (10), c 3 (15), e 1 (10), f 1.5 (1.5)
    found = siting.p_median(road(), PEOPLE, p=2)
    assert found.sites == ("b", "d")
    assert found.objective == found.bound == 36.5
    assert found.assignment.to_dict() == {"a": "b", "b": "b", "c": "b", "d": "d", "e": "d", "f": "d"}
    assert (found.status, found.gap, found.total) == ("optimal", 0, 76)


def test_one_station_covers_most_within_one_and_a_half_kilometres():
    found = siting.mclp(road(), PEOPLE, p=1, radius=1.5)
    assert (found.sites, found.objective, found.total) == (("d",), 41, 76)
    assert found.assignment.isna().tolist() == [True, True, True, False, False, False]


def test_three_stations_leave_nobody_beyond_a_kilometre_and_a_half():
    found = siting.lscp(road(), radius=1.5)
    assert found.objective == found.bound == 3
    assert found.sites == ("a", "c", "d")  # b would do as well as a, e as well as d: the earlier id stands


def test_the_worst_way_with_two_stations():
    # b serves a, b and c (3 km); one of d, e, f serves the rest within 1.5
    assert siting.p_center(road(), p=2).objective == 3


def test_three_shops_far_apart():
    found = siting.p_dispersion(road(), p=3)
    assert (found.objective, found.sites) == (4, ("a", "c", "d"))  # a-c is 4 km, c-d 5 km


def test_existing_facilities_stand_and_count():
    found = siting.p_median(road(), PEOPLE, p=2, fixed=["c"])
    # with c: adding d leaves a 40, b 60, e 10, f 1.5
    assert (found.sites, found.fixed, found.new, found.objective) == (("c", "d"), ("c",), ("d",), 111.5)
    covered = siting.mclp(road(), PEOPLE, p=2, radius=1.5, fixed=["d"])
    assert (covered.new, covered.objective) == (("a",), 71)
    assert siting.lscp(road(), radius=1.5, fixed=["b", "f"]).new == ("c",)  # d lies 1.5 km from f
    assert siting.p_center(road(), p=2, fixed=["f"]).sites == ("b", "f")
    assert siting.p_dispersion(road(), p=2, fixed=["c"]).new == ("f",)
    assert siting.p_median(road(), PEOPLE, p=1, fixed=["c"]).new == ()


def test_demand_without_people_neither_weighs_nor_has_to_be_covered():
    nobody = PEOPLE.copy()
    nobody[["a", "b", "c"]] = 0
    assert siting.lscp(road(), nobody, radius=1.5).objective == 1
    assert siting.p_center(road(), nobody, p=1).objective == 1
    assert siting.p_median(road(), nobody, p=1).assignment["a"] == "d"  # but it is told where to go


def test_a_site_that_adds_nobody_is_not_built():
    assert len(siting.mclp(road(), PEOPLE, p=6, radius=1.5).sites) == 3


def test_one_camera_on_a_fine_grid_covers_many_points():
    """With demand on 25 m cells a 50 m radius holds 13 of them, and the optimum is no mere sort of the cells."""
    east, north = (axis.ravel() * 25.0 for axis in np.indices((20, 20)))
    cells = gpd.GeoSeries.from_xy(east + 950_000, north + 1_950_000, crs="EPSG:5179")
    od = between(cells, cells, within_m=50)
    found = siting.mclp(od, p=4, radius=50)
    assert found.objective == found.bound == 4 * 13
    assert found.assignment.value_counts().tolist() == [13] * 4


# ---- every subset tried


@st.composite
def small(draw):
    """Demand points and sites on a small lattice, so that ties are common."""
    place = st.tuples(st.integers(0, 12), st.integers(0, 12))
    here, there = (
        np.array(draw(st.lists(place, min_size=2, max_size=9))),
        np.array(draw(st.lists(place, min_size=2, max_size=7, unique=True))),
    )
    demand = pd.Series(draw(st.lists(st.integers(0, 9), min_size=len(here), max_size=len(here))), dtype=float)
    cost = np.abs(here[:, None] - there).sum(axis=2).astype(float)
    p = draw(st.integers(1, len(there)))
    fixed = draw(st.lists(st.integers(0, len(there) - 1), max_size=p, unique=True))
    return cost, demand, p, fixed, draw(st.integers(0, 10))


def matrix(cost: np.ndarray) -> ODMatrix:
    row, col = (axis.ravel() for axis in np.indices(cost.shape))
    return ODMatrix.of(row, col, cost.ravel(), pd.RangeIndex(cost.shape[0]), pd.RangeIndex(cost.shape[1]))


def subsets(cost: np.ndarray, p: int, fixed: list[int]) -> list[list[int]]:
    return [list(one) for one in combinations(range(cost.shape[1]), p) if set(fixed) <= set(one)]


@settings(max_examples=60, deadline=None)
@given(small())
def test_p_median_is_the_best_of_all_subsets(case):
    cost, demand, p, fixed, _ = case
    values = [(demand.to_numpy() * cost[:, one].min(axis=1)).sum() for one in subsets(cost, p, fixed)]
    found = siting.p_median(matrix(cost), demand, p=p, fixed=fixed)
    assert found.objective == found.bound == min(values)
    assert len(found.sites) == p
    others = siting.alternatives(siting.p_median, matrix(cost), demand, k=3, p=p, fixed=fixed)
    if p > len(fixed):
        assert [one.objective for one in others] == sorted(values)[:3]
        assert len({one.sites for one in others}) == len(others)


@settings(max_examples=60, deadline=None)
@given(small())
def test_mclp_is_the_best_of_all_subsets(case):
    cost, demand, p, fixed, radius = case
    value = max(demand[cost[:, one].min(axis=1) <= radius].sum() for one in subsets(cost, p, fixed))
    found = siting.mclp(matrix(cost), demand, p=p, radius=radius, fixed=fixed)
    assert found.objective == found.bound == value
    assert set(fixed) <= set(found.sites)
    assert len(found.sites) <= p


@settings(max_examples=60, deadline=None)
@given(small())
def test_lscp_is_the_smallest_of_all_subsets(case):
    cost, _, _, fixed, radius = case
    covering = [
        one for size in range(1, cost.shape[1] + 1) for one in subsets(cost, size, fixed) if (cost[:, one].min(axis=1) <= radius).all()
    ]
    if not covering:
        with pytest.raises(ModelError, match="no site within"):
            siting.lscp(matrix(cost), radius=radius, fixed=fixed)
        return
    found = siting.lscp(matrix(cost), radius=radius, fixed=fixed)
    assert found.objective == found.bound == len(found.sites) == len(covering[0])
    assert found.assignment.notna().all()


@settings(max_examples=60, deadline=None)
@given(small())
def test_p_center_is_the_best_of_all_subsets(case):
    cost, _, p, fixed, _ = case
    found = siting.p_center(matrix(cost), p=p, fixed=fixed)
    assert found.objective == found.bound == min(cost[:, one].min(axis=1).max() for one in subsets(cost, p, fixed))
    assert len(found.sites) == p


@settings(max_examples=40, deadline=None)
@given(small())
def test_p_dispersion_is_the_best_of_all_subsets(case):
    cost, _, p, fixed, _ = case
    apart = np.abs(cost.T[:, None] - cost.T).sum(axis=2)  # a symmetric cost between the sites
    if p < 2:
        return
    values = [min(apart[i, j] for i, j in combinations(one, 2)) for one in subsets(apart, p, fixed)]
    found = siting.p_dispersion(matrix(apart), p=p, fixed=fixed)
    assert found.objective == found.bound == max(values)


# ---- properties


def town(seed: int = 5, homes: int = 250, sites: int = 40) -> tuple[ODMatrix, pd.Series]:
    draw = np.random.default_rng(seed)
    place = lambda count: gpd.GeoSeries.from_xy(*(draw.uniform(0, 4000, (2, count)) + [[950_000], [1_950_000]]), crs="EPSG:5179")
    return between(place(homes), place(sites)), pd.Series(draw.gamma(1, 100, homes))


def test_more_sites_never_cover_less_and_never_cost_more():
    od, demand = town()
    covered = [siting.mclp(od, demand, p=p, radius=500).objective for p in range(1, 12)]
    cost = [siting.p_median(od, demand, p=p).objective for p in range(1, 12)]
    assert covered == sorted(covered)
    assert cost == sorted(cost, reverse=True)
    assert np.diff(covered).max() <= covered[0] + 1e-9  # no later site adds more than the best first one


def test_the_optimum_is_at_least_what_greedy_adding_finds():
    od, demand = town()
    inside = od.dense() <= 500
    for p in (3, 6, 9):
        chosen: list[int] = []
        for _ in range(p):
            open_ = ~inside[:, chosen].any(axis=1)
            chosen.append(int((inside * (open_ * demand.to_numpy())[:, None]).sum(axis=0).argmax()))
        greedy = demand[inside[:, chosen].any(axis=1)].sum()
        found = siting.mclp(od, demand, p=p, radius=500)
        assert found.objective >= greedy - 1e-9
        assert found.gap <= 1e-9


def test_the_order_of_the_rows_does_not_change_the_answer():
    od, demand = town()
    shuffled = od.to_frame().sample(frac=1, random_state=1)
    for model, options in (
        (siting.p_median, {"p": 5}),
        (siting.mclp, {"p": 5, "radius": 600}),
        (siting.p_center, {"p": 5}),
        (siting.lscp, {"radius": 1500}),
    ):
        assert model(od, demand, **options) == model(shuffled, demand.sample(frac=1, random_state=2), **options)


def test_of_equal_answers_the_earlier_ids_stand():
    same = pd.DataFrame([(i, j, 1.0) for i in "xyz" for j in "dcba"], columns=["origin", "destination", "cost"])
    assert siting.p_median(same, p=2).sites == ("a", "b")
    assert siting.mclp(same, p=1, radius=1).sites == ("a",)
    assert siting.lscp(same, radius=1).sites == ("a",)
    assert siting.p_center(same, p=2).sites == ("a", "b")


def test_seconds_take_no_part_in_comparisons():
    first, second = siting.p_median(road(), PEOPLE, p=2), siting.p_median(road(), PEOPLE, p=2)
    assert first.seconds != second.seconds
    assert first == second
    assert hash(first) == hash(second)
    assert first != siting.p_median(road(), PEOPLE, p=3)


def test_no_input_is_changed():
    od, demand = road(), PEOPLE.copy()
    siting.p_median(od, demand, p=2, fixed=["a"])
    pd.testing.assert_frame_equal(od, road())
    pd.testing.assert_series_equal(demand, PEOPLE)


def test_alternatives_differ_as_much_as_asked():
    od, demand = town()
    found = siting.alternatives(siting.p_median, od, demand, k=4, differ_by=2, p=5)
    assert [one.objective for one in found] == sorted(one.objective for one in found)
    for one, other in combinations(found, 2):
        assert len(set(one.sites) - set(other.sites)) >= 2
    covers = siting.alternatives(siting.mclp, od, demand, k=3, p=4, radius=600, fixed=[3])
    assert all(3 in one.sites for one in covers)
    assert [one.objective for one in covers] == sorted((one.objective for one in covers), reverse=True)


def test_a_node_limit_still_gives_a_valid_bound():
    od, demand = town(homes=400, sites=120)
    proven = siting.mclp(od, demand, p=12, radius=350)
    stopped = siting.mclp(od, demand, p=12, radius=350, limits=Limits(nodes=0))
    assert stopped.objective <= proven.objective + 1e-6 <= stopped.bound + 2e-6
    assert stopped == siting.mclp(od, demand, p=12, radius=350, limits=Limits(nodes=0))


@settings(max_examples=40, deadline=None)
@given(small(), st.integers(1, 3), st.sampled_from(["p_median", "mclp", "p_center", "lscp"]))
def test_alternatives_never_beat_the_optimum_and_differ_as_asked(case, differ_by, name):
    cost, demand, p, fixed, radius = case
    options = {"mclp": {"p": p, "radius": radius}, "lscp": {"radius": radius}}.get(name, {"p": p})
    od = matrix(cost)
    if name == "lscp" and not (cost.min(axis=1) <= radius).all():
        return
    model = getattr(siting, name)
    if len(model(od, demand, fixed=fixed, **options).new) < differ_by:
        with pytest.raises(siting.NoAlternative, match=f"`differ_by`={differ_by}"):
            model(od, demand, fixed=fixed, **options, unlike=[model(od, demand, fixed=fixed, **options)], differ_by=differ_by)
        return
    found = siting.alternatives(model, od, demand, k=3, differ_by=differ_by, fixed=fixed, **options)
    values = [one.objective for one in found]
    assert values == sorted(values, reverse=name == "mclp")
    for one, other in combinations(found, 2):
        assert len(set(one.new) - set(other.new)) >= differ_by


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.sampled_from(["p_median", "mclp"]))
def test_prices_and_branching_agree_with_the_textbook_programme(seed, p, name):
    """A second implementation: all pairs as variables, solved by HiGHS; weights are no whole numbers, so that nothing is rounded up."""
    draw = np.random.default_rng(seed)
    cost = np.hypot(*(draw.uniform(0, 100, (2, 40, 1)) - draw.uniform(0, 100, (2, 1, 25))))
    demand = draw.gamma(1, 10, 40)
    inside = (cost <= 18).astype(float)
    points, sites = cost.shape
    if name == "p_median":  # x[i, j] <= y[j], one j for each i
        serve = sparse.hstack([sparse.csr_matrix((points, sites)), sparse.kron(sparse.eye(points), np.ones((1, sites)))])
        link = sparse.hstack([sparse.kron(np.ones((points, 1)), sparse.eye(sites)), -sparse.eye(points * sites)])
        rows = sparse.vstack([serve, link])
        price = np.concatenate([np.zeros(sites), (demand[:, None] * cost).ravel()])
        low = np.concatenate([np.ones(points), np.zeros(points * sites)])
    else:  # z[i] is 1 where nothing covers i
        rows, price, low = sparse.hstack([inside, sparse.eye(points)]), np.concatenate([np.zeros(sites), demand]), np.ones(points)
    number = sparse.csr_matrix((np.ones(sites), (np.zeros(sites, dtype=int), np.arange(sites))), shape=(1, len(price)))
    answer = solve(Programme(price, sparse.vstack([rows, number]), np.append(low, 0.0), np.append(np.full(len(low), np.inf), p), sites))
    least = float(price @ answer.x)
    options = {"radius": 18} if name == "mclp" else {}
    found = getattr(siting, name)(matrix(cost), pd.Series(demand), p=p, **options)
    assert found.objective == pytest.approx(demand.sum() - least if name == "mclp" else least, rel=1e-7)
    assert found.gap <= 1e-9
    assert found.status == "optimal"


def test_a_gap_is_kept_and_told():
    od, demand = town(homes=400, sites=120)
    for model, options in ((siting.p_median, {"p": 12}), (siting.mclp, {"p": 12, "radius": 350})):
        proven, rough = model(od, demand, **options), model(od, demand, **options, limits=Limits(gap=0.05))
        better = 1 if model is siting.mclp else -1
        assert rough.status == "optimal"
        assert rough.gap <= 0.05
        assert better * rough.objective <= better * proven.objective + 1e-6
        assert better * proven.objective <= better * rough.bound + 1e-6


@pytest.mark.parametrize("model", ["p_median", "mclp", "p_center"])
def test_a_search_that_runs_out_of_time_or_nodes_tells_how_far_it_came(model):
    od, demand = town(homes=400, sites=120)
    options = {"p": 12} | ({"radius": 350} if model == "mclp" else {})
    proven = getattr(siting, model)(od, demand, **options)
    better = 1 if model == "mclp" else -1
    for limits in (Limits(nodes=0), Limits(seconds=1e-3)):
        found = getattr(siting, model)(od, demand, **options, limits=limits)
        assert better * found.objective <= better * proven.objective + 1e-6
        assert better * proven.objective <= better * found.bound + 1e-6
        assert found.status == "optimal" or found.gap > 0


# ---- bad input


def test_where_nobody_lives_any_sites_do():
    nobody = PEOPLE * 0
    assert siting.p_median(road(), nobody, p=2).objective == 0
    assert siting.p_center(road(), nobody, p=2).objective == 0
    covered = siting.mclp(road(), nobody, p=2, radius=1)
    assert (covered.objective, covered.sites) == (0, ())
    assert siting.lscp(road(), nobody, radius=1).objective == 0


def test_of_two_sites_at_one_place_the_earlier_is_chosen():
    twice = pd.concat([road(), road().query("destination == 'd'").assign(destination="D")])
    assert siting.p_median(twice, PEOPLE, p=2).sites == ("D", "b")
    assert siting.mclp(twice, PEOPLE, p=6, radius=1.5).sites == ("D", "a", "c")


def test_a_pair_that_stands_twice_is_refused():
    with pytest.raises(DataError, match="6 of 42 rows repeat an earlier pair"):
        siting.p_median(pd.concat([road(), road().query("destination == 'd'")]), PEOPLE, p=2)


def test_degrees_are_refused():
    places = gpd.GeoSeries.from_xy([126.8, 126.81], [35.14, 35.15], crs="EPSG:4326")
    with pytest.raises(CrsError, match="metric"):
        between(places, places)


def test_five_required_sites_do_not_fit_into_three():
    with pytest.raises(ModelError, match="`p`=3, but 5 facilities are fixed"):
        siting.mclp(road(), PEOPLE, p=3, radius=1, fixed=list("abcde"))


def test_a_radius_shorter_than_the_way_to_the_nearest_site_names_both():
    lonely = pd.DataFrame([("a", "s", 100.0), ("b", "s", 412.0)], columns=["origin", "destination", "cost"])
    with pytest.raises(ModelError, match=r"within 300 m \(b\); the worst is `b`: its nearest is at 412 m"):
        siting.lscp(lonely, radius=300)


def test_points_that_no_site_reaches_are_named_by_the_models_that_must_reach_them():
    two = pd.DataFrame([("a", "s", 1.0), ("b", "t", 1.0)], columns=["origin", "destination", "cost"])  # a network in two pieces
    for model in (siting.p_median, siting.p_center):
        assert model(two, p=2).objective in (2, 1)
        with pytest.raises(ModelError, match="`p`=1 sites cannot reach all 2"):
            model(two, p=1)


# ---- contradictions


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        (lambda: siting.p_median(road(), p=2, fixed=["a", "b", "c"]), ["`p`=2", "3 facilities"]),
        (lambda: siting.p_median(road(), p=7), ["`p`=7", "only 6 sites"]),
        (lambda: siting.mclp(road(), p=0, radius=1), ["`p`=0", "at least 1"]),
        (lambda: siting.mclp(road(), p=1, radius=-1), ["`radius`=-1", "0 or more"]),
        (lambda: siting.p_dispersion(road(), p=1), ["`p`=1", "2 or more"]),
        (lambda: siting.lscp(od_matrix(road(sites="a"), unit="km"), radius=9.5), ["within 9.5 km", "`f`", "10.5 km", "2 of 6"]),
        (lambda: siting.p_median(road(), p=2, fixed=["z"]), ["1 of 1 fixed", "(z)"]),
        (lambda: siting.p_median(road()[lambda od: od["cost"] < 2], p=2), ["`p`=2", "all 6"]),
        (lambda: siting.p_center(road()[lambda od: od["cost"] < 2], p=2), ["`p`=2", "all 6"]),
    ],
)
def test_a_contradiction_names_both_numbers(call, numbers):
    with pytest.raises(ModelError) as caught:
        call()
    for number in numbers:
        assert number in str(caught.value)


def test_demand_that_does_not_fit_is_refused_with_every_problem():
    with pytest.raises(DataError) as caught:
        siting.p_median(road(), pd.Series({"a": -1.0, "b": np.nan, "c": 2.0}), p=1)
    assert "2 of 3 rows" in str(caught.value)
    assert "3 of 6 origins have no demand" in str(caught.value)


def test_demand_beyond_every_listed_pair_counts_as_uncovered():
    far = pd.concat([PEOPLE, pd.Series({"island": 24.0})])
    found = siting.mclp(road(), far, p=6, radius=1.5)
    assert (found.objective, found.total) == (76, 100)
    with pytest.raises(ModelError, match="island"):
        siting.p_median(road(), far, p=6)
