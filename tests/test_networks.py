"""Street networks: shortest paths against NetworkX, parts and one-way streets told, straight lines only where they are said."""

from __future__ import annotations

import bz2

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.analysis import access, networks, osm, streets
from gsan_lib.errors import CrsError, DataError, InputError, ModelError

X0, Y0 = 950_000.0, 1_950_000.0


def points(places: np.ndarray | list[tuple[float, float]], ids: object = None) -> gpd.GeoSeries:
    x, y = np.array(places, dtype=float).reshape(-1, 2).T
    return gpd.GeoSeries.from_xy(x + X0, y + Y0, index=None if ids is None else list(ids), crs="EPSG:5179")


@st.composite
def towns(draw):
    """A few nodes, streets at least as long as the straight line, some of them doubled or cut off."""
    n = draw(st.integers(2, 9))
    places = np.array(draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=n, max_size=n)), dtype=float)
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.floats(1, 2)), min_size=1, max_size=18))
    rows = [(a, b, float(np.hypot(*(places[a] - places[b])) * factor)) for a, b, factor in pairs]
    return places, pd.DataFrame(rows, columns=["from", "to", "length_m"])


def by_networkx(places: np.ndarray, lanes: pd.DataFrame, oneway: bool, homes: np.ndarray, shops: np.ndarray, within: float) -> dict:
    """Every pair by Dijkstra over the whole graph, one by one."""
    graph = nx.MultiDiGraph() if oneway else nx.MultiGraph()
    graph.add_nodes_from(range(len(places)))
    graph.add_weighted_edges_from((a, b, max(w, 0.001)) for a, b, w in lanes.itertuples(index=False) if a != b)
    entry = lambda at: min(range(len(places)), key=lambda k: np.hypot(*(places[k] - at)))
    found = {}
    for i, home in enumerate(homes):
        away = nx.single_source_dijkstra_path_length(graph, entry(home))
        for j, shop in enumerate(shops):
            way = away.get(entry(shop), np.inf) + np.hypot(*(places[entry(home)] - home)) + np.hypot(*(places[entry(shop)] - shop))
            if way <= within - 1e-6:
                found[i, j] = way
    return found


@settings(deadline=None, max_examples=60)
@given(towns(), st.booleans(), st.integers(0, 2**32 - 1), st.sampled_from([150.0, 600.0, 3000.0]))
def test_ways_along_streets_agree_with_networkx(town, oneway, seed, within):
    places, lanes = town
    places = places + np.arange(len(places))[:, None] * 0.37  # no two nodes are equally near
    lanes["length_m"] = np.maximum(lanes["length_m"], np.hypot(*(places[lanes["from"]] - places[lanes["to"]]).T))
    draw = np.random.default_rng(seed)
    homes, shops = draw.uniform(0, 900, (7, 2)), draw.uniform(0, 900, (4, 2))
    net = networks.street_network(points(places), lanes, oneway=oneway)
    od = streets.along_streets(points(homes), points(shops), net, within_m=within, most_snap_m=2000).od
    found = {(i, j): cost for i, j, cost in od.to_frame().itertuples(index=False) if cost <= within - 1e-6}
    assert found == pytest.approx(by_networkx(places, lanes, oneway, homes, shops, within))
    assert (od.cost <= within).all()


@settings(deadline=None, max_examples=40)
@given(towns(), st.integers(0, 2**32 - 1))
def test_where_streets_go_both_ways_there_and_back_are_equal(town, seed):
    places, lanes = town
    draw = np.random.default_rng(seed)
    one, other = (points(draw.uniform(0, 900, (5, 2)), ids=[f"{name}{k}" for k in range(5)]) for name in "ab")
    net = networks.street_network(points(places), lanes)
    there = streets.along_streets(one, other, net, within_m=1000, most_snap_m=2000).od.to_frame()
    back = streets.along_streets(other, one, net, within_m=1000, most_snap_m=2000).od.to_frame()
    back = back.rename(columns={"origin": "destination", "destination": "origin"}).sort_values(["origin", "destination"], ignore_index=True)
    assert list(there["origin"] + there["destination"]) == list(back["origin"] + back["destination"])
    assert there["cost"].to_numpy() == pytest.approx(back["cost"].to_numpy())


def grid(side: int, step: float = 100.0, shift: float = 0.0) -> tuple[np.ndarray, pd.DataFrame]:
    """A chessboard of streets."""
    place = np.array([(x, y) for y in range(side) for x in range(side)]) * step + shift
    number = np.arange(side * side).reshape(side, side)
    pairs = np.vstack([np.c_[number[:, :-1].ravel(), number[:, 1:].ravel()], np.c_[number[:-1].ravel(), number[1:].ravel()]])
    return place, pd.DataFrame({"from": pairs[:, 0], "to": pairs[:, 1], "length_m": step})


