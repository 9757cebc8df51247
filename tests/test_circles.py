"""Distances to the rim of facilities that are a point and an area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gsan_lib.analysis import access, circles
from gsan_lib.errors import CrsError, DataError


@pytest.fixture
def town() -> tuple[gpd.GeoSeries, gpd.GeoSeries, pd.Series, pd.Series]:
    """Homes, parks, their areas and service distances."""
    dice = np.random.default_rng(7)
    homes = gpd.GeoSeries.from_xy(dice.uniform(0, 3000, 400), dice.uniform(0, 3000, 400), crs="EPSG:5179")
    parks = gpd.GeoSeries.from_xy(
        dice.uniform(0, 3000, 30), dice.uniform(0, 3000, 30), index=[f"p{i:02}" for i in range(30)], crs="EPSG:5179"
    )
    return (
        homes,
        parks,
        pd.Series(dice.uniform(0, 9e4, 30), index=parks.index),
        pd.Series(dice.choice([250.0, 500.0, 1000.0], 30), index=parks.index),
    )


@pytest.mark.parametrize("detour", [1.0, 1.4])
def test_pairs_and_distances_are_those_of_buffers_drawn_by_shapely(town, detour):
    homes, parks, area, reach = town
    pairs = circles.within_reach(homes, parks, area_m2=area, reach_m=reach, detour=detour).to_frame()
    found = {(one, two): cost for one, two, cost in pairs.itertuples(index=False)}
    expected = {}
    for name, middle in parks.items():
        metres = detour * (homes.distance(middle) - (area[name] / np.pi) ** 0.5).clip(lower=0)
        expected |= {(home, name): metre for home, metre in metres.items() if metre <= reach[name]}
    assert found.keys() == expected.keys()
    assert len(found) > 100
    assert max(abs(found[pair] - expected[pair]) for pair in expected) < 1e-9


def test_whoever_is_in_reach_is_counted_by_the_service_radius_too(town):
    homes, parks, area, reach = town
    pairs = circles.within_reach(homes, parks, area_m2=area, reach_m=reach)
    counted = access.service_radius(homes, parks, radius_m=reach, area_m2=area)
    assert np.bincount(pairs.row, minlength=len(homes)).tolist() == counted.tolist()


def test_nobody_and_no_park_give_an_empty_matrix(town):
    homes, parks, area, reach = town
    assert len(circles.within_reach(homes.iloc[:0], parks, area_m2=area, reach_m=reach).cost) == 0
    assert len(circles.within_reach(homes, parks.iloc[:0], area_m2=area, reach_m=reach).cost) == 0


def test_degrees_and_missing_areas_are_refused(town):
    homes, parks, area, reach = town
    with pytest.raises(CrsError):
        circles.within_reach(homes.to_crs(4326), parks.to_crs(4326), area_m2=area, reach_m=reach)
    with pytest.raises(DataError, match="2 of 30 rows"):
        circles.within_reach(homes, parks, area_m2=area.where(area.index > "p01"), reach_m=reach)
