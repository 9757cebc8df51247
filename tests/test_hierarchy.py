"""Forecasts that add up: an answer by hand, a second implementation, and sums that hold whatever the numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsan_lib.analysis import hierarchy as hr
from gsan_lib.analysis.backtest import Naive
from gsan_lib.analysis.smoothing import Usual
from gsan_lib.errors import DataError, UsageError

STATIONS = pd.DataFrame({"station": ["d", "a", "b", "c"], "line": ["2", "1", "1", "2"]})
TREE = hr.hierarchy_of(STATIONS, bottom="station", parents=["line"])


def matrix_of(method, seed=0):
    errors = np.random.default_rng(seed).normal(0, 1, (40, len(TREE.nodes))) * np.arange(1, len(TREE.nodes) + 1)
    return hr.projection(TREE, method, errors=errors, shares=np.array([0.1, 0.2, 0.3, 0.4]))


def panel(length=280, seed=0):
    days = pd.date_range("2017-01-02", periods=length, freq="D")
    week = np.where(days.day_of_week >= 5, 0.6, 1.0)
    values = np.array([[300.0], [700.0], [50.0], [500.0]]) * week * np.random.default_rng(seed).lognormal(0, 0.15, (4, length))
    return xr.DataArray(values, coords={"place": ["a", "b", "c", "d"], "time": days}, dims=("place", "time"))


def test_nodes_run_from_the_whole_to_the_bottom():
    assert TREE.nodes == ["total", "line=1", "line=2", "a", "b", "c", "d"]
    assert TREE.summing.loc["line=2"].to_dict() == {"a": 0, "b": 0, "c": 1, "d": 1}
    assert TREE.level["line=1"] == "line"
    assert TREE.level["a"] == "station"


def test_a_whole_of_two_parts_is_reconciled_as_worked_by_hand():
    # (S'S)^-1 S' for S = [[1, 1], [1, 0], [0, 1]] is [[1, 2, -1], [1, -1, 2]] / 3
    tree = hr.hierarchy_of(pd.DataFrame({"dong": ["a", "b"]}), bottom="dong", parents=[])
    assert hr.projection(tree, "ols") * 3 == pytest.approx(np.array([[1, 2, -1], [1, -1, 2]]))
    # the whole trusted less (weight of its two parts): W = diag(2, 1, 1) gives [[1, 3, -1], [1, -1, 3]] / 4
    assert hr.projection(tree, "wls") * 4 == pytest.approx(np.array([[1, 3, -1], [1, -1, 3]]))


@given(arrays(float, (7, 3), elements=st.floats(-1e6, 1e6)), st.sampled_from(hr.METHODS))
@settings(max_examples=100, deadline=None)
def test_reconciled_sums_add_up_whatever_the_forecasts(base, method):
    for negative in (True, False):
        made = hr.reconcile(base, TREE, matrix_of(method), negative=negative)
        np.testing.assert_allclose(made, TREE.summing.to_numpy() @ made[-4:], rtol=1e-9, atol=1e-6)
        assert negative or (made >= 0).all()


@given(arrays(float, (4, 3), elements=st.floats(0, 1e6)), st.sampled_from(["bottom_up", "ols", "wls", "mint"]))
@settings(max_examples=100, deadline=None)
def test_forecasts_that_add_up_already_are_left_alone(bottom, method):
    base = TREE.summing.to_numpy() @ bottom
    np.testing.assert_allclose(hr.reconcile(base, TREE, matrix_of(method)), base, rtol=1e-7, atol=1e-4)


@given(arrays(float, 7, elements=st.floats(0, 1e5)))
@settings(max_examples=50, deadline=None)
def test_least_squares_is_what_scipy_finds(base):
    from scipy.optimize import lsq_linear

    bottom = lsq_linear(TREE.summing.to_numpy(), base).x
    np.testing.assert_allclose(hr.projection(TREE, "ols") @ base, bottom, rtol=1e-6, atol=1e-4)


def test_mint_is_generalised_least_squares_by_whitening():
    rng = np.random.default_rng(3)
    errors, base = rng.normal(0, 1, (60, 7)) @ rng.normal(0, 1, (7, 7)), rng.uniform(10, 100, 7)
    root = np.linalg.inv(np.linalg.cholesky(hr.shrunk_covariance(errors)))
    bottom = np.linalg.lstsq(root @ TREE.summing.to_numpy(), root @ base, rcond=None)[0]
    np.testing.assert_allclose(hr.projection(TREE, "mint", errors=errors) @ base, bottom, rtol=1e-8)


def test_top_down_keeps_the_whole_and_its_shares():
    base = np.array([100.0, 1, 2, 3, 4, 5, 6])
    made = hr.reconcile(base, TREE, matrix_of("top_down"))
    assert made[0] == pytest.approx(100)
    assert made[-4:] == pytest.approx([10, 20, 30, 40])


def test_bottom_up_keeps_the_bottom():
    base = np.array([999.0, 1, 2, 3, 4, 5, 6])
    assert hr.reconcile(base, TREE, matrix_of("bottom_up"))[-4:] == pytest.approx([3, 4, 5, 6])


@given(st.integers(3, 80), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_a_shrunk_covariance_can_be_inverted_and_keeps_its_diagonal(trials, seed):
    errors = np.random.default_rng(seed).normal(0, 1, (trials, 7)) * np.arange(1, 8)
    errors[:, 2] = errors[:, 0] + errors[:, 1]  # nodes that depend on one another
    found = hr.shrunk_covariance(errors)
    assert np.linalg.eigvalsh(found).min() > 0
    np.testing.assert_allclose(np.diag(found), (errors**2).mean(axis=0))


def test_totals_of_a_panel_are_sums_and_missing_where_a_part_is():
    cube = panel()
    cube[1, 5] = np.nan
    whole = hr.with_totals(cube, TREE)
    assert np.isnan(whole.sel(place="total").to_numpy()[5])
    assert not np.isnan(whole.sel(place="line=2").to_numpy()).any()
    assert float(whole.sel(place="line=1")[0]) == pytest.approx(float(cube.sel(place=["a", "b"])[:, 0].sum()))
    with pytest.raises(DataError, match="differ: d"):
        hr.with_totals(cube.isel(place=[0, 1, 2]), TREE)


@pytest.fixture(scope="module")
def found():
    return hr.forecast_coherent(panel(), TREE, Usual(7, 6), horizon=7, season=7, origins=20)


@pytest.mark.parametrize("method", hr.METHODS)
def test_the_forecast_of_the_panel_adds_up_by_every_method(method):
    made = hr.forecast_coherent(panel(), TREE, Usual(7, 6), horizon=7, season=7, origins=8, method=method)
    wide = made.table.pivot(index="node", columns="step", values="forecast")
    np.testing.assert_allclose(wide.loc["total"], wide.loc[["line=1", "line=2"]].sum(), rtol=1e-9)
    np.testing.assert_allclose(wide.loc["line=2"], wide.loc[["c", "d"]].sum(), rtol=1e-9)
    assert made.incoherence < 1e-6


def test_every_level_stands_beside_naive_and_the_whole_is_easiest(found):
    scores = found.scores["mase"].unstack("row")
    assert set(scores.columns) == {"reconciled", "base", "naive", "seasonal_naive"}
    assert (scores["reconciled"] < scores["seasonal_naive"]).all()
    smape = found.scores["smape"].unstack("row")["reconciled"]
    assert smape["total"] < smape["line"] < smape["station"]


def test_intervals_are_each_nodes_own_and_do_not_add_up(found):
    width = found.table.assign(width=found.table["upper_80"] - found.table["lower_80"]).groupby("level")["width"].sum()
    assert width["total"] < width["line"] < width["station"]
    assert (found.table["lower_80"] <= found.table["forecast"]).all()
    assert {level for level, _ in found.coverage} == {"total", "line", "station"}
    assert found.coverage["station", 0.8].kept
    assert "intervals do not add up" in found.sentence()
    assert found.coverage["total", 0.8].sentence() in found.sentence()


def test_past_trials_are_reconciled_with_what_had_ended(monkeypatch):
    seen, whole = [], hr.projection
    monkeypatch.setattr(hr, "projection", lambda tree, method, **more: seen.append(len(more["errors"])) or whole(tree, method, **more))
    hr.forecast_coherent(panel(), TREE, Usual(7, 6), horizon=14, every=7, season=7, origins=9)
    # horizon of two origins: the first judged is number 4 (from 0) and knows trials 0 to 2, each of 14 steps
    assert seen == [14 * ended for ended in (3, 4, 5, 6, 7, 9)]


def test_what_is_lacking_or_unknown_is_said():
    with pytest.raises(UsageError, match="needs the `errors`"):
        hr.projection(TREE, "mint")
    with pytest.raises(UsageError, match="sum to 1"):
        hr.projection(TREE, "top_down", shares=np.ones(4))
    with pytest.raises(UsageError, match="one of bottom_up"):
        hr.projection(TREE, "magic")
    with pytest.raises(DataError, match="at least 3"):
        hr.shrunk_covariance(np.ones((2, 7)))
    with pytest.raises(DataError, match="stand twice"):
        hr.hierarchy_of(pd.concat([STATIONS, STATIONS]), bottom="station", parents=["line"])
    with pytest.raises(DataError, match="no `station` or parent"):
        hr.hierarchy_of(STATIONS.assign(line=[None, "1", "1", "2"]), bottom="station", parents=["line"])


@dataclass(frozen=True)
class Guessing:
    """The seasonal naive rule, but 0 where a week before nothing was observed."""

    name: str = "guessing"

    def fit(self, history):
        return self

    def predict(self, history, horizon):
        return Naive(7).predict(history, horizon).fillna(0.0)


def test_every_row_of_a_level_is_judged_on_the_same_days():
    values = np.random.default_rng(0).uniform(50, 60, (2, 140))
    values[0, 3::14] = np.nan
    cube = xr.DataArray(values, coords={"place": ["a", "b"], "time": pd.date_range("2020-01-06", periods=140)}, dims=("place", "time"))
    tree = hr.hierarchy_of(pd.DataFrame({"place": ["a", "b"], "line": ["x", "x"]}), bottom="place", parents=["line"])
    found = hr.forecast_coherent(cube, tree, Guessing(), horizon=7, season=7, origins=8, method="bottom_up").scores["mase"]
    for level in ("place", "line"):
        assert found[level, "base"] == pytest.approx(found[level, "seasonal_naive"]), "the guesses of 0 stand where naive has no forecast"


def test_a_node_without_a_forecast_is_named_and_not_spread_over_all():
    base = np.ones((len(TREE.nodes), 4))
    base[TREE.nodes.index("c"), [1, 3]] = np.nan
    for method in ("bottom_up", "ols", "wls", "mint"):
        with pytest.raises(DataError, match=r"1 of 7 nodes have no base forecast \(c\) at 2 steps \(2, 4\)"):
            hr.reconcile(base, TREE, matrix_of(method))
    with pytest.raises(DataError, match=r"\(c\) at 1 steps \(1\)"):
        hr.reconcile(base[:, 1], TREE, matrix_of("ols"))


def test_a_node_that_the_method_does_not_ask_may_be_missing():
    base = np.arange(7.0)
    base[TREE.nodes.index("c")] = np.nan
    np.testing.assert_allclose(hr.reconcile(base + 10, TREE, matrix_of("top_down"))[-4:], [1, 2, 3, 4])
    base = np.array([np.nan, np.nan, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert hr.reconcile(base, TREE, matrix_of("bottom_up")).tolist() == [18, 7, 11, 3, 4, 5, 6]


def test_a_last_season_with_a_gap_is_refused_where_the_model_repeats_it_and_past_gaps_are_only_not_judged():
    cube = panel()
    cube.loc["c"][100 + 3 :: 35] = np.nan  # in past trials only
    found = hr.forecast_coherent(cube[:, :270], TREE, Naive(7), horizon=7, season=7, origins=12, method="wls")
    assert np.isfinite(found.table["forecast"]).all()
    assert np.isfinite(found.scores["mase"]).all()
    cube.loc["c"][268] = np.nan
    with pytest.raises(DataError, match=r"no base forecast \(.*c.*\) at 1 steps \(6\)"):
        hr.forecast_coherent(cube[:, :270], TREE, Naive(7), horizon=7, season=7, origins=12, method="wls")
    patient = hr.forecast_coherent(cube[:, :270], TREE, Naive(7, patient=True), horizon=7, season=7, origins=12, method="wls")
    assert np.isfinite(patient.table["forecast"]).all()
