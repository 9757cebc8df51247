"""Readers of published siting instances, told apart by what is in the files: OR-Library p-median, Lorena's SJC, AILS-MCLP (New York).

An instance is a file; its optima, where there are any, stand in a file beside it: a CSV with the columns `instance` and `optimum` or `best_known`
(for coverage also `p` and `radius` or `radius_m`), or lines of a name and a value (OR-Library's pmedopt.txt). Lines may end in CRLF or LF.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

EARTH_M = 6_378_137.0  # equatorial radius of WGS84; New York's published values stand on it


@dataclass(frozen=True)
class Question:
    """One thing to solve on an instance."""

    model: str  # p_median, p_center or mclp
    p: int
    radius: float | None = None
    known: float | None = None  # published
    proven: bool = False  # whether `known` is a proven optimum, not only the best known


@dataclass(eq=False)
class Instance:
    """Demand points and sites with the pairs that count, and what to solve."""

    name: str
    demand: np.ndarray  # per demand point
    sites: int
    row: np.ndarray  # pairs: demand point, site, cost
    col: np.ndarray
    cost: np.ndarray
    questions: list[Question] = field(default_factory=list)

    def dense(self) -> np.ndarray:
        """Costs of all pairs; a pair that is not listed costs more than all others together."""
        full = np.full((len(self.demand), self.sites), 1e9)
        full[self.row, self.col] = self.cost
        return full


def text(path: Path) -> str:
    """A file's text, with LF and without a byte order mark."""
    return path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _pairs(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    row, col = np.nonzero(np.isfinite(costs))
    return row, col, costs[row, col]


def or_library(path: Path) -> tuple[Instance, int]:
    """A graph of the OR-Library (Beasley 1985) and its p: every node a demand point and a site. Of a repeated edge the last line counts."""
    table = np.array([line.split() for line in text(path).splitlines() if line.strip()], dtype=float)
    nodes, p = int(table[0, 0]), int(table[0, 2])
    edges = np.full((nodes, nodes), np.inf)
    for one, other, length in table[1:]:
        edges[int(one) - 1, int(other) - 1] = edges[int(other) - 1, int(one) - 1] = length
    return Instance(path.stem, np.ones(nodes), nodes, *_pairs(shortest_path(np.where(edges == 0, 1e-12, edges)).round(9))), p


def sjc(path: Path, demand: Path) -> Instance:
    """Points with planar coordinates and the demand of each (Lorena and Pereira 2002), Euclidean distances."""
    count = int(text(path).split()[0])
    nodes = np.array(text(path).split()[1 : 1 + 2 * count], dtype=float).reshape(count, 2)
    return Instance(path.stem, np.array(text(demand).split()[:count], dtype=float), count, *_pairs(cdist(nodes, nodes)))


def ails(path: Path, within: float) -> Instance:
    """Points with latitude and longitude and the demand of each (Maximo and others 2022); great-circle metres up to `within`."""
    head, _, rest = text(path).partition("NODE_COORD_SECTION")
    nodes, _, values = rest.partition("DEMAND_SECTION")
    count = int(next(line for line in head.splitlines() if line.startswith("DIMENSION")).split(":")[1])
    lat, lon = np.radians(np.array(nodes.split()[: 2 * count], dtype=float).reshape(count, 2).T)
    ball = EARTH_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    found = KDTree(ball).sparse_distance_matrix(KDTree(ball), within * 1.001 + 1.0, output_type="ndarray")
    row, col = found["i"], found["j"]
    half = np.sin((lat[row] - lat[col]) / 2) ** 2 + np.cos(lat[row]) * np.cos(lat[col]) * np.sin((lon[row] - lon[col]) / 2) ** 2
    metres = 2 * EARTH_M * np.arcsin(np.sqrt(half))
    near = metres <= within
    return Instance(path.stem, np.array(values.split()[:count], dtype=float), count, row[near], col[near], metres[near])


def optima(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What the folder's files say is optimal, by the instance's name in small letters."""
    told: dict[str, list[dict[str, str]]] = {}
    for path in sorted(folder.glob("*.csv")):
        for row in csv.DictReader(io.StringIO(text(path))):
            row = {(key or "").strip().lower(): (value or "").strip() for key, value in row.items() if isinstance(value, str)}
            if "instance" in row and (row.get("optimum") or row.get("best_known")):
                told.setdefault(Path(row["instance"]).name.lower().removesuffix(".txt"), []).append(row)
    for path in sorted([*folder.glob("*opt*.txt"), *folder.glob("*opt*.dat")]):
        for words in (line.split() for line in text(path).splitlines()):
            if len(words) == 2 and words[0][0].isalpha() and words[1].replace(".", "", 1).isdigit():
                told.setdefault(words[0].lower().removesuffix(".txt"), []).append({"optimum": words[1]})
    return told


def _numbers(line: str) -> bool:
    try:
        return bool([float(word) for word in line.split()])
    except ValueError:
        return False


def kind(path: Path) -> str | None:
    """`or_library`, `sjc` or `ails` by the first lines of a file; None where it is something else."""
    lines = [line for line in text(path).splitlines() if line.strip()][:3]
    if any(line.startswith("NAME") for line in lines):
        return "ails" if "NODE_COORD_SECTION" in text(path) and "DEMAND_SECTION" in text(path) else None
    if len(lines) < 3 or not all(_numbers(line) for line in lines):
        return None
    return {(3, 3): "or_library", (1, 2): "sjc"}.get((len(lines[0].split()), len(lines[1].split())))


def _coverage(rows: list[dict[str, str]], radius: float | None, ps: list[int] | None, usual: float) -> list[Question]:
    """The questions of an instance of coverage: what is published, or what was asked for."""
    found = []
    for row in rows:
        at, p = float(row.get("radius") or row.get("radius_m") or radius or usual), int(row.get("p") or 0)
        if p and (radius is None or at == radius) and (ps is None or p in ps):
            best = row.get("optimum") or row.get("best_known")
            found.append(Question("mclp", p, at, float(best or 0), "optimum" in row or row.get("proved_optimal") == "1"))
    asked = {(one.p, one.radius) for one in found}
    wanted = [(p, radius or usual) for p in (ps or ([] if found else [1, 2, 3, 4, 5]))]
    return found + [Question("mclp", p, at) for p, at in wanted if (p, at) not in asked]


def read(
    folder: Path,
    *,
    radius: float | None = None,  # only this radius of service
    ps: list[int] | None = None,  # only these numbers of sites
    radii: dict[str, int] | None = None,  # published p-center radii by name
) -> Iterator[Instance]:
    """The instances of a folder and its subfolders, by kind and name; a number in a name counts as a number."""
    number = lambda name: [part.zfill(9) for part in re.split(r"(\d+)", name)]
    files = [(kind(path), path) for path in folder.rglob("*.txt")]
    order = ["or_library", "sjc", "ails"]  # what takes longest comes last
    for what, path in sorted(
        ((what, path) for what, path in files if what), key=lambda one: (order.index(one[0]), str(one[1].parent), number(one[1].stem))
    ):
        rows = optima(path.parent).get(path.stem.lower(), [])
        if what == "or_library":
            instance, p = or_library(path)
            best = next((float(row["optimum"]) for row in rows if row.get("optimum")), None)
            center = (radii or {}).get(path.stem.lower())
            instance.questions = [
                Question("p_median", p, None, best, best is not None),
                Question("p_center", p, None, center, center is not None),
            ]
        elif what == "sjc":
            beside = next((one for one in path.parent.glob("*.dat") if one.stem.lower() == f"demand-{path.stem}".lower()), None)
            if beside is None:
                continue
            instance = sjc(path, beside)
            instance.questions = _coverage(rows, radius, ps, 800.0)
        else:
            questions = _coverage(rows, radius, ps, 400.0)
            instance = ails(path, max(one.radius or 0.0 for one in questions))
            instance.questions = questions
        yield instance