def test_on_a_chessboard_the_way_is_the_sum_of_both_sides():
    place, lanes = grid(20)
    net = networks.street_network(points(place), lanes)
    found = streets.along_streets(points(place), points(place[[0, 210, 399]]), net, within_m=700)
    expected = np.abs(place[:, None] - place[[0, 210, 399]][None]).sum(axis=2)
    expected[expected > 700] = np.inf
    assert np.array_equal(found.od.dense(), expected)


def test_a_search_by_neighbourhoods_finds_what_a_search_of_everything_finds(monkeypatch):
    place, lanes = grid(25)
    draw = np.random.default_rng(3)
    lanes["length_m"] *= draw.uniform(1, 1.6, len(lanes))
    net = networks.street_network(points(place), lanes.drop(index=lanes.index[draw.random(len(lanes)) < 0.25]))
    homes, shops = points(draw.uniform(0, 2400, (300, 2))), points(draw.uniform(0, 2400, (60, 2)))
    few = streets.along_streets(homes, shops, net, within_m=500).od
    monkeypatch.setattr(streets, "_CELLS", 700)  # one site at a time
    again = streets.along_streets(homes, shops, net, within_m=500).od
    whole = streets.along_streets(homes, shops, net, within_m=5000).od.dense()
    whole[whole > 500] = np.inf
    assert np.array_equal(few.cost, again.cost)
    assert few.dense() == pytest.approx(whole)


