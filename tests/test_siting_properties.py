"""Siting with backup, capacities, attendance and fronts against every choice tried on small instances, and what must hold for any."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gsan_lib.analysis import siting
from gsan_lib.analysis.attendance import max_attendance
from gsan_lib.analysis.backup import backup_coverage, lscp_backup
from gsan_lib.analysis.capacity import capacitated_mclp, capacitated_p_median
from gsan_lib.analysis.decays import exponential, gaussian, quadratic, stepped
from gsan_lib.analysis.distances import ODMatrix
from gsan_lib.analysis.fronts import front
from gsan_lib.errors import ModelError

CLOSE = 1e-6


@st.composite
def small(draw, points: int = 7, sites: int = 6):
    """Demand points and sites on a small lattice, so that ties are common; costs, demand, p, fixed sites and a radius."""
    place = st.tuples(st.integers(0, 9), st.integers(0, 9))
    here = np.array(draw(st.lists(place, min_size=2, max_size=points)))
    there = np.array(draw(st.lists(place, min_size=2, max_size=sites, unique=True)))
    demand = pd.Series(draw(st.lists(st.integers(0, 9), min_size=len(here), max_size=len(here))), dtype=float)
    cost = np.abs(here[:, None] - there).sum(axis=2).astype(float)
    p = draw(st.integers(1, len(there)))
    fixed = draw(st.lists(st.integers(0, len(there) - 1), max_size=min(p, 2), unique=True))
    return cost, demand, p, fixed, draw(st.integers(1, 12))


@st.composite
def roomy(draw, points: int = 6, sites: int = 4):
    """A small instance with capacities that are sometimes too small."""
    cost, demand, p, fixed, radius = draw(small(points, sites))
    seats = draw(st.lists(st.integers(0, 25), min_size=cost.shape[1], max_size=cost.shape[1]))
    return cost, demand, pd.Series(seats, dtype=float), p, fixed, radius


def matrix(cost: np.ndarray, most: float = np.inf) -> ODMatrix:
    row, col = np.nonzero(cost <= most)
    return ODMatrix.of(row, col, cost[row, col], pd.RangeIndex(cost.shape[0]), pd.RangeIndex(cost.shape[1]))


def subsets(sites: int, p: int, fixed: list[int]) -> list[list[int]]:
    return [list(one) for one in combinations(range(sites), p) if set(fixed) <= set(one)]


# ---- backup


@settings(max_examples=40, deadline=None)
@given(small(), st.integers(1, 3))
def test_lscp_with_backup_is_the_smallest_of_all_subsets(case, times):
    cost, demand, _, fixed, radius = case
    people, sites = demand.to_numpy() > 0, cost.shape[1]
    enough = [
        one
        for size in range(len(fixed), sites + 1)
        for one in subsets(sites, size, fixed)
        if ((cost[:, one] <= radius).sum(axis=1)[people] >= times).all()
    ]
    if not enough:
        with pytest.raises(ModelError, match="fewer than"):
            lscp_backup(matrix(cost), demand, radius=radius, times=times, fixed=fixed)
        return
    found = lscp_backup(matrix(cost), demand, radius=radius, times=times, fixed=fixed)
    assert found.objective == found.bound == len(found.sites) == len(enough[0])
    assert (found.covers[people] >= times).all()
    assert set(fixed) <= set(found.sites)


@settings(max_examples=40, deadline=None)
@given(small())
def test_backup_coverage_is_the_best_of_all_subsets(case):
    cost, demand, p, fixed, radius = case
    people, sites = demand.to_numpy() > 0, cost.shape[1]
    count = [(cost[:, one] <= radius).sum(axis=1) for one in subsets(sites, p, fixed)]
    values = [demand[one >= 2].sum() for one in count if (one[people] >= 1).all()]
    if not values:
        with pytest.raises(ModelError):
            backup_coverage(matrix(cost), demand, radius=radius, p=p, fixed=fixed)
        return
    found = backup_coverage(matrix(cost), demand, radius=radius, p=p, fixed=fixed)
    assert found.objective == found.bound == max(values)
    assert len(found.sites) <= p
    assert (found.covers[people] >= 1).all()
    assert (found.covers.ge(2) == found.backup.notna()).all()
    assert (found.backup_costs.dropna() >= found.costs[found.backup.notna()]).all()


# ---- capacities


def carried(cost: np.ndarray, demand: np.ndarray, seats: np.ndarray, reward: float) -> float | None:
    """Least cost minus reward per person of a transportation problem; all are served where there is no reward; None: impossible."""
    points, sites = cost.shape
    out = np.kron(np.eye(points), np.ones(sites))
    into = np.kron(np.ones(points), np.eye(sites))
    price = cost.ravel() - reward
    if reward:
        done = linprog(price, A_ub=np.vstack([out, into]), b_ub=np.concatenate([demand, seats]))
    else:
        done = linprog(price, A_ub=into, b_ub=seats, A_eq=out, b_eq=demand)
    return float(done.fun) if done.status == 0 else None


@settings(max_examples=40, deadline=None)
@given(roomy())
def test_capacitated_p_median_is_the_best_of_all_subsets(case):
    cost, demand, seats, p, fixed, _ = case
    values = [carried(cost[:, one], demand.to_numpy(), seats.to_numpy()[one], 0.0) for one in subsets(cost.shape[1], p, fixed)]
    possible = [value for value in values if value is not None]
    if not possible:
        with pytest.raises(ModelError):
            capacitated_p_median(matrix(cost), demand, capacity=seats, p=p, fixed=fixed)
        return
    found = capacitated_p_median(matrix(cost), demand, capacity=seats, p=p, fixed=fixed)
    assert found.objective == pytest.approx(min(possible), abs=CLOSE)
    assert found.gap == 0
    assert (found.loads <= found.capacity).all()  # whole numbers stay whole, so exactly
    assert found.served.tolist() == demand.tolist()
    assert len(found.sites) == p


@settings(max_examples=40, deadline=None)
@given(roomy(points=5))
def test_capacitated_p_median_of_whole_points_is_the_best_of_all_assignments(case):
    cost, demand, seats, p, fixed, _ = case
    weights, room = demand.to_numpy(), seats.to_numpy()
    people = np.flatnonzero(weights > 0)
    values = []
    for to in product(range(cost.shape[1]), repeat=len(people)):
        loads = np.bincount(to, weights=weights[people], minlength=cost.shape[1]) if len(people) else np.zeros(cost.shape[1])
        if (loads <= room).all() and len({*to, *fixed}) <= p:
            values.append(float((weights[people] * cost[people, list(to)]).sum()))
    if not values:
        with pytest.raises(ModelError):
            capacitated_p_median(matrix(cost), demand, capacity=seats, p=p, fixed=fixed, split=False)
        return
    found = capacitated_p_median(matrix(cost), demand, capacity=seats, p=p, fixed=fixed, split=False)
    assert found.objective == found.bound == min(values)
    assert (found.loads <= found.capacity).all()
    assert found.flows["origin"].is_unique


@settings(max_examples=40, deadline=None)
@given(roomy())
def test_capacitated_mclp_is_the_best_of_all_subsets(case):
    cost, demand, seats, p, fixed, radius = case
    served = np.where(cost <= radius, 0.0, 2.0)  # a reward of 1 does not pay for a way beyond the radius
    values = [-(carried(served[:, one], demand.to_numpy(), seats.to_numpy()[one], 1.0) or 0.0) for one in subsets(cost.shape[1], p, fixed)]
    found = capacitated_mclp(matrix(cost), demand, capacity=seats, p=p, radius=radius, fixed=fixed)
    assert found.objective == pytest.approx(max(values), abs=CLOSE)
    assert found.gap == 0
    assert (found.loads <= found.capacity).all()
    assert (found.served <= demand).all()
    assert (found.flows["cost"] <= radius).all()
    assert len(found.sites) <= max(p, len(fixed))
    whole = capacitated_mclp(matrix(cost), demand, capacity=seats, p=p, radius=radius, fixed=fixed, split=False)
    assert whole.objective <= found.objective
    assert whole.served.isin([0.0]).where(whole.served != demand, True).all()
    assert (whole.loads <= whole.capacity).all()


@settings(max_examples=25, deadline=None)
@given(roomy(), st.floats(1.0, 3.0))
def test_more_room_never_worsens_an_answer(case, factor):
    cost, demand, seats, p, fixed, radius = case
    covered = [
        capacitated_mclp(matrix(cost), demand, capacity=one, p=p, radius=radius, fixed=fixed).objective for one in (seats, seats * factor)
    ]
    assert covered[1] >= covered[0] - CLOSE
    try:
        before = capacitated_p_median(matrix(cost), demand, capacity=seats, p=p, fixed=fixed).objective
    except ModelError:
        return
    assert capacitated_p_median(matrix(cost), demand, capacity=seats * factor, p=p, fixed=fixed).objective <= before + CLOSE


@settings(max_examples=25, deadline=None)
@given(roomy(), st.floats(0.1, 7.3), st.booleans())
def test_broken_numbers_keep_to_the_capacities_and_lose_nobody(case, factor, split):
    """Estimated people are no whole numbers; then the solver's tolerance of 1e-6 is what remains."""
    cost, demand, seats, p, fixed, radius = case
    try:
        found = capacitated_p_median(matrix(cost), demand * factor, capacity=seats * np.pi, p=p, fixed=fixed, split=split)
    except ModelError:
        found = capacitated_mclp(matrix(cost), demand * factor, capacity=seats * np.pi, p=p, radius=radius, fixed=fixed, split=split)
        assert (found.served <= demand * factor * (1 + CLOSE)).all()
    else:
        np.testing.assert_allclose(found.served, demand * factor, rtol=CLOSE)
    assert (found.loads <= found.capacity * (1 + CLOSE)).all()
    assert found.gap <= CLOSE
    assert found.loads.sum() == pytest.approx(found.served.sum())


