"""Siting models on published instances: proven answers, and the time they take beside spopt 0.7 with HiGHS in the same run.

    python benchmarks/siting.py [DIR] [--json] [--no-peer] [--large] [--limit 600] [--cap 60] [--radius 800] [--p 5 10]

DIR is a folder of instances, searched with its subfolders: graphs of the OR-Library (pmed*.txt), Lorena's points (SJC*.txt with demand-*.dat) and
AILS-MCLP (NewYork.txt), each with a file of optima beside it where there is one (see benchmarks/peers/instances.py). Without DIR: the shared
data's or_benchmarks (`GSAN_INBOX`, or ../shared/data beside the checkout), else small simulated instances made for the occasion.

Every graph is solved as p-median and as p-center, every set of points as maximal covering. Seconds count from the distances to the answer:
building the model, solving it, and for gsan also checking the input and assigning the demand points. The peer comes from PyPI into a venv of its
own beside the very packages of requirements.lock, solves p-median and coverage one after the other in one warm process, and is stopped after
`--cap` seconds. It has no part in p-center. `--limit` ends gsan's search after so many seconds, with the gap that is left.

`--large` adds simulated coverage of a city: 50,000 demand cells of a 100 m grid, 5,000 candidate sites, 50 of them to choose, 300 m and 500 m, to a
gap of 1 %, each in a process of its own whose peak memory is told.

`--json` prints a list with one object an instance: name, model, p, radius, objective, bound, gap, status, seconds, known (the published value), peer.
The exit code is 1 where an answer contradicts a published one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peers import environment
from peers.instances import Instance, Question, read
from rich.console import Console
from rich.table import Table

from gsan_lib.analysis import siting
from gsan_lib.analysis.distances import ODMatrix
from gsan_lib.analysis.solver import Limits

ROOT = Path(__file__).resolve().parents[1]
PEER = "spopt==0.7.0"
ERR = Console(stderr=True)
WORDS = {"p_median": "p-median", "p_center": "p-center", "mclp": "MCLP"}
# p-center radii of the OR-Library's graphs: 1 to 15 proven (Elloumi, Labbé and Pochet 2004), the others as published
RADII = {f"pmed{number}": radius for number, radius in {
    1: 127, 3: 93, 5: 48, 7: 64, 9: 37, 11: 59, 13: 36, 15: 18, 17: 39, 19: 18, 21: 40, 23: 22, 25: 11, 27: 32, 29: 13, 31: 30, 33: 15, 35: 30, 37: 15, 39: 23,
}.items()}  # fmt: skip


# -- what is solved


def matrix(instance: Instance) -> ODMatrix:
    """The instance's pairs, ids 0, 1, 2, ..."""
    points, sites = pd.RangeIndex(len(instance.demand)), pd.RangeIndex(instance.sites)
    return ODMatrix.of(instance.row, instance.col, instance.cost, points, sites)


def name(instance: str, question: Question) -> str:
    """A line's name: pmed1, pmed1 p-center, SJC324 p=3 800 m."""
    if question.model == "mclp":
        return f"{instance} p={question.p} {question.radius:g} m"
    return instance if question.model == "p_median" else f"{instance} {WORDS[question.model]}"


def answer(instance: Instance, od: ODMatrix, question: Question, limits: Limits) -> dict[str, Any]:
    """One line: what gsan finds, proves, and how long it takes."""
    demand, begun = pd.Series(instance.demand), time.perf_counter()
    if question.model == "p_center":
        found = siting.p_center(od, p=question.p, limits=limits)
    elif question.model == "p_median":
        found = siting.p_median(od, demand, p=question.p, limits=limits)
    else:
        found = siting.mclp(od, demand, p=question.p, radius=float(question.radius or 0), limits=limits)
    return {
        "name": name(instance.name, question), "model": question.model, "p": question.p, "radius": question.radius,
        "objective": found.objective, "bound": found.bound, "gap": found.gap, "status": found.status,
        "seconds": time.perf_counter() - begun, "known": question.known, "contradicts": contradicts(question, found),
    }  # fmt: skip


def contradicts(question: Question, found: siting.Siting) -> bool:
    """Whether a published value and the answer cannot both be right."""
    if question.known is None:
        return False
    more = 1 if question.model == "mclp" else -1
    apart = 1e-6 * max(abs(question.known), 1)
    beyond = more * (question.known - found.bound) > apart  # published is better than what was proven possible
    better = question.proven and more * (found.objective - question.known) > apart
    return bool(beyond or better)


# -- the peer


