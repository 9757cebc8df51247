"""The fine-dust case on Seoul's published years: days counted again from the files, scores of simple forecasts by hand, and nothing known before its day."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from case_cells import Change, Played, play

pytestmark = [pytest.mark.real, pytest.mark.slow]

STATION, STANDARD, YEARS = "동대문구", 35, {2018: "cp949", 2021: "cp949", 2024: "utf-8-sig"}
CHANGED = pd.Timestamp("2024-07-01")


@pytest.fixture(scope="module")
def raw(inbox) -> dict[int, dict[date, tuple[str, str]]]:
    """Year -> day -> PM10 and PM2.5 as published, by Python's own csv reader."""
    found = {}
    for year, encoding in YEARS.items():
        with open(inbox / "timeseries" / f"일별평균대기오염도_{year}.csv", encoding=encoding, newline="") as file:
            rows = [row for row in list(csv.reader(file))[1:] if row[1] == STATION]
        found[year] = {date(int(row[0][:4]), int(row[0][4:6]), int(row[0][6:])): (row[6], row[7]) for row in rows}
    return found


@pytest.fixture(scope="module")
def run(banked, tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("air")
    bank = banked("dongdaemun", ["air_quality_daily", "air_quality_around", "weather_daily"])

    def runner(name: str, change: Change = lambda dataset, frame: frame) -> Played:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GSAN_BANK", bank)
            return play("air_quality", place / name, patch, change=change, municipality="dongdaemun")

    return runner


@pytest.fixture(scope="module")
def told(run) -> Played:
    return run("plain")


def over(value: str) -> bool:
    return value != "" and float(value) > STANDARD


def test_days_over_the_standards_are_those_of_the_files(told, raw):
    years = told.table("years").merge(told.table("years_10"), on=["year", "days"]).set_index("year")
    assert {year: sum(over(fine) for _, fine in days.values()) for year, days in raw.items()} == {2018: 66, 2021: 36, 2024: 23}
    for year, days in raw.items():
        assert years.loc[year, "over"] == sum(over(fine) for _, fine in days.values())
        assert years.loc[year, "over_10"] == sum(coarse != "" and float(coarse) > 100 for coarse, _ in days.values())
        assert years.loc[year, "missing"] == sum(fine == "" for _, fine in days.values())
        assert years.loc[year, "days"] == len(days)
    assert told.number("over") == 23
    stations = told.table("stations").set_index("station")
    assert stations.loc[STATION, ["over_2018", "over_2021", "over_2024"]].tolist() == [66, 36, 23]
    assert stations.loc["홍릉로", "over_2018"] == 99, "the station by the road in the same gu had more in 2018"


def test_rule_that_follows_yesterday_is_counted_from_the_files(told, raw):
    for year in (2021, 2024):
        pairs = [(raw[year].get(day - timedelta(1)), now) for day, now in raw[year].items()]
        known = [(over(before[1]), over(now[1])) for before, now in pairs if before and before[1] != "" and now[1] != ""]
        row = told.table("rules").set_index(["rule", "year"]).loc[("어제 넘었으면", year)]
        assert row["days"] == len(known)
        assert row["called"] == sum(before for before, _ in known)
        assert row["caught"] == sum(before and now for before, now in known)
    score = told.table("scores").set_index("method")["brier"]
    assert (
        score["이 보고서의 예측"] < score["단순 예측: 어제 넘었는지"] < score["단순 예측: 같은 철의 비율"] < score["어제와 같음(0 또는 1)"]
    )


def test_rule_and_score_of_the_report_follow_from_its_daily_chances(told, raw):
    daily = told.table("daily")
    truth = np.array([over(raw[int(day[:4])][date.fromisoformat(day)][1]) for day in daily["date"]])
    assert (daily["over"] == truth).all()
    assert told.number("brier") == pytest.approx(((daily["chance"] / 100 - truth) ** 2).mean())
    last = daily["date"].str.startswith("2024").to_numpy()
    called = (daily["chance"] >= 20).to_numpy()  # a missed day counts as four needless warnings
    assert told.number("called") == (called & last).sum()
    assert told.number("needless") == (called & last & ~truth).sum()
    assert f"{(called & last & truth).sum()}일을 미리 알렸고" in told.results["decision"]["sentence"]


def test_chances_are_calibrated_on_every_band(told):
    bands = told.table("calibration")
    assert bands["days"].sum() == len(told.table("daily"))
    assert bands["said"].between(bands["low"], bands["high"]).all()


def test_a_chance_knows_nothing_of_its_own_day_or_later(run, told):
    def changed(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        late = frame["date"] >= CHANGED
        numbers = frame.select_dtypes("number").columns.drop("source_row")
        return frame.assign(**{name: frame[name].where(~late, frame[name] * 2 + 1) for name in numbers})

    other = run("changed", changed).table("daily")
    plain = told.table("daily")
    until = CHANGED.strftime("%Y-%m-%d")  # the chance of the first changed day is still made from the days before
    pd.testing.assert_series_equal(
        plain.loc[plain["date"] <= until, "chance"], other.loc[other["date"] <= until, "chance"], check_exact=True
    )
    after = plain["date"] > until
    assert (plain.loc[after, "chance"].to_numpy() != other.loc[after, "chance"].to_numpy()).all()
