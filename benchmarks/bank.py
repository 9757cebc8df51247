"""The data bank against pandas + geopandas on the same file: time and memory to a snapshot, memory for ten times the rows, and status.

    python benchmarks/bank.py [--rows 1000000] [--times 10] [--datasets 400] [--json]

Both start from the same CP949 file. The peer is told what the file is (encoding, columns, CRS) and writes GeoParquet:
`pandas.read_csv -> geopandas.points_from_xy -> to_crs -> to_parquet`. gsan is told nothing but the standard: it detects encoding and layout,
types and checks every column, finds the CRS, places every point in a dong, accounts for every row, measures quality, hashes the content and
publishes a snapshot. Each run is a process of its own; seconds are without imports (both first do a hundred rows, so that what is imported on
first use is in), memory is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PART = 100_000  # rows made at a time


def make(path: Path, rows: int) -> None:
    """A CP949 file of `rows` street lamps in the simulated district."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(20260101)
    kinds = np.array(["LED", "나트륨", "메탈할라이드", "무전극"])
    roads = np.array(
        [
            f"광주광역시 광산구 {name}로 "
            for name in ("사암", "임방울대", "송정", "하남대", "풍영", "수완", "첨단중앙", "어등대", "목련", "장신")
        ]
    )
    with path.open("w", encoding="cp949", newline="") as file:
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            house = rng.integers(1, 999, count).astype(str)
            table = {
                "관리번호": [f"GS-{number:08d}" for number in range(start + 1, start + count + 1)],
                "소재지도로명주소": roads[rng.integers(0, len(roads), count)].astype(object) + house,
                "위도": np.round(rng.uniform(35.10, 35.22, count), 8),
                "경도": np.round(rng.uniform(126.70, 126.85, count), 8),
                "설치개수": rng.integers(1, 4, count),
                "설치연도": rng.integers(1995, 2025, count),
                "램프종류": kinds[rng.integers(0, 4, count)],
                "관리기관명": "광주광역시 광산구청",
                "데이터기준일자": "2025-12-31",
            }
            pd.DataFrame(table).to_csv(file, index=False, header=start == 0)


def peer(path: Path, folder: Path) -> dict[str, float]:
    """What an analyst writes who knows the file."""
    import geopandas
    import pandas

    start = time.perf_counter()
    table = pandas.read_csv(path, encoding="cp949")
    frame = geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(table["경도"], table["위도"]), crs=4326)
    frame.to_crs(5179).to_parquet(folder / "lights.parquet")
    return {"seconds": time.perf_counter() - start, "rows": len(table)}


def gsan(path: Path, folder: Path) -> dict[str, float]:
    """The whole intake of the bank, in a bank of its own."""
    from gsan_lib import sample
    from gsan_lib.bank import places
    from gsan_lib.bank.intake import Order, file_sha256, take_in
    from gsan_lib.bank.register import Edition, Source
    from gsan_lib.bank.snapshots import open_bank

    ground = places.ground(sample.district(), ["광주광역시 광산구"], 3000.0)
    source = Source("sample", "lights", "가로등", "Street lights", "lights", "gsan", "CC0", (Edition(path.name, "2025-12-31"),))
    start = time.perf_counter()
    told = take_in(Order(source, source.editions[0], path, open_bank(str(folder)), ground, simulated=True), file_sha256(path))
    return {"seconds": time.perf_counter() - start, "rows": told["rows"]}


def status(folder: Path, datasets: int) -> float:
    """Seconds for the state of `datasets` datasets, once the index is there."""
    from gsan_lib.bank.catalog import status as state_of
    from gsan_lib.bank.snapshots import open_bank

    bank = open_bank(str(folder))
    (snapshot,) = (folder / "sample" / "lights").glob("*/manifest.json")
    told = json.loads(snapshot.read_text("utf-8"))
    for number in range(datasets - 1):
        target = folder / "sample" / f"made_{number}" / told["sha256"]
        target.mkdir(parents=True)
        (target / "manifest.json").write_text(json.dumps(told | {"dataset": f"made_{number}"}), "utf-8")
    state_of("sample", bank=bank)
    start = time.perf_counter()
    held = [line for line in state_of("sample", bank=bank) if line["state"] != "missing"]
    if len(held) != datasets:
        raise SystemExit(f"{len(held)} of {datasets} datasets in the status")
    return time.perf_counter() - start


def measured(who: str, path: Path) -> dict[str, float]:
    """Seconds, rows and peak memory (MB) of one run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, __file__, "--child", who, str(path), folder], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=10, help="how many times the rows for the memory test; 0 = leave it out")
    parser.add_argument("--datasets", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        who, path, folder = given.child
        run = {"gsan": gsan, "peer": peer}[who]
        small = Path(folder) / "small.csv"
        make(small, 100)
        run(small, Path(folder))
        result = run(Path(path), Path(folder))
        print(json.dumps(result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lights.csv"
        make(path, given.rows)
        runs = {who: measured(who, path) for who in ("peer", "gsan")}
        result: dict[str, object] = {
            "rows": given.rows,
            "file_mb": path.stat().st_size / 1e6,
            **runs,
            "time_ratio": runs["gsan"]["seconds"] / runs["peer"]["seconds"],
            "memory_ratio": runs["gsan"]["peak_mb"] / runs["peer"]["peak_mb"],
        }
        if given.times:
            make(path, given.rows * given.times)
            more = measured("gsan", path)
            result |= {"times": given.times, "more_rows": more, "more_memory_ratio": more["peak_mb"] / runs["gsan"]["peak_mb"]}
        small = Path(folder) / "small.csv"
        make(small, 1000)
        bank = Path(folder) / "bank"
        gsan(small, bank)
        result |= {"datasets": given.datasets, "status_seconds": status(bank, given.datasets)}
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{given.rows:,} rows, {result['file_mb']:.0f} MB, CP949")
    for who, run in runs.items():
        print(f"  {who:5} {run['seconds']:6.2f} s  {run['peak_mb']:6.0f} MB")
    print(f"  gsan / peer: time {result['time_ratio']:.2f}, memory {result['memory_ratio']:.2f}")
    if given.times:
        print(
            f"  {given.times} times the rows: {result['more_rows']['seconds']:.1f} s, memory {result['more_memory_ratio']:.2f} of that for one"
        )
    print(f"  status of {given.datasets} datasets: {result['status_seconds']:.3f} s")


if __name__ == "__main__":
    main()
