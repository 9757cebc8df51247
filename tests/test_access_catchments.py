"""Floating catchments: what each of them keeps whole, and plain loops that compute the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import access, catchments, decays
from gsan_lib.analysis.distances import between, in_minutes, od_matrix
from gsan_lib.errors import DataError, ModelError

CURVES = {
    "binary": decays.binary(30, unit="min"),
    "stepped": decays.stepped(),
    "gaussian": decays.gaussian(30, unit="min"),
    "quadratic": decays.quadratic(30, unit="min"),
    "exponential": decays.exponential(8, reach=30, unit="min"),
    "power": decays.power(1.5, least=2, reach=30, unit="min"),
    "logistic": decays.logistic(15, spread=4, reach=30),
}


@st.composite
def towns(draw):
    """Costs up to 60 minutes, some pairs missing, demand and supply above 0."""
    homes, places = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    cost = draw(st.lists(st.floats(0, 60) | st.none(), min_size=homes * places, max_size=homes * places))
    rows = [(f"h{k // places}", f"p{k % places}", value) for k, value in enumerate(cost) if value is not None]
    od = pd.DataFrame(rows, columns=["origin", "destination", "cost"]).astype({"cost": float})
    demand = pd.Series(draw(st.lists(st.integers(1, 500), min_size=homes, max_size=homes)), index=[f"h{k}" for k in range(homes)])
    supply = pd.Series(draw(st.lists(st.integers(1, 50), min_size=places, max_size=places)), index=[f"p{k}" for k in range(places)])
    return od, supply, demand


def weight(od: pd.DataFrame, decay: decays.Decay) -> dict[tuple[str, str], float]:
    return {(a, b): float(decay(cost)) for a, b, cost in od.itertuples(index=False) if cost <= decay.reach}


def reached(od: pd.DataFrame, supply: pd.Series, decay: decays.Decay) -> float:
    """Supply of the places that anybody reaches with a weight."""
    return supply[sorted({place for (_, place), w in weight(od, decay).items() if w > 0})].sum()


@pytest.mark.parametrize("name", CURVES)
def test_a_decay_starts_at_one_falls_and_ends_at_its_reach(name):
    cost = np.linspace(0, 60, 601)
    found = CURVES[name](cost)
    assert found[0] == pytest.approx(1)
    assert (np.diff(found) <= 1e-12).all()
    assert (found[cost > 30] == 0).all()
    assert ((found >= -1e-15) & (found <= 1)).all()


def test_the_gaussian_and_the_quadratic_end_at_zero_at_the_rim():
    assert decays.gaussian(1000)([1000.0])[0] == pytest.approx(0, abs=1e-15)
    assert decays.quadratic(1000)([1000.0])[0] == 0
    assert decays.gaussian(1000)([500.0])[0] == pytest.approx((np.exp(-0.125) - np.exp(-0.5)) / (1 - np.exp(-0.5)))


def test_numbers_of_a_decay_that_make_no_curve_are_refused():
    for wrong in (
        lambda: decays.binary(0),
        lambda: decays.stepped((10, 5), (1, 0.5)),
        lambda: decays.stepped((10, 20), (0.5, 1)),
        lambda: decays.stepped((10,), (1, 0.5)),
        lambda: decays.power(2, least=100, reach=50),
        lambda: decays.exponential(np.inf, reach=10),
    ):
        with pytest.raises(ModelError):
            wrong()


@settings(deadline=None, max_examples=40)
@given(towns(), st.sampled_from(sorted(CURVES)))
def test_enhanced_and_three_step_hand_out_the_supply_that_is_reached(town, curve):
    od, supply, demand = town
    for measure in (catchments.enhanced_two_step, catchments.three_step):
        found = measure(od, supply, demand, decay=CURVES[curve])
        assert (found * demand.reindex(found.index)).sum() == pytest.approx(reached(od, supply, CURVES[curve]), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(towns(), st.sampled_from(sorted(CURVES)))
def test_balanced_catchments_keep_people_supply_and_level_of_service(town, curve):
    od, supply, demand = town
    w = {pair: value for pair, value in weight(od, CURVES[curve]).items() if value > 0}
    if not w:
        return
    found = catchments.balanced(od, supply, demand, decay=CURVES[curve])
    served = demand[sorted({home for home, _ in w})].sum()
    assert found.demand.sum() == pytest.approx(served)
    assert found.unserved == pytest.approx(demand.reindex(found.access.index).sum() - served)
    assert (found.level * found.demand).sum() == pytest.approx(reached(od, supply, CURVES[curve]))
    assert found.access.sum() == pytest.approx(found.level.sum())


@settings(deadline=None, max_examples=30)
@given(towns(), st.sampled_from(sorted(CURVES)))
def test_plain_loops_give_the_same(town, curve):
    od, supply, demand = town
    w = weight(od, CURVES[curve])
    homes, places = sorted(set(od["origin"])), sorted(set(od["destination"]))
    at = lambda i, j: w.get((i, j), 0.0)
    choice = {(i, j): at(i, j) / total if (total := sum(at(i, k) for k in places)) else 0.0 for i in homes for j in places}
    enhanced, three, balanced = {}, {}, {}
    for i in homes:
        enhanced[i] = three[i] = balanced[i] = 0.0
        for j in places:
            if at(i, j) > 0:
                enhanced[i] += at(i, j) * supply[j] / sum(at(k, j) * demand[k] for k in homes)
                three[i] += choice[i, j] * at(i, j) * supply[j] / sum(choice[k, j] * at(k, j) * demand[k] for k in homes)
                level = supply[j] / sum(choice[k, j] * demand[k] for k in homes)
                balanced[i] += at(i, j) / sum(at(k, j) for k in homes) * level
    decay = CURVES[curve]
    assert catchments.enhanced_two_step(od, supply, demand, decay=decay).to_dict() == pytest.approx(enhanced)
    assert catchments.three_step(od, supply, demand, decay=decay).to_dict() == pytest.approx(three)
    if any(w.values()):
        assert catchments.balanced(od, supply, demand, decay=decay).access.to_dict() == pytest.approx(balanced)


@settings(deadline=None, max_examples=30)
@given(towns(), st.sampled_from(sorted(CURVES)), st.integers(0, 4))
def test_more_supply_never_means_less_access(town, curve, place):
    od, supply, demand = town
    more = supply.copy()
    more.iloc[place % len(more)] += 10
    for measure in (catchments.enhanced_two_step, catchments.three_step):
        before, after = measure(od, supply, demand, decay=CURVES[curve]), measure(od, more, demand, decay=CURVES[curve])
        assert (after >= before - 1e-12).all()
    before, after = access.gravity(od, supply, decay=CURVES[curve]), access.gravity(od, more, decay=CURVES[curve])
    assert (after >= before - 1e-12).all()


def test_gravity_with_a_plain_catchment_is_the_cumulative_measure():
    draw = np.random.default_rng(1)
    od = pd.DataFrame([(i, j, draw.uniform(0, 60)) for i in range(30) for j in range(9)], columns=["origin", "destination", "cost"])
    supply = pd.Series(draw.integers(0, 50, 9))
    plain = access.gravity(od, supply, decay=decays.binary(25, unit="min"))
    assert plain.to_dict() == access.cumulative_opportunities(od, supply, most=25).to_dict()


def test_nearest_by_cost_agrees_with_a_plain_minimum_and_leaves_the_unreached_blank():
    draw = np.random.default_rng(2)
    rows = [(i, j, float(draw.integers(0, 6))) for i in range(50) for j in range(8) if draw.random() < 0.3]
    od = od_matrix(pd.DataFrame([*rows, (99, 0, 0.0)], columns=["origin", "destination", "cost"]))
    found = access.nearest_by_cost(od)
    for home in od.origins:
        ways = sorted((cost, place) for a, place, cost in [*rows, (99, 0, 0.0)] if a == home)
        assert (found.loc[home, "cost"], found.loc[home, "facility"]) == ways[0]
    nothing = pd.DataFrame({"origin": ["A"], "destination": ["x"], "cost": [50.0]})
    assert access.gravity(nothing, pd.Series({"x": 5}), decay=decays.binary(30, unit="min")).tolist() == [0]


def test_a_place_that_reaches_nothing_has_no_access_and_is_told():
    od = pd.DataFrame({"origin": ["A", "B"], "destination": ["x", "x"], "cost": [10.0, 90.0]})
    found = catchments.balanced(od, pd.Series({"x": 5}), pd.Series({"A": 10, "B": 7}), decay=decays.binary(30, unit="min"))
    assert found.access.to_dict() == {"A": 0.5, "B": 0}
    assert found.unserved == 7
    assert found.sentence == "10 people are divided among 1 facilities; 7 reach none"


def test_nobody_at_all_has_no_access_rather_than_a_number():
    od = pd.DataFrame({"origin": ["A", "B"], "destination": ["x", "y"], "cost": [1.0, 1.0]})
    supply, demand = pd.Series({"x": 5, "y": 5}), pd.Series({"A": 10, "B": 0})
    decay = decays.binary(2, unit="min")
    for found in (catchments.three_step(od, supply, demand, decay=decay), catchments.balanced(od, supply, demand, decay=decay).access):
        assert found["A"] == 0.5
        assert np.isnan(found["B"])


def test_negative_supply_repeated_places_and_other_units_are_refused():
    od = pd.DataFrame({"origin": ["A"], "destination": ["x"], "cost": [1.0]})
    people, decay = pd.Series({"A": 1}), decays.binary(2, unit="min")
    with pytest.raises(DataError, match=r"1 of 1 destinations: `supply` is missing, negative or infinite \(x\)"):
        catchments.balanced(od, pd.Series({"x": -1}), people, decay=decay)
    with pytest.raises(DataError, match=r"1 of 2 rows of `demand` repeat.*\(A\)"):
        catchments.three_step(od, pd.Series({"x": 1}), pd.Series([1, 2], index=["A", "A"]), decay=decay)
    with pytest.raises(DataError, match="1 of 2 rows repeat an earlier pair"):
        catchments.enhanced_two_step(pd.concat([od, od]), pd.Series({"x": 1}), people, decay=decay)
    with pytest.raises(ModelError, match="in min, but `od` is in m"):
        catchments.three_step(od_matrix(od, unit="m"), pd.Series({"x": 1}), people, decay=decay)
    with pytest.raises(ModelError, match="least cost is 1 min"):
        catchments.balanced(od, pd.Series({"x": 1}), people, decay=decays.binary(0.5, unit="min"))


def test_minutes_and_metres_give_the_same_access_at_the_matching_reach():
    import geopandas as gpd

    draw = np.random.default_rng(4)
    homes, places = (gpd.GeoSeries.from_xy(*draw.uniform(950_000, 955_000, (2, n)), crs="EPSG:5179") for n in (80, 12))
    metres = between(homes, places, within_m=1500, detour=1.2)
    walked = in_minutes(metres, speed_m_per_min=50)
    supply, demand = pd.Series(draw.integers(1, 9, 12)), pd.Series(draw.integers(1, 90, 80))
    by_metres = catchments.enhanced_two_step(metres, supply, demand, decay=decays.gaussian(1500))
    by_minutes = catchments.enhanced_two_step(walked, supply, demand, decay=decays.gaussian(30, unit="min"))
    assert by_metres.to_numpy() == pytest.approx(by_minutes.to_numpy())
    with pytest.raises(ModelError, match="only metres"):
        in_minutes(walked)


def test_pysal_access_finds_the_same_enhanced_and_three_step_catchments():
    """Six homes, three places, drawn once; the numbers are those of `access` 1.1.10 with weights 1, 0.68, 0.22 up to 10, 20, 30 minutes."""
    cost = [5.1, 20.0, 24.1, 1.1, 5.9, 37.1, 2.8, 5.2, 37.9, 24.9, 14.8, 20.5, 26.5, 11.0, 5.5, 31.5, 26.8, 20.5]
    od = pd.DataFrame([(f"h{k // 3}", f"p{k % 3}", value) for k, value in enumerate(cost)], columns=["origin", "destination", "cost"])
    demand = pd.Series([473, 417, 427, 297, 492, 491], index=[f"h{k}" for k in range(6)])
    supply = pd.Series([11, 14, 18], index=["p0", "p1", "p2"])
    enhanced = catchments.enhanced_two_step(od, supply, demand, decay=decays.stepped())
    three = catchments.three_step(od, supply, demand, decay=decays.stepped())
    assert enhanced.to_numpy() == pytest.approx(
        [0.017785557112150397, 0.015113715208381284, 0.015113715208381284, 0.012029408498858927, 0.030276919611125306, 0.006848222153247064]
    )
    assert three.to_numpy() == pytest.approx(
        [0.013759544917666254, 0.01629725422377304, 0.01629725422377304, 0.009919897510851946, 0.03253213108515389, 0.007708420844115436]
    )
