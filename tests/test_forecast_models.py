"""Models of panels at any step: what they must say about made series, what they refuse, and that they look nowhere but into the past."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import panel
from gsan_lib.analysis.lags import LagModel, calendar_features, lag_features
from gsan_lib.analysis.smoothing import ETS, DoubleSeasonal, Theta, Usual, without_gaps
from gsan_lib.errors import DataError, UsageError


def cube_of(values, start="2018-01-01", freq="D", names=None):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    time = pd.date_range(start, periods=values.shape[1], freq=freq) if freq else np.arange(values.shape[1])
    return xr.DataArray(values, coords={"place": names or [f"p{k}" for k in range(len(values))], "time": time}, dims=("place", "time"))


WEEK = np.array([10.0, 12, 12, 13, 15, 30, 25])
MODELS = [
    bt.Naive(7, "seasonal"),
    Usual(7),
    Theta(7),
    ETS(7),
    LagModel(trained_for=7, calendar="plain", trials=20, iterations=20),
    DoubleSeasonal((7, 28)),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_pattern_that_repeats_is_continued(model):
    cube = cube_of([np.tile(WEEK, 20), 3 * np.tile(WEEK, 20)])
    made = model.fit(cube).predict(cube, 7)
    np.testing.assert_allclose(made.to_numpy(), [WEEK, 3 * WEEK], rtol=0.03)
    assert list(made["place"].to_numpy()) == ["p0", "p1"]
    assert pd.Timestamp(made["time"].to_numpy()[0]) == pd.Timestamp("2018-05-21")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_reads_only_its_history_and_leaves_it_as_it_was(model):
    rng = np.random.default_rng(0)
    cube = cube_of(np.tile(WEEK, (2, 20)) * rng.lognormal(0, 0.1, (2, 140)))
    past = cube.isel(time=slice(0, 126)).copy(deep=True)
    before = past.copy(deep=True)
    one = model.fit(past).predict(past, 7).to_numpy()
    assert past.identical(before)
    two = model.fit(past.copy(deep=True)).predict(past.copy(deep=True), 7).to_numpy()
    np.testing.assert_array_equal(one, two)  # and twice the same


@pytest.mark.parametrize("model", [model for model in MODELS if model.name != "seasonal"], ids=lambda model: model.name)
def test_gaps_inside_a_series_are_survived(model):
    values = np.tile(WEEK, (2, 20))
    values[0, 60:64] = np.nan
    values[1, -3] = np.nan
    made = model.fit(cube_of(values)).predict(cube_of(values), 7).to_numpy()
    assert np.isfinite(made).all()


@pytest.mark.parametrize("value", [0.0, 5.0])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_series_that_never_changes_stays_what_it_is(model, value):
    made = model.fit(cube_of(np.full((2, 140), value))).predict(cube_of(np.full((2, 140), value)), 7).to_numpy()
    np.testing.assert_allclose(made, value, atol=1e-9)


@pytest.mark.parametrize("model", [Theta(7), ETS(7), DoubleSeasonal((7, 28)), LagModel(trained_for=7)], ids=lambda model: model.name)
def test_three_observations_are_refused_with_what_is_needed(model):
    cube = cube_of([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="needed|needs"):
        model.fit(cube).predict(cube, 7)


def test_a_series_that_ended_is_not_smoothed_on():
    values = np.tile(WEEK, 10)
    values[-8:] = np.nan
    with pytest.raises(DataError, match="nothing in the last 8 steps"):
        without_gaps(cube_of(values), 7, 14)


@given(st.lists(st.floats(1, 1e6), min_size=14, max_size=60), st.integers(1, 7), st.data())
@settings(max_examples=40, deadline=None)
def test_filling_a_gap_moves_no_observed_value(values, season, data):
    series = np.array(values)
    hidden = data.draw(st.sets(st.integers(1, len(values) - 2), max_size=len(values) // 2))
    broken = series.copy()
    broken[sorted(hidden)] = np.nan
    whole = without_gaps(cube_of(broken), season, 2)[0] if len(values) - 1 - np.flatnonzero(~np.isnan(broken))[-1] < season else None
    if whole is not None:
        kept = ~np.isnan(broken)
        np.testing.assert_array_equal(whole[kept], series[kept])
        assert np.isfinite(whole).all()
        assert series[kept].min() - 1e-6 <= whole.min() <= whole.max() <= series[kept].max() + 1e-6


# lags


@given(st.integers(1, 40), st.integers(1, 3), st.sampled_from([(7,), (1, 12), (24, 168), (1,)]))
@settings(max_examples=30, deadline=None)
def test_lag_features_of_a_scaled_and_shifted_series_are_the_same(horizon, cycles, seasons):
    rng = np.random.default_rng(horizon)
    past = rng.normal(size=(2, 400))
    x, base, scale = lag_features(past, horizon, seasons, cycles)
    other, other_base, other_scale = lag_features(5 * past + 100, horizon, seasons, cycles)
    np.testing.assert_allclose(x, other, atol=1e-8)
    np.testing.assert_allclose(5 * base + 100, other_base)
    np.testing.assert_allclose(5 * scale, other_scale)


def test_the_base_is_the_newest_value_of_the_same_phase():
    past = np.arange(100.0)[None]
    _, base, _ = lag_features(past, 10, (7, 28), 2)
    assert base[0].tolist() == [93, 94, 95, 96, 97, 98, 99, 93, 94, 95]


def test_training_trials_end_inside_the_history(monkeypatch):
    from gsan_lib.analysis import lags

    seen, whole = [], lags.lag_features
    monkeypatch.setattr(lags, "lag_features", lambda past, *rest: seen.append(past.shape[1]) or whole(past, *rest))
    LagModel(trained_for=7, calendar="none", trials=500, iterations=2).fit(cube_of(np.tile(WEEK, 20)))
    assert max(seen) == 140 - 7
    assert min(seen) > 14


def test_any_regressor_of_scikit_learn_will_do():
    cube = cube_of(np.tile(WEEK, 20) * np.random.default_rng(0).lognormal(0, 0.05, 140))
    ridge = LagModel(name="ridge", trained_for=7, calendar="plain", regressor=make_pipeline(SimpleImputer(), Ridge(1.0)))
    made = ridge.fit(cube).predict(cube, 7).to_numpy()[0]
    assert np.abs(made / WEEK - 1).mean() < 0.1


def test_a_calendar_without_holidays_is_no_error_and_years_beyond_the_tables_are():
    plain_days = pd.date_range("2019-07-02", "2019-07-04", freq="D")  # Tuesday to Thursday: no holiday, bridge, day off beside them, feast
    assert (calendar_features(plain_days, known_at=None, which="korean")[:, 3:8] == 0).all()
    cube = cube_of(np.tile(WEEK, 20), start="2031-01-06")
    with pytest.raises(UsageError, match="2014-01-08 to 2027-12-24"):
        LagModel(trained_for=7).fit(cube)
    made = LagModel(trained_for=7, calendar="plain", iterations=10).fit(cube).predict(cube, 7)
    assert np.isfinite(made.to_numpy()).all()
    with pytest.raises(UsageError, match="'none' where time is a number"):
        LagModel(trained_for=7).fit(cube_of(np.tile(WEEK, 20), freq=None))


def test_hours_of_a_holiday_carry_the_holiday_of_their_day():
    hours = pd.date_range("2019-02-04 22:00", periods=4, freq="h")
    features = calendar_features(hours, known_at=None, which="korean")
    assert features[:, 0].tolist() == [22, 23, 0, 1]
    assert features[:, 3].tolist() == [1, 1, 1, 1]  # 설날 연휴 and 설날


def test_values_below_zero_need_to_be_said():
    cube = cube_of(np.tile(WEEK - 20, 20))
    with pytest.raises(DataError, match="log=False"):
        LagModel(trained_for=7, calendar="none").fit(cube)
    assert (LagModel(trained_for=7, calendar="none", log=False, iterations=10).fit(cube).predict(cube, 7).to_numpy() < 0).any()


# time


@pytest.mark.parametrize(
    ("freq", "coming"),
    [("h", "2018-01-01 20:00"), ("D", "2018-01-21"), ("W-SUN", "2018-05-27"), ("MS", "2019-09-01"), ("YS", "2038-01-01")],
)
def test_the_future_goes_on_at_the_step_of_the_past(freq, coming):
    cube = cube_of(np.arange(20.0), freq=freq)
    assert bt.future(cube, 3)[0] == pd.Timestamp(coming)
    assert len(bt.future(cube, 3)) == 3


def test_the_future_of_numbered_steps_is_numbered():
    assert list(bt.future(cube_of(np.arange(5.0), freq=None), 2)) == [5, 6]


def test_an_uneven_or_doubled_time_is_named():
    cube = cube_of(np.arange(6.0))
    with pytest.raises(DataError, match="uneven"):
        panel.time_step(cube.isel(time=[0, 1, 3, 4]))
    with pytest.raises(DataError, match="must grow"):
        panel.time_step(cube.isel(time=[0, 1, 1, 2]))
    with pytest.raises(DataError, match="at least 2"):
        panel.time_step(cube.isel(time=[0]))


def test_rows_between_the_steps_are_named_and_never_moved():
    frame = pd.DataFrame(
        {"s": ["a"] * 3, "t": pd.to_datetime(["2018-01-01 00:00", "2018-01-01 00:40", "2018-01-01 02:00"]), "v": [1.0, -2, 3]}
    )
    with pytest.raises(DataError) as error:
        panel.even_cube(frame, place="s", time="t", value="v", step="h")
    assert len(error.value.problems) == 2
    assert "between steps" in str(error.value)


def test_series_of_different_lengths_end_together():
    cube = panel.ragged_cube({"long": np.arange(5.0), "short": np.array([9.0])})
    assert cube.shape == (2, 5)
    assert int(np.isnan(cube).sum()) == 4
    with pytest.raises(DataError, match="empty"):
        panel.ragged_cube({"a": np.array([])})
