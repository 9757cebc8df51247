"""Editions of a toy case, each made with one more input changed: data, then a parameter, then the library's code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import toys
from conftest import ROOT

from gsan_lib.reports import editions, runs
from gsan_lib.reports.editions import Edition

RESULTS = """\
from gsan_lib.analysis.equity import lowest_share
far = hydrants[hydrants["away_m"] > p.radius_m].sort_values(["people", "facility_no"], ascending=[False, True], ignore_index=True)
far.insert(0, "rank", far.index + 1)
out.number("far", far["people"].sum(), "명", "먼 주민", estimate=True)
out.number("poorest", 100 * lowest_share(hydrants["people"], share=0.5), "%", "적은 쪽 절반의 몫", digits=1)
out.table("far_table", far[["rank", "facility_no", "people", "away_m", "geometry"]], "먼 소화전", units={"people": "명", "away_m": "m"}, labels={"people": "주민", "facility_no": "번호", "away_m": "거리"})
out.text(f"법정 거리 {p.radius_m:g} m 밖에 {len(far)}곳이 있습니다.")
out.figure("far_chart", "<svg xmlns='http://www.w3.org/2000/svg' role='img'><text>" + str(far["people"].tolist()) + "</text></svg>", "먼 소화전", "먼 소화전의 주민입니다.", table="far_table")
"""
NEEDS = 'NEEDS = {"hydrants": ["facility_no", "people", "geometry"]}'
FIRST = {"facility_no": ["A", "B", "C"], "people": [10, 20, 30], "away_m": [90, 120, 160]}
LATER = {"facility_no": ["A", "B", "D"], "people": [10, 25, 40], "away_m": [90, 120, 180]}


@dataclass(frozen=True)
class Made:
    """A toy home and its editions in the order in which they were made."""

    home: Path
    first: Edition  # 140 m, data of January
    data: Edition  # then data of February
    parameter: Edition  # then 100 m
    code: Edition  # then a library whose `lowest_share` is another

    @property
    def settings(self) -> dict[str, str]:
        return toys.environment(self.home)


def hydrants(cells: dict[str, list]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(cells)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(9.4e5 + frame["away_m"] * 10, [1.69e6] * len(frame)), crs=5179)


def put(home: Path, cells: dict[str, list], as_of: str) -> None:
    from gsan_lib.bank.snapshots import open_bank
    from gsan_lib.bank.store import Writer

    frame = hydrants(cells)
    with Writer("toy/hydrants", crs="EPSG:5179", bank=open_bank(str(home / ".bank"))) as writer:
        writer.write(frame.assign(source_row=range(1, len(frame) + 1)))
        told = {"as_of": as_of, "title_ko": "소화전", "source": "보기", "licence": "CC0", "published": True}
        writer.publish(told, known_at=f"{as_of}T00:00:00Z")


def other_library(folder: Path) -> Path:
    """A copy of the library in which `lowest_share` gives the double."""
    shutil.copytree(ROOT / "gsan_lib", folder / "gsan_lib", ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "gsan_lib" / "analysis" / "equity.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(
        text + "\n\n_once = lowest_share\n\n\ndef lowest_share(*values, **how):\n    return 2 * _once(*values, **how)\n", encoding="utf-8"
    )
    return folder


def run(home: Path, library: Path | None = None) -> Edition:
    """The edition that a run makes, with this library or another one."""
    if library is None:
        (outcome,) = runs.run("toy", ["far"]).outcomes
        assert outcome.status == "done", outcome.reason
    else:
        command = "from gsan_lib.reports import runs; (one,) = runs.run('toy', ['far']).outcomes; assert one.status == 'done', one.reason"
        env = {**os.environ, **toys.environment(home), "PYTHONPATH": str(library)}
        done = subprocess.run([sys.executable, "-c", command], env=env, cwd=home, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return editions.newest("toy", "far")[0]


@cache
def made(place: Path) -> Made:
    """The home and its four editions, once for all tests of a session."""
    home = toys.make_home(place / "home")
    toys.write_case(home, "far", results=RESULTS, needs=NEEDS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toys.environment(home).items():
            patch.setenv(name, value)
        shutil.rmtree(home / ".bank")
        put(home, FIRST, "2026-01-01")
        found = [run(home)]
        put(home, LATER, "2026-02-01")
        found.append(run(home))
        (home / "parameters" / "toy" / "cases" / "far.yml").write_text("variants: {default: {radius_m: 100}}\n", encoding="utf-8")
        found.append(run(home))
        found.append(run(home, other_library(place / "library")))
    return Made(home, *found)


@pytest.fixture
def toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The toy home as the current one."""
    place = tmp_path_factory.getbasetemp() / "compared"
    place.mkdir(exist_ok=True)
    found = made(place)
    for name, value in found.settings.items():
        monkeypatch.setenv(name, value)
    return found
