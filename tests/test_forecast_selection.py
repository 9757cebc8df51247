"""The choice of a model: by what had ended at each origin, beside naive, the same every time; and intervals that say what they held."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import intervals, selection
from gsan_lib.analysis.lags import LagModel
from gsan_lib.analysis.smoothing import ETS, DoubleSeasonal, Theta, Usual
from gsan_lib.errors import DataError, UsageError


def weekly(places=3, length=280, noise=0.1, seed=0, start="2017-01-02"):
    days = pd.date_range(start, periods=length, freq="D")
    level = np.geomspace(200, 5_000, places)[:, None] * np.where(days.day_of_week >= 5, 0.6, 1.0)
    values = level * np.exp(np.random.default_rng(seed).normal(0, noise, level.shape))
    return xr.DataArray(values, coords={"place": [f"p{k}" for k in range(places)], "time": days}, dims=("place", "time"))


CANDIDATES = {"usual": Usual(7, 4), "usual_long": Usual(7, 100, "usual_long")}


@pytest.fixture(scope="module")
def chosen():
    return selection.select(weekly(), CANDIDATES, horizon=7, season=7, origins=24)


def test_the_model_that_knows_the_pattern_is_chosen_and_stands_beside_naive(chosen):
    # the long usual averages the noise of 30 weeks away, the short one that of 4, "as last week" keeps all of it
    assert set(chosen.table["model"]) == {"usual_long"}
    assert chosen.scores["mase"]["usual_long"] < chosen.scores["mase"]["usual"] < chosen.scores["mase"]["seasonal_naive"]
    assert {"naive", "seasonal_naive", "chosen"} <= set(chosen.scores.index)
    assert {"naive", "seasonal_naive"} <= set(chosen.table.columns) & set(chosen.judged.columns)
    assert chosen.beats_naive
    assert "beats the better naive row (seasonal_naive" in chosen.sentence()


def test_scores_are_those_of_the_judged_rows(chosen):
    judged = chosen.judged
    assert chosen.scores.loc["chosen", "smape"] == pytest.approx(bt.smape(judged["actual"].to_numpy(), judged["forecast"].to_numpy()))
    assert chosen.scores.loc["naive", "smape"] == pytest.approx(bt.smape(judged["actual"].to_numpy(), judged["naive"].to_numpy()))
    assert chosen.scores.loc["chosen", "origins"] == judged["origin"].nunique() == 24 - 2
    assert chosen.by_origin["chosen"].mean() == pytest.approx(chosen.scores.loc["chosen", "mase"])


def test_a_random_walk_is_forecast_by_its_last_value_and_that_is_said():
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.05, (2, 280)), axis=1))
    found = selection.select(weekly(2).copy(data=walk), CANDIDATES, horizon=7, season=7, origins=20)
    assert set(found.table["model"]) == {"naive"}
    assert (found.table["forecast"] == found.table["naive"]).all()
    assert not found.beats_naive
    assert "does not beat" in found.sentence()


def test_the_choice_at_an_origin_uses_only_trials_that_had_ended(monkeypatch):
    seen, rule = [], selection.weights_by
    monkeypatch.setattr(selection, "weights_by", lambda losses, *rest, **more: seen.append(losses.shape[1]) or rule(losses, *rest, **more))
    selection.select(weekly(), CANDIDATES, horizon=14, every=7, season=7, origins=12)
    # horizon of two origins: trial 3 (from 0) knows trials 0 and 1; the forecast itself knows all
    assert seen == [*range(2, 2 + 9), 12]


def test_what_comes_later_changes_no_earlier_choice():
    cube = weekly(seed=4)
    spoiled = cube.copy(deep=True)
    spoiled[:, -7:] *= 50
    one, two = (selection.select(c, CANDIDATES, horizon=7, season=7, origins=12) for c in (cube, spoiled))
    last = one.judged["origin"].max()
    early = [found.judged[found.judged["origin"] < last] for found in (one, two)]
    pd.testing.assert_frame_equal(*early)
    made = [found.judged.loc[found.judged["origin"] == last, "forecast"] for found in (one, two)]
    pd.testing.assert_series_equal(*made)


def test_the_same_input_gives_the_same_bytes_whatever_the_order_of_the_candidates():
    models = {"theta": Theta(7), "usual": Usual(7, 4), "lags": LagModel(trained_for=7, trials=20, iterations=10, calendar="plain")}
    found = [
        selection.select(weekly(2, 200), dict(order), horizon=7, season=7, origins=5, how="blend", warmup=1)
        for order in (models.items(), reversed(models.items()))
    ]
    for key in ("table", "scores", "by_origin", "weights", "judged", "pools"):
        pd.testing.assert_frame_equal(getattr(found[0], key), getattr(found[1], key), check_exact=True)


def test_a_candidate_that_cannot_be_used_is_left_out_with_its_reason():
    found = selection.select(weekly(), CANDIDATES | {"hourly": DoubleSeasonal((24, 168))}, horizon=7, season=7, origins=12)
    assert "at least 360 are needed" in found.refused["hourly"]
    assert "hourly" not in found.scores.index


def test_the_names_of_the_naive_rows_are_taken():
    with pytest.raises(UsageError, match="always there"):
        selection.select(weekly(), {"naive": Theta(7)}, horizon=7, season=7)


@given(arrays(float, (4, 3, 5), elements=st.floats(0.1, 10)), st.sampled_from(["best", "blend"]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_weights_sum_to_one_and_go_only_to_models_that_beat_naive(losses, how, by_place):
    naive = np.array([False, True, False, True])
    weights = selection.weights_by(losses, naive, how=how, by_place=by_place)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    overall = losses.mean(axis=(1, 2))
    beaten = overall[naive].min()
    used = (weights > 0).any(axis=0)
    assert all(overall[k] < beaten or (naive[k] and overall[k] == pytest.approx(beaten)) for k in np.flatnonzero(used))


@given(arrays(float, (3, 4, 6), elements=st.floats(0.1, 10)))
@settings(max_examples=50, deadline=None)
def test_a_blend_leans_to_the_model_with_the_smaller_errors(losses):
    losses = np.concatenate([losses, 20 * np.ones((1, 4, 6))])
    weights = selection.weights_by(losses, np.array([False, False, False, True]), how="blend")
    score = losses.mean(axis=1)[:3] ** 3 * losses.mean(axis=(1, 2))[:3, None]
    assert (weights[:, :3].argmax(axis=1) == score.argmin(axis=0)).all()


# what cannot be forecast


def test_zeros_are_forecast_as_zeros_and_named():
    cube = weekly()
    cube[1] = 0
    found = selection.select(cube, CANDIDATES, horizon=7, season=7, origins=12)
    rows = found.table.query("place == 'p1'")
    assert found.constant == ("p1",)
    assert (rows[["forecast", "lower_80", "upper_80"]] == 0).all(axis=None) or (rows["forecast"] == 0).all()
    assert np.isfinite(found.scores["mase"]).all()


def test_a_panel_of_nothing_but_zeros_is_naive_and_claims_nothing():
    found = selection.select(weekly().copy(data=np.zeros((3, 280))), CANDIDATES, horizon=7, season=7, origins=12)
    assert found.constant == ("p0", "p1", "p2")
    assert (found.table["forecast"] == 0).all()
    assert not found.beats_naive


def test_every_problem_of_a_panel_is_told_at_once():
    cube = weekly()
    cube[0, :-3] = np.nan
    cube[1, -20:] = np.nan
    cube[2, 5] = np.inf
    with pytest.raises(DataError) as error:
        selection.usable(cube, season=7, horizon=7)
    assert len(error.value.problems) == 3
    assert "p0: 3" in str(error.value)


def test_too_few_origins_and_too_short_a_history_say_what_is_needed():
    with pytest.raises(DataError, match="at least 4 are needed"):
        selection.select(weekly(), CANDIDATES, horizon=7, season=7, origins=3)
    with pytest.raises(DataError, match="Use fewer origins"):
        selection.select(weekly(length=60), CANDIDATES, horizon=7, season=7, origins=30)
    with pytest.raises(UsageError, match="one of best, blend"):
        selection.select(weekly(), CANDIDATES, horizon=7, season=7, how="all")


def test_gaps_are_counted_and_survived():
    cube = weekly()
    cube[0, 100:110] = np.nan
    found = selection.select(cube, CANDIDATES | {"ets": ETS(7)}, horizon=7, season=7, origins=6)
    assert found.missing == 10
    assert np.isfinite(found.table[["forecast", "naive"]].to_numpy()).all()


def test_a_result_is_frozen_and_the_input_untouched(chosen):
    cube = weekly()
    before = cube.copy(deep=True)
    selection.select(cube, CANDIDATES, horizon=7, season=7, origins=6)
    assert cube.identical(before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.season = 3


# intervals


def test_intervals_hold_what_they_promise_within_their_own_limits():
    found = selection.select(weekly(places=5, length=700, seed=8), CANDIDATES, horizon=7, season=7, origins=60, calibration=10)
    for level, measured in found.coverage.items():
        assert measured.kept, measured.sentence()
        assert abs(measured.share - level) < 0.05
    held = found.judged.dropna()
    assert found.coverage[0.8].share == pytest.approx(held["actual"].between(held["lower_80"], held["upper_80"]).mean())


def test_intervals_of_a_trial_come_from_trials_that_had_ended(monkeypatch):
    used, whole = [], intervals.panel_radii
    monkeypatch.setattr(intervals, "panel_radii", lambda errors, *rest, **more: used.append(len(errors)) or whole(errors, *rest, **more))
    intervals.tried(np.ones((10, 2, 4)), levels=(0.8,), band=4, lag=2, calibration=3)
    # horizon of two origins: the first judged trial is number 4 (from 0) and knows trials 0, 1, 2
    assert used == [3, 4, 5, 6, 7, 8]


@given(st.integers(40, 200), st.sampled_from([0.5, 0.8, 0.95]), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_wider_promises_need_wider_intervals(count, level, seed):
    errors = np.random.default_rng(seed).exponential(1, (count, 2, 3))
    narrow, wide = (intervals.panel_radii(errors, promised, 3)[0] for promised in (level / 2, level))
    assert (narrow <= wide).all()


@pytest.mark.parametrize("on", intervals.SCALES)
def test_a_radius_of_an_error_reaches_just_what_came(on):
    rng = np.random.default_rng(2)
    actual, made, scale = rng.uniform(1, 100, (4, 3, 5)), rng.uniform(1, 100, (4, 3, 5)), rng.uniform(1, 10, (4, 3))
    radius = intervals.sized(actual, made, scale, on)
    low, high = intervals.bounds(made, radius, scale, on)
    assert (np.isclose(actual, low) | np.isclose(actual, high)).all()


def test_too_few_errors_promise_nothing():
    radius, pools = intervals.panel_radii(np.ones((2, 1, 3)), 0.95, 3)
    assert np.isinf(radius).all()
    assert pools["all"] == 3


def test_a_dead_week_before_an_origin_costs_a_smoother_that_origin_and_not_its_place():
    cube = weekly(places=1)
    cube[0, 202:210] = np.nan  # before the eleventh of twelve origins (280 - 70) nothing is known for a week
    found = selection.select(cube, {"theta": Theta(7), "usual": Usual(7, 4)}, horizon=7, season=7, origins=12)
    assert "theta" in found.scores.index
    assert found.trial.failed["theta"].startswith("at 1 of 12 origins: 1 of 1 series: `p0`: nothing in the last 8 steps")
    assert np.isfinite(found.scores["mase"]).all()
    blind = found.trial.forecasts.sel(model="theta").isnull().all(dim=("place", "step"))
    assert int(blind.sum()) == 1
    assert found.by_origin.loc[blind["origin"].to_numpy()[blind.to_numpy()], "usual"].isna().all()  # compared with no one there


def test_a_rule_that_was_no_better_than_naive_hands_over_to_naive():
    class Lucky:
        name = "lucky"

        def fit(self, history):
            return self

        def predict(self, history, horizon):  # right in the first two trials, which are not judged, and in no later one
            past = history.to_numpy()
            early = past.shape[1] <= 280 - 12 * 7 + 7
            return bt.forecast_frame(
                history, weekly().to_numpy()[:, past.shape[1] : past.shape[1] + horizon] if early else past[:, -7:] * 1.3
            )

    found = selection.select(weekly(), {"lucky": Lucky()}, horizon=7, season=7, origins=12)
    assert not found.beats_naive
    assert set(found.table["model"]) == {"seasonal_naive"}
    assert (found.table["forecast"] == found.table["seasonal_naive"]).all()
    pd.testing.assert_series_equal(found.judged["forecast"], found.judged["seasonal_naive"], check_names=False)


def test_a_patient_naive_row_takes_the_newest_value_of_each_phase():
    cube = weekly(places=1, length=28)
    cube[0, -7:-5] = np.nan
    made = bt.Naive(7, patient=True).predict(cube, 7).to_numpy()[0]
    np.testing.assert_array_equal(made, [*cube.to_numpy()[0, -14:-12], *cube.to_numpy()[0, -5:]])
    assert np.isnan(bt.Naive(7).predict(cube, 7).to_numpy()[0, :2]).all()


def test_what_is_wrong_with_a_call_is_said_before_anything_is_computed():
    class Never:
        name = "never"

        def fit(self, history):
            raise AssertionError("nothing may be fitted")

        predict = fit

    frost = weekly() - 1_000
    with pytest.raises(DataError, match="use on='level'"):
        selection.select(frost, {"never": Never()}, horizon=7, season=7)
    with pytest.raises(UsageError, match="one of log, level"):
        selection.select(weekly(), {"never": Never()}, horizon=7, season=7, on="root")
    found = selection.select(frost, CANDIDATES, horizon=7, season=7, origins=6, on="level")
    assert (found.table["lower_80"] <= found.table["forecast"]).all()
    assert (found.table["forecast"] < 0).any()
