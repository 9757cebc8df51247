"""Opening hours: what is published is read, what is doubtful is told, nothing is assumed to be open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import opening
from gsan_lib.errors import DataError, ModelError

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
clock = st.integers(0, 1439)


def written(minute: float) -> str:
    return f"{int(minute // 60):02d}{int(minute % 60):02d}"


def table(**days: tuple[object, object]) -> pd.DataFrame:
    return pd.DataFrame({f"{day}.{end}": [value] for day, pair in days.items() for end, value in zip(("start", "end"), pair, strict=True)})


def hours(frame: pd.DataFrame, **options: object) -> opening.WeeklyHours:
    return opening.weekly_hours(frame, opening.day_columns("{day}.start", "{day}.end"), **options)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("0900", 540),
        ("930", 570),
        ("09:30", 570),
        ("9시", 540),
        ("09시30분", 570),
        ("24:00", 1440),
        ("2600", 1560),
        (900.0, 540),
        ("09:00:00", 540),
    ],
)
def test_times_of_day_as_offices_write_them(text, minutes):
    assert opening.minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["0960", "3000", "9", "오전", "12345", "-900", "9.5"])
def test_what_is_no_time_is_refused_by_name(text):
    with pytest.raises(DataError, match="is no time of day"):
        opening.minutes_of(text)


@pytest.mark.parametrize(
    ("text", "spells"),
    [
        ("09:00~18:00", [(540, 1080)]),
        ("0900-1300, 1400-1800", [(540, 780), (840, 1080)]),
        ("09:00 ~ 18:00 (점심시간 12:30 ~ 13:30)", [(540, 750), (810, 1080)]),
        ("평일 09시~18시", [(540, 1080)]),
        ("연중무휴 24시간", [(0, 1440)]),
        ("정기휴무", []),
        ("휴진일", []),
        ("18:00~02:00", [(1080, 1560)]),
        ("  ", None),
        (np.nan, None),
        (None, None),
    ],
)
def test_hours_in_one_text(text, spells):
    assert opening.spells_of(text) == spells


@settings(deadline=None)
@given(clock, clock, clock, st.sampled_from(WEEK))
def test_a_place_is_open_from_its_start_until_before_its_end(start, end, asked, day):
    found = hours(table(**{day: (written(start), written(end))}))
    wrapped = end - start if end > start else end + 1440 - start
    if start == end or (end < start and wrapped > 16 * 60):
        assert len(found.doubts) == 1
        assert opening.open_at(found, day, written(asked)).tolist() == ["unknown"]
        return
    following = WEEK[(WEEK.index(day) + 1) % 7]
    tonight = start <= asked < start + wrapped
    assert opening.open_at(found, day, written(asked)).tolist() == ["open" if tonight else "closed"]
    after_midnight = asked + 1440 < start + wrapped
    assert opening.open_at(found, following, written(asked)).tolist() == ["open" if after_midnight else "unknown"]


def test_a_break_of_the_day_is_closed():
    frame = table(mon=("0900", "1800"), tue=("0900", "1800")).assign(rest_from="1230", rest_to="1330")
    found = hours(frame, breaks={"mon": ("rest_from", "rest_to")})
    assert [opening.open_at(found, "mon", time)[0] for time in ("1229", "1230", "1329", "1330")] == ["open", "closed", "closed", "open"]
    assert opening.open_at(found, "tue", "1300")[0] == "open"


def test_an_unstated_day_is_unknown_unless_the_publisher_means_closed():
    frame = pd.concat([table(mon=("0900", "1800"), sun=(None, None)), table(mon=(None, None), sun=(None, None))], ignore_index=True)
    assert opening.open_at(hours(frame), "sun", "1000").tolist() == ["unknown", "unknown"]
    assert opening.open_at(hours(frame, unstated="closed"), "sun", "1000").tolist() == ["closed", "unknown"]


def test_a_doubtful_day_stays_unknown_even_where_unstated_means_closed():
    frame = table(mon=("0900", "1800"), sat=("0900", "0630"), sun=("0000", "0000"))
    found = hours(frame, unstated="closed")
    assert sorted(found.doubts["day"]) == ["sat", "sun"]
    assert [opening.open_at(found, day, "1000")[0] for day in ("mon", "tue", "sat", "sun")] == ["open", "closed", "unknown", "unknown"]


def test_every_row_that_cannot_be_read_is_a_doubt_and_the_others_stay():
    frame = pd.DataFrame({"mon.start": ["0900", "soon", "0900"], "mon.end": ["1800", "1800", None]}, index=["a", "b", "c"])
    found = hours(frame)
    assert opening.open_at(found, "mon", "1000").to_dict() == {"a": "open", "b": "unknown", "c": "unknown"}
    assert found.doubts[["facility", "published"]].values.tolist() == [["b", "soon to 1800"], ["c", "0900 to nothing"]]
    assert found.sentence == "1 of 3 facilities publish hours; 2 days of them are doubtful and count as unknown"


def test_a_span_of_days_shares_columns_and_sunday_night_runs_into_monday():
    frame = pd.DataFrame({"평일운영시작시각": ["09:00"], "평일운영종료시각": ["22:00"], "일요일": ["20:00~03:00"]})
    found = opening.weekly_hours(frame, {"mon-fri": ("평일운영시작시각", "평일운영종료시각"), "sun": "일요일"})
    assert [opening.open_at(found, day, "2130")[0] for day in ("mon", "fri", "sat", "sun")] == ["open", "open", "unknown", "open"]
    assert opening.open_at(found, "mon", "0230")[0] == "open"
    assert opening.open_at(found, "hol", "0230")[0] == "unknown"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(clock, clock, st.booleans(), st.integers(0, 20)), min_size=1, max_size=8), clock)
def test_supply_known_to_be_open_never_exceeds_what_may_be(rows, asked):
    frame = pd.DataFrame(
        {"mon.start": [written(a) if k else None for a, _, k, _ in rows], "mon.end": [written(b) if k else None for _, b, k, _ in rows]}
    )
    supply = pd.Series([amount for *_, amount in rows])
    found = opening.supply_at(supply, hours(frame), "mon", written(asked))
    assert (found.at_least <= found.at_most).all()
    assert (found.at_most <= supply).all()
    assert sum(found.counts.values()) == len(rows)
    assert found.at_most.sum() - found.at_least.sum() == supply[opening.open_at(hours(frame), "mon", written(asked)) == "unknown"].sum()


def test_hours_of_the_week_add_up_to_the_facilities():
    found = opening.by_hour(hours(table(mon=("0900", "1100"), tue=("2200", "0200"))))
    assert found.shape == (8 * 24, 3)
    assert (found.sum(axis=1) == 1).all()
    assert [when for when, row in found.iterrows() if row["open"]] == [
        ("mon", 9),
        ("mon", 10),
        ("tue", 22),
        ("tue", 23),
        ("wed", 0),
        ("wed", 1),
    ]


def test_wrong_calls_are_refused():
    frame = table(mon=("0900", "1800"))
    for call, match in (
        (lambda: opening.open_at(hours(frame), "monday", "0900"), "is no day"),
        (lambda: opening.open_at(hours(frame), "mon", "2500"), "between 0000 and 2359"),
        (lambda: hours(frame, unstated="open"), "must be 'unknown' or 'closed'"),
    ):
        with pytest.raises(ModelError, match=match):
            call()
    with pytest.raises(DataError, match="no column of hours"):
        opening.weekly_hours(frame, {"mon": ("open", "shut")})
    with pytest.raises(DataError, match="must be unique"):
        hours(pd.concat([frame, frame]))
    with pytest.raises(DataError, match="1 of 1 facilities of `supply` have no row"):
        opening.supply_at(pd.Series([1], index=[7]), hours(frame), "mon", "0900")
    with pytest.raises(DataError, match="negative"):
        opening.supply_at(pd.Series([-1]), hours(frame), "mon", "0900")


@pytest.mark.parametrize(
    "text",
    [
        "평일 09:00~18:00, 토요일 09:00~13:00",
        "월~금 09:00~18:00 / 토 10:00~13:00",
        "09:00~18:00 (일요일 휴무)",
        "응급실 24시간, 외래 09:00~18:00",
        "09:00~18:00 10:00~14:00",
    ],
)
def test_a_text_with_other_hours_for_other_days_is_a_doubt_and_not_the_longest_of_them(text):
    with pytest.raises(DataError):
        opening.spells_of(text)