@dataclass
class Peer:
    """spopt in a process of its own, started anew after each time that it is stopped."""

    cap: float  # seconds an instance
    folder: Path  # for cost matrices
    process: subprocess.Popen[str] | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def _line(self, seconds: float) -> str | None:
        """Its next line, or None where none comes in time."""
        assert self.process is not None
        assert self.process.stdout is not None
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        return self.process.stdout.readline() if ready else None

    def start(self) -> None:
        """Starts it and waits for its versions. Raises SystemExit."""
        script = [str(environment.made([PEER])), str(ROOT / "benchmarks" / "peers" / "spopt_models.py")]
        self.process = subprocess.Popen(
            script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        if not (line := self._line(300)):
            raise SystemExit("비교 대상이 시작하지 않습니다 / the peer does not start: " + " ".join(script))
        self.versions = json.loads(line)

    @property
    def name(self) -> str:
        """With versions, once it has started."""
        return f"spopt {self.versions.get('spopt', '?')} with HiGHS {self.versions.get('highspy', '?')}"

    def stop(self) -> None:
        """Ends it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def solve(self, instance: Instance, question: Question) -> dict[str, Any]:
        """Its answer: objective, status and seconds; status `stopped` after the cap."""
        if self.process is None:
            self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        file = self.folder / "costs.npz"
        np.savez(file, costs=instance.dense(), demand=instance.demand)
        problem = {"file": str(file), "model": question.model, "p": question.p, "radius": question.radius}
        self.process.stdin.write(json.dumps(problem) + "\n")
        line = self._line(self.cap)
        if not line:
            self.stop()
            return {"objective": None, "status": "stopped", "seconds": self.cap}
        return json.loads(line)


# -- the city


def city(cells: int = 50_000, sites: int = 5_000, seed: int = 7) -> Instance:
    """Simulated: inhabited cells of a 100 m grid in and around 25 quarters, candidate sites at cells drawn at random; no pair yet."""
    draw, side = np.random.default_rng(seed), int(np.ceil(np.sqrt(cells * 1.6)))
    middle = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * 100.0 + 50
    quarters, reach, size = draw.uniform(0.1, 0.9, (25, 2)) * side * 100, draw.uniform(400, 2500, 25), draw.gamma(1, 1, 25)
    density = np.zeros(len(middle))
    for centre, width, weight in zip(quarters, reach, size, strict=True):
        density += weight / width * np.exp(-((middle - centre) ** 2).sum(axis=1) / (2 * width**2))
    people = density * draw.gamma(0.7, 1, len(middle))
    kept = np.sort(np.argsort(-people, kind="stable")[:cells])
    demand = np.ceil(people[kept] / people[kept].sum() * 800_000)
    instance = Instance("city", demand, sites, np.array([]), np.array([]), np.array([]))
    instance.places, instance.candidates = middle[kept], middle[kept][np.sort(draw.choice(cells, sites, replace=False))]  # type: ignore[attr-defined]
    return instance


def large(radius: float, gap: float, limits: Limits) -> dict[str, Any]:
    """The city's line: seconds from the points to the answer, pairs kept, peak memory of this process."""
    import geopandas as gpd

    from gsan_lib.analysis.distances import between

    made = city()
    points, sites = (
        gpd.GeoSeries.from_xy(*(places + [935_000, 1_670_000]).T, crs="EPSG:5179") for places in (made.places, made.candidates)
    )  # type: ignore[attr-defined]
    begun = time.perf_counter()
    od = between(points, sites, within_m=radius)
    found = siting.mclp(od, pd.Series(made.demand), p=50, radius=radius, limits=Limits(gap, limits.nodes, limits.seconds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {
        "name": f"simulated city 50,000 x 5,000 p=50 {radius:g} m", "model": "mclp", "p": 50, "radius": radius, "pairs": len(od.cost),
        "objective": found.objective, "bound": found.bound, "gap": found.gap, "status": found.status, "seconds": time.perf_counter() - begun,
        "known": None, "contradicts": False, "peak_mb": peak, "demand": float(made.demand.sum()),
    }  # fmt: skip


def simulated(folder: Path) -> None:
    """Small instances in the published layouts, for a machine without the published ones."""
    draw = np.random.default_rng(1)
    for number, (nodes, p) in enumerate(((100, 5), (150, 30)), 1):
        edges = [(one + 1, (one + 1) % nodes + 1, int(draw.integers(1, 100))) for one in range(nodes)]
        edges += [
            (int(a) + 1, int(b) + 1, int(c))
            for a, b, c in zip(*draw.integers(0, nodes, (2, 2 * nodes)), draw.integers(1, 100, 2 * nodes), strict=True)
            if a != b
        ]
        lines = [f" {nodes} {len(edges)} {p} ", *(f" {a} {b} {c} " for a, b, c in edges)]
        (folder / f"simulated{number}.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    places = draw.integers(0, 6000, (300, 2))
    (folder / "simulated_town.txt").write_text("\n".join(["300", *(f"{a} {b}" for a, b in places)]) + "\n", encoding="ascii")
    (folder / "demand-simulated_town.dat").write_text("\n".join(str(one) for one in draw.integers(1, 200, 300)) + "\n", encoding="ascii")


# -- how it is told


def found_data() -> Path | None:
    """The shared data's instances, where they are."""
    places = [Path(os.environ["GSAN_INBOX"])] if os.environ.get("GSAN_INBOX") else [ROOT.parent / "shared" / "data"]
    return next((place / "or_benchmarks" for place in places if (place / "or_benchmarks").is_dir()), None)


def lines(folder: Path, given: argparse.Namespace, peer: Peer | None) -> Iterator[dict[str, Any]]:
    """One line after the other."""
    for instance in read(folder, radius=given.radius, ps=given.p, radii=RADII):
        od = matrix(instance)
        for question in instance.questions:
            line = answer(instance, od, question, Limits(seconds=given.limit))
            if peer is not None and question.model != "p_center":
                found = peer.solve(instance, question)
                line["peer"] = {"name": peer.name, **found}
                line["ratio"] = line["peer"]["seconds"] / line["seconds"] if line["peer"]["seconds"] else None
            ERR.print(f"{line['name']}: {line['status']}, {line['seconds']:.2f} s", style="dim")
            yield line
    for radius in (300.0, 500.0) if given.large else ():
        command = [sys.executable, __file__, "--city", str(radius), "--limit", str(given.limit)]
        yield json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def told_as_it_comes(found: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Prints one JSON list, each line as soon as it is there, so that a run that is stopped has told what it knows."""
    told: list[dict[str, Any]] = []
    for line in found:
        print("[" if not told else ",", json.dumps(line, ensure_ascii=False), flush=True)
        told.append(line)
    print("]" if told else "[]")
    return told


def show(told: list[dict[str, Any]], versions: dict[str, str]) -> None:
    """The table for people."""
    table = Table(title="입지 / siting")
    for head in (
        "사례\ninstance",
        "값\nobjective",
        "한계\nbound",
        "격차\ngap",
        "상태\nstatus",
        "초\ns",
        "발표된 값\npublished",
        "spopt\n초 / s",
        "배\nratio",
    ):
        table.add_column(head, justify="left" if head.startswith("사례") or head.startswith("상태") else "right")
    for line in told:
        peer = line.get("peer") or {}
        own = f"{peer['seconds']:.2f}" if peer.get("seconds") else peer.get("status", "")
        table.add_row(
            line["name"], f"{line['objective']:,.10g}", f"{line['bound']:,.10g}", f"{line['gap']:.3%}", line["status"], f"{line['seconds']:.2f}",
            "" if line["known"] is None else f"{line['known']:,.10g}" + ("  !" if line["contradicts"] else ""),
            f"> {own} ({peer['status']})" if peer.get("status") == "stopped" else own, f"{line['ratio']:.0f}" if line.get("ratio") else "",
        )  # fmt: skip
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
    proven = sum(line["status"] == "optimal" for line in told)
    print(f"증명됨 / proven: {proven} / {len(told)}")
    if ratios := [line["ratio"] for line in told if line.get("ratio") and line["model"] == "p_median"]:
        mark = "예 / yes" if statistics.median(ratios) >= 10 else "아니오 / NO"
        print(f"p-median, spopt 대비 중앙값 / median times as fast as spopt: {statistics.median(ratios):.0f}  (목표 / goal >= 10: {mark})")
    for line in told:
        if "peak_mb" in line:
            print(f"{line['name']} (모의 데이터 / simulated): {line['pairs']:,} pairs, {line['peak_mb']:,.0f} MB")
    if versions:
        print("비교 대상 / peer: " + ", ".join(f"{key} {value}" for key, value in versions.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="instances; default: the shared data's, else simulated ones")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peer", action="store_true", help="gsan alone")
    parser.add_argument("--large", action="store_true", help="also the simulated city of 50,000 cells")
    parser.add_argument("--limit", type=float, default=600.0, metavar="S", help="seconds of gsan an instance (600)")
    parser.add_argument("--cap", type=float, default=60.0, metavar="S", help="seconds of the peer an instance (60)")
    parser.add_argument("--radius", type=float, help="of service, metres; default: as published, else 800 (SJC) or 400 (AILS)")
    parser.add_argument("--p", type=int, nargs="+", help="numbers of sites for coverage; default: as published, else 1 to 5")
    parser.add_argument("--city", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.city:
        print(json.dumps(large(given.city, 0.01, Limits(seconds=given.limit))))
        return
    if given.folder is not None and not given.folder.is_dir():
        parser.error(f"`{given.folder}` 폴더가 없습니다 / there is no such folder")
    with tempfile.TemporaryDirectory(prefix="gsan-siting-") as place:
        folder = given.folder or found_data()
        if folder is None:
            ERR.print("공개된 사례가 없어 모의 사례를 풉니다 / no published instances here: simulated ones")
            folder = Path(place)
            simulated(folder)
        peer = None if given.no_peer else Peer(given.cap, Path(place))
        try:
            told = told_as_it_comes(lines(folder, given, peer)) if given.json else list(lines(folder, given, peer))
        finally:
            if peer is not None:
                peer.stop()
    if not told:
        raise SystemExit(
            f"`{folder}`에 풀 사례가 없습니다 / no instance in this folder: pmed*.txt, SJC*.txt with demand-*.dat, or AILS-MCLP"
        )
    if not given.json:
        show(told, peer.versions if peer else {})
    if wrong := [line["name"] for line in told if line["contradicts"]]:
        raise SystemExit(f"발표된 값과 어긋납니다 / contradicts what is published: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
