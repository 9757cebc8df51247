"""Reports made by worker processes and by a Dask cluster: a worker that dies costs nothing but time, and two runs do not get in each other's way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toys
from typer.testing import CliRunner

from gsan_lib.cli import report
from gsan_lib.errors import UsageError
from gsan_lib.reports import editions, runs

SLOW = (
    toys.RESULTS
    + 'import os, time\ntime.sleep(1.0)\nprint("kernel", os.environ["GSAN_KERNEL"])\nout.number("radius", p.radius_m, "m", "거리")\nout.same(["radius_m"], "막대는 거리와 상관없다", figures=["far_chart"])\n'
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A toy home with a grid of six reports of which each takes a second; the clock is held."""
    for name, value in toys.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000000")
    toys.make_home(tmp_path)
    toys.write_case(tmp_path, "good", results=SLOW)
    (tmp_path / "parameters" / "toy" / "cases" / "good.yml").write_text("grid: {radius_m: {from: 100, to: 105}}\n", encoding="utf-8")
    return tmp_path


def _bytes(folder: Path) -> dict[str, bytes]:
    """Every file of every edition."""
    found = [path for edition in folder.glob("*/*/*/2*") for path in edition.iterdir()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _as_local(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What an undisturbed run on this machine makes."""
    monkeypatch.setenv("GSAN_REPORTS", str(home / "local"))
    assert [one.status for one in runs.run("toy", jobs=2).outcomes] == ["done"] * 6
    return _bytes(home / "local")


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_makes_the_same_bytes_as_a_local_run(home, monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        killed = []

        def kill(outcome):
            if not killed:  # in the middle: the first report is there, five are not
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        result = runs.run("toy", scheduler=cluster.scheduler_address, progress=kill)
    assert killed
    assert [one.status for one in result.outcomes] == ["done"] * 6
    by_cluster = _bytes(home / "reports")
    assert len({name.rpartition("/")[0] for name in by_cluster}) == 6
    assert all(b"kernel warm" in text for name, text in by_cluster.items() if name.endswith(".ipynb"))
    assert by_cluster == _as_local(home, monkeypatch)


def _is_worker(process) -> bool:
    import psutil

    try:
        parent = process.parent()
        return parent is not None and parent.pid != os.getpid() and "forkserver" in " ".join(parent.cmdline())
    except psutil.Error:  # gone, or a zombie
        return False


@pytest.mark.slow
def test_worker_processes_that_die_are_replaced_and_nothing_is_lost(home, monkeypatch):
    import psutil

    killed = []

    def kill(outcome):
        workers = [one for one in psutil.Process().children(recursive=True) if _is_worker(one)]
        if not killed and workers:
            killed.append(workers[-1].pid)
            workers[-1].kill()

    result = runs.run("toy", jobs=2, progress=kill)
    assert killed
    assert [one.status for one in result.outcomes] == ["done"] * 6
    assert _bytes(home / "reports") == _as_local(home, monkeypatch)


@pytest.mark.slow
def test_two_runs_on_one_folder_lose_and_mix_nothing(home, monkeypatch):
    command = [sys.executable, "-c", "from gsan_lib.cli import main; main()", "report", "run", "toy", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    told = [{one["variant"]: one["status"] for one in json.loads(out)} for out, _ in said]
    assert all(set(one.values()) <= {"done", "unchanged"} and len(one) == 6 for one in told)
    assert all([one[variant] for one in told].count("done") == 1 for variant in told[0])  # each was made once
    assert all(not editions.damage(one) for one in editions.find("toy"))
    assert _bytes(home / "reports") == _as_local(home, monkeypatch)


def test_a_scheduler_without_a_worker_is_one_sentence(home):
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=None) as cluster,
        pytest.raises(UsageError, match="워커가 없습니다.*dask worker"),
    ):
        runs.run("toy", scheduler=cluster.scheduler_address)


def test_a_scheduler_that_does_not_answer_is_one_sentence_and_a_wrong_call(home):
    shown = CliRunner().invoke(report.app, ["run", "toy", "--scheduler", "tcp://127.0.0.1:9"], standalone_mode=False)
    assert isinstance(shown.exception, UsageError)
    assert "Dask 스케줄러가 없습니다" in str(shown.exception)
    assert "\n" not in str(shown.exception)


@pytest.mark.slow
def test_a_worker_with_another_library_is_refused_before_anything_runs(home, tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    import gsan_lib

    other = tmp_path / "other"
    shutil.copytree(Path(gsan_lib.__file__).parent, other / "gsan_lib", ignore=shutil.ignore_patterns("__pycache__"))
    edited = other / "gsan_lib" / "errors.py"
    edited.write_text(edited.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    with LocalCluster(n_workers=0, processes=True, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"]
        worker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(other)}, stderr=subprocess.DEVNULL, cwd=tmp_path)
        try:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=60)
            with pytest.raises(UsageError, match=r"이곳과 다릅니다.*requirements\.lock"):
                runs.run("toy", scheduler=address)
        finally:
            worker.terminate()
            worker.wait(timeout=20)
    assert not editions.find("toy")
