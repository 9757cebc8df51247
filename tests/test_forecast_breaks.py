"""Breaks of level: found where they are, named where they are known, and rarely where there is none."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gsan_lib.analysis import breaks, selection
from gsan_lib.analysis.smoothing import Usual
from gsan_lib.errors import DataError, UsageError

DAYS = pd.date_range("2017-01-01", "2020-12-31", freq="D")


def made(level, alike=0.5, places=1, seed=0, growth=0.0):
    """Riders of a year's season and a week's rhythm whose noise keeps a share of itself from week to week."""
    rng = np.random.default_rng(seed)
    weeks = np.zeros((places, len(DAYS) // 7 + 2))
    for week in range(1, weeks.shape[1]):
        weeks[:, week] = alike * weeks[:, week - 1] + rng.normal(0, 0.05, places)
    noise = np.repeat(weeks, 7, axis=1)[:, : len(DAYS)] + rng.normal(0, 0.05, (places, len(DAYS)))
    season = 0.2 * np.sin(2 * np.pi * DAYS.day_of_year.to_numpy() / 365.25) - 0.4 * (DAYS.day_of_week >= 5)
    values = 1_000 * level * np.exp(season + noise + growth * np.arange(len(DAYS)) / 365)
    return xr.DataArray(values, coords={"place": [f"p{k}" for k in range(places)], "time": DAYS}, dims=("place", "time"))


def test_a_level_without_a_break_is_rarely_said_to_have_one():
    # 40 series that wander, tested one by one at 5 %: more than 7 alarms have a chance below 1 %
    alarms = sum(len(breaks.breaks_in(made(1.0, seed=seed), alpha=0.05)) > 0 for seed in range(40))
    assert alarms <= 7


def test_many_places_share_one_chance_of_a_false_alarm():
    cube = made(1.0, places=20, seed=100)
    assert len(breaks.breaks_in(cube)) == 0


def test_a_break_at_one_of_many_places_can_be_found():
    # with 1,999 series p could be no smaller than 120 / 2,000 = 0.06 over 120 places
    cube = made(1.0, places=120, seed=7)[:, -500:]
    cube = cube.copy(data=cube.to_numpy() * np.where((np.arange(120)[:, None] == 5) & (np.arange(500) >= 250), 0.3, 1.0))
    found = breaks.breaks_in(cube, season=False)
    assert "p5" in found["place"].tolist()
    assert (found["p"] <= 0.05).all()


@pytest.mark.parametrize(("day", "ratio"), [("2018-06-04", 0.7), ("2019-09-02", 1.4), ("2020-02-24", 0.6)])
def test_a_lasting_change_is_found_where_it_is_and_as_large_as_it_is(day, ratio):
    found = breaks.breaks_in(made(np.where(day <= DAYS, ratio, 1.0), seed=3))
    assert len(found) == 1
    assert abs((found["at"][0] - pd.Timestamp(day)).days) <= 21
    assert found["change"][0] == pytest.approx(ratio - 1, abs=0.12)
    assert ("코로나19" in found["known"][0]) == (day == "2020-02-24")


def test_two_changes_are_two_in_order_of_time():
    level = np.select([DAYS >= "2019-10-07", DAYS >= "2018-03-05"], [1.0, 0.5], 1.0)
    found = breaks.breaks_in(made(level, seed=4))
    assert len(found) == 2
    assert found["at"].is_monotonic_increasing
    assert found["change"].tolist() == pytest.approx([-0.5, 1.0], abs=0.2)


def test_steady_growth_and_seasons_are_no_break():
    assert len(breaks.breaks_in(made(1.0, growth=0.1, seed=5))) == 0


def test_a_bad_fortnight_is_no_lasting_change():
    level = np.where((DAYS >= "2018-08-06") & (DAYS < "2018-08-20"), 0.4, 1.0)
    assert len(breaks.breaks_in(made(level, seed=6))) == 0


def test_a_counter_of_zeros_and_gaps_are_no_break():
    cube = made(1.0, places=2, seed=7)
    cube[0] = 0
    cube[1, 300:330] = np.nan
    assert len(breaks.breaks_in(cube)) == 0


def test_the_same_series_gives_the_same_breaks():
    cube = made(np.where(DAYS >= "2019-09-02", 1.4, 1.0), seed=8)
    pd.testing.assert_frame_equal(breaks.breaks_in(cube), breaks.breaks_in(cube), check_exact=True)


def test_what_cannot_be_told_is_said():
    with pytest.raises(DataError, match="two years are needed"):
        breaks.breaks_in(made(1.0).isel(time=slice(0, 500)))
    with pytest.raises(UsageError, match="breaks have dates"):
        breaks.breaks_in(made(1.0).assign_coords(time=np.arange(len(DAYS))))


def test_a_selection_names_the_known_breaks_that_concern_it():
    inside = selection.select(made(1.0), {"usual": Usual(7)}, horizon=7, season=7, origins=6)
    assert [found.day.year for found in inside.breaks] == [2020]
    before = selection.select(made(1.0).sel(time=slice(None, "2019-06-30")), {"usual": Usual(7)}, horizon=7, season=7, origins=6)
    assert before.breaks == breaks.breaks_after(pd.Timestamp("2019-06-30"))
    later = made(1.0).assign_coords(time=DAYS + pd.Timedelta(days=2000))
    assert selection.select(later, {"usual": Usual(7)}, horizon=7, season=7, origins=6).breaks == ()
