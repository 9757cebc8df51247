"""Readers of the published siting benchmarks; nothing of the product needs these formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist

from gsan_lib.analysis.distances import ODMatrix


def complete(costs: np.ndarray, unit: str = "m") -> ODMatrix:
    """Every pair of a matrix, ids 0, 1, 2, ..."""
    row, col = (axis.ravel() for axis in np.indices(costs.shape))
    return ODMatrix.of(row, col, costs.ravel(), pd.RangeIndex(costs.shape[0]), pd.RangeIndex(costs.shape[1]), unit=unit)


def pmed(folder: Path, number: int) -> tuple[ODMatrix, int, int]:
    """Graph of the OR-Library as an OD matrix, its p, and the published p-median optimum. Of a repeated edge the last line counts."""
    lines = [line.split() for line in (folder / f"pmed{number}.txt").read_text().splitlines() if line.strip()]
    nodes, _, p = map(int, lines[0])
    edges = np.full((nodes, nodes), np.inf)
    for one, other, length in ((int(a), int(b), float(c)) for a, b, c in lines[1:]):
        edges[one - 1, other - 1] = edges[other - 1, one - 1] = length
    optima = pd.read_csv(folder / "pmedopt.csv", index_col="instance")["optimum"]
    return complete(shortest_path(edges), unit="length"), p, int(optima[f"pmed{number}"])


def sjc(folder: Path, name: str) -> tuple[ODMatrix, pd.Series]:
    """Lorena's São José dos Campos points: straight distances between all nodes, and their demand."""
    nodes = np.loadtxt(folder / f"{name}.txt", skiprows=1)
    return complete(cdist(nodes, nodes)), pd.Series(np.loadtxt(folder / f"demand-{name}.dat"))


def san_francisco(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """205 census tracts to 16 stores by road, metres, and the population of the tracts."""
    pairs = pd.read_csv(folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv", dtype={"DestinationName": str})
    od = pairs.rename(columns={"DestinationName": "origin", "name": "destination", "distance": "cost"})
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str})
    return od[["origin", "destination", "cost"]], tracts.set_index("NAME")["POP2000"]