@settings(deadline=None, max_examples=30)
@given(towns(), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_nearest_along_streets_is_the_least_of_all_ways(town, oneway, seed):
    places, lanes = town
    draw = np.random.default_rng(seed)
    homes, shops = points(draw.uniform(0, 900, (6, 2)), ids="uvwxyz"), points(draw.uniform(0, 900, (4, 2)), ids="badc")
    net = networks.street_network(points(places), lanes, oneway=oneway)
    found = streets.nearest_along_streets(homes, shops, net, most_snap_m=2000)
    least = access.nearest_by_cost(streets.along_streets(homes, shops, net, within_m=1e5, most_snap_m=2000).od).loc[homes.index]
    assert found["distance_m"].to_numpy() == pytest.approx(least["cost"].to_numpy(), nan_ok=True)
    assert (found["facility"].isna() == least["cost"].isna()).all()
    way = (
        streets.along_streets(homes, shops, net, within_m=1e5, most_snap_m=2000).od.to_frame().set_index(["origin", "destination"])["cost"]
    )
    chosen = found.dropna()
    assert [way[home, shop] for home, shop in chosen["facility"].items()] == pytest.approx(chosen["distance_m"].tolist())


def test_a_facility_off_the_network_is_nobodys_nearest():
    place, lanes = grid(3)
    net = networks.street_network(points(place), lanes)
    homes = points([(0, 0), (9000, 0)], ids=["town", "sea"])
    found = streets.nearest_along_streets(homes, points([(9000, 0), (200, 0)], ids=["ship", "shop"]), net)
    assert found["facility"].fillna("none").to_dict() == {"town": "shop", "sea": "none"}
    assert found["status"].to_dict() == {"town": "on the network", "sea": "no street near"}
    alone = streets.nearest_along_streets(homes, points([(9000, 0)]), net)
    assert alone["facility"].isna().all()
    with pytest.raises(DataError, match="has no row"):
        streets.nearest_along_streets(homes, homes.iloc[:0], net)


def test_streets_shorter_than_the_straight_line_lose_no_pair():
    """Lengths in another projection, or a typing error: the box grows by the worst ratio."""
    place = np.array([(0, 0), (1000, 0), (2000, 0)], dtype=float)
    lanes = pd.DataFrame({"from": [0, 1], "to": [1, 2], "length_m": [100.0, 100.0]})
    net = networks.street_network(points(place), lanes)
    assert net.shortest_ratio == pytest.approx(0.1)
    assert streets.along_streets(points(place), points(place[2:]), net, within_m=250).od.cost.tolist() == [200, 100, 0]


def test_parts_are_numbered_by_size_and_one_way_streets_make_parts_of_their_own():
    place = [(0, 0), (10, 0), (500, 0), (510, 0), (520, 0), (900, 0)]
    lanes = pd.DataFrame([(0, 1, 10), (2, 3, 10), (3, 4, 10), (4, 2, 20)], columns=["from", "to", "length_m"])
    assert networks.street_network(points(place), lanes).part.tolist() == [1, 1, 0, 0, 0, 2]
    assert networks.street_network(points(place), lanes, oneway=True).part.tolist() == [1, 2, 0, 0, 0, 3]


def test_who_stands_on_a_small_part_or_off_the_network_is_named():
    place, lanes = grid(5)
    island = pd.DataFrame({"from": [25], "to": [26], "length_m": [50.0]})
    net = networks.street_network(points([*map(tuple, place), (1000, 0), (1050, 0)]), pd.concat([lanes, island], ignore_index=True))
    homes = points([(0, 10), (1000, 10), (5000, 5000)], ids=["town", "island", "sea"])
    shop = points([(100, 0)], ids=["shop"])
    found = streets.along_streets(homes, shop, net, within_m=2000)
    assert found.origins["status"].to_dict() == {"town": "on the network", "island": "on a small part", "sea": "no street near"}
    assert list(found.unreached) == ["island", "sea"]
    assert found.pairs_apart == 1
    assert "(island)" in found.how
    assert "(sea)" in found.how
    mended = streets.along_streets(homes, shop, net, within_m=2000, most_snap_m=700, onto="main")
    assert mended.origins.loc["island", "snap_m"] == pytest.approx(np.hypot(600, 10))
    assert list(mended.unreached) == ["sea"]


def test_the_index_is_kept_whatever_its_order_and_the_way_in_counts():
    place, lanes = grid(4)
    net = networks.street_network(points(place), lanes)
    homes = points([(0, 40), (300, 0), (100, 100)], ids=["z", "a", "m"])
    found = streets.along_streets(homes, points([(0, 0), (300, 20)], ids=["y", "b"]), net, within_m=320)
    assert list(found.origins.index) == ["z", "a", "m"]
    assert found.od.to_frame().values.tolist() == [["a", "b", 20], ["a", "y", 300], ["m", "b", 320], ["m", "y", 200], ["z", "y", 40]]
    assert found.destinations["reached"].to_dict() == {"y": 3, "b": 2}


def test_repeated_tables_in_another_order_give_the_same_matrix():
    place, lanes = grid(8)
    draw = np.random.default_rng(9)
    lanes["length_m"] *= draw.uniform(1, 2, len(lanes))
    homes, shops = points(draw.uniform(0, 700, (40, 2))), points(draw.uniform(0, 700, (9, 2)))
    found = []
    for order in (np.arange(len(lanes)), draw.permutation(len(lanes))):
        net = networks.street_network(points(place), pd.concat([lanes.iloc[order], lanes.iloc[:5]]))
        mixed = draw.permutation(40)
        found.append(streets.along_streets(homes.iloc[mixed], shops, net, within_m=400).od.to_frame())
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_every_problem_of_the_tables_is_said_at_once():
    broken = pd.DataFrame({"from": [0, 9], "to": [1, 8], "length_m": [-1.0, np.nan]})
    with pytest.raises(DataError) as caught:
        networks.street_network(points([(0, 0), (1, 0)]), broken)
    assert len(caught.value.problems) == 3
    with pytest.raises(DataError, match="no column `length_m`"):
        networks.street_network(points([(0, 0)]), pd.DataFrame({"from": [0], "to": [0]}))
    with pytest.raises(DataError, match="must be unique"):
        networks.street_network(points([(0, 0), (1, 0)], ids="aa"), pd.DataFrame({"from": ["a"], "to": ["a"], "length_m": [1.0]}))


def test_degrees_and_other_systems_are_refused():
    place, lanes = grid(3)
    net = networks.street_network(points(place), lanes)
    with pytest.raises(CrsError, match="4326"):
        networks.street_network(points(place).to_crs(4326), lanes)
    for wrong in (4326, 5186):
        with pytest.raises(CrsError, match=str(wrong)):
            streets.along_streets(points(place).to_crs(wrong), points(place), net, within_m=100)
    with pytest.raises(ModelError, match="finite"):
        streets.along_streets(points(place), points(place), net, within_m=np.inf)


def test_empty_streets_loops_and_lengths_of_nothing_are_counted():
    lanes = pd.DataFrame({"from": [0, 0, 1], "to": [0, 1, 2], "length_m": [5.0, 0.0, 10.0]})
    net = networks.street_network(points([(0, 0), (0, 0), (10, 0)]), lanes)
    assert net.notes == ("1 streets that end where they begin were left out", "1 streets of length 0 count as a millimetre")
    assert len(net.length) == 2
    alone = networks.street_network(points([(0, 0)]), lanes.iloc[:0])
    assert streets.along_streets(points([(0, 5)]), points([(3, 0)]), alone, within_m=20).od.cost.tolist() == [8]
    nobody = streets.along_streets(points([(0, 5)]).iloc[:0], points([(3, 0)]), alone, within_m=20)
    assert len(nobody.od.cost) == 0


def test_without_streets_the_result_says_straight_lines():
    place, lanes = grid(5)
    net = networks.street_network(points(place), lanes, source="a small town")
    far, shop = points([(5000, 5000), (5100, 5000)]), points([(5000, 5300)])
    found = streets.street_or_straight(far, shop, net, within_m=1000, detour=1.3)
    assert not found.along_streets
    assert "a small town does not cover the place: 0 of 2 points and 0 of 1 sites" in found.how
    assert found.od.cost == pytest.approx([390, 1.3 * np.hypot(100, 300)])
    assert found.origins["reached"].tolist() == [1, 1]
    near = streets.street_or_straight(points(place), points(place[:3]), net, within_m=300, detour=1.3)
    assert near.along_streets
    assert near.how.startswith("Along streets")


# ---- layers of lines


def as_lines(place: np.ndarray, lanes: pd.DataFrame) -> gpd.GeoSeries:
    """One straight line for each street of a table."""
    ends = np.stack([place[lanes["from"]], place[lanes["to"]]], axis=1) + [X0, Y0]
    return gpd.GeoSeries(shapely.linestrings(ends), crs="EPSG:5179")


@pytest.mark.parametrize("split_m", [30.0, 1000.0])
def test_lines_of_a_chessboard_are_its_streets(split_m):
    place, lanes = grid(6)
    draw = np.random.default_rng(12)
    lines = as_lines(place, lanes).iloc[draw.permutation(len(lanes))]
    lines = lines.where(draw.random(len(lines)) < 0.5, lines.reverse()).translate(0.1, -0.1)  # half drawn the other way, all a little off
    net = networks.network_of_lines(lines, split_m=split_m)
    found = streets.along_streets(points(place), points(place[[0, 14]]), net, within_m=950).od
    expected = streets.along_streets(points(place), points(place[[0, 14]]), networks.street_network(points(place), lanes), within_m=950).od
    assert found.dense() == pytest.approx(expected.dense(), abs=0.3)
    assert net.length.sum() == pytest.approx(100 * len(lanes))
    assert net.part.max() == 0


def test_ends_join_within_the_tolerance_and_crossings_do_not():
    lines = gpd.GeoSeries.from_wkt(
        ["LINESTRING (0 0, 100 0)", "MULTILINESTRING ((100.4 0, 200 0), (300 0, 400 0))", "LINESTRING (150 -50, 150 50)"], crs="EPSG:5179"
    )
    assert networks.network_of_lines(lines).part.max() == 2
    assert networks.network_of_lines(lines, tolerance_m=0.3).part.max() == 3


def test_one_way_lines_lead_as_they_are_drawn():
    lines = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 100 100)"], crs="EPSG:5179", index=["one way", "both"])
    net = networks.network_of_lines(lines, oneway=pd.Series([True, False], index=lines.index))
    a, b, c = (gpd.GeoSeries.from_xy([x], [y], crs="EPSG:5179") for x, y in ((0, 0), (100, 0), (100, 100)))
    ways = {
        name: streets.along_streets(one, other, net, within_m=500).od.cost.tolist()
        for name, one, other in (("ac", a, c), ("ca", c, a), ("cb", c, b))
    }
    assert ways == {"ac": [200], "ca": [], "cb": [100]}


