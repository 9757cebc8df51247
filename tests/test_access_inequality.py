"""Inequality: published numbers, the definitions written out, and what is refused."""

from __future__ import annotations

import libpysal
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import equity, inequality
from gsan_lib.errors import DataError, ModelError

DECADES = range(1940, 2010, 10)

rows = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50), st.integers(0, 3)), min_size=2, max_size=14).filter(
    lambda found: sum(value * people for value, people, _ in found) > 0
)


def frame(found: list[tuple[int, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(found, columns=["value", "people", "group"]).astype({"value": float})


@pytest.fixture(scope="module")
def mexico():
    return pd.read_csv(libpysal.examples.get_path("mexico.csv"))


def test_theil_of_mexican_states_between_and_within_regions_as_pysal_publishes(mexico):
    published = {  # PySAL inequality, theil.py
        "total": [0.20894344, 0.15222451, 0.10472941, 0.10194725, 0.09560113, 0.10511256, 0.10660832],
        "between": [0.0345889, 0.02816853, 0.05260921, 0.05931219, 0.03205257, 0.02963731, 0.03635872],
        "within": [0.17435454, 0.12405598, 0.0521202, 0.04263506, 0.06354856, 0.07547525, 0.0702496],
    }
    for part, numbers in published.items():
        found = [getattr(inequality.theil_by_group(mexico[f"pcgdp{decade}"], mexico["hanson98"]), part) for decade in DECADES]
        assert found == pytest.approx(numbers, abs=1e-7), part


def test_concentration_of_child_deaths_by_wealth_in_india():
    """O'Donnell, van Doorslaer, Wagstaff and Lindelow (World Bank 2008), chapter 8, grouped data."""
    births = pd.Series([29_939, 28_776, 26_528, 24_689, 19_739])
    deaths = pd.Series([154.7, 152.9, 119.5, 86.9, 54.3])
    assert round(inequality.concentration_index(deaths, pd.Series(range(5)), births), 4) == -0.1694


@settings(deadline=None)
@given(rows)
def test_a_place_of_many_people_is_many_places_of_one(found):
    data = frame(found)
    one_by_one = data.loc[data.index.repeat(data["people"])].reset_index(drop=True)
    weighted = inequality.theil(data["value"], data["people"])
    assert weighted == pytest.approx(inequality.theil(one_by_one["value"]), abs=1e-9)
    by_rank = inequality.concentration_index(data["value"], data["group"], data["people"])
    assert by_rank == pytest.approx(inequality.concentration_index(one_by_one["value"], one_by_one["group"]), abs=1e-9)


@settings(deadline=None)
@given(rows)
def test_between_and_within_add_up_and_bounds_hold(found):
    data = frame(found)
    parts = inequality.theil_by_group(data["value"], data["group"], data["people"])
    assert parts.between + parts.within == pytest.approx(inequality.theil(data["value"], data["people"]), abs=1e-9)
    assert parts.between >= -1e-12
    assert parts.within >= -1e-12
    assert parts.groups["people"].sum() == pytest.approx(1)
    assert parts.groups["held"].sum() == pytest.approx(1)
    assert parts.total <= np.log(data["people"].sum()) + 1e-9
    index = inequality.concentration_index(data["value"], data["group"], data["people"])
    gini = equity.gini(data["value"], data["people"])
    assert abs(index) <= gini + 1e-9  # no rank is more unequal than the values' own
    assert inequality.concentration_index(data["value"], data["value"], data["people"]) == pytest.approx(gini, abs=1e-9)
    assert inequality.concentration_index(data["value"], -data["group"], data["people"]) == pytest.approx(-index, abs=1e-9)


@settings(deadline=None)
@given(rows, st.integers(1, 1000))
def test_the_unit_of_the_values_plays_no_part(found, factor):
    data = frame(found)
    for measure in (inequality.theil, equity.gini):
        assert measure(data["value"] * factor, data["people"]) == pytest.approx(measure(data["value"], data["people"]), abs=1e-9)


def test_theil_l_by_the_definition_and_by_groups():
    draw = np.random.default_rng(5)
    values, people, group = pd.Series(draw.uniform(1, 9, 40)), pd.Series(draw.integers(1, 60, 40)), pd.Series(draw.integers(0, 4, 40))
    mean = np.average(values, weights=people)
    by_hand = sum(p * np.log(mean / x) for x, p in zip(values, people, strict=True)) / people.sum()
    parts = inequality.theil_by_group(values, group, people, index="L")
    assert parts.total == pytest.approx(by_hand)
    assert inequality.theil(values, people, index="L") == pytest.approx(by_hand)


def test_palma_splits_the_place_on_the_border():
    # 100 people: 50 with 1, 50 with 3; the best 10 hold 30, the worst 40 hold 40
    assert inequality.palma(pd.Series([3.0, 1]), pd.Series([50, 50])) == pytest.approx(30 / 40)
    assert inequality.palma(pd.Series([1.0] * 5)) == pytest.approx(0.25)
    assert inequality.palma(pd.Series([1.0, 2]), best=0.5, worst=0.5) == pytest.approx(2)


def test_places_without_people_may_lack_a_value():
    values, people = pd.Series([1.0, 3.0, np.nan]), pd.Series([5, 5, 0])
    assert inequality.theil(values, people) == pytest.approx(inequality.theil(values[:2], people[:2]))
    with pytest.raises(DataError, match=r"1 of 3 rows: `values` is missing.*\(2\)"):
        inequality.theil(values, pd.Series([5, 5, 1]))


def test_equal_ranks_share_their_place_whatever_the_order_of_rows():
    values, rank = pd.Series([1.0, 9, 5, 2]), pd.Series([1, 1, 2, 2])
    for order in ([0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0]):
        assert inequality.concentration_index(values.iloc[order], rank.iloc[order]) == pytest.approx(
            inequality.concentration_index(pd.Series([5.0, 3.5]), pd.Series([1, 2]), pd.Series([2, 2]))
        )


def test_what_has_no_value_is_refused_with_what_to_do():
    with pytest.raises(DataError, match="does not allow.*index='T'"):
        inequality.theil(pd.Series([0.0, 1]), index="L")
    with pytest.raises(DataError, match="nobody has anything"):
        inequality.theil(pd.Series([0.0, 0]))
    with pytest.raises(DataError, match="worst-served 40% of the people have nothing"):
        inequality.palma(pd.Series([0.0, 0, 1]))
    with pytest.raises(DataError, match="negative"):
        inequality.concentration_index(pd.Series([-1.0, 2]), pd.Series([1, 2]))
    with pytest.raises(DataError, match="1 of 2 rows have no `by`"):
        inequality.concentration_index(pd.Series([1.0, 2]), pd.Series([1, np.nan]))
    with pytest.raises(DataError, match="same index"):
        inequality.theil_by_group(pd.Series([1.0, 2]), pd.Series(["a", "b"], index=[1, 2]))
    with pytest.raises(DataError, match="index of `values` must be unique"):
        inequality.theil(pd.Series([1.0, 2], index=[0, 0]))
    with pytest.raises(ModelError, match="must hold all values"):
        inequality.concentration_index(pd.Series([1.0, 2]), pd.Series([1, 2]), bounds=(0, 1))


def test_the_bootstrap_says_the_same_twice_and_holds_the_value_of_equal_places():
    draw = np.random.default_rng(6)
    values, people = pd.Series(draw.gamma(2, 3, 60)), pd.Series(draw.integers(1, 90, 60))
    first = inequality.bootstrap(inequality.theil, values, people, draws=200)
    assert first == inequality.bootstrap(inequality.theil, values, people, draws=200)
    assert first.low < first.value < first.high
    assert first != inequality.bootstrap(inequality.theil, values, people, draws=200, seed=1)
    flat = inequality.bootstrap(equity.gini, pd.Series([2.0] * 20), draws=100)
    assert (round(flat.low, 12), round(flat.high, 12)) == (0, 0)


def test_the_bootstrap_covers_as_often_as_it_says():
    """Places drawn from a known mix: the interval holds the mix's own Gini in about 90 % of 25 tries (binomial 99 %: 18 or more)."""
    draw = np.random.default_rng(8)
    truth = equity.gini(pd.Series(np.random.default_rng(0).gamma(3, 1, 40_000)))
    held = 0
    for seed in range(25):
        found = inequality.bootstrap(equity.gini, pd.Series(draw.gamma(3, 1, 120)), draws=100, level=0.9, seed=seed)
        held += found.low <= truth <= found.high
    assert 18 <= held <= 25


def test_too_few_places_have_no_interval():
    with pytest.raises(DataError, match="7 rows.*says nothing"):
        inequality.bootstrap(equity.gini, pd.Series([1.0] * 7))
    mostly_nothing = pd.Series([0.0] * 40 + [1])
    with pytest.raises(DataError, match="draws have a value"):
        inequality.bootstrap(equity.gini, mostly_nothing, draws=100)


def test_an_interval_of_a_concentration_follows_its_rank():
    draw = np.random.default_rng(3)
    rank, people = pd.Series(np.arange(50.0)), pd.Series(draw.integers(1, 90, 50))
    rising = pd.Series(1 + 0.1 * np.arange(50) + draw.uniform(0, 1, 50))
    found = inequality.bootstrap(inequality.concentration_index, rising, people, by=rank, draws=100)
    assert found.value == pytest.approx(inequality.concentration_index(rising, rank, people))
    assert 0 < found.low < found.value < found.high
    other = inequality.bootstrap(inequality.concentration_index, rising, people, by=-rank, draws=100)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low))