# ---- attendance


@settings(max_examples=40, deadline=None)
@given(small(), st.sampled_from([exponential(2, reach=30), gaussian(9), quadratic(5), stepped([2, 6], [1, 0.3], unit="m")]))
def test_attendance_is_the_best_of_all_subsets(case, decay):
    cost, demand, p, fixed, _ = case
    share = decay(cost)
    best = max(float(demand.to_numpy() @ share[:, one].max(axis=1)) for one in subsets(cost.shape[1], p, fixed))
    found = max_attendance(matrix(cost), demand, p=p, decay=decay, fixed=fixed)
    assert found.objective == pytest.approx(best, abs=1e-9)
    assert found.gap <= 1e-9
    assert found.attendance.sum() == pytest.approx(found.objective)
    assert (found.attendance <= demand).all()


# ---- fronts


@settings(max_examples=30, deadline=None)
@given(small())
def test_the_front_is_that_of_all_subsets(case):
    cost, demand, p, fixed, _ = case
    assume(demand.sum() > 0)
    weights = demand.to_numpy()
    ways = [cost[:, one].min(axis=1) for one in subsets(cost.shape[1], p, fixed)]
    both = sorted({(float(weights @ way), float(way[weights > 0].max())) for way in ways})
    best = [(mean, worst) for place, (mean, worst) in enumerate(both) if all(worst < other for _, other in both[:place])]
    found = front(matrix(cost), demand, p=p, fixed=fixed)
    assert [(one.objective, worst) for one, worst in zip(found.answers, found.table["worst"], strict=True)] == best
    assert found.answers[0].objective == siting.p_median(matrix(cost), demand, p=p, fixed=fixed).objective
    assert found.table["worst"].iloc[-1] == siting.p_center(matrix(cost), demand, p=p, fixed=fixed).objective
    thin = front(matrix(cost), demand, p=p, fixed=fixed, points=2)
    assert {(one.objective, worst) for one, worst in zip(thin.answers, thin.table["worst"], strict=True)} <= set(best)
    assert thin.table["worst"].iloc[-1] == best[-1][1]