def test_a_ring_and_a_house_in_the_middle_of_a_long_street():
    ring = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 0 100, 100 100, 100 0, 0 0)", "LINESTRING (0 0, -900 0)"], crs="EPSG:5179")
    net = networks.network_of_lines(ring, split_m=50)
    home, shop = (gpd.GeoSeries.from_xy([x], [y], crs="EPSG:5179") for x, y in ((100, 100), (-450, 0)))
    assert streets.along_streets(home, shop, net, within_m=1000).od.cost == pytest.approx([650])
    assert net.notes == ()


def test_layers_that_hold_no_lines_are_refused():
    with pytest.raises(DataError, match="1 of 1 rows of `lines` are no lines"):
        networks.network_of_lines(points([(0, 0)]))
    lines = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 100 0)"], crs="EPSG:5179")
    with pytest.raises(DataError, match="one line is needed"):
        networks.network_of_lines(lines.iloc[:0])
    with pytest.raises(DataError, match="`oneway` must say yes or no for each of the 1 rows"):
        networks.network_of_lines(lines, oneway=pd.Series([True, False]))
    with pytest.raises(CrsError, match="4326"):
        networks.network_of_lines(lines.set_crs(4326, allow_override=True))
    with pytest.raises(ModelError, match="longer than that"):
        networks.network_of_lines(lines, split_m=0.1)


