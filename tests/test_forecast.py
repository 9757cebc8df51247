"""Forecasts: errors worked by hand, no leak from the future, coverage as promised, the same result twice."""

import dataclasses
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from gsan_lib.analysis import backtest as bt
from gsan_lib.analysis import covariates, holidays, panel
from gsan_lib.analysis import forecast as fc
from gsan_lib.errors import DataError, UsageError


def made_cube(places=3, start="2015-01-08", end="2018-09-19", seed=1, noise=0.03):
    days = holidays.calendar(start, end)
    level = np.log(np.geomspace(2_000, 40_000, places))[:, None]
    shape = -0.5 * days["off"].to_numpy() - 0.4 * (days["feast_offset"].abs() <= 1).to_numpy()
    values = np.exp(level + shape + np.random.default_rng(seed).normal(0, noise, (places, len(days))))
    return xr.DataArray(values, coords={"place": [f"p{i}" for i in range(places)], "time": days.index}, dims=("place", "time"))


QUICK = fc.CalendarModel(iterations=20)


@pytest.fixture(scope="module")
def made():
    return fc.forecast(made_cube(), trials=44, calibration=12, refit=22, model=QUICK)


# holidays


def test_the_moon_confirms_the_lunar_holidays():
    # mean new moons (Meeus, Astronomical Algorithms, ch. 49) lie within 0.6 days of the true ones; Seollal is the day of a new moon in Korea,
    # Chuseok the 15th and Buddha's birthday the 8th day of a lunar month
    def days_from_new_moon(day):
        noon = (day - date(2000, 1, 1)).days + 0.5 - 9 / 24 - 0.5  # noon in Korea, days since 2000-01-01 12:00 UT
        return (noon - 5.26) % 29.530588853

    for middles, age in (
        (holidays._lunar(holidays.SEOLLAL), 0),
        (holidays._lunar(holidays.CHUSEOK), 14),
        (holidays._lunar(holidays.BUDDHA), 7),
    ):
        assert len(middles) == holidays.LAST - holidays.FIRST + 1
        for day in middles:
            off = (days_from_new_moon(day) - age + 15) % 29.530588853 - 15
            assert -1.2 < off < 1.2, f"{day} is {off:.2f} days from day {age + 1} of a lunar month"


def test_a_substitute_under_a_new_rule_is_not_known_before_the_decree():
    for day, decree in (("2021-08-16", "2021-08-04"), ("2023-05-29", "2023-05-04")):
        assert date.fromisoformat(day) in holidays.public_holidays(decree)
        assert date.fromisoformat(day) not in holidays.public_holidays(pd.Timestamp(decree) - pd.Timedelta(days=1))


def test_feasts_lie_in_their_season_and_never_share_their_substitute():
    named = holidays.public_holidays()
    assert all(day.month in (1, 2) for day in holidays._lunar(holidays.SEOLLAL))
    assert all(day.month in (9, 10) for day in holidays._lunar(holidays.CHUSEOK))
    assert all(day.weekday() < 5 for day, name in named.items() if name == "대체공휴일")


def test_a_temporary_holiday_is_unknown_until_the_cabinet_has_decided():
    for day, (decided, _) in holidays.TEMPORARY.items():
        assert decided < day
        assert day not in holidays.public_holidays(decided - timedelta(days=1))
        assert day in holidays.public_holidays(decided)


def test_a_bridge_day_lies_between_two_days_off():
    # Christmas 2018 and New Year 2019 fell on Tuesdays, Memorial Day 2019 on a Thursday
    days = holidays.calendar("2018-12-20", "2019-06-10", known_at="2018-12-19")
    assert days.loc["2018-12-24", "before_off"]
    assert set(days.index[days["bridge"]].strftime("%m-%d")) == {"12-24", "12-31", "06-07"}


def test_days_beyond_the_tables_are_refused():
    with pytest.raises(UsageError, match="2014-01-08 to 2027-12-24"):
        holidays.calendar("2027-12-20", "2028-01-05")


# panel


def test_names_lose_only_the_remark_at_their_end():
    names = pd.Series(["청량리(서울시립대입구)", "청량리 (지하)", "용두", "(가)역", "총신대(이수)입구"])
    assert list(panel.plain_names(names)) == ["청량리", "청량리", "용두", "(가)역", "총신대(이수)입구"]


