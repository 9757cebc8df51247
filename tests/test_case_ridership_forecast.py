"""The ridership case on the sample: its counts, what a station that grows changes, and that nothing later than the origin is known at it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest
from case_cells import Change, Played, play

from gsan_lib.analysis import forecast

CROWD = 12_000
STATIONS = ["신창모의", "운남모의"]  # about the threshold on weekdays, and far below it


@dataclass(frozen=True)
class Run:
    """What a case recorded, what it computed on the way and which datasets it read."""

    played: Played
    made: forecast.Forecast
    read: set[str]


@pytest.fixture(scope="module")
def run(banked, tmp_path_factory: pytest.TempPathFactory):
    """Runs the case on two stations of the sample with what `change` makes of the rows."""
    place, whole = tmp_path_factory.mktemp("ridership"), forecast.forecast

    def runner(name: str, change: Change = lambda dataset, frame: frame) -> Run:
        read, computed = set(), []

        def two(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
            read.add(dataset)
            return change(dataset, frame[frame["station"].isin(STATIONS)].reset_index(drop=True))

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GSAN_BANK", banked("sample", ["subway_ridership"]))
            patch.setattr(forecast, "forecast", lambda *given, **how: computed.append(whole(*given, **how)) or computed[-1])
            values = {"municipality": "sample", "crowd_riders": CROWD, "trials": 60}
            return Run(play("ridership_forecast", place / name, patch, change=two, **values), computed[-1], read)

    return runner


@pytest.fixture(scope="module")
def plain(run) -> Run:
    return run("plain")


def grown(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The quiet station with twice as many riders in its last eight weeks."""
    late = (frame["station"] == "운남모의") & (frame["date"] > frame["date"].max() - pd.Timedelta(days=56))
    counts = ["boardings", "alightings"]
    return frame.assign(**{name: frame[name].where(~late, frame[name] * 2) for name in counts})


def test_roster_classes_and_numbers_are_one_count(plain):
    daily = plain.played.table("daily")
    sure, likely = daily["lower_80"] >= CROWD, daily["forecast"] >= CROWD
    standby = ~likely & (daily["upper_80"] >= CROWD)
    assert (sure <= likely).all()
    assert plain.played.number("staffed") == likely.sum() > 0
    assert plain.played.number("standby") == standby.sum()
    classes = plain.played.table("classes").set_index("call")
    assert classes["coming"].to_dict() == {
        "확실": sure.sum(), "유력": (likely & ~sure).sum(), "대기": standby.sum(), "없음": (daily["upper_80"] < CROWD).sum(),
    }  # fmt: skip
    assert classes["coming"].sum() == len(daily) == 2 * 28
    rules = plain.played.table("rules").set_index("rule")
    assert (rules["caught"] + rules["needless"] == rules["called"]).all()
    assert (rules["caught"] + rules["missed"]).nunique() == 1, "every rule is judged on the same crowded days"
    assert rules.loc["확실 + 유력", "called"] == classes.loc[["확실", "유력"], "judged"].sum()
    assert f"{likely.sum()}역·일" in plain.played.results["decision"]["sentence"]


@pytest.fixture(scope="module")
def after(run) -> Run:
    return run("grown", grown)


def test_a_station_that_grew_leads_to_another_number_chart_and_sentence(plain, after):
    assert "운남모의" not in plain.played.results["decision"]["sentence"]
    assert "운남모의" in after.played.results["decision"]["sentence"]
    assert after.played.number("staffed") >= plain.played.number("staffed") + 15
    charts = [one["file"] for one in after.played.results["figures"]]
    assert any((after.played.folder / name).read_bytes() != (plain.played.folder / name).read_bytes() for name in charts[-1:])
    assert set(after.played.table("roster").columns) > {"신창모의", "운남모의"}


def test_forecasts_do_not_know_what_came_after_their_origin(plain, after):
    # the two runs share every day up to eight weeks before the end, so every trial that starts there says the same to the last digit
    change = plain.made.origin - pd.Timedelta(days=56)
    said = ["place", "date", "origin", "step", "forecast", "lower_80", "upper_80", "lower_95", "upper_95", "naive", "seasonal_naive"]
    before = [one.made.judged.loc[one.made.judged["origin"] <= change, said].reset_index(drop=True) for one in (plain, after)]
    assert len(before[0]) > 1000
    pd.testing.assert_frame_equal(*before, check_exact=True)
    assert not plain.made.table["forecast"].equals(after.made.table["forecast"])


def test_no_weather_is_read(plain):
    assert plain.read == {"subway_ridership"}
    inputs = {*forecast.CALENDAR, *plain.made.table.columns, *plain.made.judged.columns}
    assert not [name for name in inputs if "weather" in name or "temp" in name or "rain" in name]
