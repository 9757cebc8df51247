"""The bicycle case on Seoul's hourly rentals: closed hours are no demand, simple forecasts and rules counted again, no weather of later days."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from case_cells import Change, Played, play

pytestmark = [pytest.mark.real, pytest.mark.slow]

CROWD, CHANGED = 1_000, pd.Timestamp("2018-10-15")


@pytest.fixture(scope="module")
def raw(inbox) -> dict[tuple[date, int], int]:
    """Rentals by day and hour while the system ran, from the published file."""
    found = {}
    with open(inbox / "timeseries" / "SeoulBikeData.csv", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            day, month, year = map(int, row["Date"].split("/"))
            if row["Functioning Day"] == "Yes":
                found[date(year, month, day), int(row["Hour"])] = int(row["Rented Bike Count"])
    return found


@pytest.fixture(scope="module")
def run(banked, tmp_path_factory: pytest.TempPathFactory):
    place, bank = tmp_path_factory.mktemp("bikes"), banked("dongdaemun", ["bike_hourly", "weather_daily"])

    def runner(name: str, change: Change = lambda dataset, frame: frame) -> Played:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GSAN_BANK", bank)
            return play("bicycle_demand", place / name, patch, change=change, municipality="dongdaemun")

    return runner


@pytest.fixture(scope="module")
def told(run) -> Played:
    return run("plain")


@pytest.fixture(scope="module")
def trials(told) -> pd.DataFrame:
    return told.table("trials").assign(
        at=lambda one: [(date.fromisoformat(day), hour) for day, hour in zip(one["day"], one["hour"], strict=True)]
    )


def test_hours_without_service_are_gaps_and_not_zeros(told, trials, raw):
    assert len(raw) == 8760 - 295
    assert any("운영하지 않은 295시간" in text for text in told.results["texts"])
    assert [raw[at] for at in trials["at"]] == trials["actual"].tolist(), "every judged hour is one of the file in which the system ran"


def test_the_hour_a_week_before_has_the_error_of_the_file(told, trials, raw):
    week = [raw[day - timedelta(7), hour] for day, hour in trials["at"]]
    assert trials["naive"].tolist() == week
    row = told.table("scores").set_index("method")
    assert row.loc["지난주 같은 시간", "mae"] == pytest.approx(np.mean(np.abs(trials["actual"] - week)))
    assert row.loc["예측", "mae"] == pytest.approx(np.mean(np.abs(trials["actual"] - trials["said"])))
    assert row.loc["예측", "mae"] < 0.85 * row.loc["지난주 같은 시간", "mae"]
    assert row.loc["예측", "mase"] < row.loc["같은 종류의 가장 가까운 날", "mase"] < row.loc["지난주 같은 시간", "mase"]


def test_a_median_of_six_like_days_is_the_forecast_where_it_is_chosen(told, raw):
    models = told.table("models").set_index("method")
    assert models["times"].sum() == 104
    assert models["mae"].idxmin() == models["times"].idxmax() == "같은 종류 최근 6일의 가운데 값"
    hourly = told.table("hourly").set_index("at")
    whole = [day for day in {day for day, _ in raw} if all((day, hour) in raw for hour in range(24))]
    work = sorted(day for day in whole if day.weekday() < 5)[-6:]  # November 2018 has no holiday
    for hour in (8, 18):
        assert hourly.loc[f"12-03 {hour:02d}시", "forecast"] == np.median([raw[day, hour] for day in work])


def test_roster_and_rules_are_counted_from_the_hours(told, trials):
    hourly = told.table("hourly")
    assert told.number("crew_hours") == (hourly["forecast"] >= CROWD).sum()
    rules = told.table("rules").set_index("rule")
    assert (rules["caught"] + rules["missed"]).nunique() == 1
    origins = sorted(set(trials["origin"]))
    judged = trials[trials["origin"].isin(origins[-86:])]  # the first trials only set the intervals
    called, busy = judged["said"] >= CROWD, judged["actual"] >= CROWD
    row = rules.loc["이 보고서의 예측"]
    assert (row["called"], row["caught"], row["missed"]) == (called.sum(), (called & busy).sum(), (~called & busy).sum())
    assert told.number("found") == pytest.approx(100 * (called & busy).sum() / busy.sum())
    assert told.number("found") > rules.loc["지난주 같은 시간이 기준 이상", "found"]


def test_intervals_keep_their_promise_within_its_limits(told):
    assert 74 <= told.number("coverage_80") <= 88


def test_observed_weather_of_later_days_changes_no_earlier_forecast(run, told, trials):
    def stormy(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "bike_hourly":
            return frame
        late = frame["date"] > CHANGED
        return frame.assign(rain_mm=frame["rain_mm"].where(~late, 20.0), temperature_c=frame["temperature_c"].where(~late, -15.0))

    other = run("stormy", stormy)
    before = (trials["origin"] <= CHANGED.strftime("%Y-%m-%d")).to_numpy()
    across = before & (trials["day"] > CHANGED.strftime("%Y-%m-%d")).to_numpy()
    assert across.sum() > 250, "some of these hours lie in the changed weather"
    for made in ("said", "boosted"):
        pd.testing.assert_series_equal(trials.loc[before, made], other.table("trials").loc[before, made], check_exact=True)
    assert not trials["boosted"].equals(other.table("trials")["boosted"]), "the weather up to the origin is used"
    leak = [one.table("scores").set_index("method")["mae"].filter(like="쓸 수 없음").iloc[0] for one in (told, other)]
    assert leak[0] != leak[1], "the row that is shown as a leak does see it"