def test_a_cube_keeps_every_value_and_shows_every_gap():
    days = pd.to_datetime(["2019-01-01", "2019-01-02", "2019-01-05", "2019-01-02"])
    frame = pd.DataFrame({"s": ["a", "a", "a", "b"], "d": days, "v": [1, 2, 5, 7]})
    cube = panel.daily_cube(frame, place="s", time="d", value="v")
    assert float(cube.sum()) == frame["v"].sum()
    assert int(cube.isnull().sum()) == 10 - 4
    assert panel.gaps(cube)["missing"].to_dict() == {"a": 2, "b": 0}


def test_every_problem_of_the_rows_is_told_at_once():
    frame = pd.DataFrame(
        {"s": ["a", "a", "b"], "d": pd.to_datetime(["2019-01-01 00:00", "2019-01-01 00:00", "2019-01-02 03:00"]), "v": [1, -2, 3]}
    )
    with pytest.raises(DataError) as error:
        panel.daily_cube(frame, place="s", time="d", value="v")
    assert len(error.value.problems) == 3


# errors of forecasts, worked by hand


def test_smape_and_mase_worked_by_hand():
    actual, forecast = np.array([100.0, 0.0, 50.0]), np.array([110.0, 0.0, 40.0])
    assert bt.smape(actual, forecast) == pytest.approx((200 * 10 / 210 + 0 + 200 * 10 / 90) / 3)
    history = np.array([1.0, 5.0, 2.0, 7.0, 4.0])  # differences over a season of 2: 1, 2, 2
    assert bt.seasonal_scale(history, 2) == pytest.approx(5 / 3)
    assert bt.mase(actual, forecast, 5 / 3) == pytest.approx(20 / 3 / (5 / 3))


def test_a_day_without_observation_does_not_count():
    actual = np.array([100.0, np.nan])
    assert bt.smape(actual, np.array([50.0, 1.0])) == pytest.approx(200 * 50 / 150)
    assert bt.mase(actual, np.array([50.0, 1.0]), 10.0) == pytest.approx(5)


def test_naive_rows_repeat_the_last_day_and_the_last_week():
    cube = made_cube(places=2)
    assert (bt.Naive(1).predict(cube, 5).to_numpy() == cube.to_numpy()[:, -1:]).all()
    weekly = bt.Naive(7).predict(cube, 10)
    assert (weekly.to_numpy() == cube.to_numpy()[:, [-7, -6, -5, -4, -3, -2, -1, -7, -6, -5]]).all()
    assert pd.Timestamp(weekly["time"].to_numpy()[0]) == pd.Timestamp("2018-09-20")


def test_origins_end_with_the_data_and_keep_the_weekday():
    at = bt.origins(1000, 28, 5, 7, 400)
    assert list(at) == [943, 950, 957, 964, 971]
    with pytest.raises(DataError, match="Use fewer origins"):
        bt.origins(500, 28, 20, 7, 400)


# no leak


class Spy:
    """A model that remembers how far it was allowed to see."""

    name = "spy"

    def __init__(self):
        self.seen = []

    def fit(self, history):
        self.seen.append(history)
        return self

    def predict(self, history, horizon):
        self.seen.append(history)
        return bt.Naive(1).predict(history, horizon)


def test_a_backtest_hands_a_model_nothing_after_the_origin():
    cube, spy = made_cube(), Spy()
    trial = bt.backtest(cube, {"spy": spy}, count=6, refit=1)
    ends = [pd.Timestamp(history["time"].to_numpy()[-1]) for history in spy.seen]
    expected = np.repeat(trial.actual["origin"].to_numpy(), 2)
    assert ends == [pd.Timestamp(origin) for origin in expected]
    assert not any(np.shares_memory(history.to_numpy(), cube.to_numpy()) for history in spy.seen)  # not even through the array behind it


def test_what_comes_after_the_origin_changes_no_forecast_made_at_it():
    cube = made_cube()
    poisoned = cube.copy(deep=True)
    origin = cube.sizes["time"] - 50
    poisoned[:, origin + 1 :] = 1e9
    models = {"forecast": QUICK, "naive": bt.Naive(1)}
    clean, spoiled = (bt.backtest(c, models, count=5, every=7, refit=2) for c in (cube, poisoned))
    before = clean.actual["origin"].to_numpy() <= cube["time"].to_numpy()[origin]
    assert before.sum() == 2
    np.testing.assert_array_equal(clean.forecasts[:, before], spoiled.forecasts[:, before])
    assert (clean.forecasts[:, ~before].to_numpy() != spoiled.forecasts[:, ~before].to_numpy()).any()  # the poison does reach later origins


