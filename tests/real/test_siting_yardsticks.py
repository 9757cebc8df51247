"""Published and proven optima, solved by the installed code (San Francisco, Lorena's SJC, the OR-Library)."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import orlib
import pandas as pd
import pytest

from gsan_lib.analysis import siting
from gsan_lib.analysis.distances import between
from gsan_lib.analysis.solver import Limits

pytestmark = pytest.mark.real


@pytest.fixture(scope="session")
def benchmarks(inbox: Path) -> Path:
    return inbox / "or_benchmarks"


@pytest.fixture(scope="session")
def san_francisco(benchmarks: Path) -> tuple[pd.DataFrame, pd.Series]:
    return orlib.san_francisco(benchmarks / "spopt_sf")


def test_san_francisco_needs_eight_stores_at_5_km_and_three_at_8_km(san_francisco):
    assert siting.lscp(*san_francisco, radius=5000).objective == 8
    assert siting.lscp(*san_francisco, radius=8000).objective == 3


def test_san_francisco_coverage_is_of_people_not_of_tracts(san_francisco):
    found = siting.mclp(*san_francisco, p=4, radius=5000)
    assert (found.objective, found.bound, found.total) == (875_247, 875_247, 955_113)
    assert round(100 * found.objective / found.total, 3) == 91.638
    assert round(100 * found.assignment.notna().mean(), 3) == 89.756


def test_san_francisco_mean_way_to_the_best_four_stores(san_francisco):
    found = siting.p_median(*san_francisco, p=4)
    assert found.objective == pytest.approx(2_848_268_129.7145, abs=1e-4)
    assert found.objective / found.total == pytest.approx(2_982.12686, abs=1e-5)
    assert found.gap <= 1e-9


def test_san_francisco_worst_way_to_the_best_four_stores(san_francisco):
    found = siting.p_center(*san_francisco, p=4)
    assert found.objective == found.bound == pytest.approx(7_403.06, abs=0.005)


def test_san_francisco_three_stores_farthest_apart(benchmarks):
    stores = pd.read_csv(benchmarks / "spopt_sf" / "SF_store_site_16_longlat.csv", index_col="NAME")
    places = gpd.GeoSeries.from_xy(stores["long"], stores["lat"], index=stores.index, crs="EPSG:4326").to_crs(
        "EPSG:7131"
    )  # San Francisco's own grid
    assert siting.p_dispersion(between(places, places), p=3).objective == pytest.approx(10_164.495, abs=0.001)


@pytest.mark.parametrize("name", ["SJC324", "SJC500", "SJC818"])
def test_coverage_of_sao_jose_dos_campos(benchmarks, name):
    od, demand = orlib.sjc(benchmarks / "mclp_sjc", name)
    optima = pd.read_csv(benchmarks / "mclp_sjc" / "optima_radius800.csv").query("instance == @name")
    assert len(optima) >= 5
    for row in optima.itertuples():
        found = siting.mclp(od, demand, p=row.p, radius=row.radius)
        assert (row.p, found.objective, found.bound) == (row.p, row.optimum, row.optimum)


# p-center: 1 to 15 proven, the others as published
RADII = {
    1: 127, 3: 93, 5: 48, 7: 64, 9: 37, 11: 59, 13: 36, 15: 18, 17: 39, 19: 18,
    21: 40, 23: 22, 25: 11, 27: 32, 29: 13, 31: 30, 33: 15, 35: 30, 37: 15, 39: 23,
}  # fmt: skip


@pytest.mark.parametrize("number", RADII)
def test_or_library_medians_and_centers_are_proven(benchmarks, number):
    od, p, optimum = orlib.pmed(benchmarks / "pmed", number)
    median, center = siting.p_median(od, p=p), siting.p_center(od, p=p)
    assert (median.objective, median.bound, median.status) == (optimum, optimum, "optimal")
    assert (center.objective, center.bound, center.status) == (RADII[number], RADII[number], "optimal")
    assert len(median.sites) == len(center.sites) == p


def test_of_a_repeated_edge_the_last_one_counts(benchmarks, tmp_path):
    """The smaller of two gives 5718 on the first graph, which is printed nowhere."""
    lines = [line.split() for line in (benchmarks / "pmed" / "pmed1.txt").read_text().splitlines() if line.strip()]
    least: dict[frozenset[str], float] = {}
    for one, other, length in lines[1:]:
        least[frozenset((one, other))] = min(float(length), least.get(frozenset((one, other)), 1e9))
    text = [" ".join(lines[0]), *(" ".join([*sorted(pair), f"{length:g}"]) for pair, length in least.items())]
    (tmp_path / "pmed1.txt").write_text("\n".join(text))
    (tmp_path / "pmedopt.txt").write_text("pmed1 5718")
    od, p, optimum = orlib.pmed(tmp_path, 1)
    assert siting.p_median(od, p=p).objective == optimum == 5718


@pytest.mark.slow
def test_coverage_of_new_york_with_fifty_sites(benchmarks):
    """The other numbers of sites take minutes: `benchmarks/siting.py` proves them up to 90."""
    od, demand = orlib.new_york(benchmarks / "mclp_ails", 400)
    found = siting.mclp(od, demand, p=50, radius=400)
    assert (found.objective, found.bound, found.status) == (1_153_640, 1_153_640, "optimal")


def test_coverage_of_new_york_with_a_hundred_sites_comes_with_its_gap(benchmarks):
    od, demand = orlib.new_york(benchmarks / "mclp_ails", 400)
    best = pd.read_csv(benchmarks / "mclp_ails" / "NewYork_best.csv").set_index("p")["best_known"]
    found = siting.mclp(od, demand, p=100, radius=400, limits=Limits(gap=0.01, nodes=0))
    assert found.objective <= best[100] <= found.bound
    assert (found.gap <= 0.01) == (found.status == "optimal")
    assert found.total == 1_585_873