# ---- for every model


@settings(max_examples=25, deadline=None)
@given(roomy())
def test_more_sites_never_worsen_an_answer(case):
    cost, demand, seats, p, fixed, radius = case
    assume(p < cost.shape[1])
    od = matrix(cost)
    for ask in (
        lambda p: capacitated_mclp(od, demand, capacity=seats, p=p, radius=radius, fixed=fixed).objective,
        lambda p: backup_coverage(od, demand, radius=radius, p=p, fixed=fixed).objective,
        lambda p: max_attendance(od, demand, p=p, decay=quadratic(radius), fixed=fixed).objective,
        lambda p: -capacitated_p_median(od, demand, capacity=seats, p=p, fixed=fixed).objective,
    ):
        try:
            before = ask(p)
        except ModelError:
            continue
        assert ask(p + 1) >= before - CLOSE


@settings(max_examples=25, deadline=None)
@given(roomy())
def test_alternatives_never_beat_the_optimum(case):
    cost, demand, seats, p, fixed, radius = case
    od = matrix(cost)
    for model, options, sense in (
        (capacitated_mclp, {"capacity": seats, "p": p, "radius": radius}, -1),
        (capacitated_p_median, {"capacity": seats, "p": p}, 1),
        (backup_coverage, {"radius": radius, "p": p}, -1),
        (lscp_backup, {"radius": radius}, 1),
        (max_attendance, {"p": p, "decay": quadratic(radius)}, -1),
    ):
        try:
            found = siting.alternatives(model, od, demand, k=3, fixed=fixed, **options)
        except ModelError:
            continue
        values = [sense * one.objective for one in found]
        assert values == pytest.approx(sorted(values), abs=CLOSE)
        assert len({one.sites for one in found}) == len(found)


@settings(max_examples=25, deadline=None)
@given(roomy(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_change_the_answer(case, chance):
    cost, demand, seats, p, fixed, radius = case
    pairs = matrix(cost).to_frame()
    order = list(range(len(pairs)))
    chance.shuffle(order)
    for model, options in (
        (capacitated_mclp, {"capacity": seats, "p": p, "radius": radius}),
        (max_attendance, {"p": p, "decay": quadratic(radius)}),
        (backup_coverage, {"p": p, "radius": radius}),
    ):
        try:
            first = model(pairs, demand, fixed=fixed, **options)
        except ModelError:
            continue
        assert first == model(pairs.iloc[order], demand[::-1], fixed=fixed, **options)