def test_features_at_an_origin_see_only_the_past_and_the_calendar_known_then():
    cube = made_cube(end="2017-12-31")
    origin = int(np.flatnonzero(cube["time"].to_numpy() == np.datetime64("2017-09-04"))[0])
    past = cube.isel(time=slice(0, origin + 1))
    days = fc._calendar(past, 28)
    assert not days.loc["2017-10-02", "holiday"]  # decided on 2017-09-05
    later = fc._calendar(cube.isel(time=slice(0, origin + 2)), 28)
    assert later.loc["2017-10-02", "holiday"]
    with pytest.raises(IndexError):  # a calendar that ends too early is an error, never a look elsewhere
        fc.features(np.log1p(past.to_numpy()), days.iloc[:-1], 28)


def test_each_day_ahead_learns_only_from_targets_inside_the_history(monkeypatch):
    cube, seen = made_cube(), []
    whole = fc.features

    def watched(logs, days, horizon):
        seen.append((logs.shape[1], len(days)))
        return whole(logs, days, horizon)

    monkeypatch.setattr(fc, "features", watched)
    QUICK.fit(cube)
    assert seen
    assert all(known + 28 <= cube.sizes["time"] and days == known + 28 for known, days in seen)


def test_intervals_of_a_trial_come_from_trials_that_had_ended(monkeypatch):
    cube = made_cube()
    whole, used = fc.radii, []

    def watched(errors, kinds, wanted, level):
        used.append(len(errors))
        return whole(errors, kinds, wanted, level)

    monkeypatch.setattr(fc, "radii", watched)
    result = fc.forecast(cube, trials=24, calibration=12, refit=24, levels=(0.8,), model=QUICK)
    # trial 15 (counted from 0) starts 28 days after trial 11 ended: 12 trials are over
    assert used[:-1] == list(range(12, 12 + result.judged_trials))
    assert used[-1] == 24  # the forecast itself knows all
    first = result.judged["origin"].min()
    assert first - pd.Timedelta(days=28 + 7 * 11) == pd.Timestamp(cube["time"].to_numpy()[-1]) - pd.Timedelta(days=28 + 7 * 23)


# coverage


