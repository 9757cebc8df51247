"""Opening hours of Hwaseong's pediatric clinics as published: 37 of 124 state any, and not all of these can be believed."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from gsan_lib.analysis import opening

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def clinics(inbox):
    listed = json.loads((inbox / "facilities" / "hwaseong" / "clinics-cache.json").read_text(encoding="utf-8"))["clinics"]
    return pd.json_normalize(listed).set_index("id")


@pytest.fixture(scope="module")
def hours(clinics):
    return opening.weekly_hours(clinics, opening.day_columns("hours.{day}.start", "hours.{day}.end"))


def test_only_37_of_124_clinics_state_hours_and_six_days_are_doubtful(hours):
    assert hours.sentence == "37 of 124 facilities publish hours; 6 days of them are doubtful and count as unknown"
    slips = hours.doubts.groupby("published")["day"].agg(list).to_dict()
    assert slips == {"0900 to 0630": ["mon", "tue", "wed", "thu", "fri"], "0000 to 0000": ["sun"]}


def test_nobody_is_assumed_to_be_open_on_a_sunday_evening(clinics, hours):
    one_each = pd.Series(1, index=clinics.index)
    found = {
        (day, time): opening.supply_at(one_each, hours, day, time)
        for day, time in [("mon", "10:00"), ("mon", "20:30"), ("sun", "10:00"), ("hol", "10:00")]
    }
    assert {when: (one.counts["open"], one.counts["closed"]) for when, one in found.items()} == {
        ("mon", "10:00"): (36, 0), ("mon", "20:30"): (4, 32), ("sun", "10:00"): (8, 0), ("hol", "10:00"): (0, 0),
    }  # fmt: skip
    assert found["mon", "20:30"].at_most.sum() == 4 + 88
    closed = opening.weekly_hours(clinics, opening.day_columns("hours.{day}.start", "hours.{day}.end"), unstated="closed")
    assert opening.supply_at(one_each, closed, "sun", "10:00").counts == {"open": 8, "closed": 28, "unknown": 88}


def test_the_clinic_that_is_open_until_eleven_is_found(clinics, hours):
    late = opening.open_at(hours, "thu", "22:30")
    assert sorted(late.index[late == "open"]) == sorted(clinics.index[clinics["hours.thu.end"] == "2300"])
    assert (opening.by_hour(hours).sum(axis=1) == 124).all()
