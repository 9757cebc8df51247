"""Cubes of space and time and emerging hot spots: every event accounted for, rules by constructed series, error rates by simulation."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau
from shapely.geometry import Point, box

from gsan_lib.analysis import emerging, hotspots, spacetime
from gsan_lib.errors import DataError, InputError, UsageError

CRS = "EPSG:5179"


def cells(side: int = 6, size: float = 500.0) -> gpd.GeoDataFrame:
    shapes = [box(x * size, y * size, (x + 1) * size, (y + 1) * size) for y in range(side) for x in range(side)]
    return gpd.GeoDataFrame({"cell_id": [f"c{i:03d}" for i in range(side * side)]}, geometry=shapes, crs=CRS)


def series(values: np.ndarray, complete: list[bool] | None = None) -> xr.DataArray:
    """(place, period) with what `emerging` needs."""
    months = pd.period_range("2020-01", periods=values.shape[1], freq="M")
    coords = {
        "place": [f"c{i:03d}" for i in range(len(values))],
        "period": months.start_time,
        "label": ("period", months.astype(str)),
        "complete": ("period", complete or [True] * values.shape[1]),
    }
    return xr.DataArray(values, dims=("place", "period"), coords=coords)


def queen(side: int) -> hotspots.Weights:
    return hotspots.weights(cells(side).set_index("cell_id").geometry)


# cubes


def events(rows: int = 3000, seed: int = 1) -> gpd.GeoDataFrame:
    made = np.random.default_rng(seed)
    at = pd.Series(pd.Timestamp("2023-01-10") + pd.to_timedelta(made.uniform(0, 400, rows), unit="D"))
    shapes = gpd.points_from_xy(made.uniform(-50, 3000, rows), made.uniform(0, 3050, rows))
    frame = gpd.GeoDataFrame({"at": at}, geometry=shapes, crs=CRS)
    frame.loc[::100, "at"] = pd.NaT
    frame.loc[5::200, "geometry"] = None
    frame.loc[6::300, "geometry"] = Point(np.nan, np.nan)  # what a table without coordinates becomes
    return frame


@pytest.mark.parametrize("freq", spacetime.FREQUENCIES)
def test_every_event_is_in_the_cube_or_told(freq):
    given_events = events()
    found = spacetime.cube(given_events, cells(), time="at", freq=freq, key="cell_id", observed=("2023-02-01", "2023-12-31"))
    assert found.counted + found.untimed + found.unplaced + found.outside + found.beyond == found.given == 3000
    assert int(found.data["count"].sum()) == found.counted
    assert found.unplaced == 25
    by_hand = given_events[given_events["at"].between("2023-02-01", "2023-12-31 23:59:59.999999999")].dropna(subset=["geometry"])
    inside = by_hand.geometry.intersects(box(0, 0, 3000, 3000))
    assert found.counted == inside.sum()
    assert found.to_frame()["count"].sum() == found.counted


def test_a_cubes_bin_holds_what_a_filter_by_hand_finds():
    given_events = events()
    found = spacetime.cube(given_events, cells(), time="at", freq="quarter", key="cell_id")
    home = cells().set_index("cell_id").geometry["c014"]
    mine = given_events[given_events["at"].between("2023-04-01", "2023-06-30 23:59:59") & given_events.geometry.within(home)]
    assert len(mine) > 5
    assert found.data["count"].sel(place="c014", period="2023-04-01").item() == len(mine)
    assert found.data["geometry"].sel(place="c014").item().equals(home)


def test_periods_that_the_observation_cuts_are_told_and_others_not():
    found = spacetime.cube(events(), cells(), time="at", key="cell_id", observed=("2023-01-10", "2024-02-13"))
    assert found.incomplete == ("2023-01", "2024-02")
    assert "unfinished: 2023-01, 2024-02" in found.sentence()
    assert "as told" in found.sentence()
    guessed = spacetime.cube(events(), cells(), time="at", key="cell_id")
    assert guessed.assumed
    assert "assumed from the first and last event" in guessed.sentence()
    assert guessed.incomplete[0] == "2023-01"


def test_weeks_begin_on_monday_and_a_day_ends_at_midnight():
    points = gpd.GeoDataFrame(
        {"at": pd.to_datetime(["2024-01-07 23:59:59", "2024-01-08 00:00:00", "2024-01-14 23:59:59"])}, geometry=[Point(1, 1)] * 3, crs=CRS
    )
    found = spacetime.cube(points, cells(1), time="at", freq="week", key="cell_id", observed=("2024-01-01", "2024-01-14"))
    assert found.data["count"].values.tolist() == [[1, 2]]
    assert found.data["label"].values.tolist() == ["2024-01-01", "2024-01-08"]
    assert found.incomplete == ()
    assert found.beyond == 0


def test_a_period_without_any_event_is_named_as_a_possible_gap():
    given_events = events()
    quiet = given_events[given_events["at"].dt.month != 6]
    found = spacetime.cube(quiet, cells(), time="at", key="cell_id", observed=("2023-02-01", "2023-12-31"))
    assert found.silent == ("2023-06",)
    assert "gap in the recording" in found.sentence()


def test_cubes_refuse_text_zones_and_repeated_places():
    frame = events(50)
    with pytest.raises(InputError, match="pd.to_datetime"):
        spacetime.cube(frame.assign(at=frame["at"].astype(str)), cells(), time="at", key="cell_id")
    with pytest.raises(InputError, match="Asia/Seoul"):
        spacetime.cube(frame.assign(at=frame["at"].dt.tz_localize("UTC")), cells(), time="at", key="cell_id")
    with pytest.raises(InputError, match="no points"):
        spacetime.cube(frame.assign(geometry=frame.buffer(1)), cells(), time="at", key="cell_id")
    with pytest.raises(DataError, match="Dissolve"):
        spacetime.cube(frame, pd.concat([cells(2), cells(2)]), time="at", key="cell_id")
    with pytest.raises(UsageError, match="fortnight"):
        spacetime.cube(frame, cells(), time="at", freq="fortnight", key="cell_id")
    with pytest.raises(UsageError, match="must not lie after"):
        spacetime.cube(frame, cells(), time="at", key="cell_id", observed=("2024-01-01", "2023-01-01"))


def test_playback_has_one_scale_for_all_frames_and_nothing_is_class_0():
    values = np.random.default_rng(3).poisson(1.5, (16, 8))
    film = spacetime.playback(series(values, [True] * 7 + [False]), classes=4)
    assert len(film.frames) == values.size
    assert (film.frames["class"] == 0).equals(film.frames["value"] == 0)
    tops = film.frames[film.frames["class"] > 0].groupby("class")["value"].max().tolist()
    assert tops == list(film.limits)
    assert film.frame("2020-03")["value"].tolist() == values[:, 2].tolist()
    assert film.frames[~film.frames["complete"]]["period"].unique().tolist() == ["2020-08"]
    with pytest.raises(UsageError, match="2020-01 to 2020-08"):
        film.frame("2021-01")


# Gi* in space and time


def test_z_is_the_formula_of_ord_and_getis_added_up_bin_by_bin():
    values = np.random.default_rng(4).poisson(2.0, (25, 12)).astype(float)
    weights = queen(5)
    found = emerging.emerging(series(values), weights, lag=2)
    near = weights.graph.transform("b").sparse.toarray() + np.eye(25)
    mean, spread, count = values.mean(), values.std(), values.size
    for place, period in [(0, 0), (12, 1), (7, 6), (24, 11)]:
        members = [(j, t) for j in np.flatnonzero(near[place]) for t in range(max(0, period - 2), period + 1)]
        m, total = len(members), sum(values[j, t] for j, t in members)
        by_hand = (total - m * mean) / (spread * np.sqrt((count * m - m**2) / (count - 1)))
        assert found.bins["z"].values[place, period] == pytest.approx(by_hand, rel=1e-12)


def test_compared_with_its_own_period_z_is_the_gi_star_of_that_period():
    values = np.random.default_rng(5).poisson(3.0, (36, 10))
    weights = queen(6)
    found = emerging.emerging(series(values), weights, lag=0, reference="period")
    for period in (0, 7):
        alone = hotspots.gi_star(pd.Series(values[:, period], index=weights.graph.unique_ids), weights, permutations=9)
        np.testing.assert_allclose(found.bins["z"].values[:, period], alone.table["statistic"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mean", [0.1, 0.5, 3.0])
def test_chance_makes_neither_too_many_hot_nor_too_many_cold_bins_where_counts_are_skewed(mean):
    made = np.random.default_rng(6)
    near = queen(10).graph.transform("b").assign_self_weight(1.0).transform("b").sparse.tocsr()
    shares, normal = [], []
    for _ in range(12):
        values = made.negative_binomial(1, 1 / (1 + mean), (100, 24)).astype(float)  # variance above the mean, as reports have
        z, p = emerging._scores(values, *emerging._sums(values, near, 1), True)
        shares.append([((p <= 0.05) & (z > 0)).mean(), ((p <= 0.05) & (z < 0)).mean()])
        normal.append([(z >= 1.96).mean(), (z <= -1.96).mean()])
    hot, cold = np.mean(shares, axis=0)
    assert hot <= 0.03  # 0.025 are allowed
    assert cold <= 0.03
    if mean < 1:
        assert np.mean(normal, axis=0)[0] > 0.03  # what the normal curve would have called hot
    assert hot > 0.01  # and the test is not merely blind


def test_chance_makes_trends_as_rarely_as_the_level_says():
    made = np.random.default_rng(7)
    found = emerging.emerging(series(made.poisson(2.0, (400, 30))), queen(20), lag=3)
    # neighbours share cells, so the 400 tests are not independent; 0.05 are allowed
    assert (found.table["trend_p"] <= 0.05).mean() < 0.09


def test_pure_noise_has_no_pattern():
    made = np.random.default_rng(8)
    maps = [emerging.emerging(series(made.poisson(1.0, (64, 15))), queen(8)) for _ in range(20)]
    assert sum((one.bins["q"].values <= 0.05).any() for one in maps) <= 4  # 5 % of maps are expected; 5 or more of 20 have p = 0.003


# trend


@pytest.mark.parametrize(
    ("n", "s", "one_sided"),
    # exact upper tails of Kendall's S: Kendall 1975, Table 1; Hollander and Wolfe 1999, Table A.30
    [(4, 6, 0.042), (5, 8, 0.042), (5, 10, 0.0083), (8, 16, 0.031), (9, 18, 0.038), (10, 21, 0.036), (10, 29, 0.0046)],
)
def test_the_trends_p_is_the_tabled_one(n, s, one_sided):
    order = list(range(n))
    while kendalltau(range(n), order).statistic * n * (n - 1) / 2 > s + 0.5:  # swap neighbours one by one: S falls by 2 each time
        place = next(i for i in range(n - 1) if order[i] < order[i + 1])
        order[place], order[place + 1] = order[place + 1], order[place]
    tau, p = emerging.trend(np.array(order, dtype=float))
    assert round(tau * n * (n - 1) / 2) == s
    assert p / 2 == pytest.approx(one_sided, abs=6e-4)


# kinds


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=2, max_size=30), st.sampled_from([-1, 0, 1]))
def test_hot_and_cold_are_mirror_images_and_every_kind_keeps_its_definition(steps, rising):
    state = np.array(steps)
    kind = emerging.kind_of(state > 0, state < 0, rising)
    mirrored = emerging.kind_of(state < 0, state > 0, -rising)
    swap = {"hot": "cold", "cold": "hot", "pattern": "pattern"}
    assert mirrored == f"{kind.rsplit(' ', 1)[0]} {swap[kind.rsplit(' ', 1)[1]]}"
    if kind == emerging.NONE:
        assert state[-1] == 0
        assert abs(state).sum() < 30
        return
    name, side = kind.split()
    own = state == (1 if side == "hot" else -1)
    always = own.mean() >= 0.9
    assert own[-1] == (name != "historical")
    assert always == (name in ("intensifying", "persistent", "diminishing", "historical"))
    if name == "new":
        assert own.sum() == 1
    if name == "consecutive":
        assert own.sum() > 1
        assert own[-own.sum() :].all()
    if name == "sporadic":
        assert (state != -state[-1]).all()
        assert own[:-1].any()
    if name == "oscillating":
        assert (state == -state[-1]).any()
        assert own[:-1].any()


def planted(kind: str, months: int = 20) -> np.ndarray:
    """Counts on 14 x 14 cells with one block of 5 x 5 that behaves as the kind says."""
    made = np.random.default_rng(9)
    level = np.full((14, 14, months), 4.0)
    block = level[4:9, 4:9]
    block[:] = {
        "persistent": [12.0] * months,
        "intensifying": np.linspace(15, 24, months),
        "diminishing": np.linspace(24, 15, months),
        "new": [4.0] * (months - 1) + [14.0],
        "consecutive": [4.0] * (months - 5) + [14.0] * 5,
        "sporadic": [4.0, 4.0, 14.0, 4.0] * (months // 4 - 1) + [4.0, 4.0, 14.0, 14.0],
        "oscillating": [0.1] * 5 + [4.0] * 4 + [14.0, 4.0] * ((months - 11) // 2) + [4.0] * ((months - 11) % 2) + [14.0] * 2,
        "historical": [14.0] * (months - 1) + [4.0],
    }[kind]
    return made.poisson(level).reshape(196, months)


@pytest.mark.parametrize("kind", emerging.KINDS)
def test_a_planted_pattern_is_found_as_what_it_is(kind):
    found = emerging.emerging(series(planted(kind)), queen(14), lag=0)
    middle = [f"c{y * 14 + x:03d}" for y in (5, 6, 7) for x in (5, 6, 7)]
    assert (found.table.loc[middle, "kind"] == f"{kind} hot").sum() >= 7
    far = [f"c{y * 14 + x:03d}" for y in (11, 12, 13) for x in range(14)]
    assert (found.table.loc[far, "kind"] == emerging.NONE).mean() > 0.85
    assert f"{kind} hot" in found.sentence()


def test_an_unfinished_last_month_is_left_out_and_not_taken_for_a_fall():
    values = planted("persistent")
    values[:, -1] = values[:, -1] // 10  # the file was taken on the third of the month
    told = emerging.emerging(series(values, [True] * 19 + [False]), queen(14))
    untold = emerging.emerging(series(values), queen(14))
    assert told.left_out == ("2021-08",)
    assert "2021-08" in told.sentence()
    assert told.bins.sizes["period"] == 19
    assert (told.table["kind"] == "persistent hot").sum() > 9
    assert (untold.table["kind"] == "persistent hot").sum() == 0
    assert (untold.table["last"] == "cold").sum() > 100


def test_where_cold_spots_could_not_be_found_the_sentence_says_so():
    few = emerging.emerging(series(np.random.default_rng(2).poisson(0.05, (36, 12))), queen(6), lag=0)
    assert "could not have been found" in few.sentence()
    many = emerging.emerging(series(np.random.default_rng(2).poisson(5.0, (36, 12))), queen(6), lag=0)
    assert many.blind == ""


def test_every_kind_has_a_korean_name_and_a_korean_rule():
    kinds = [f"{kind} {side}" for kind in emerging.KINDS for side in ("hot", "cold")]
    assert set(emerging.KOREAN_NAMES) == {*kinds, emerging.NONE}
    assert len(set(emerging.KOREAN_NAMES.values())) == 17
    assert set(emerging.KOREAN_RULES) == set(emerging.KINDS)


def test_what_cannot_be_judged_is_refused():
    values = np.random.default_rng(1).poisson(2.0, (36, 12)).astype(float)
    with pytest.raises(DataError, match="at least 10"):
        emerging.emerging(series(values[:, :9]), queen(6))
    with pytest.raises(DataError, match="at least 10"):
        emerging.emerging(series(values, [False] * 3 + [True] * 9), queen(6))
    with pytest.raises(DataError, match="places of `values`"):
        emerging.emerging(series(values)[::-1], queen(6))
    with pytest.raises(DataError, match="negative"):
        emerging.emerging(series(-values), queen(6))
    with pytest.raises(DataError, match="no pattern"):
        emerging.emerging(series(values * 0), queen(6))
    with pytest.raises(UsageError, match="lag=0"):
        emerging.emerging(series(values), queen(6), reference="period")