@given(st.integers(9, 60), st.sampled_from([0.5, 0.8, 0.9]), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_conformal_radii_cover_exchangeable_errors_as_promised(n, level, seed):
    errors = np.random.default_rng(seed).standard_cauchy((4000, n + 1))  # any distribution will do
    held = np.mean([abs(row[-1]) <= bt.conformal_radius(np.abs(row[:-1]), level) for row in errors])
    exact = np.ceil((n + 1) * level - 1e-9) / (n + 1)  # for continuous errors (Lei et al. 2018)
    assert exact >= level - 1e-9
    assert abs(held - exact) < 5 * np.sqrt(0.25 / 4000)


def test_too_few_errors_promise_nothing():
    assert bt.conformal_radius(np.array([1.0, 2.0, np.nan]), 0.9) == float("inf")
    with pytest.raises(UsageError):
        bt.conformal_radius(np.arange(9), 80)


@pytest.mark.parametrize(("count", "level"), [(50, 0.9), (39, 0.8), (99, 0.95), (200, 0.5), (10, 0.9)])
def test_the_radius_is_the_one_of_mapies_split_conformal_regressor(count, level):
    from mapie.regression import SplitConformalRegressor
    from sklearn.dummy import DummyRegressor

    errors = np.random.default_rng(count).normal(size=count)
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(np.zeros((1, 1)), [0.0])
    peer = SplitConformalRegressor(zero, confidence_level=level, prefit=True).conformalize(np.zeros((count, 1)), errors)
    _, interval = peer.predict_interval(np.zeros((1, 1)))
    assert bt.conformal_radius(np.abs(errors), level) == pytest.approx(interval[0, 1, 0], rel=1e-12)


def test_radii_come_from_like_days_and_are_widened_where_those_are_few():
    rng = np.random.default_rng(0)
    kinds = np.where(rng.random((30, 28)) < 0.02, "special", "weekday")
    errors = rng.exponential(1, (30, 2, 28)) * np.where(kinds == "special", 10, 1)[:, None] * np.array([1, 3])[None, :, None]
    wanted = np.array(["weekday"] * 27 + ["special"])
    found, pools = bt.radii(errors, kinds, wanted, 0.8)
    assert pools["place, week, kind"] == 54
    assert pools["kind"] == 2
    weekday = np.sort(errors[:, 0, :7][kinds[:, :7] == "weekday"])
    assert found[0, 0] == weekday[int(np.ceil((len(weekday) + 1) * 0.8)) - 1]
    assert found[1, 0] > found[0, 0]
    assert found[0, 27] == found[1, 27] > found[1, 0]


def test_coverage_limits_of_independent_blocks_are_close_to_clopper_pearson():
    inside = np.zeros(40)
    inside[:32] = 1
    shuffled = np.random.default_rng(0).permutation(inside)
    found = bt.coverage(shuffled[:, None], np.arange(40), 0.8)
    # one day per block: the variance between blocks is p(1-p)/(n-1), so the days are worth n - 1 trials
    assert found.effective == pytest.approx(39)
    low = beta.ppf(0.025, 0.8 * 39, 39 - 0.8 * 39 + 1)
    assert found.low == pytest.approx(low)
    assert found.share == pytest.approx(0.8)
    assert found.kept


def test_coverage_limits_hold_the_truth_when_days_of_a_block_share_their_luck():
    rng, held = np.random.default_rng(5), 0
    for _ in range(300):
        luck = rng.beta(8, 2, (19, 1))
        inside = rng.random((19, 280)) < luck
        found = bt.coverage(inside, np.arange(19), 0.8)
        held += found.kept
    assert held >= 0.92 * 300  # 95 % limits; days taken as independent would hold it in about 30 %


def test_full_coverage_is_worth_no_more_than_its_blocks():
    found = bt.coverage(np.ones((10, 28)), np.arange(10), 0.8)
    assert found.high == 1
    assert found.low == pytest.approx(0.025 ** (1 / 10))
    with pytest.raises(DataError, match="at least 2"):
        bt.coverage(np.ones((5, 28)), np.zeros(5), 0.8)


# the forecast as a whole


def test_the_model_beats_the_naive_rows_that_stand_beside_it(made):
    assert list(made.scores.index) == ["forecast", "naive", "seasonal_naive"]
    assert made.scores["mase"].idxmin() == "forecast"
    assert {"forecast", "naive", "seasonal_naive"} <= set(made.table.columns) & set(made.judged.columns)


def test_the_intervals_hold_and_say_how_sure_that_is(made):
    for level, found in made.coverage.items():
        assert found.low < level < found.high
        assert found.low < found.share < found.high
        assert found.blocks > 2
        inside = made.judged["actual"].between(made.judged[f"lower_{level * 100:g}"], made.judged[f"upper_{level * 100:g}"])
        assert found.share == pytest.approx(inside.mean())


def test_wider_promises_give_wider_intervals_around_the_forecast(made):
    for table in (made.table, made.judged):
        order = ["lower_95", "lower_80", "forecast", "upper_80", "upper_95"]
        assert (np.diff(table[order].to_numpy(), axis=1) >= 0).all()


def test_the_same_input_gives_the_same_bytes():
    cube = made_cube(places=2)
    one, two = (fc.forecast(cube, trials=24, calibration=12, refit=24, model=QUICK) for _ in range(2))
    for key in ("table", "judged", "scores", "coverage_by_kind", "pools"):
        pd.testing.assert_frame_equal(getattr(one, key), getattr(two, key), check_exact=True)
    assert one.coverage == two.coverage


def test_the_result_is_frozen_and_the_input_untouched():
    cube = made_cube(places=2)
    before = cube.copy(deep=True)
    result = fc.forecast(cube, trials=24, calibration=12, refit=24, levels=(0.8,), model=QUICK)
    assert cube.identical(before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.horizon = 3


def test_a_coming_feast_is_foreseen(made):
    cube = made_cube()
    feast = made.table[(made.table["holiday"] == "추석") & (made.table["place"] == "p1")].iloc[0]
    ordinary = made.table[(made.table["kind"] == "weekday") & (made.table["place"] == "p1")]["forecast"].median()
    assert cube["time"].to_numpy()[-1] < np.datetime64(feast["date"])
    assert feast["kind"] == "special"
    assert feast["forecast"] < 0.7 * ordinary


def test_a_missing_day_is_counted_and_survived():
    cube = made_cube(places=2)
    cube[0, -60:-50] = np.nan
    result = fc.forecast(cube, trials=24, calibration=12, refit=24, levels=(0.8,), model=QUICK)
    assert result.missing == 10
    assert np.isfinite(result.table[["forecast", "lower_80", "upper_80"]].to_numpy()).all()
    assert result.coverage[0.8].days == result.judged["actual"].notna().sum() < len(result.judged)


def test_the_break_of_2020_is_named_when_the_data_end_before_it():
    assert [found.day.year for found in fc.breaks_after(pd.Timestamp("2019-06-30"))] == [2020]
    assert fc.breaks_after(pd.Timestamp("2021-01-01")) == ()
    assert all(found.source for found in fc.BREAKS)


def test_a_change_of_level_is_flagged_and_an_ordinary_year_is_not():
    cube = made_cube()
    assert not fc.level_shifts(cube)["flagged"].any()
    cube[1, -28:] *= 0.7
    found = fc.level_shifts(cube)
    assert list(found.index[found["flagged"]]) == ["p1"]
    assert found.loc["p1", "change"] == pytest.approx(-0.3, abs=0.03)


def test_too_short_a_history_is_refused_with_what_it_needs():
    cube = made_cube()
    with pytest.raises(DataError, match="Use fewer origins"):
        fc.forecast(cube.isel(time=slice(0, 600)), model=QUICK)
    with pytest.raises(DataError, match="Use more trials"):
        fc.forecast(cube, trials=20, calibration=18, model=QUICK)
    with pytest.raises(DataError, match="to learn from"):
        QUICK.fit(cube.isel(time=slice(0, 100)))


def test_scores_judge_every_model_on_the_same_days():
    # the seasonal row has no forecast for the day that was missing a week before: there, nobody is judged
    values = 100 + np.random.default_rng(0).normal(0, 5, (1, 600))
    values[0, ::14] = np.nan
    time = pd.date_range("2015-01-08", periods=600)
    cube = xr.DataArray(values, coords={"place": ["a"], "time": time}, dims=("place", "time"))
    found = bt.backtest(cube, {"naive": bt.Naive(1, "naive"), "seasonal": bt.Naive(7, "seasonal")}, horizon=7, count=10, every=7, least=400)
    made = {name: found.forecasts.sel(model=name).to_numpy() for name in ("naive", "seasonal")}
    both = ~np.isnan(made["naive"]) & ~np.isnan(made["seasonal"]) & ~np.isnan(found.actual.to_numpy())
    assert both.sum() < (~np.isnan(made["naive"]) & ~np.isnan(found.actual.to_numpy())).sum()
    for name, there in made.items():
        wrong = np.abs(there - found.actual.to_numpy()) / found.scale[:, :, None]
        assert found.scores().loc[name, "mase"] == pytest.approx(wrong[both].mean())


def test_gaps_count_steps_whatever_a_step_is():
    hours = pd.to_datetime(["2019-01-01 00:00", "2019-01-01 01:00", "2019-01-01 04:00"])
    cube = panel.even_cube(pd.DataFrame({"place": "a", "hour": hours, "value": 1.0}), place="place", time="hour", value="value", step="h")
    assert panel.gaps(cube).loc["a", ["days", "missing"]].tolist() == [3, 2]


@dataclasses.dataclass(frozen=True)
class Peeping:
    """Says for every day the largest value that its covariates hold, whenever that became known."""

    covariates: covariates.Covariates
    name: str = "peeping"

    def fit(self, history):
        return self

    def predict(self, history, horizon):
        return bt.forecast_frame(history, np.full((history.sizes["place"], horizon), self.covariates.rows["rain"].max()))


def test_the_last_forecast_too_knows_nothing_that_became_known_after_the_data():
    cube = made_cube(places=2, end="2017-03-01")
    days = pd.date_range("2015-01-08", "2017-04-30", freq="D")
    rain = pd.DataFrame({"day": days, "rain": np.where(days > cube["time"].to_numpy()[-1], 9_999.0, 5_000.0)})
    model = Peeping(covariates.observed(rain, time="day", variables=["rain"]))
    found = fc.forecast(cube, horizon=14, trials=30, calibration=12, model=model)
    assert (found.table["forecast"] == 5_000.0).all()
