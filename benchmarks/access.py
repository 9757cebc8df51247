"""OD matrices and 2SFCA: gsan against PySAL `access`, SciPy by hand and pandana called directly, on the same points in one run.

    python benchmarks/access.py [--origins 100000] [--facilities 2000] [--quick] [--no-peer] [--json]

100,000 origins and 2,000 facilities on 30 km by 30 km, seeded, catchment 2,000 m: first in straight lines, then along a seeded grid of streets (40,000
crossings 150 m apart, lengths drawn, one street in five missing). Every measurement is a process of its own, so that peak memory and warm caches
of one are not those of another; seconds exclude imports and the making of points. The peers come from PyPI into a venv of their own (in `~/.cache/gsan-bench`, or
`GSAN_BENCH_CACHE`) beside the very packages of `requirements.lock`. What everybody found is compared: the number of pairs, and the access of every origin.

`access` takes 11 GB for the whole; where the machine has no 14 GB to spare it gets a fifth of the origins, and the ratio is to gsan at that size.
The making of the network is shown as a stage of its own and not counted: pandana contracts it first. Memory is shown at a quarter, a half and the whole of the origins: bytes for each pair kept must not grow.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("access==1.1.10.post3", "pandana==0.8")
SIDE_M, STEP_M, WITHIN_M, SEED = 30_000.0, 150.0, 2_000.0, 20_260_101


# -- the same points and streets for everybody


def town(origins: int, facilities: int) -> tuple[Any, Any, Any, Any]:
    """Homes and facilities (GeoSeries, EPSG:5179), people and supply: two thirds in eight towns, the rest anywhere."""
    import geopandas as gpd
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(SEED)
    middle = draw.uniform(0.15, 0.85, (8, 2)) * SIDE_M

    def places(n: int) -> Any:
        scattered = draw.uniform(0, SIDE_M, (n - 2 * n // 3, 2))
        near = middle[draw.integers(0, 8, 2 * n // 3)] + draw.normal(0, 2_500, (2 * n // 3, 2))
        x, y = np.clip(np.vstack([scattered, near]), 0, SIDE_M).T
        return gpd.GeoSeries.from_xy(900_000 + x, 1_900_000 + y, crs="EPSG:5179")

    homes, sites = places(origins), places(facilities)
    return homes, sites, pd.Series(draw.integers(1, 60, origins)), pd.Series(draw.integers(1, 20, facilities))


def streets() -> tuple[Any, Any]:
    """Crossings (GeoSeries) and streets (from, to, length_m) of the grid."""
    import geopandas as gpd
    import numpy as np
    import pandas as pd

    draw, side = np.random.default_rng(SEED + 1), int(SIDE_M / STEP_M)
    number = np.arange(side * side).reshape(side, side)
    pairs = np.vstack([np.c_[number[:, :-1].ravel(), number[:, 1:].ravel()], np.c_[number[:-1].ravel(), number[1:].ravel()]])
    lanes = pd.DataFrame({"from": pairs[:, 0], "to": pairs[:, 1], "length_m": np.round(STEP_M * draw.uniform(1, 1.4, len(pairs)), 3)})
    x, y = (np.arange(side * side) % side) * STEP_M, (np.arange(side * side) // side) * STEP_M
    crossings = gpd.GeoSeries.from_xy(900_000.0 + x, 1_900_000.0 + y, crs="EPSG:5179")
    return crossings, lanes[draw.random(len(lanes)) > 1 / 5].reset_index(drop=True)


# -- what is measured; each returns seconds by stage, pairs and the access of every origin


def gsan_straight(homes: Any, sites: Any, people: Any, supply: Any, clock: Any) -> tuple[int, Any]:
    from gsan_lib.analysis.access import two_step_floating_catchment
    from gsan_lib.analysis.distances import between

    clock()
    od = between(homes, sites, within_m=WITHIN_M)
    clock("od")
    found = two_step_floating_catchment(od, supply, people, catchment=WITHIN_M)
    clock("2sfca")
    return len(od.cost), found.to_numpy()


def scipy_straight(homes: Any, sites: Any, people: Any, supply: Any, clock: Any) -> tuple[int, Any]:
    import numpy as np
    from scipy.spatial import KDTree

    clock()
    here, there = (np.c_[one.x, one.y] for one in (homes, sites))
    od = KDTree(here).sparse_distance_matrix(KDTree(there), WITHIN_M, output_type="coo_matrix").tocsr()
    clock("od")
    od.data[:] = 1.0
    competing = od.T @ people.to_numpy(float)
    found = od @ np.divide(supply, competing, out=np.zeros(len(supply)), where=competing > 0)
    clock("2sfca")
    return od.nnz, found


def access_straight(homes: Any, sites: Any, people: Any, supply: Any, clock: Any) -> tuple[int, Any]:
    import access
    import geopandas as gpd

    demand = gpd.GeoDataFrame({"id": homes.index, "people": people}, geometry=homes)
    places = gpd.GeoDataFrame({"id": sites.index, "supply": supply}, geometry=sites)
    clock()
    model = access.Access(
        demand_df=demand, demand_index="id", demand_value="people", supply_df=places, supply_index="id", supply_value="supply"
    )
    model.create_euclidean_distance(name="metres", threshold=WITHIN_M)
    clock("od")
    found = model.two_stage_fca(name="a", cost="metres", max_cost=WITHIN_M)
    clock("2sfca")
    return len(model.cost_df), found.iloc[:, 0].reindex(homes.index).fillna(0).to_numpy()


def gsan_streets(homes: Any, sites: Any, people: Any, supply: Any, clock: Any) -> tuple[int, Any]:
    from gsan_lib.analysis.access import two_step_floating_catchment
    from gsan_lib.analysis.networks import street_network
    from gsan_lib.analysis.streets import along_streets

    crossings, lanes = streets()
    clock()
    network = street_network(crossings, lanes)
    clock("network")
    od = along_streets(homes, sites, network, within_m=WITHIN_M, most_snap_m=500).od
    clock("od")
    found = two_step_floating_catchment(od, supply, people, catchment=WITHIN_M)
    clock("2sfca")
    return len(od.cost), found.to_numpy()


def pandana_streets(homes: Any, sites: Any, people: Any, supply: Any, clock: Any) -> tuple[int, Any]:
    """As a user of pandana would write it: ranges from the nodes of the facilities, joined to the homes at these nodes."""
    import numpy as np
    import pandana
    import pandas as pd

    crossings, lanes = streets()
    clock()
    network = pandana.Network(crossings.x, crossings.y, lanes["from"], lanes["to"], lanes[["length_m"]], twoway=True)
    clock("network")
    entry = [network.get_node_ids(one.x, one.y).to_numpy() for one in (homes, sites)]
    way = [
        np.hypot(one.x - crossings.x.to_numpy()[at], one.y - crossings.y.to_numpy()[at])
        for one, at in zip((homes, sites), entry, strict=True)
    ]
    ranges = network.nodes_in_range(np.unique(entry[1]), WITHIN_M)
    placed = pd.DataFrame({"destination": entry[0], "home": homes.index, "first": way[0]})
    at = pd.DataFrame({"source": entry[1], "site": sites.index, "last": way[1]})
    od = ranges.merge(at, on="source").merge(placed, on="destination")
    od["cost"] = od["first"] + od["length_m"] + od["last"]
    od = od[od["cost"] <= WITHIN_M]
    clock("od")
    competing = od["home"].map(people).groupby(od["site"]).sum()
    found = (od["site"].map(supply) / od["site"].map(competing)).groupby(od["home"]).sum().reindex(homes.index).fillna(0)
    clock("2sfca")
    return len(od), found.to_numpy()


MEASURED = {
    "straight": {"gsan": gsan_straight, "scipy": scipy_straight, "access": access_straight},
    "streets": {"gsan": gsan_streets, "pandana": pandana_streets},
}


def worker(part: str, name: str, origins: int, facilities: int) -> dict[str, Any]:
    """One measurement in this process."""
    import numpy as np

    points = town(origins, facilities)
    stages: dict[str, float] = {}
    last = [0.0]

    def clock(stage: str = "") -> None:
        now = time.perf_counter()
        if stage:
            stages[stage] = now - last[0]
        last[0] = time.perf_counter()

    if name != "pandana":  # whose contraction of the network alone takes far longer than what is measured
        MEASURED[part][name](*town(400, 20), lambda stage="": None)  # imports, first calls
    else:
        import pandana  # noqa: F401
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs, found = MEASURED[part][name](*points, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = [float(np.nansum(found)), float(np.nansum(np.square(found)))]
    seconds = sum(seconds for stage, seconds in stages.items() if stage != "network")
    return {
        "part": part, "name": name, "origins": origins, "facilities": facilities, "pairs": pairs, "seconds": seconds, "stages": stages,
        "peak_mb": peak / 1024, "before_mb": before / 1024, "check": digest,
    }  # fmt: skip


# -- the peers


def peers() -> Path:
    """The Python of the peers' venv, made once for a lock and a Python version."""
    cache = Path(os.environ.get("GSAN_BENCH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsan-bench")
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = "\n".join(line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith((" ", "#")))
    venv = cache / f"access-{hashlib.sha256(f'{pins}{PEERS}{sys.version}'.encode()).hexdigest()[:12]}"
    python = venv / "bin" / "python"
    if not (venv / ".whole").exists():
        print(f"비교 대상을 설치합니다 / installing the peers into {venv}", file=sys.stderr)
        shutil.rmtree(venv, ignore_errors=True)
        venv.parent.mkdir(parents=True, exist_ok=True)
        wanted = venv.with_suffix(".txt")
        wanted.write_text(
            "\n".join([pins, *(one for one in PEERS if one.split("==")[0] not in {pin.split("==")[0] for pin in pins.splitlines()}), ""]),
            "utf-8",
        )
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-r", str(wanted)], check=True)
        (venv / ".whole").touch()
    return python


def measured(part: str, name: str, origins: int, facilities: int, repeats: int) -> dict[str, Any]:
    """The fastest of a few processes."""
    python = sys.executable if name in ("gsan", "scipy") else str(peers())
    command = [python, "-P", __file__, "--worker", part, name, "--origins", str(origins), "--facilities", str(facilities)]
    runs = []
    for _ in range(repeats):
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        if done.returncode:
            raise SystemExit(f"{part} {name} ended with {done.returncode}\n{done.stderr[-3000:]}")
        runs.append(json.JSONDecoder().raw_decode(done.stdout, done.stdout.rindex('{"part"'))[0])  # pandana prints around it
    return min(runs, key=lambda run: run["seconds"])


def same(one: dict[str, Any], other: dict[str, Any], pairs: int) -> bool:
    """Whether two found the same access; pairs on the rim may fall to either side where one of them rounds."""
    close = all(abs(a - b) <= 1e-4 * abs(a) for a, b in zip(one["check"], other["check"], strict=True))
    return close and abs(one["pairs"] - other["pairs"]) <= pairs


def show(results: list[dict[str, Any]], memory: list[dict[str, Any]]) -> None:
    """The tables."""
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "pandas", "geopandas")}
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "; peers", ", ".join(PEERS))
    for one in results:
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in one["stages"].items())
        agrees = "" if one["name"] == "gsan" else ("  same access" if one["same"] else "  OTHER ACCESS")
        print(
            f"{one['part']:9} {one['name']:8} {one['origins']:>8,} origins {one['pairs']:>11,} pairs {one['seconds']:8.2f} s "
            f"{one['ratio']:6.1f}x  peak {one['peak_mb']:7,.0f} MB ({stages}){agrees}"
        )
    print("memory beside the points, gsan:")
    for one in memory:
        extra = one["peak_mb"] - one["before_mb"]
        print(
            f"{one['part']:9} {one['origins']:>8,} origins {one['pairs']:>11,} pairs {extra:7,.0f} MB, {extra * 2**20 / one['pairs']:5.0f} bytes a pair"
        )


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--origins", type=int, default=100_000)
    parser.add_argument("--facilities", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the origins and facilities, one run each")
    parser.add_argument("--no-peer", action="store_true", help="gsan and SciPy only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=2, metavar=("PART", "NAME"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    origins, facilities = (asked.origins // 10, asked.facilities // 10) if asked.quick else (asked.origins, asked.facilities)
    if asked.worker:
        print(json.dumps(worker(*asked.worker, asked.origins, asked.facilities)))
        return
    repeats = 1 if asked.quick else 3
    results = []
    for part, names in MEASURED.items():
        own = measured(part, "gsan", origins, facilities, repeats)
        results.append(own | {"same": True, "ratio": 1.0})
        for name in (name for name in names if name != "gsan" and (not asked.no_peer or name == "scipy")):
            few = name == "access" and psutil.virtual_memory().available < 14e9 * origins * facilities / 2e8
            size = origins // 5 if few else origins
            rival = measured(part, name, size, facilities, repeats if name == "scipy" else 1)
            ours = measured(part, "gsan", size, facilities, repeats) if few else own
            results.append(rival | {"same": same(ours, rival, ours["pairs"] // 100_000), "ratio": rival["seconds"] / ours["seconds"]})
    memory = [measured(part, "gsan", origins // share, facilities, 1) for part in MEASURED for share in (4, 2, 1)]
    if asked.json:
        print(json.dumps({"results": results, "memory": memory, "peers": PEERS}, indent=1))
    else:
        show(results, memory)
    if not all(one["same"] for one in results):
        raise SystemExit("the measured programs do not agree")


if __name__ == "__main__":
    main()
