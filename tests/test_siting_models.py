"""Siting with backup, capacities and attendance, fronts and stability: published and hand-worked answers, and what contradictions say."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from gsan_lib.analysis import siting
from gsan_lib.analysis.attendance import max_attendance
from gsan_lib.analysis.backup import backup_coverage, lscp_backup
from gsan_lib.analysis.capacity import capacitated_mclp, capacitated_p_median
from gsan_lib.analysis.decays import exponential, gaussian, quadratic, stepped
from gsan_lib.analysis.distances import ODMatrix, od_matrix
from gsan_lib.analysis.fronts import front
from gsan_lib.analysis.solver import Limits
from gsan_lib.analysis.stability import Scenario, budgets, lognormal, poisson, robust, stability, weightings
from gsan_lib.errors import DataError, ModelError
from gsan_lib.reports import known_answers

# Villages along a road at km 0, 1, 4, 9, 10, 10.5; a site is possible in each
KM = pd.Series([0.0, 1, 4, 9, 10, 10.5], index=list("abcdef"))
PEOPLE = pd.Series([10.0, 20, 5, 30, 10, 1], index=list("abcdef"))


def road(sites: str = "abcdef", within: float = np.inf) -> pd.DataFrame:
    pairs = [(i, j, abs(KM[i] - KM[j])) for i in KM.index for j in sites if abs(KM[i] - KM[j]) <= within]
    return pd.DataFrame(pairs, columns=["origin", "destination", "cost"])


def room(*seats: float) -> pd.Series:
    return pd.Series(seats, index=list("abcdef")[: len(seats)], dtype=float)


def complete(costs: np.ndarray) -> ODMatrix:
    row, col = (axis.ravel() for axis in np.indices(costs.shape))
    return ODMatrix.of(row, col, costs.ravel(), pd.RangeIndex(costs.shape[0]), pd.RangeIndex(costs.shape[1]))


@pytest.fixture(scope="module")
def san_francisco() -> tuple[np.ndarray, pd.DataFrame, pd.Series]:
    """205 census tracts to 16 stores by road, metres: the costs, the pairs, and the population of the tracts."""
    table = pd.read_csv(known_answers.ASSETS / "san_francisco.csv", index_col="tract")
    costs = table.filter(like="Store_")
    pairs = costs.rename_axis(index="origin", columns="destination").stack().rename("cost").reset_index()
    people = table["population"].astype(float)
    order = od_matrix(pairs)
    return costs.loc[order.origins, order.destinations].to_numpy(), pairs, people


# OR-Library, pmedcap1, problem 1 of 20 (Osman and Christofides 1994): x, y, demand of 50 points, a site possible at each,
# 5 sites that hold 120 each, every point goes to one site as a whole, distances cut to whole numbers; optimum 713.
# Demand fills the sites there, but every point counts once in the objective, so ways are divided by demand.
PMEDCAP1 = """
2 62 3 80 25 14 36 88 1 57 23 14 33 17 19 76 43 2 77 85 14 94 6 6 89 11 7 59 72 6 39 82 10 87 24 18 44 76 3 2 83 6 19 43 20 5 27 4 58 72 14
14 50 11 43 18 19 87 7 15 11 56 15 31 16 4 51 94 13 55 13 13 84 57 5 12 2 16 53 33 3 53 10 7 33 32 14 69 67 17 43 5 3 10 75 3 8 26 12
3 1 14 96 22 20 6 48 13 59 22 10 66 69 9 22 50 6 75 21 18 4 81 7 41 97 20 92 34 9 12 64 1 60 84 8 35 100 5 38 2 1 9 9 7 54 59 9 1 58 2
"""


@pytest.fixture(scope="module")
def pmedcap1() -> tuple[ODMatrix, pd.Series, pd.Series]:
    x, y, demand = np.array(PMEDCAP1.split(), dtype=float).reshape(50, 3).T
    places = np.column_stack([x, y])
    return complete(np.floor(cdist(places, places)) / demand[:, None]), pd.Series(demand), pd.Series(120.0, index=range(50))


# ---- backup


def test_two_stations_for_everybody():
    # within 3 km: a and b have a, b (and c for b: 3 km), c has b and c, d, e and f each other
    found = lscp_backup(road(), radius=3)
    assert found.sites == ("a", "b", "c", "d", "e")
    assert found.objective == found.bound == 5
    assert found.covers.to_dict() == {"a": 2, "b": 3, "c": 2, "d": 2, "e": 2, "f": 2}
    assert (found.assignment["f"], found.backup["f"], found.backup_costs["f"]) == ("e", "d", 1.5)


def test_once_is_the_set_covering_model():
    assert lscp_backup(road(), radius=1.5, times=1).sites == siting.lscp(road(), radius=1.5).sites
    assert lscp_backup(road(sites="abdef"), PEOPLE.where(PEOPLE.index != "c", 0.0), radius=1.5, times=2).objective == 4


def test_existing_stations_count_for_backup():
    found = lscp_backup(road(), radius=3, fixed=["f"])
    assert (found.objective, found.new) == (5, ("a", "b", "c", "d"))
    assert lscp_backup(road(), radius=3, fixed=list("abcdef")).new == ()


def test_san_francisco_backup_is_the_best_of_every_choice_of_stores(san_francisco):
    costs, pairs, people = san_francisco
    weights = people.sort_index().to_numpy()
    for radius, p in ((8000, 3), (8000, 4), (5000, 8)):
        choices = np.array(list(combinations(range(16), p)))
        count = (costs <= radius)[:, choices].sum(axis=2)  # tracts x choices
        every = (count >= 1).all(axis=0)
        assert backup_coverage(pairs, people, radius=radius, p=p).objective == (weights @ (count >= 2))[every].max()
    # one each: of the 12,870 choices of eight stores none backs up more than 145 of 205 tracts
    found = backup_coverage(pairs, radius=5000)
    assert len(found.sites) == 8
    assert found.objective == found.bound == (count >= 2).sum(axis=0)[every].max() == 145
    assert (found.covers >= 2).sum() == found.backup.notna().sum() == 145


def test_a_second_site_where_most_people_live():
    once = backup_coverage(road(), PEOPLE, radius=3)
    assert len(once.sites) == 2
    assert once.objective == 0  # b covers a, b, c and one of the others d, e, f
    third = backup_coverage(road(), PEOPLE, radius=3, p=3)
    assert third.sites == ("b", "d", "e")
    assert third.objective == 41
    assert len(backup_coverage(road(), PEOPLE, radius=3, p=6).sites) == 5  # a sixth would back up nobody


# ---- capacities


def test_or_library_capacitated_median(pmedcap1):
    od, demand, seats = pmedcap1
    found = capacitated_p_median(od, demand, capacity=seats, p=5, split=False)
    assert found.objective == pytest.approx(713, rel=1e-12)
    assert (found.bound, found.status) == (found.objective, "optimal")
    assert found.loads.max() <= 120
    assert (found.flows.groupby("origin").size() == 1).all()


def test_splitting_points_is_never_dearer_and_keeps_people_whole(pmedcap1):
    od, demand, seats = pmedcap1
    found = capacitated_p_median(od, demand, capacity=seats, p=5)
    assert found.objective == found.bound <= 713 + 1e-9
    assert found.loads.max() <= 120
    assert found.flows["demand"].eq(found.flows["demand"].round()).all()
    pd.testing.assert_series_equal(found.served, demand, check_names=False)
    assert found.objective >= siting.p_median(od, demand, p=5).objective


def test_with_room_enough_capacities_change_nothing(san_francisco):
    _, pairs, people = san_francisco
    seats = pd.Series(np.inf, index=sorted(pairs["destination"].unique()))
    free = siting.p_median(pairs, people, p=4)
    found = capacitated_p_median(pairs, people, capacity=seats, p=4)
    assert found.sites == free.sites
    assert found.objective == pytest.approx(free.objective, rel=1e-9)
    assert found.assignment.equals(free.assignment)
    covered = capacitated_mclp(pairs, people, capacity=seats, p=4, radius=5000)
    assert covered.objective == covered.bound == 875_247


def test_san_francisco_stores_for_250_000_each(san_francisco):
    _, pairs, people = san_francisco
    seats = pd.Series(250_000.0, index=sorted(pairs["destination"].unique()))
    found = capacitated_p_median(pairs, people, capacity=seats, p=4)
    assert found.loads.max() <= 250_000
    assert found.loads.sum() == found.total == 955_113
    assert found.objective == found.bound > siting.p_median(pairs, people, p=4).objective
    assert found.flows["demand"].mul(found.flows["cost"]).sum() == pytest.approx(found.objective)


def test_a_full_school_sends_the_rest_farther():
    found = capacitated_p_median(road("bd"), PEOPLE, capacity=pd.Series({"b": 50.0, "d": 30.0}), p=2)
    assert found.loads.to_dict() == {"b": 46, "d": 30}
    # d is full: of d, e and f 11 go to b at 8, 9 or 9.5 km instead of 0, 1 or 1.5: 8 km more each
    assert found.objective == 10 * 1 + 5 * 3 + 30 * 0 + 10 * 1 + 1 * 1.5 + 11 * 8
    assert found.costs["b"] == 0


def test_existing_rooms_are_used_and_counted():
    seats = room(40, 40, 40, 40, 40, 40)
    found = capacitated_p_median(road(), PEOPLE, capacity=seats, p=2, fixed=["a"])
    assert found.sites == ("a", "d")
    assert found.new == ("d",)
    covered = capacitated_mclp(road(), PEOPLE, capacity=seats, p=2, radius=1.5, fixed=["f"])
    assert covered.fixed == ("f",)
    assert covered.objective == 40 + 30  # f takes 40 of d, e and f within 1.5 km; a or b takes a and b


def test_of_the_ways_to_serve_as_many_the_shortest():
    found = capacitated_mclp(road("bd"), PEOPLE, capacity=pd.Series({"b": 100.0, "d": 100.0}), p=2, radius=20)
    assert found.objective == 76
    assert found.assignment.to_dict() == {"a": "b", "b": "b", "c": "b", "d": "d", "e": "d", "f": "d"}


def test_points_without_people_need_no_place():
    nobody = PEOPLE.where(PEOPLE.index != "c", 0.0)
    found = capacitated_p_median(road(), nobody, capacity=room(*[40.0] * 6), p=2)
    assert pd.isna(found.assignment["c"])
    assert found.served["c"] == 0


def test_a_larger_town_gives_the_same_answer_twice_and_more_room_is_no_dearer():
    draw = np.random.default_rng(4)
    homes, sites = draw.uniform(0, 6000, (120, 2)), draw.uniform(0, 6000, (25, 2))
    od, people = complete(cdist(homes, sites)), pd.Series(np.ceil(draw.gamma(1, 100, 120)))
    seats = pd.Series(np.ceil(people.sum() / 5 * draw.uniform(0.7, 1.5, 25)))
    found = capacitated_p_median(od, people, capacity=seats, p=6)
    assert found.gap == 0
    assert found == capacitated_p_median(od, people[::-1], capacity=seats[::-1], p=6)
    free, roomy = siting.p_median(od, people, p=6), capacitated_p_median(od, people, capacity=seats * 2, p=6)
    assert free.objective * (1 - 1e-12) <= roomy.objective <= found.objective


def test_nobody_needs_no_seat():
    nobody = PEOPLE * 0
    assert capacitated_p_median(road(), nobody, capacity=room(*[0.0] * 6), p=2).objective == 0
    assert capacitated_mclp(road(), nobody, capacity=room(*[9.0] * 6), p=2, radius=3).sites == ()


def test_capacitated_answers_compare_by_who_goes_where():
    one, other = (capacitated_p_median(road(), PEOPLE, capacity=room(*[40.0] * 6), p=2) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != capacitated_p_median(road(), PEOPLE, capacity=room(*[50.0] * 6), p=2)


def test_a_gap_that_is_good_enough_keeps_an_honest_bound(pmedcap1):
    od, demand, seats = pmedcap1
    stopped = capacitated_p_median(od, demand, capacity=seats, p=5, split=False, limits=Limits(gap=0.05))
    assert stopped.bound - 1e-6 <= 713 <= stopped.objective + 1e-6 <= stopped.bound * 1.06
    assert stopped == capacitated_p_median(od, demand, capacity=seats, p=5, split=False, limits=Limits(gap=0.05))


# ---- attendance


def test_attendance_falls_with_the_way():
    found = max_attendance(road(), PEOPLE, p=2, decay=quadratic(2))
    # b and d: at 1 m three quarters come, at 1.5 m 7 of 16, at 3 m nobody
    assert found.sites == ("b", "d")
    assert found.objective == found.bound == 7.5 + 20 + 0 + 30 + 7.5 + 0.4375
    assert found.attendance.to_dict() == {"a": 7.5, "b": 20, "c": 0, "d": 30, "e": 7.5, "f": 0.4375}


def test_a_matrix_that_does_not_fit_is_refused_before_any_of_it_is_made():
    places, sites = pd.Index(np.arange(20_000)), pd.Index(np.arange(5_000))
    od = ODMatrix.of(np.arange(5_000), np.arange(5_000), np.ones(5_000), places, sites)
    tracemalloc.start()
    with pytest.raises(ModelError, match="20,000 origins x 5,000 destinations do not fit into memory"):
        max_attendance(od, p=1, decay=quadratic(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # the matrix would be 800 MB


def test_san_francisco_attendance_is_the_best_of_every_choice_of_stores(san_francisco):
    costs, pairs, people = san_francisco
    weights = people.sort_index().to_numpy()
    for decay in (exponential(1000, reach=9000), gaussian(5000), quadratic(4000), stepped([2000, 5000], [1, 0.4], unit="m")):
        share = decay(costs)
        best = max(float(weights @ share[:, list(some)].max(axis=1)) for some in combinations(range(16), 3))
        found = max_attendance(pairs, people, p=3, decay=decay)
        assert found.objective == pytest.approx(best, rel=1e-12)
        assert found.gap <= 1e-9


def test_all_or_nothing_attendance_is_covering(san_francisco):
    _, pairs, people = san_francisco
    found = max_attendance(pairs, people, p=4, decay=lambda cost: (cost <= 5000).astype(float))
    assert found.objective == 875_247


# ---- fronts


def test_the_front_of_san_francisco_is_that_of_every_choice_of_stores(san_francisco):
    costs, pairs, people = san_francisco
    weights = people.sort_index().to_numpy()
    way = costs[:, np.array(list(combinations(range(16), 5)))].min(axis=2).T
    both = sorted({(float(weights @ one) / weights.sum(), float(one.max())) for one in way})
    best = [(mean, worst) for place, (mean, worst) in enumerate(both) if all(worst < other for _, other in both[:place])]
    found = front(pairs, people, p=5)
    np.testing.assert_allclose(found.table[["mean", "worst"]].to_numpy(), best, rtol=1e-9)
    assert found.status == "optimal"
    assert len(best) == 2
    assert found.table["mean"][0] == pytest.approx(siting.p_median(pairs, people, p=5).objective / weights.sum())
    assert found.table["worst"].iloc[-1] == siting.p_center(pairs, people, p=5).objective
    thin = front(pairs, people, p=5, points=3)
    assert {*thin.table["sites"]} <= {*found.table["sites"]}
    assert thin.table["worst"].iloc[-1] == found.table["worst"].iloc[-1]


def test_the_price_of_fairness_is_told_and_kept():
    found = front(road(), PEOPLE, p=1)
    assert found.table["price"][0] == 0
    assert found.fairest(0).sites == found.table["sites"][0]
    assert found.fairest(np.inf).sites == found.table["sites"].iloc[-1]
    assert found.table["gini"].between(0, 1).all()


def test_a_site_for_everyone_is_a_front_of_one():
    found = front(road(), PEOPLE, p=6)
    assert found.table[["mean", "worst", "gini", "price"]].to_numpy().tolist() == [[0, 0, 0, 0]]


def test_points_without_people_do_not_count_for_the_worst_way():
    found = front(road(), PEOPLE.where(PEOPLE.index != "a", 0.0), p=1)
    assert found.table["worst"].iloc[-1] == 6.5
    assert found.answers[-1].assignment.notna().all()


# ---- stability


def test_other_draws_of_the_same_seed_are_the_same():
    for one, other in zip(poisson(PEOPLE, draws=5, seed=3), poisson(PEOPLE, draws=5, seed=3), strict=True):
        assert one.name == other.name
        pd.testing.assert_series_equal(one.demand, other.demand)
    assert not poisson(PEOPLE, draws=1, seed=3)[0].demand.equals(poisson(PEOPLE, draws=1, seed=4)[0].demand)


def test_scenarios_keep_the_mean_and_the_groups():
    many = pd.DataFrame([one.demand for one in lognormal(PEOPLE, spread=0.3, draws=2000)])
    np.testing.assert_allclose(many.mean(), PEOPLE, rtol=0.03)  # 0.3 / sqrt(2000) is 0.7 %
    np.testing.assert_allclose(np.log(many).std(), 0.3, rtol=0.06)
    west = pd.Series(["west"] * 3 + ["east"] * 3, index=PEOPLE.index)
    for one in lognormal(PEOPLE, spread=0.3, by=west, draws=3):
        assert (one.demand / PEOPLE).round(12).groupby(west).nunique().eq(1).all()
    counts = pd.DataFrame([one.demand for one in poisson(PEOPLE, draws=2000)])
    np.testing.assert_allclose(counts.var(), PEOPLE, rtol=0.15)


def test_a_clear_choice_is_stable_and_a_tie_is_not():
    clear = stability(siting.mclp, road(), PEOPLE, scenarios=poisson(PEOPLE, draws=30), p=1, radius=1.5)
    assert clear.base.sites == ("d",)
    assert clear.share["d"] + clear.share["e"] + clear.share["f"] >= 0.9
    assert clear.agreement == clear.share["d"]
    assert clear.table["regret"].ge(0).all()


def test_budgets_and_weights_stand_in_one_table():
    scenarios = [*budgets(2), *weightings({"south": PEOPLE.where(KM < 5, 0.0)}), Scenario("hill", "weights", PEOPLE + 1)]
    found = stability(siting.p_median, road(), PEOPLE, scenarios=scenarios, p=2)
    assert found.table.index.tolist() == ["p=1", "p=3", "south", "hill"]
    assert found.table["group"].tolist() == ["budget", "budget", "weights", "weights"]
    assert found.table["regret"].isna().tolist() == [True, False, False, False]
    assert found.table.loc["south", "objective"] == 10  # b and c open, a walks 1 km
    assert found.share.between(0, 1).all()
    assert found.share.index.tolist() == list("abcdef")


def test_existing_sites_have_no_share():
    found = stability(siting.p_median, road(), PEOPLE, scenarios=poisson(PEOPLE, draws=3), p=2, fixed=["c"])
    assert "c" not in found.share.index
    assert found.share.sum() == pytest.approx(1)


def test_a_scenario_that_cannot_be_met_says_why():
    more = weightings({"twice": PEOPLE * 2, "as today": PEOPLE})
    found = stability(capacitated_p_median, road(), PEOPLE, scenarios=more, p=2, capacity=room(*[40.0] * 6))
    assert found.table["status"].tolist() == ["none", "optimal"]
    assert "demand is 152 in all, but the 2 largest sites" in found.table.loc["twice", "why"]
    assert found.share[list(found.base.sites)].eq(1).all()  # of the scenarios that have an answer


def test_a_robust_choice_has_the_least_greatest_regret():
    found = stability(siting.p_median, road(), PEOPLE, scenarios=lognormal(PEOPLE, spread=1.0, draws=40), p=2)
    sure = robust(found)
    own = sure.table.set_index("sites").loc[[found.base.sites], "greatest"].iloc[0]
    assert sure.regret <= own
    assert sure.table["best_in"].sum() == 40
    assert sure.regret == sure.table["greatest"].min()


# ---- alternatives


def test_alternatives_work_for_every_model():
    seats = room(*[40.0] * 6)
    for model, options, better in (
        (lscp_backup, {"radius": 3.0}, min),
        (backup_coverage, {"radius": 3.0, "p": 4}, max),
        (capacitated_p_median, {"capacity": seats, "p": 3}, min),
        (capacitated_mclp, {"capacity": seats, "p": 2, "radius": 1.5}, max),
        (max_attendance, {"p": 2, "decay": exponential(1, reach=5)}, max),
    ):
        found = siting.alternatives(model, road(), PEOPLE, k=4, **options)
        values = [one.objective for one in found]
        assert values == sorted(values, reverse=better is max), model.__name__
        assert len({one.sites for one in found}) == len(found) >= 2, model.__name__


# ---- contradictions


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        (lambda: lscp_backup(road("abcd"), radius=1.5), ["4 of 6", "`f`", "1 within the radius", "number 2 is at 6.5 m", "1.5 m"]),
        (lambda: lscp_backup(road(within=1.5), radius=1.5), ["1 of 6", "`c`", "no pair of `od` lists number 2"]),
        (lambda: lscp_backup(road(), radius=3, times=0), ["`times`=0", "at least 1"]),
        (lambda: backup_coverage(road(), radius=1.5, p=2), ["`p`=2", "all 6", "takes 3 sites"]),
        (lambda: backup_coverage(road("ab"), radius=3), ["`f`", "within 3 m", "9.5 m"]),
        (
            lambda: capacitated_p_median(road(), PEOPLE, capacity=room(*[20.0] * 6), p=3),
            ["demand is 76", "3 largest sites (0 of them fixed) hold 60", "`p`=4"],
        ),
        (lambda: capacitated_p_median(road(), PEOPLE, capacity=room(*[10.0] * 6), p=3), ["All 6 sites together hold 60"]),
        (
            lambda: capacitated_p_median(road(), PEOPLE, capacity=room(*[25.0] * 6), p=4, split=False),
            ["1 of 6", "`d`", "demand 30", "holds 25"],
        ),
        (
            lambda: capacitated_p_median(road(within=1.5), PEOPLE, capacity=room(30, 30, 30, 13, 13, 13), p=6),
            ["3 demand points (d, e, f)", "demand of 41", "3 sites in their reach (d, e, f)", "hold 39"],
        ),
        (
            lambda: capacitated_p_median(road(within=1.5), PEOPLE, capacity=room(*[60.0] * 6), p=2),
            ["any `p`=2 sites can serve at most 71 of a demand of 76"],
        ),
        (lambda: capacitated_p_median(road(within=0.5)[1:], PEOPLE, capacity=room(*[99.0] * 6), p=2), ["1 of 6", "(a)", "no site"]),
        (
            lambda: capacitated_p_median(road("abc"), PEOPLE, capacity=room(26, 26, 26), p=3, split=False),
            ["`d`", "demand 30", "holds 26"],
        ),
        (
            lambda: capacitated_p_median(road("ab"), PEOPLE, capacity=room(39, 37), p=2, split=False),
            ["demand of 76 fits", "`p`=2", "wholes of up to 30"],
        ),
        (lambda: capacitated_mclp(road(), PEOPLE, capacity=room(*[9.0] * 6), p=7, radius=1), ["`p`=7", "only 6 sites"]),
        (lambda: max_attendance(road(), PEOPLE, p=1, decay=lambda cost: cost / 11), ["grows with distance"]),
        (lambda: max_attendance(road(), PEOPLE, p=1, decay=lambda cost: 2 - cost), ["0 to 1"]),
        (lambda: max_attendance(road(), PEOPLE, p=1, decay=stepped()), ["costs in min", "`od` is in m"]),
        (lambda: front(road(), PEOPLE, p=2, points=1), ["`points`=1", "two ends"]),
        (lambda: budgets(2, around=2), ["`around`=2", "`p`=2"]),
        (lambda: lognormal(PEOPLE, spread=0), ["`spread`=0"]),
        (lambda: stability(siting.p_median, road(), PEOPLE, scenarios=[], p=1), ["at least one"]),
        (lambda: stability(siting.p_median, road(), scenarios=poisson(PEOPLE, draws=2) * 2, p=1), ["4", "2 of them repeated"]),
    ],
)
def test_a_contradiction_names_both_numbers(call, numbers):
    with pytest.raises(ModelError) as caught:
        call()
    for number in numbers:
        assert number in str(caught.value)


def test_capacities_that_do_not_fit_are_refused_with_every_problem():
    with pytest.raises(DataError) as caught:
        capacitated_p_median(road(), PEOPLE, capacity=pd.Series({"a": -1.0, "b": np.nan, "c": 5.0}), p=1)
    assert len(caught.value.problems) == 2
    assert "2 of 3 rows" in str(caught.value)
    assert "3 of 6 sites have no capacity (d, e, f)" in str(caught.value)


def test_no_input_is_changed():
    od, demand, seats = road(), PEOPLE.copy(), room(*[40.0] * 6)
    lscp_backup(od, demand, radius=3)
    capacitated_p_median(od, demand, capacity=seats, p=2)
    capacitated_mclp(od, demand, capacity=seats, p=2, radius=2)
    max_attendance(od, demand, p=2, decay=quadratic(2))
    front(od, demand, p=2)
    stability(siting.p_median, od, demand, scenarios=poisson(demand, draws=2), p=2)
    pd.testing.assert_frame_equal(od, road())
    pd.testing.assert_series_equal(demand, PEOPLE)
    pd.testing.assert_series_equal(seats, room(*[40.0] * 6))
