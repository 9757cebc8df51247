"""The published siting benchmarks as OD matrices; read by the same readers as the benchmark, since nothing of the product needs these formats."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from gsan_lib.analysis.distances import ODMatrix

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from peers import instances


def matrix(instance: instances.Instance, unit: str = "m") -> ODMatrix:
    """The pairs of an instance, ids 0, 1, 2, ..."""
    points, sites = pd.RangeIndex(len(instance.demand)), pd.RangeIndex(instance.sites)
    return ODMatrix.of(instance.row, instance.col, instance.cost, points, sites, unit=unit)


def pmed(folder: Path, number: int) -> tuple[ODMatrix, int, int]:
    """Graph of the OR-Library as an OD matrix, its p, and the published p-median optimum."""
    graph, p = instances.or_library(folder / f"pmed{number}.txt")
    optimum = instances.optima(folder)[f"pmed{number}"][0]["optimum"]
    return matrix(graph, "length"), p, int(optimum)


def sjc(folder: Path, name: str) -> tuple[ODMatrix, pd.Series]:
    """Lorena's São José dos Campos points: straight distances between all nodes, and their demand."""
    town = instances.sjc(folder / f"{name}.txt", folder / f"demand-{name}.dat")
    return matrix(town), pd.Series(town.demand)


def new_york(folder: Path, within: float) -> tuple[ODMatrix, pd.Series]:
    """2,713 points of New York: great-circle metres up to `within`, and their demand."""
    city = instances.ails(folder / "NewYork.txt", within)
    return matrix(city), pd.Series(city.demand)


def san_francisco(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """205 census tracts to 16 stores by road, metres, and the population of the tracts."""
    pairs = pd.read_csv(folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv", dtype={"DestinationName": str})
    od = pairs.rename(columns={"DestinationName": "origin", "name": "destination", "distance": "cost"})
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str})
    return od[["origin", "destination", "cost"]], tracts.set_index("NAME")["POP2000"]
