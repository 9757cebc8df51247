"""Dongs through time: nothing is lost, joined units are the finest that hold, what is not known is told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from gsan_lib.analysis import histories
from gsan_lib.errors import CrsError, DataError, InputError

CRS = "EPSG:5179"
NONE = histories.declare([], "nothing")


def people(table: dict[tuple[str, int], float]) -> pd.Series:
    return pd.Series(table, name="residents")


def test_a_split_a_merger_and_a_renaming_leave_no_jump():
    series = people(
        {
            ("A", 2013): 100, ("B", 2013): 50, ("C", 2013): 60, ("D", 2013): 10, ("E", 2013): 7,
            ("A1", 2018): 70, ("A2", 2018): 45, ("BC", 2018): 120, ("D", 2018): 11, ("F", 2018): 8,
        }
    )  # fmt: skip
    links = pd.concat(
        [
            histories.declare([("A", "A1"), ("A", "A2")], "split"),
            histories.declare([("B", "BC"), ("C", "BC")], "merger"),
            histories.declare([("E", "F")], "renamed"),
        ]
    )
    found = histories.comparable(series, links, names={"A1": "가1동", "A2": "가2동"})
    assert found.values.to_dict("index") == {
        "A1": {2013: 100, 2018: 115},
        "BC": {2013: 110, 2018: 120},
        "D": {2013: 10, 2018: 11},
        "F": {2013: 7, 2018: 8},
    }
    assert found.units.loc["A1", ["name", "codes", "changed", "whole", "basis"]].tolist() == ["가1동+가2동", "A+A1+A2", True, True, "split"]
    assert found.unexplained.empty
    assert found.members.set_index(["unit", "period"])["codes"].to_dict()[("BC", 2013)] == "B+C"
    assert "4 stable units over 2 periods, 3 of them joined" in found.sentence()


def test_codes_that_come_or_go_without_a_link_are_told_and_never_taken_for_nothing():
    series = people({("A", 1): 5, ("B", 1): 6, ("A", 2): 5, ("C", 2): 9, ("A", 3): 4, ("C", 3): 9, ("G", 1): 1, ("G", 3): 1})
    found = histories.comparable(series, NONE, known=["A", "B", "C"])
    assert found.unexplained[["code", "what"]].to_numpy().tolist() == [["B", "disappears"], ["C", "appears"], ["G", "has a gap"]]
    assert np.isnan(found.values.loc["B", 2])
    assert found.unknown == ("G",)
    assert not found.units.loc["C", "whole"]
    assert "B, C, G" in found.sentence()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_totals_are_kept_and_units_are_the_finest_common_partition(seed):
    made = np.random.default_rng(seed)
    codes = [f"c{i}" for i in range(12)]
    pairs = [tuple(made.choice(codes, 2, replace=False)) for _ in range(made.integers(0, 8))]
    rows = {(code, period): float(made.integers(0, 1000)) for period in range(4) for code in codes if made.random() < 0.8}
    series, links = people(rows), histories.declare(pairs, "made")
    found = histories.comparable(series, links)
    by_period = series.groupby(level=1).sum()
    assert found.values.sum().to_dict() == pytest.approx(by_period.to_dict())
    unit = histories.stable_units(codes, links)
    assert all(unit[one] == unit[other] for one, other in pairs)
    # a union-find written out: nothing is joined that no chain of pairs joins
    parent = {code: code for code in codes}

    def root(code):
        return code if parent[code] == code else root(parent[code])

    for one, other in pairs:
        parent[root(one)] = root(other)
    assert unit.nunique() == len({root(code) for code in codes})


def test_links_of_points_join_what_shares_a_point_and_leave_out_whole_cities():
    units = gpd.GeoDataFrame(
        {"dong_code": ["1100000000", "1111051000", "1111051500", "1111052000", "1111053000"]},
        geometry=[Point(0, 0), Point(0, 0), Point(10, 0), Point(500, 0), Point(0, 900)],
        crs=CRS,
    )
    found = histories.links_of_points(units)
    assert found[["one", "other"]].to_numpy().tolist() == [["1111051000", "1111051500"]]
    assert found["basis"].iloc[0].startswith("one point in the list")
    with pytest.raises(CrsError):
        histories.links_of_points(units.to_crs(4326))


def test_links_of_outlines_show_a_split_and_keep_slivers_apart():
    before = gpd.GeoDataFrame({"dong_code": ["A", "B"]}, geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)], crs=CRS)
    after = gpd.GeoDataFrame(
        {"dong_code": ["A1", "A2", "B"]},
        geometry=[box(0, 0, 1000, 400), box(0, 400, 1020, 1000), box(1020, 0, 2000, 1000).union(box(1000, 0, 1020, 400))],
        crs=CRS,
    )
    found = histories.links_of_outlines(before, after)
    assert found[["one", "other"]].to_numpy().tolist() == [["A", "A1"], ["A", "A2"], ["B", "B"]]
    assert found["share_of_one"].round(3).tolist() == [0.4, 0.6, 0.988]
    assert found.attrs["slivers"][["one", "other"]].to_numpy().tolist() == [["B", "A2"]]
    rough = histories.links_of_outlines(before, after, border_m=250)  # A1 is 400 m high: no circle of 250 m fits
    assert rough[["one", "other"]].to_numpy().tolist() == [["A", "A2"], ["B", "B"]]
    with pytest.raises(CrsError):
        histories.links_of_outlines(before, after.to_crs(4326))


def test_links_of_legal_dongs_carry_the_day_and_leave_out_what_is_no_code():
    history = pd.DataFrame(
        {
            "legal_dong_code": ["4159013500", "4159013600", "4159010100"],
            "former_code": ["4159042029", "13131609", None],
            "created_on": ["2018-01-19", "2018-01-19", "2001-03-21"],
        }
    )
    found = histories.links_of_legal(history)
    assert found[["one", "other"]].to_numpy().tolist() == [["4159042029", "4159013500"]]
    assert found["date"].iloc[0] == pd.Timestamp("2018-01-19")
    assert found.attrs["unusable"] == 1


# apportioning


def test_an_old_value_is_shared_out_by_the_heirs_first_residents_and_totals_are_kept():
    series = people({("A", 1): 90, ("D", 1): 10, ("A1", 2): 60, ("A2", 2): 40, ("D", 2): 11})
    shares = histories.shares_of(histories.declare([("A", "A1"), ("A", "A2")], "split"), series.xs(2, level=1))
    found = histories.apportion(series, shares)
    assert found.values.to_dict("index") == {"A1": {1: 54, 2: 60}, "A2": {1: 36, 2: 40}, "D": {1: 10, 2: 11}}
    assert found.estimated.to_numpy().tolist() == [[True, False], [True, False], [False, False]]
    assert "2 of 6 values" in found.sentence()


def test_a_dong_that_kept_its_code_is_divided_only_before_its_heirs_exist():
    series = people({("A", 1): 100, ("A", 2): 70, ("N", 2): 30, ("A", 3): 66, ("N", 3): 34})
    shares = histories.shares_of(
        histories.declare([("A", "N")], "split").pipe(lambda t: pd.concat([t, t.assign(other="A")])), series.xs(2, level=1)
    )
    found = histories.apportion(series, shares)
    assert found.values.to_dict("index") == {"A": {1: 70, 2: 70, 3: 66}, "N": {1: 30, 2: 30, 3: 34}}
    assert found.estimated[1].all()
    assert not found.estimated[[2, 3]].any(axis=None)


def test_a_merger_is_exact_and_no_estimate():
    series = people({("B", 1): 5, ("C", 1): 6, ("BC", 2): 12})
    shares = histories.shares_of(histories.declare([("B", "BC"), ("C", "BC")], "merger"), series.xs(2, level=1))
    found = histories.apportion(series, shares)
    assert found.values.to_dict("index") == {"BC": {1: 11, 2: 12}}
    assert not found.estimated.any(axis=None)


def test_half_a_split_and_wrong_shares_are_refused():
    shares = pd.DataFrame({"old": ["A"] * 3, "new": ["A", "M", "N"], "share": [0.5, 0.25, 0.25]})
    with pytest.raises(DataError, match="each step by itself"):
        histories.apportion(people({("A", 1): 100, ("A", 2): 70, ("N", 2): 30}), shares)
    with pytest.raises(DataError, match="not to 1"):
        histories.apportion(people({("A", 1): 100}), shares.assign(share=0.3))
    with pytest.raises(DataError, match="negative"):
        histories.apportion(people({("A", 1): 100}), shares.assign(share=[1.5, -0.25, -0.25]))
    with pytest.raises(DataError, match="down to the newest"):
        histories.apportion(people({("A", 1): 100}), pd.DataFrame({"old": ["A", "B"], "new": ["B", "C"], "share": 1.0}))
    with pytest.raises(DataError, match="no weight"):
        histories.shares_of(histories.declare([("A", "N")], "x"), pd.Series({"M": 3}))
    with pytest.raises(DataError, match="weight 0"):
        histories.shares_of(histories.declare([("A", "N")], "x"), pd.Series({"N": 0}))


def test_repeated_and_missing_values_are_told_together():
    series = pd.Series([1.0, 2.0, np.nan], index=pd.MultiIndex.from_tuples([("A", 1), ("A", 1), ("B", 1)]))
    with pytest.raises(DataError) as error:
        histories.comparable(series, NONE)
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="two, "):
        histories.comparable(pd.Series([1], index=["A"]), NONE)
