"""The benchmark of siting reads other people's instances, whatever their line ends, and says where an answer contradicts a published one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from peers import instances

PATH = "4 3 2\n1 2 5\n2 3 9\n3 4 4\n"  # a path of four nodes, two sites: 5 and 4 are left to go
TOWN = "4\n0 0\n0 10\n50 0\n50 10\n"
DEMAND = "1\n2\n4\n8\n"


def called(folder: Path, *words: str) -> tuple[int, list[dict]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "siting.py"), str(folder), "--json", "--no-peer", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def write(folder: Path, optimum: int, end: str = "\n") -> None:
    for name, text in {
        "path1.txt": PATH,
        "town.txt": TOWN,
        "demand-town.dat": DEMAND,
        "pathopt.csv": f"instance,optimum\npath1,{optimum}\n",
    }.items():
        (folder / name).write_bytes(text.replace("\n", end).encode())


def test_a_folder_with_windows_line_ends_gives_one_line_a_question(tmp_path):
    write(tmp_path, 9, "\r\n")
    code, told = called(tmp_path, "--radius", "10", "--p", "1", "2")
    assert code == 0
    assert [(one["name"], one["objective"], one["bound"], one["status"]) for one in told] == [
        ("path1", 9, 9, "optimal"),
        ("path1 p-center", 5, 5, "optimal"),
        ("town p=1 10 m", 12, 12, "optimal"),
        ("town p=2 10 m", 15, 15, "optimal"),
    ]
    assert all(one["seconds"] >= 0 for one in told)


def test_an_answer_that_contradicts_the_file_of_optima_fails(tmp_path):
    write(tmp_path, 8)
    code, told = called(tmp_path, "--p", "1")
    assert code == 1
    assert [one["name"] for one in told if one["contradicts"]] == ["path1"]


def test_files_are_told_apart_by_what_is_in_them(tmp_path):
    write(tmp_path, 9)
    (tmp_path / "notes.txt").write_text("three words here\n1 2 3\n")
    york = "NAME : York\nDIMENSION : 2\nNODE_COORD_SECTION\n40.0 -074.0\n40.001 -074.0\nDEMAND_SECTION\n3\n4\nEOF"
    (tmp_path / "york.txt").write_text(york)
    kinds = {path.name: instances.kind(path) for path in sorted(tmp_path.glob("*.txt"))}
    assert kinds == {"notes.txt": None, "path1.txt": "or_library", "town.txt": "sjc", "york.txt": "ails"}
    city = instances.ails(tmp_path / "york.txt", 200)
    assert city.demand.tolist() == [3, 4]
    assert city.cost.max() == pytest.approx(
        0.001 * 3.141592653589793 / 180 * instances.EARTH_M, rel=1e-6
    )  # a thousandth of a degree of latitude


def test_of_a_repeated_edge_the_last_line_counts(tmp_path):
    (tmp_path / "twice.txt").write_text("2 2 1\n1 2 3\n1 2 8\n")
    graph, p = instances.or_library(tmp_path / "twice.txt")
    assert (p, sorted(graph.cost.tolist())) == (1, [0, 0, 8, 8])
