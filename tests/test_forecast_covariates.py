"""Weather as it was known at the origin: a forecast that uses what came later is refused or found out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import covariates as cv
from gsan_lib.analysis.lags import LagModel
from gsan_lib.errors import DataError, UsageError

DAYS = pd.date_range("2017-01-01", periods=500, freq="D")


@pytest.fixture(scope="module")
def made():
    """Bicycles that follow the weather of the same day, which nobody can know before."""
    rng = np.random.default_rng(0)
    rain = rng.exponential(5, len(DAYS)) * (rng.random(len(DAYS)) < 0.3)
    bikes = np.where(DAYS.day_of_week >= 5, 300, 200) * np.exp(-0.1 * rain) * rng.lognormal(0, 0.05, len(DAYS))
    cube = xr.DataArray(bikes[None], coords={"place": ["a"], "time": DAYS}, dims=("place", "time"))
    return cube, pd.DataFrame({"day": DAYS, "rain": rain})


def model(covariates, told):
    return LagModel(trained_for=7, calendar="plain", trials=40, iterations=25, covariates=covariates, told=told)


def test_observed_weather_of_the_future_is_refused_with_an_error(made):
    cube, weather = made
    observed = cv.observed(weather, time="day", variables=["rain"])
    with pytest.raises(DataError, match="Observed weather of the future is a leak"):
        model(observed, "published").fit(cube)
    with pytest.raises(DataError, match="is a leak"):
        bt.backtest(cube, {"peeping": model(observed, "published")}, horizon=7, count=3, every=7, least=300)


def test_values_without_the_moment_they_became_known_are_refused(made):
    with pytest.raises(UsageError, match="known_at"):
        cv.Covariates(made[1].rename(columns={"day": "time"}))
    with pytest.raises(UsageError, match="nothing is measured before it happens"):
        cv.observed(made[1], time="day", variables=["rain"], delay="-7D")


def test_measurements_under_the_name_of_a_forecast_are_found_out(made):
    weather = made[1]
    disguised = weather.assign(known_at=weather["day"] - pd.Timedelta("7D"))
    measured = cv.observed(weather, time="day", variables=["rain"])
    with pytest.raises(DataError, match="observed weather, not a forecast"):
        cv.published(disguised, time="day", known_at="known_at", variables=["rain"], measured=measured)
    honest = disguised.assign(rain=disguised["rain"] + np.random.default_rng(1).normal(0, 2, len(disguised)))
    assert cv.published(honest, time="day", known_at="known_at", variables=["rain"], measured=measured).names == ["rain"]


@pytest.mark.parametrize("told", ["last", "climatology"])
def test_what_became_known_after_the_origin_changes_no_forecast(made, told):
    cube, weather = made
    observed = cv.observed(weather, time="day", variables=["rain"])
    past = cube.isel(time=slice(0, 400))
    assert not cv.leaks(model(observed, told), past, 7)
    spoiled = weather.copy()
    spoiled.loc[400:, "rain"] = 1e6
    one, two = (
        bt.backtest(
            cube.isel(time=slice(0, 407)),
            {"m": model(cv.observed(w, time="day", variables=["rain"]), told)},
            horizon=7,
            count=1,
            every=7,
            least=300,
        )
        for w in (weather, spoiled)
    )
    np.testing.assert_array_equal(one.forecasts, two.forecasts)


@dataclass(frozen=True)
class Peeping:
    """Looks the weather of the coming days up, as a careless analyst would."""

    covariates: cv.Covariates
    name: str = "peeping"

    def fit(self, history):
        return self

    def predict(self, history, horizon):
        rain = self.covariates.at(bt.future(history, horizon))["rain"].to_numpy()
        return bt.forecast_frame(history, 230 * np.exp(-0.1 * rain)[None])


def test_a_constructed_leak_is_found_and_a_backtest_gives_it_nothing_to_see(made):
    cube, weather = made
    peeping = Peeping(cv.observed(weather, time="day", variables=["rain"]))
    assert cv.leaks(peeping, cube.isel(time=slice(0, 400)), 7)
    trial = bt.backtest(cube, {"peeping": peeping}, horizon=7, count=3, every=7, least=300)
    assert np.isnan(trial.forecasts.to_numpy()).all()


def test_a_model_whose_covariates_cannot_be_cut_is_refused(made):
    class Plain:
        name = "plain"
        covariates = cv.observed(made[1], time="day", variables=["rain"])

    with pytest.raises(UsageError, match="no dataclass"):
        bt.known_by(Plain(), made[0])


def test_published_forecasts_may_be_used_as_far_as_they_had_been_published(made):
    cube, weather = made
    noise = np.random.default_rng(2).normal(0, 1, len(weather))
    ahead = weather.assign(rain=(weather["rain"] + noise).clip(lower=0.01), known_at=weather["day"] - pd.Timedelta("7D"))
    known = cv.published(ahead, time="day", known_at="known_at", variables=["rain"])
    told = bt.backtest(cube, {"m": model(known, "published")}, horizon=7, count=6, every=7, least=300).scores()
    blind = bt.backtest(cube, {"m": model(None, "last")}, horizon=7, count=6, every=7, least=300).scores()
    assert told.loc["m", "mase"] < 0.8 * blind.loc["m", "mase"]
    with pytest.raises(DataError, match="had not been published"):
        cv.expected(known.until(DAYS[399]), DAYS[400:410], how="published")


def test_climatology_is_the_mean_of_the_same_days_of_earlier_years():
    days = pd.date_range("2015-01-01", "2017-12-31", freq="D")
    frame = pd.DataFrame({"day": days, "t": days.year.to_numpy(dtype=float)})
    known = cv.observed(frame, time="day", variables=["t"]).until(pd.Timestamp("2017-06-30"))
    expected = cv.expected(known, pd.DatetimeIndex(["2017-09-15"]))
    assert expected["t"].tolist() == [2015.5]  # Septembers of 2015 and 2016, none of 2017


def test_hours_are_compared_with_the_same_hour():
    hours = pd.date_range("2018-07-01", periods=72, freq="h")
    frame = pd.DataFrame({"at": hours, "t": hours.hour.to_numpy(dtype=float)})
    known = cv.observed(frame, time="at", variables=["t"])
    coming = pd.date_range("2018-07-04", periods=24, freq="h")
    for how in ("last", "climatology"):
        assert cv.expected(known, coming, how=how)["t"].tolist() == list(range(24))


@given(st.integers(0, 60), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_nothing_is_known_before_it_was_known(day, delay):
    frame = pd.DataFrame({"day": DAYS[:60], "v": np.arange(60.0)})
    moment = DAYS[0] + pd.Timedelta(days=day)
    known = cv.observed(frame, time="day", variables=["v"], delay=f"{delay}D").until(moment)
    assert known.at(DAYS[:60])["v"].notna().sum() == min(60, max(0, day - delay + 1))


def test_a_later_forecast_replaces_an_earlier_one_from_when_it_is_out():
    rows = pd.DataFrame({"time": [DAYS[5]] * 2, "known_at": [DAYS[1], DAYS[3]], "v": [1.0, 2.0]})
    known = cv.Covariates(rows)
    assert known.until(DAYS[2]).at(DAYS[5:6])["v"].tolist() == [1.0]
    assert known.at(DAYS[5:6])["v"].tolist() == [2.0]
    with pytest.raises(DataError, match="share"):
        cv.Covariates(pd.concat([rows, rows]))