# ---- OpenStreetMap

HEAD = '<?xml version="1.0" encoding="UTF-8"?><osm version="0.6" generator="test">'
NODES = "".join(f'<node id="{k}" lat="{35.16 + 0.001 * (k // 3):.4f}" lon="{126.8 + 0.001 * (k % 3):.4f}"/>' for k in range(9))


def extract(*ways: tuple[list[int], dict[str, str]]) -> str:
    """An OSM extract of nine nodes on a square, with these ways."""
    text = HEAD + NODES
    for number, (nodes, tags) in enumerate(ways):
        inside = [f'<nd ref="{node}"/>' for node in nodes] + [f'<tag k="{key}" v="{value}"/>' for key, value in tags.items()]
        text += f'<way id="{100 + number}">{"".join(inside)}</way>'
    return text + "</osm>"


def test_ways_for_walking_and_for_driving_are_told_apart(tmp_path):
    file = tmp_path / "town.osm.bz2"
    ways = [
        ([0, 1, 2], {"highway": "residential", "oneway": "yes"}), ([3, 4], {"highway": "footway"}), ([4, 5], {"highway": "motorway"}),
        ([6, 7], {"highway": "residential", "access": "private"}), ([7, 8], {"building": "yes"}), ([2, 5], {"highway": "tertiary", "foot": "no"}),
    ]  # fmt: skip
    file.write_bytes(bz2.compress(extract(*ways).encode()))
    walk, drive = osm.from_osm(file, split_m=1000), osm.from_osm(file, mode="drive", split_m=1000)
    assert sorted(walk.nodes) == [0, 1, 2, 3, 4]
    assert sorted(drive.nodes) == [0, 1, 2, 4, 5]
    assert not walk.oneway
    assert len(walk.length) == 3
    assert drive.oneway
    assert len(drive.length) == 6  # two one-way pieces, and two streets both ways
    assert "edges are not for `walk` and were left out" in walk.notes[0]


def test_cutting_streets_keeps_their_length_and_shares_pieces_of_both_directions(tmp_path):
    file = tmp_path / "town.osm"
    file.write_text(extract(([0, 1, 2, 5, 8], {"highway": "residential"})), encoding="utf-8")
    for mode, times in (("walk", 1), ("drive", 2)):
        coarse, fine = osm.from_osm(file, mode=mode, split_m=1000), osm.from_osm(file, mode=mode, split_m=10)
        assert fine.length.sum() == pytest.approx(coarse.length.sum())
        assert fine.length.max() <= 10
        assert fine.part.max() == 0
        assert len(fine.length) == times * (len(fine.nodes) - 1)  # a chain: one piece between neighbours
        assert fine.shortest_ratio > 0.998


def test_an_extract_elsewhere_and_files_that_are_none_are_refused(tmp_path):
    file = tmp_path / "town.osm"
    file.write_text(extract(([0, 1], {"highway": "residential"})), encoding="utf-8")
    with pytest.raises(CrsError, match="126.80 E, 35.16 N, outside the area of EPSG:32610"):
        osm.from_osm(file, crs="EPSG:32610")
    with pytest.raises(CrsError, match="not in metres"):
        osm.from_osm(file, crs="EPSG:4326")
    with pytest.raises(ModelError, match="'walk' or 'drive'"):
        osm.from_osm(file, mode="fly")
    with pytest.raises(InputError, match="there is no file"):
        osm.from_osm(tmp_path / "none.osm")
    (tmp_path / "korea.osm.pbf").write_bytes(b"packed")
    with pytest.raises(InputError, match="osmium cat"):
        osm.from_osm(tmp_path / "korea.osm.pbf")
    (tmp_path / "bad.osm").write_text("not xml", encoding="utf-8")
    with pytest.raises(InputError, match="`bad.osm` is no OSM XML"):
        osm.from_osm(tmp_path / "bad.osm")
    file.write_text(extract(([0, 1], {"building": "yes"})), encoding="utf-8")
    with pytest.raises(DataError, match="none of the 2 edges"):
        osm.from_osm(file)
    bare = nx.MultiDiGraph()
    bare.add_node(1, x=0, y=0)
    bare.add_edge(1, 1, highway="residential", length=1)
    with pytest.raises(CrsError, match="names no coordinate reference system"):
        osm.from_osmnx(bare)
