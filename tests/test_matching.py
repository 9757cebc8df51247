"""Two lists of the same things: nearest pairs first, nothing twice."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gsan_lib.analysis import matching
from gsan_lib.errors import CrsError


def line(*metres: float) -> gpd.GeoSeries:
    return gpd.GeoSeries.from_xy(np.array(metres) + 950_000, np.full(len(metres), 1_950_000.0), crs="EPSG:5179")


def test_two_cameras_on_a_pole_stay_two_when_both_lists_have_two():
    assert len(matching.merge_points(line(0, 1), line(0.2, 1.3), within_m=10)) == 2
    assert len(matching.merge_points(line(0), line(0.2, 1.3), within_m=10)) == 2


def test_the_distance_itself_still_matches_and_more_does_not():
    assert matching.match_points(line(0), line(10), within_m=10)["distance_m"].tolist() == [10]
    assert matching.match_points(line(0), line(10.01), within_m=10).empty


def test_repeated_and_missing_positions_count_once_and_not_at_all():
    listed = line(0, 0, 50)
    listed.loc[3] = None
    assert len(matching.distinct_points(listed)) == 2
    assert matching.merge_points(listed, line(0), within_m=10)["known_to"].tolist() == ["both", "left"]


def test_no_unmatched_pair_is_left_within_the_distance():
    draw = np.random.default_rng(2)
    left, right = (gpd.GeoSeries.from_xy(*(draw.uniform(0, 400, (2, 150)) + 950_000), crs="EPSG:5179") for _ in range(2))
    pairs = matching.match_points(left, right, within_m=15)
    assert pairs["left"].is_unique
    assert pairs["right"].is_unique
    assert len(pairs) > 30
    alone = (series.drop(pairs[side]).get_coordinates() for series, side in ((left, "left"), (right, "right")))
    assert cdist(*alone).min() > 15
    assert len(matching.merge_points(left, right, within_m=15)) == 300 - len(pairs)


def test_lists_in_different_systems_are_refused():
    with pytest.raises(CrsError):
        matching.match_points(line(0), line(0).to_crs(5186), within_m=10)
