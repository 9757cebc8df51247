"""Space and time on the real stream of reports: every row accounted for, its traps told."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gsan_lib.analysis import emerging, hotspots, spacetime

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def reports(inbox: Path) -> gpd.GeoDataFrame:
    """Baltimore's 311 sample in metres (EPSG:26918); blank places stay blank."""
    table = pd.read_csv(inbox / "reports" / "baltimore_311_sample_part1.csv")
    at = pd.to_datetime(table["CreatedDate"], format="%m/%d/%Y %I:%M:%S %p")
    places = gpd.points_from_xy(table["Longitude"], table["Latitude"], crs=4326)
    frame = gpd.GeoDataFrame({"at": at}, geometry=places).to_crs(26918)
    return frame[~table.isna().all(axis=1)]


@pytest.fixture(scope="module")
def squares() -> gpd.GeoDataFrame:
    """Squares of 2 km over the city."""
    corner = gpd.GeoSeries.from_xy([-76.711], [39.197], crs=4326).to_crs(26918)
    west, south = (round(float(one.iloc[0]), -3) for one in (corner.x, corner.y))
    shapes = [
        shapely.box(west + x, south + y, west + x + 2000, south + y + 2000) for y in range(0, 20_000, 2000) for x in range(0, 16_000, 2000)
    ]
    return gpd.GeoDataFrame({"cell_id": [f"s{i:03d}" for i in range(len(shapes))]}, geometry=shapes, crs=26918)


def test_every_row_of_the_stream_is_counted_or_told(reports: gpd.GeoDataFrame, squares: gpd.GeoDataFrame) -> None:
    found = spacetime.cube(reports, squares, time="at", freq="quarter", key="cell_id")
    assert found.counted + found.untimed + found.unplaced + found.outside + found.beyond == len(reports)
    assert found.unplaced == 386  # blank coordinates
    assert found.outside > 586  # the placeholder (39, -77) stands on 586 rows and lies in no square
    assert found.counted > 5500
    assert found.assumed


def test_the_streams_centre_is_hot_and_its_unfinished_ends_make_nothing_cold(reports: gpd.GeoDataFrame, squares: gpd.GeoDataFrame) -> None:
    every = spacetime.cube(reports, squares, time="at", freq="quarter", key="cell_id")
    lived = every.data["place"].values[every.data["count"].sum("period").values >= 10]  # a square without people cannot be cold
    city = squares[squares["cell_id"].isin(lived)]
    cube = spacetime.cube(reports, city, time="at", freq="quarter", key="cell_id")
    found = emerging.emerging(cube.data["count"], hotspots.weights(city.set_index("cell_id").geometry))
    assert found.left_out == cube.incomplete == ("2014Q1", "2019Q1")
    assert found.bins.sizes["period"] == 19
    fullest = str(every.data["count"].sum("period").idxmax("place").item())
    assert found.table.loc[fullest, "hot"] > 19 / 2
    assert found.table.loc[fullest, "kind"].endswith(" hot")
    assert not found.table["kind"].str.endswith(" cold").any()
