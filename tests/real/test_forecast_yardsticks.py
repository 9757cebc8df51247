"""Forecast errors on M4 Hourly are the published ones; the subway of Dongdaemun is read as published."""

import csv
import warnings

import numpy as np
import pandas as pd
import pytest

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import panel

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


def theta(history):
    from statsmodels.tsa.forecasting.theta import ThetaModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ThetaModel(pd.Series(history), period=SEASON, method="multiplicative").fit().forecast(HORIZON, theta=2).to_numpy()


@pytest.mark.parametrize(("season", "smape", "mase"), [(1, 43.003, 11.608), (SEASON, 13.912, 1.193)])
def test_naive_rows_have_their_published_errors_on_m4_hourly(hourly, season, smape, mase):
    assert scores(hourly, repeated(season)) == pytest.approx((smape, mase), abs=5e-4)


@pytest.mark.slow
def test_theta_has_its_published_errors_on_m4_hourly(hourly):
    # statsmodels estimates the smoothing by another optimizer than the competition's R code: 18.137 / 2.454 against 18.138 / 2.455
    assert scores(hourly, theta) == pytest.approx((18.138, 2.455), abs=2e-3)


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
