"""Street networks out of real OpenStreetMap files: ways between crossings as NetworkX finds them in the graph as published."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pytest

from gsan_lib.analysis import osm, streets
from gsan_lib.geo import WORK_CRS

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def published(inbox):
    return osmnx.load_graphml(inbox / "network" / "seoul_center_osmnx.graphml")


@pytest.fixture(scope="module")
def seoul(published):
    return osm.from_osmnx(published, mode="drive", source="central Seoul, (c) OpenStreetMap contributors")


def crossings(graph: nx.MultiDiGraph, chosen: np.ndarray) -> gpd.GeoSeries:
    """Nodes of the published graph as points."""
    x, y = ([graph.nodes[node][axis] for node in chosen] for axis in "xy")
    return gpd.GeoSeries.from_xy(x, y, index=chosen, crs="EPSG:4326").to_crs(WORK_CRS)


def test_one_way_streets_of_seoul_lead_as_networkx_says(published, seoul):
    draw = np.random.default_rng(1)
    homes, shops = (crossings(published, draw.choice(list(published), 40, replace=False)) for _ in range(2))
    found = streets.along_streets(homes, shops, seoul, within_m=3000)
    costs = {(a, b): cost for a, b, cost in found.od.to_frame().itertuples(index=False)}
    expected = {}
    for shop in shops.index:
        back = nx.single_source_dijkstra_path_length(published.reverse(copy=False), shop, weight="length", cutoff=3000)
        expected |= {(home, shop): back[home] for home in homes.index if home in back}
    assert costs == pytest.approx(expected, abs=0.01)
    assert len(expected) > 300
    assert found.origins["snap_m"].max() < 0.01
    assert (found.origins["status"] == "on the network").mean() > 0.9


def test_cutting_adds_nodes_and_no_metres(published, seoul):
    metres = sum(length for *_, length in published.edges(data="length"))
    assert (published.number_of_nodes(), published.number_of_edges()) == (3384, 8830)
    assert seoul.length.sum() == pytest.approx(metres)
    assert len(seoul.nodes) > 8000
    assert seoul.length.max() <= 50
    assert 0.997 < seoul.shortest_ratio <= 1  # OSMnx measures on a sphere


def test_seoul_on_foot_ignores_one_way_signs(published):
    walk = osm.from_osmnx(published, mode="walk")
    assert not walk.oneway
    assert (walk.part == 0).mean() > 0.99


def test_no_street_of_central_seoul_covers_dongdaemun_and_the_result_says_so(inbox, seoul):
    dongs = gpd.read_file(inbox / "boundaries" / "admdong_2021_11230_dongdaemun.geojson").to_crs(WORK_CRS)
    middles = dongs.set_index("adm_cd2").representative_point()
    found = streets.street_or_straight(middles, middles, seoul, within_m=2000, detour=1.3)
    assert not found.along_streets
    assert "does not cover the place: 0 of 14 points and 0 of 14 sites lie within 200 m of a street" in found.how
    assert found.how.startswith("Straight lines times 1.3")


def test_west_oakland_from_a_raw_extract(inbox):
    file = inbox / "network" / "West-Oakland.osm.bz2"
    walk, drive = (osm.from_osm(file, crs="EPSG:32610", mode=mode, split_m=1e6) for mode in ("walk", "drive"))
    graph = osmnx.graph_from_xml(file, bidirectional=True, simplify=False, retain_all=True)
    open_to_all = {
        "residential",
        "footway",
        "service",
        "tertiary",
        "secondary",
        "primary",
        "unclassified",
        "steps",
        "path",
        "pedestrian",
        "living_street",
    }
    streets_ = {
        frozenset((a, b)): tags["length"]
        for a, b, tags in graph.edges(data=True)
        if tags.get("highway") in open_to_all and tags.get("service") != "private" and tags.get("access") != "private"
    }
    assert walk.length.sum() == pytest.approx(sum(streets_.values()), rel=0.02)
    assert walk.part.max() == 2
    assert (walk.part == 0).mean() > 0.95
    assert drive.oneway
    assert drive.part.max() > 10  # one-way streets that the border of the extract cuts
