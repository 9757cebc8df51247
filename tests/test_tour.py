"""The tour that a visiting agency opens first runs on the sample, within the memory that Binder gives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

GIB = 2**30


def _tree_bytes(process: psutil.Process) -> int:
    """Memory of a process and all its children, shared pages counted once (PSS)."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total


@pytest.mark.slow
def test_the_tour_runs_under_one_gib(tmp_path: Path) -> None:
    out = tmp_path / "start.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "tours" / "start.ipynb"),
        str(out),
        "-k",
        "python3",
        "--no-progress-bar",
    ]
    started = subprocess.Popen(command, cwd=tmp_path, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = 0
    while started.poll() is None:
        peak = max(peak, _tree_bytes(psutil.Process(started.pid)))
        time.sleep(0.1)
    assert started.returncode == 0, started.stdout.read()[-3000:] if started.stdout else ""
    assert 0 < peak < GIB, f"{peak / GIB:.2f} GiB"
