"""Runs that are killed with SIGKILL at random moments and resumed end with the very editions of a run that nobody disturbed."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
import toys

KILLS = 10  # `benchmarks/reports.py --kills 100` does a hundred


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "reports.py"
    spec = importlib.util.spec_from_file_location("benchmark_reports", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = toys.make_home(tmp_path_factory.mktemp("resume"))
    drawn = toys.RESULTS.replace('str(far["people"].tolist())', "str(p.radius_m)")  # each variant has a figure of its own
    toys.write_case(home, "far", results=drawn)
    (home / "parameters" / "toy" / "cases" / "far.yml").write_text(
        json.dumps({"grid": {"radius_m": [100, 120, 140, 160]}}), encoding="utf-8"
    )
    return home


def settings(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GSAN_")} | toys.environment(home)


def command() -> list[str]:
    return [str(Path(sys.executable).with_name("gsan")), "report", "run", "toy", "--jobs", "2", "--json"]


@pytest.mark.slow
def test_ten_killed_runs_resume_to_the_same_hashes(benchmark, home, tmp_path):
    told = benchmark.kills(command(), settings(home), tmp_path, KILLS)
    assert told["editions"] == 4
    assert told["killed_while_running"] >= KILLS / 2


def test_another_hash_after_a_resume_is_noticed(benchmark, home, tmp_path):
    """The check itself: a run whose editions differ is told, with the variant."""
    benchmark.timed(command(), settings(home) | {"GSAN_REPORTS": str(tmp_path)})
    before = benchmark.contents(tmp_path)
    manifest = next(tmp_path.glob("toy/far/*/[!.]*/manifest.json"))
    told = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps(told | {"content": "0" * 64}), encoding="utf-8")
    assert len(before) == 4
    assert benchmark.contents(tmp_path) ^ before == {
        (f"toy/far/{told['variant']}", told["content"]),
        (f"toy/far/{told['variant']}", "0" * 64),
    }
