"""Composite indices: a published index, answers worked by hand, properties, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gsan_lib.analysis.indices import AGGREGATE, NORMALISE, composite, normalised, rank_by_method, rank_stability
from gsan_lib.errors import DataError, ModelError

AREAS = pd.DataFrame({"crimes": [10, 60, 50, 20], "alone": [100, 400, 420, 300], "cameras": [2, 12, 8, 6]}, index=list("abcd"))
WEIGHTS = {"crimes": 2, "alone": 1, "cameras": 1}


def test_the_human_development_index_of_2021():
    """UNDP, Human Development Report 2021/22, table 1: Norway 0.961 and the Republic of Korea 0.925, from inputs as printed there."""
    years = pd.DataFrame(
        {"life": [83.2, 83.7], "expected": [18.0, 16.5], "mean": [13.0, 12.5], "income": np.log([64_660, 44_501])}, index=["NOR", "KOR"]
    )
    schooling = normalised(years[["expected", "mean"]], goalposts={"expected": (0, 18), "mean": (0, 15)}).mean(axis=1)
    found = composite(
        years[["life", "income"]].assign(schooling=schooling),
        {"life": 1, "schooling": 1, "income": 1},
        aggregate="geometric",
        goalposts={"life": (20, 85), "income": (np.log(100), np.log(75_000)), "schooling": (0, 1)},
    )
    assert found.scores["NOR"] == pytest.approx(0.961, abs=0.001)
    assert found.scores["KOR"] == pytest.approx(0.925, abs=0.001)


def test_an_index_worked_by_hand():
    found = composite(AREAS, WEIGHTS, reverse=["cameras"])
    # crimes 0, 1, 0.8, 0.2; alone 0, 0.9375, 1, 0.625; cameras 1, 0, 0.4, 0.6
    assert found.contributions.loc["b"].to_dict() == {"crimes": 0.5, "alone": 0.234375, "cameras": 0.0}
    np.testing.assert_allclose(found.scores, [0.25, 0.734375, 0.75, 0.40625], rtol=1e-15)
    assert found.ranks.to_dict() == {"a": 4, "b": 2, "c": 1, "d": 3}
    geometric = composite(AREAS, WEIGHTS, reverse=["cameras"], aggregate="geometric", floor=0.1)
    np.testing.assert_allclose(geometric.scores["c"], 0.82**0.5 * 1**0.25 * 0.46**0.25)
    np.testing.assert_allclose(geometric.contributions.prod(axis=1), geometric.scores)
    assert geometric.ranks["b"] == 2
    assert geometric.scores["b"] < found.scores["b"]  # no camera is missing there, and crimes do not make up for it


def test_double_counting_is_told():
    twice = AREAS.assign(thefts=AREAS["crimes"] * 3 + 1)
    found = composite(twice, {**WEIGHTS, "thefts": 4})
    pairs = found.correlated.set_index(["one", "other"])
    assert pairs.loc[("crimes", "thefts"), "rho"] == pytest.approx(1)
    assert pairs.loc[("crimes", "thefts"), "weight"] == pytest.approx(6 / 8)
    assert composite(AREAS[["crimes", "alone"]], {"crimes": 1, "alone": 1}).correlated.empty  # 0.8
    assert len(composite(AREAS[["crimes", "alone"]], {"crimes": 1, "alone": 1}, alike=0.8).correlated) == 1


def test_a_weight_is_no_importance():
    flat = pd.DataFrame({"same": [0.0, 0.0, 0.0, 0.0, 100.0], "varied": [0.0, 100.0, 0.0, 100.0, 0.0]})
    found = composite(flat, {"same": 1, "varied": 1}, normalise="min-max")
    assert found.influence["varied"] > found.weights["varied"]
    assert found.influence.sum() == pytest.approx(1)


def test_equal_areas_share_the_better_rank():
    areas = pd.DataFrame({"one": [0.1 + 0.2, 0.3, 0.0], "two": [1.0, 1.0, 0.0]})
    assert composite(areas, {"one": 1, "two": 2}).ranks.tolist() == [1, 1, 3]


def test_ranks_that_no_weight_can_change_are_stable():
    ordered = pd.DataFrame({"one": [1.0, 2, 3, 4], "two": [10.0, 20, 30, 50], "three": [0.0, 1, 5, 6]})
    held = rank_stability(composite(ordered, {"one": 1, "two": 1, "three": 1}), top=2, concentration=5)
    assert held["rank"].tolist() == held["best"].tolist() == held["worst"].tolist() == [4, 3, 2, 1]
    assert held["top_share"].tolist() == [0, 0, 1, 1]


def test_a_tie_of_opinions_is_a_tie_in_the_draws():
    opposed = pd.DataFrame({"one": [0.0, 1.0], "two": [1.0, 0.0]})
    held = rank_stability(composite(opposed, {"one": 1, "two": 1}), top=1, draws=2000)
    assert held["top_share"].between(0.46, 0.54).all()  # 4 standard errors of 0.011
    assert held[["low", "high"]].to_numpy().tolist() == [[1, 2], [1, 2]]


def test_the_drawn_weights_have_the_mean_and_spread_that_are_told():
    from gsan_lib.analysis.indices import _drawn

    weights = pd.Series({"one": 0.25, "two": 0.75, "none": 0.0})
    drawn = _drawn(weights, 20_000, 50.0, 1)
    np.testing.assert_allclose(drawn.sum(axis=0), 1)
    np.testing.assert_allclose(drawn.mean(axis=1), weights, atol=0.002)
    assert drawn[0].std() == pytest.approx(np.sqrt(0.25 * 0.75 / 51), rel=0.03)
    assert (drawn[2] == 0).all()


def test_the_same_seed_draws_the_same_and_nothing_given_is_changed():
    before = AREAS.copy()
    found = composite(AREAS, WEIGHTS)
    pd.testing.assert_frame_equal(rank_stability(found, top=1, draws=50), rank_stability(found, top=1, draws=50))
    even = composite(AREAS, WEIGHTS, reverse=["cameras"])  # b and c change places
    assert not rank_stability(even, top=1, draws=50, seed=1).equals(rank_stability(even, top=1, draws=50))
    pd.testing.assert_frame_equal(AREAS, before)


def test_every_recipe_stands_beside_the_others():
    found = rank_by_method(AREAS, WEIGHTS, reverse=["cameras"])
    assert len(found.columns) == 7
    assert found["min-max, additive"].equals(composite(AREAS, WEIGHTS, reverse=["cameras"]).ranks.rename("min-max, additive"))


# ---- properties


@st.composite
def table(draw):
    rows, columns = draw(st.integers(3, 8)), draw(st.integers(2, 4))
    values = draw(st.lists(st.integers(0, 20), min_size=rows * columns, max_size=rows * columns))
    frame = pd.DataFrame(np.array(values, dtype=float).reshape(rows, columns), columns=list("wxyz")[:columns])
    assume((frame.nunique() > 1).all())
    weights = draw(st.lists(st.integers(1, 5), min_size=columns, max_size=columns))
    return frame.set_axis([f"area {number}" for number in range(rows)]), dict(zip(frame.columns, weights, strict=True))


@settings(max_examples=60, deadline=None)
@given(table(), st.sampled_from(NORMALISE), st.sampled_from(AGGREGATE), st.data())
def test_what_holds_for_every_index(case, normalise, aggregate, data):
    frame, weights = case
    assume((normalise, aggregate) != ("z-score", "geometric"))
    floor = 0.05 if aggregate == "geometric" else 0.0
    reverse = data.draw(st.lists(st.sampled_from(list(frame.columns)), unique=True))
    found = composite(frame, weights, normalise=normalise, aggregate=aggregate, reverse=reverse, floor=floor)
    whole = found.contributions.prod(axis=1) if aggregate == "geometric" else found.contributions.sum(axis=1)
    np.testing.assert_allclose(whole, found.scores, atol=1e-12)
    assert found.scores.index.equals(frame.index)
    for name in frame.columns:  # the scale keeps the order, or turns it round
        order = frame[name].rank() * (-1 if name in reverse else 1)
        assert order.corr(found.normalised[name].rank()) == pytest.approx(1)
    # an area that is at least as high in everything is at least as high in the index
    for one, other in combinations(frame.index, 2):
        if (found.normalised.loc[one] >= found.normalised.loc[other]).all():
            assert found.ranks[one] <= found.ranks[other]
    # a permutation of areas and of indicators changes nothing
    mixed = frame.sample(frac=1, random_state=1)[sorted(frame.columns, reverse=True)]
    again = composite(mixed, weights, normalise=normalise, aggregate=aggregate, reverse=reverse, floor=floor)
    assert again.ranks.reindex(frame.index).equals(found.ranks)


@settings(max_examples=30, deadline=None)
@given(table(), st.integers(1, 3))
def test_rank_intervals_hold_the_draws(case, top):
    frame, weights = case
    held = rank_stability(composite(frame, weights), top=top, draws=60)
    assert (held["best"] <= held["low"]).all()
    assert (held["low"] <= held["high"]).all()
    assert (held["high"] <= held["worst"]).all()
    assert held["top_share"].between(0, 1).all()
    assert held["top_share"].sum() >= top - 1e-9  # equal areas share a rank, so that there may be more
    assert held.index.equals(frame.index)


@settings(max_examples=30, deadline=None)
@given(table(), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter(case, factor, offset):
    frame, weights = case
    for normalise in NORMALISE:
        one, other = (composite(each, weights, normalise=normalise) for each in (frame, frame * factor + offset))
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-9)


# ---- refused


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (AREAS.assign(crimes=3), ["`crimes` is 3 everywhere"]),
        (AREAS.assign(crimes=[1, np.nan, np.inf, 2]), ["`crimes` is missing or infinite in 2 of 4 areas (b, c)"]),
        (AREAS.assign(crimes=list("wxyz")), ["`crimes` is str"]),
        (AREAS.assign(crimes=[True, False, True, True]), ["`crimes` is bool"]),
        (AREAS.set_axis(list("abca")), ["1 of 4 areas stand twice (a)"]),
        (AREAS.assign(crimes=0, alone=np.nan), ["`crimes` is 0 everywhere", "`alone` is missing"]),
    ],
)
def test_indicators_that_tell_nothing_are_refused_with_every_problem(frame, words):
    with pytest.raises(DataError) as caught:
        composite(frame, WEIGHTS)
    for word in words:
        assert word in str(caught.value)
    assert len(caught.value.problems) == len(words)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: composite(AREAS, {"crimes": 1, "lights": 1}), ["no indicator is named lights", "alone, cameras have no weight"]),
        (lambda: composite(AREAS, {**WEIGHTS, "alone": -1}), ["alone are missing, negative"]),
        (lambda: composite(AREAS, dict.fromkeys(WEIGHTS, 0)), ["all are 0"]),
        (lambda: composite(AREAS, WEIGHTS, normalise="maximum"), ["'maximum'", "min-max"]),
        (lambda: composite(AREAS, WEIGHTS, aggregate="mean"), ["'mean'", "additive"]),
        (lambda: composite(AREAS, WEIGHTS, aggregate="geometric"), ["values over 0", "`floor`"]),
        (lambda: composite(AREAS, WEIGHTS, aggregate="geometric", normalise="z-score"), ["values over 0"]),
        (lambda: composite(AREAS, WEIGHTS, normalise="z-score", floor=0.1), ["no lower end"]),
        (lambda: composite(AREAS, WEIGHTS, reverse=["lights"]), ["no indicator with lights"]),
        (lambda: normalised(AREAS, "rank", goalposts={"crimes": (0, 1)}), ["belong to min-max"]),
        (lambda: rank_stability(composite(AREAS, WEIGHTS), top=5), ["1 to 4", "came 5"]),
    ],
)
def test_a_contradiction_says_what_to_do(call, words):
    with pytest.raises(ModelError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_values_beyond_their_goalposts_are_not_cut_off():
    with pytest.raises(DataError, match=r"`crimes` lies outside its goalposts 0 to 50 in 1 of 4 areas \(b\)"):
        composite(AREAS, WEIGHTS, goalposts={"crimes": (0, 50)})
    with pytest.raises(DataError, match="the first must be less"):
        composite(AREAS, WEIGHTS, goalposts={"crimes": (50, 0)})
