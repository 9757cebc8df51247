"""Points in polygons against geopandas.sjoin: seconds and memory for millions of points over the Voronoi cells of the country's dongs.

    python benchmarks/points.py [--points 10000000] [--cells FILE.tsv] [--spread uniform|people] [--json]

The areas are the Voronoi cells of the distinct centroids of `codes/coordinate_UTMK_이름포함.tsv` (units below si/gun/gu; some 3,500 of them), cut at their
envelope. The points are uniform over the envelope, or gathered around the centroids as people are. Both sides get the same GeoSeries of points. The peer is
`geopandas.sjoin(points, areas, predicate=...)` with a count per area, in the faster of its two predicates for points (`within`, `intersects`). gsan is
`gsan_lib.analysis.counting.count_points(points, areas)`, its raster included. Then the same call on a Dask frame (of `dask_geopandas` where it is
installed) on a local cluster. Each runs in a process of its own; seconds are without imports and without making the points, memory is the peak of the whole
process above what the points and areas themselves take. Seconds of the processor do not
depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

DATA = Path(os.environ.get("GSAN_INBOX") or Path(__file__).parents[2] / "shared" / "data")
CENTROIDS = DATA / "codes" / "coordinate_UTMK_이름포함.tsv"
SIDES = ("gsan", "within", "intersects", "cluster")


def centroids(path: Path) -> pd.DataFrame:
    """ADMCD, X, Y of the table; 3,500 made places over the country where the real files are not at hand."""
    if path.exists():
        return pd.read_csv(path, sep="\t", usecols=["ADMCD", "X", "Y"], dtype={"ADMCD": str})
    where = np.random.default_rng(20260101).uniform([750_000, 1_470_000], [1_300_000, 2_060_000], (3500, 2))
    return pd.DataFrame(where, columns=["X", "Y"]).assign(ADMCD=[f"{number:010d}" for number in range(1, 3501)])


def areas(path: Path) -> gpd.GeoDataFrame:
    """Voronoi cells of the distinct centroids, in a fixed order."""
    table = centroids(path)
    places = table[~table["ADMCD"].str.endswith("00000")].drop_duplicates(["X", "Y"]).sort_values("ADMCD")
    points = shapely.multipoints(places[["X", "Y"]].to_numpy(dtype=float))
    cut = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points)), shapely.envelope(points))
    cells = gpd.GeoSeries(cut, crs="EPSG:5179")
    middle = cells.representative_point()
    return gpd.GeoDataFrame(geometry=cells.iloc[np.lexsort([middle.y, middle.x])].to_numpy(), crs=cells.crs)


def made(path: Path, count: int, spread: str) -> np.ndarray:
    """`count` points: x, y."""
    rng = np.random.default_rng(20260101)
    table = centroids(path)[["X", "Y"]]
    low, high = table.min().to_numpy(dtype=float), table.max().to_numpy(dtype=float)
    if spread == "uniform":
        return rng.uniform(low, high, (count, 2))
    return table.to_numpy(dtype=float)[rng.integers(0, len(table), count)] + rng.normal(0, 1000, (count, 2))


def run(side: str, path: Path, count: int, spread: str) -> dict[str, object]:
    """One side in this process."""
    from gsan_lib.analysis.counting import count_points

    cells = areas(path)
    where = made(path, count, spread)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(where[:, 0], where[:, 1], crs=cells.crs))
    del where
    few = points.iloc[:1000]
    told: dict[str, object] = {"polygons": len(cells), "points": count}
    if side == "cluster":
        return told | _cluster(points, cells)
    count_points(few, cells, cells=10_000) if side == "gsan" else gpd.sjoin(few, cells, predicate=side)  # what is imported on first use
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    if side == "gsan":
        found = count_points(points, cells)
        counts = found.counts.to_numpy()
        told |= {"outside": found.outside, "near": found.near}
    else:
        joined = gpd.sjoin(points, cells, predicate=side)
        once = joined["index_right"].groupby(level=0).min() if joined.index.has_duplicates else joined["index_right"]
        counts = np.bincount(once, minlength=len(cells))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return told | {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "mb": round(more), "counts": counts.tolist()}


def _cluster(points: gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> dict[str, object]:
    """The same call on a Dask frame, on a local cluster of two processes."""
    import dask.dataframe
    from distributed import Client, LocalCluster

    from gsan_lib.analysis.counting import count_points

    try:
        import dask_geopandas

        frame, kind = dask_geopandas.from_geopandas(points, npartitions=16), "dask_geopandas"
    except ImportError:
        table = pd.DataFrame({"x": points.geometry.x.to_numpy(), "y": points.geometry.y.to_numpy()})
        frame, kind = dask.dataframe.from_pandas(table, npartitions=16), "dask.dataframe"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster):
        start = time.perf_counter()
        found = count_points(frame, cells)
        return {"seconds": round(time.perf_counter() - start, 2), "frame": kind, "counts": found.counts.tolist(), "outside": found.outside}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--cells", type=Path, default=CENTROIDS, help="table of centroids (ADMCD, X, Y), EPSG:5179")
    parser.add_argument("--spread", choices=["uniform", "people"], default="uniform")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.cells.exists() and given.cells != CENTROIDS:
        raise SystemExit(f"`{given.cells}` is not there; name a table of centroids (ADMCD, X, Y) with --cells.")
    if given.child:
        print(json.dumps(run(given.child, given.cells, given.points, given.spread)))
        return
    results = {}
    for side in SIDES:
        call = [
            sys.executable,
            __file__,
            "--child",
            side,
            "--points",
            str(given.points),
            "--cells",
            str(given.cells),
            "--spread",
            given.spread,
        ]
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        results[side] = json.loads(done.stdout.splitlines()[-1])
    same = {side: results[side].pop("counts") for side in SIDES}
    equal = {side: same[side] == same["gsan"] for side in SIDES[1:]}
    times = {
        what: round(min(results["within"][what], results["intersects"][what]) / results["gsan"][what], 2) for what in ("seconds", "cpu")
    }
    answer = {"spread": given.spread, **results, "equal": equal, "times_faster": times}
    if given.json:
        print(json.dumps(answer, indent=2))
        return
    whose = "the country's dongs" if given.cells.exists() else "made places"
    print(f"{given.points:,} points ({given.spread}) over {results['gsan']['polygons']:,} Voronoi cells of {whose}")
    for side, name in zip(SIDES, ("gsan count_points", "sjoin within", "sjoin intersects", "gsan on 2 workers"), strict=True):
        one = results[side]
        memory = f"{one['mb']:6,} MB more" if "mb" in one else f"({one['frame']})"
        print(
            f"  {name:18} {one['seconds']:8.2f} s  {memory}"
            + ("" if side == "gsan" else f"  counts {'equal' if equal[side] else 'DIFFER'}")
        )
    print(
        f"  {times['seconds']} times the faster sjoin ({times['cpu']} times by processor); {results['gsan']['near']:.1%} of the points needed the exact test"
    )
    if not all(equal.values()):
        raise SystemExit("the counts differ")


if __name__ == "__main__":
    main()
