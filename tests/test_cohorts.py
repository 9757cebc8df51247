"""Cohort-component projection: the worked examples of Preston, Heuveline and Guillot for Sweden, and what must hold for any people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsan_lib.analysis import cohorts as ch
from gsan_lib.errors import DataError, MissingData, UsageError

AGES = np.arange(0, 90, 5)
# Preston, Heuveline and Guillot 2001, Demography, boxes 6.1 and 6.2: Swedish women of 1993, person-years of their life table, births per woman and year;
# net migrants 1993-1998 and the result of box 6.2 as they stand in the tests of the R package CCMPP (github.com/markalava/CCMPP)
WOMEN = [
    293395, 248369, 240012, 261346, 285209, 314388, 281290, 286923, 304108, 324946, 247613, 211351, 215140, 221764, 223506, 183654, 141990, 112424,
]  # fmt: skip
YEARS = [
    497487, 497138, 496901, 496531, 495902, 495168, 494213, 492760, 490447, 486613, 480665, 471786, 457852, 436153, 402775, 350358, 271512, 291707,
]  # fmt: skip
MIGRANTS = [6840, 4150, 3365, 5270, 9240, 8230, 5470, 3155, 1770, 1115, 1075, 845, 645, 530, 465, 300, 250, 175]
BIRTHS = pd.Series([0.0120, 0.0908, 0.1499, 0.1125, 0.0441, 0.0074, 0.0003], index=np.arange(15, 50, 5))
BOX_6_2 = [
    302392, 298682, 252007, 244150, 268267, 293515, 320624, 284767, 288031, 303166, 322062, 243989, 205841, 205516, 205270, 194771, 142565, 131966,
]  # fmt: skip


def both(name, values, ages=AGES):
    return pd.concat([pd.DataFrame({"sex": sex, "age": ages, name: values}) for sex in ch.SEXES], ignore_index=True)


def sweden(**more):
    people = both("population", WOMEN).assign(place="Sweden")
    ratio, newborn = ch.survival_of(pd.Series(YEARS, index=AGES) / 100_000, 5)
    rates = {"survival": both("ratio", ratio.to_numpy()), "newborn": pd.Series(newborn, index=list(ch.SEXES)), "fertility": BIRTHS} | more
    return people, ch.rates_from(people, **rates)


def after(people, rates, steps=1):
    last = ch.project(people, rates, steps=steps)
    return last[last["year"] == steps * rates.width].set_index(["place", "sex", "age"])["population"]


def test_sweden_with_migration_is_the_textbooks_to_the_last_woman():
    found = after(*sweden(migration=both("net", MIGRANTS))).round()["Sweden"]
    assert found["female"].tolist() == BOX_6_2
    assert found["male"].tolist() == [317340, *BOX_6_2[1:]]


def test_sweden_closed_is_the_leslie_matrix():
    # a second implementation: the female-dominant matrix with births of the middle of the step (box 6.1)
    people, rates = sweden(closed=True)
    years = np.array(YEARS) / 100_000
    matrix = np.zeros((18, 18))
    matrix[np.arange(1, 18), np.arange(17)] = years[1:] / years[:-1]
    matrix[17, 16] = matrix[17, 17] = years[17] / (years[16] + years[17])
    fertility = BIRTHS.reindex(AGES).fillna(0).to_numpy()
    matrix[0] = years[0] / 2 / 2.05 * (fertility + np.append(fertility[1:] * matrix[np.arange(1, 18), np.arange(17)], 0))
    for steps in (1, 2, 6):
        expected = np.linalg.matrix_power(matrix, steps) @ np.array(WOMEN, dtype=float)
        np.testing.assert_allclose(after(people, rates, steps)["Sweden"]["female"], expected, rtol=1e-12)


def test_sweden_after_many_steps_has_the_stable_growth_of_its_rates():
    people, rates = sweden(closed=True)
    totals = ch.project(people, rates, steps=80).query("sex == 'female'").groupby("year")["population"].sum()
    growth = np.log(totals.to_numpy()[1:] / totals.to_numpy()[:-1]) / 5
    assert growth[-1] == pytest.approx(growth[-2], abs=1e-7)
    # by the textbook's formula r is about ln(net reproduction) / mean age at childbearing, taken in the middle of the age groups
    births = (BIRTHS * pd.Series(np.array(YEARS) / 100_000, index=AGES).reindex(BIRTHS.index)) / (1 + ch.SEX_RATIO_AT_BIRTH)
    mean_age = ((births.index + 2.5) * births).sum() / births.sum()
    assert growth[-1] == pytest.approx(np.log(births.sum()) / mean_age, abs=2e-5)


PEOPLE = arrays(float, (2, 2, 4), elements=st.floats(0, 1e5))
NARROW = np.array([0, 20, 40, 60])


def people_of(values):
    index = pd.MultiIndex.from_product([["a", "b"], ch.SEXES, NARROW], names=["place", "sex", "age"])
    return pd.DataFrame({"population": values.ravel()}, index=index).reset_index()


def simple(people, ratio=1.0, fertility=0.0, **more):
    return ch.rates_from(
        people,
        survival=both("ratio", ratio, NARROW),
        newborn=pd.Series(ratio, index=list(ch.SEXES)),
        fertility=pd.Series(fertility, index=[20, 40]),
        **({"closed": True} | more),
    )


@given(PEOPLE, st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_where_nobody_is_born_dies_or_moves_totals_stay_and_cohorts_move_on(values, steps):
    people = people_of(values)
    found = after(people, simple(people), steps).to_numpy().reshape(2, 2, 4)
    np.testing.assert_allclose(found.sum(axis=2), values.sum(axis=2), rtol=1e-12)
    if steps == 1:
        np.testing.assert_allclose(found[..., 1:3], values[..., :2])
        np.testing.assert_allclose(found[..., 3], values[..., 2:].sum(axis=2))
        assert (found[..., 0] == 0).all()


@given(PEOPLE, st.floats(0, 1), st.floats(0, 0.05), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_people_are_those_before_and_the_born_and_moved_less_the_dead(values, ratio, fertility, steps):
    people = people_of(values)
    net = both("net", [5.0, -2, 3, 0], NARROW)
    found = ch.project(people, simple(people, ratio, fertility, closed=False, migration=net), steps=steps)
    totals = found.groupby(["year", "place", "sex"])["population"].sum().unstack("year")
    flows = found.groupby(["year", "place", "sex"])[["births", "deaths"]].sum()
    for year in (20 * step for step in range(1, steps + 1)):
        change = totals[year] - totals[year - 20]
        np.testing.assert_allclose(
            change, flows.loc[year]["births"] - flows.loc[year]["deaths"] + 6, atol=1e-6 * (1 + totals[year].abs().max())
        )


@given(PEOPLE, st.floats(0, 1), st.floats(0, 0.05))
@settings(max_examples=30, deadline=None)
def test_dongs_projected_apart_add_up_to_the_gu_projected_whole(values, ratio, fertility):
    people = people_of(values)
    whole = people.groupby(["sex", "age"], as_index=False)["population"].sum().assign(place="gu")
    apart = after(people, simple(people, ratio, fertility), 3).groupby(["sex", "age"]).sum()
    together = after(whole, simple(whole, ratio, fertility), 3)["gu"]
    np.testing.assert_allclose(apart.sort_index(), together.sort_index(), rtol=1e-9, atol=1e-6)


def test_migrants_belong_to_their_place():
    people = people_of(np.full((2, 2, 4), 100.0))
    net = pd.DataFrame({"place": ["b"], "sex": ["female"], "age": [20], "net": [10.0]})
    found = after(people, simple(people, closed=False, migration=net))
    assert found["a"].sum() == 800
    assert found["b"].sum() == 810
    with pytest.raises(DataError, match="places without people: c"):
        ch.project(people, simple(people, closed=False, migration=net.assign(place="c")))


def test_without_rates_there_is_no_projection_and_every_missing_rate_is_named():
    people = both("population", WOMEN).assign(place="Sweden")
    with pytest.raises(MissingData) as error:
        ch.rates_from(people)
    for rate in ("survival of female at 0, 5, 10 (+15)", "survival of newborn male", "fertility at 15, 20, 25 (+4)", "net migration"):
        assert rate in str(error.value)
    ratio, newborn = ch.survival_of(pd.Series(YEARS, index=AGES) / 100_000, 5)
    known = {"survival": both("ratio", ratio.to_numpy()), "newborn": pd.Series(newborn, index=list(ch.SEXES)), "closed": True}
    assert ch.lacking(people, **known, fertility=BIRTHS.drop(25)) == ["fertility at 25"]
    assert ch.lacking(people, **known, fertility=BIRTHS) == []


def test_impossible_rates_and_people_are_refused():
    with pytest.raises(DataError, match="divide rates per 1,000"):
        sweden(fertility=BIRTHS * 1000, closed=True)
    with pytest.raises(DataError, match="outside 0..1"):
        sweden(survival=both("ratio", 1.2), closed=True)
    with pytest.raises(DataError, match="fall with age"):
        ch.survival_of(pd.Series([4.9, 4.8, 4.85, 3.0]), 5)
    people, rates = sweden(closed=True)
    with pytest.raises(DataError, match="several times"):
        ch.project(pd.concat([people, people.iloc[:1]]), rates)
    with pytest.raises(DataError, match="several times"):
        ch.project(people.iloc[1:], rates)
    with pytest.raises(DataError, match="fewer than 0"):
        ch.project(people.assign(population=-1), rates)
    with pytest.raises(UsageError, match="at least 1"):
        ch.project(people, rates, steps=0)
    uneven = people[people["age"] != 20]
    with pytest.raises(DataError, match="groups of one width"):
        ch.rates_from(uneven, survival=rates.survival, newborn=rates.newborn, fertility=BIRTHS, closed=True)


def test_the_people_handed_over_are_left_as_they_were():
    people, rates = sweden(closed=True)
    before = people.copy(deep=True)
    first, second = (ch.project(people, rates, steps=3) for _ in range(2))
    pd.testing.assert_frame_equal(people, before)
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_migration_that_fits_no_group_or_has_no_number_is_not_taken_for_nobody():
    whole = both("net", MIGRANTS)
    for wrong, part in (
        (whole.replace({"sex": {"male": "남"}}), "belong to no group"),
        (pd.concat([whole, whole.head(1)]), "stand twice"),
        (whole.assign(net=whole["net"].where(whole["age"] != 20)), "no number in 2 rows"),
    ):
        people, rates = sweden(migration=wrong)
        with pytest.raises(DataError, match=part):
            ch.project(people, rates)


def test_rates_of_single_years_do_not_fit_groups_of_five():
    # the rate of age 15 alone would silently stand for 15 to 19, and a year's survival for five
    with pytest.raises(DataError, match="`fertility` has ages at which no group"):
        sweden(closed=True, fertility=pd.Series(0.05, index=np.arange(15, 50)))
    single = both("ratio", 0.999, ages=np.arange(0, 90))
    with pytest.raises(DataError, match="`survival` has ages at which no group"):
        sweden(closed=True, survival=single)
