"""Forecast errors on M4 Hourly are the published ones; the subway of Dongdaemun is read as published."""

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import breaks, covariates, hierarchy, panel
from gsan_lib.analysis.lags import LagModel
from gsan_lib.analysis.smoothing import Theta, Usual
from gsan_lib.errors import DataError

pytestmark = pytest.mark.real

HORIZON, SEASON = 48, 24


def ragged(path):
    with path.open(encoding="ascii") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


@pytest.fixture(scope="module")
def hourly(inbox):
    return ragged(inbox / "forecasting" / "m4_hourly_train.csv"), ragged(inbox / "forecasting" / "m4_hourly_test.csv")


def scores(hourly, model):
    # M4 takes the mean over series of each series' own error
    train, test = hourly
    assert len(train) == 414
    errors = []
    for key, history in train.items():
        actual, forecast = test[key], model(history)
        assert len(actual) == HORIZON
        errors.append((bt.smape(actual, forecast), bt.mase(actual, forecast, bt.seasonal_scale(history, SEASON))))
    return np.mean(errors, axis=0)


def repeated(season):
    return lambda history: np.tile(history[-season:], HORIZON // season)


@pytest.mark.parametrize(("season", "smape", "mase"), [(1, 43.003, 11.608), (SEASON, 13.912, 1.193)])
def test_naive_rows_have_their_published_errors_on_m4_hourly(hourly, season, smape, mase):
    assert scores(hourly, repeated(season)) == pytest.approx((smape, mase), abs=5e-4)


@pytest.mark.slow
def test_theta_has_its_published_errors_on_m4_hourly(hourly):
    # statsmodels estimates the smoothing by another optimizer than the competition's R code: 18.137 / 2.454 against 18.138 / 2.455
    made = dict(zip(hourly[0], Theta(SEASON).predict(panel.ragged_cube(hourly[0]), HORIZON).to_numpy(), strict=True))
    errors = [
        (bt.smape(hourly[1][key], made[key]), bt.mase(hourly[1][key], made[key], bt.seasonal_scale(history, SEASON)))
        for key, history in hourly[0].items()
    ]
    assert np.mean(errors, axis=0) == pytest.approx((18.138, 2.455), abs=2e-3)


EVERY_TENTH = 10  # H1, H11, ..., H411: 42 series; all 414 are in benchmarks/forecasting.py


def test_the_chosen_blend_beats_every_yardstick_on_every_tenth_series_of_m4_hourly(hourly):
    # on these 42 series; the benchmark shows all
    spec = importlib.util.spec_from_file_location("forecasting", Path(__file__).parents[2] / "benchmarks" / "forecasting.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    train, test = ({name: series[name] for name in list(series)[::EVERY_TENTH]} for series in hourly)
    found = benchmark.measured(train, test, SEASON, 7 * SEASON)
    for row in found["rows"].values():
        assert found["smape"] < row["smape"]
        assert found["mase"] < row["mase"]
    for level, share in found["coverage"].items():
        assert share == pytest.approx(float(level) / 100, abs=0.05)  # 42 series of one fortnight; all 414 come within 0.02


def test_the_subway_of_dongdaemun_is_ten_stations_without_a_gap(inbox):
    table = pd.read_csv(inbox / "timeseries" / "subway_dongdaemun_daily_201501_201906.csv")
    table["day"] = pd.to_datetime(table["사용일자"].astype(str))
    table["station"] = panel.plain_names(table["역명"])
    merged = panel.spellings(table, "역명", "day")
    assert dict(merged.groupby("name")["published"].size()) == {"용두": 2, "청량리": 3}
    assert int(merged["rows"].sum()) == 2 * 1642 + 1642
    summed = table.groupby(["station", "day"], as_index=False)[["승차총승객수"]].sum()
    cube = panel.daily_cube(summed, place="station", time="day", value="승차총승객수")
    assert cube.shape == (10, 1642)
    assert int(cube.isnull().sum()) == 0
    assert float(cube.sum()) == table["승차총승객수"].sum()


def test_boardings_of_dongdaemun_add_up_by_line_and_the_whole_is_easiest(inbox):
    table = pd.read_csv(inbox / "timeseries" / "subway_dongdaemun_daily_201501_201906.csv")
    table["day"] = pd.to_datetime(table["사용일자"].astype(str))
    table["line"] = table["노선명"]
    table["place"] = table["line"] + " " + panel.plain_names(table["역명"])
    summed = table.groupby(["line", "place", "day"], as_index=False)[["승차총승객수"]].sum()
    cube = panel.daily_cube(summed, place="place", time="day", value="승차총승객수")
    tree = hierarchy.hierarchy_of(summed[["line", "place"]].drop_duplicates(), bottom="place", parents=["line"])
    recent = cube.isel(time=slice(-600, None)).dropna("place")
    found = hierarchy.forecast_coherent(recent, tree, Usual(7, 4), horizon=14, season=7, origins=12)
    made = found.table.pivot(index="node", columns="step", values="forecast")
    lines = [node for node in tree.nodes if node.startswith("line=")]
    np.testing.assert_allclose(made.loc["total"], made.loc[lines].sum(), rtol=1e-9)
    smape = found.scores["smape"].unstack("row")["reconciled"]
    assert smape["total"] < smape["place"]


def test_dongdaemuns_subway_shows_no_break_like_2020_before_2020(inbox):
    table = pd.read_csv(inbox / "timeseries" / "subway_dongdaemun_daily_201501_201906.csv")
    table["day"] = pd.to_datetime(table["사용일자"].astype(str))
    whole = table.groupby("day", as_index=False)["승차총승객수"].sum().assign(place="Dongdaemun")
    found = breaks.breaks_in(panel.daily_cube(whole, place="place", time="day", value="승차총승객수"))
    assert (found["change"].abs() < 0.15).all()
    assert (found["known"] == "").all()


def test_observed_weather_of_the_coming_day_is_refused_for_seouls_bicycles(inbox):
    table = pd.read_csv(inbox / "timeseries" / "SeoulBikeData.csv").rename(columns=str.strip)
    table["at"] = pd.to_datetime(table["Date"], format="%d/%m/%Y") + pd.to_timedelta(table["Hour"], unit="h")
    bikes = table.assign(place="Seoul", hired=table["Rented Bike Count"].astype(float).where(table["Functioning Day"] == "Yes"))
    cube = panel.even_cube(bikes, place="place", time="at", value="hired", step="h")
    assert int(cube.isnull().sum()) == 295  # hours in which the system was closed
    seen = {"time": "at", "variables": ["Temperature(C)", "Rainfall(mm)"]}
    weather = covariates.observed(table, **seen, delay="1h")
    model = LagModel(seasons=(24, 168), trained_for=24, trials=10, iterations=5, covariates=weather, told="published")
    with pytest.raises(DataError, match="Observed weather of the future is a leak"):
        bt.backtest(cube, {"told": model}, horizon=24, count=1, every=24, least=600)
    early = table.assign(known_at=table["at"] - pd.Timedelta("24h"))
    with pytest.raises(DataError, match="observed weather, not a forecast"):
        covariates.published(early, **seen, known_at="known_at", measured=weather)
    assert not covariates.leaks(replace(model, told="last"), cube.isel(time=slice(0, 3000)), 24)
