"""Warm kernels from the command line, JupyterLab, papermill and Voila, and cold ones where the server is gone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT
from jupyter_client.kernelspec import KernelSpec
from kernel_parts import BIN, Manager, kill_server, server_process

from gsan_lib import cli, kernels
from gsan_lib.kernels import places

pytestmark = pytest.mark.skipif(bool(places.unsupported()), reason=f"warm kernels: {places.unsupported()}")


# The command line


def test_the_command_line_starts_shows_and_stops(library, capsys):
    assert cli.run(["kernels", "status"]) == cli.DONE
    assert "돌고 있지 않음" in capsys.readouterr().out
    assert cli.run(["kernels", "start"]) == cli.DONE
    assert "준비됨" in capsys.readouterr().out
    assert cli.run(["kernels", "status", "--json"]) == cli.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "ready"
    assert told["process"] == server_process()
    assert told["kernels"] == []
    assert cli.run(["kernels", "stop"]) == cli.DONE
    assert "껐습니다" in capsys.readouterr().out
    assert cli.run(["kernels", "stop"]) == cli.DONE
    assert "돌고 있지 않습니다" in capsys.readouterr().out


def test_switched_off_the_command_line_says_so(library, monkeypatch, capsys):
    monkeypatch.setenv("GSAN_KERNELS", "off")
    assert not kernels.ensure()
    assert cli.run(["kernels", "start"]) == cli.WRONG_CALL
    assert "GSAN_KERNELS=off" in capsys.readouterr().err
    assert cli.run(["kernels", "status"]) == cli.DONE
    assert "꺼 둠" in capsys.readouterr().out


# JupyterLab, papermill, Voila

SAYS = "import os; print('started', os.environ['GSAN_KERNEL'])"
ABSENT = "started cold: 커널 서버가 돌고 있지 않습니다(`gsan kernels start`로 켭니다)"


@pytest.fixture
def kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel `gsan` as the package brings it, but for starting a server by itself."""
    folder = tmp_path / "jupyter" / "kernels" / "gsan"
    shutil.copytree(ROOT / "gsan_lib" / "assets" / "kernels" / "gsan", folder)
    spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    spec["metadata"]["kernel_provisioner"]["config"]["autostart"] = False
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")  # or the environment's own would come first


def _says(path: Path) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SAYS)])
    book.metadata["kernelspec"] = {"name": "gsan", "display_name": "Python (gsan)", "language": "python"}
    nbformat.write(book, path)
    return path


@contextlib.contextmanager
def _serving(command: list[str], folder: Path, address: str) -> Iterator[tuple[Callable[..., bytes], Path]]:
    """A server of notebooks on a free port: how to ask it, and where it logs."""
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"

    def ask(path: str, body: dict[str, Any] | None = None, timeout: float = 120) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data), timeout=timeout) as answer:
            return answer.read()

    with log.open("wb") as file:
        process = subprocess.Popen([*command, address.format(port=port)], cwd=folder, stdout=file, stderr=file)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
        yield ask, log
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


@pytest.mark.slow
def test_papermill_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    book, out = _says(tmp_path / "says.ipynb"), tmp_path / "out.ipynb"

    def run() -> tuple[str, str]:
        command = [BIN / "papermill", "-k", "gsan", book, out, "--no-progress-bar"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stderr
        return nbformat.read(out, as_version=4).cells[-1].outputs[0]["text"].strip(), done.stderr

    assert run()[0] == "started warm"
    kill_server()
    said, log = run()
    assert said == ABSENT
    assert "일반 커널로 시작합니다: 커널 서버가 돌고 있지 않습니다" in log


@pytest.mark.slow
def test_jupyterlab_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    from jupyter_client import BlockingKernelClient, find_connection_file

    runtime = tmp_path / "runtime"
    os.environ["JUPYTER_RUNTIME_DIR"] = str(runtime)
    command = [
        BIN / "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
    ]

    def started(ask: Callable[..., bytes]) -> str:
        told = json.loads(ask("/api/kernels", {"name": "gsan"}))
        talk = BlockingKernelClient()
        talk.load_connection_file(find_connection_file(f"*{told['id']}*", [str(runtime)]))
        talk.start_channels()
        for _ in range(30):
            with contextlib.suppress(RuntimeError):  # on a busy machine its heart is not heard at once
                talk.wait_for_ready(60)
                break
        said: list[str] = []
        talk.execute_interactive(SAYS, output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=60)
        talk.stop_channels()
        return "".join(said).strip()

    try:
        with _serving([str(word) for word in command], tmp_path, "--ServerApp.port={port}") as (ask, log):
            specs = json.loads(ask("/api/kernelspecs"))["kernelspecs"]
            assert specs["gsan"]["spec"]["display_name"] == "Python (gsan)"
            assert started(ask) == "started warm"
            assert len(kernels.status().kernels) == 1
            kill_server()
            assert started(ask) == ABSENT
            assert "일반 커널로 시작합니다" in log.read_text(encoding="utf-8")
    finally:
        del os.environ["JUPYTER_RUNTIME_DIR"]


@pytest.mark.slow
def test_voila_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    command = [BIN / "voila", str(_says(tmp_path / "says.ipynb")), "--no-browser", "--Voila.ip=127.0.0.1"]
    with _serving([str(word) for word in command], tmp_path, "--port={port}") as (ask, log):
        assert "started warm" in ask("/").decode()
        kill_server()
        assert ABSENT in ask("/").decode()
        assert "일반 커널로 시작합니다" in log.read_text(encoding="utf-8")


def test_a_kernel_that_starts_cold_has_a_server_started_where_its_kernelspec_asks_for_it(library, start):
    class Asking(Manager):
        @property
        def kernel_spec(self) -> KernelSpec:
            spec = super().kernel_spec
            spec.metadata = {"kernel_provisioner": {"provisioner_name": "gsan-warm", "config": {"autostart": True}}}
            return spec

    assert start(Asking()).kind().startswith("cold: 커널 서버가 돌고 있지 않습니다")
    assert kernels.status().state in ("starting", "ready")
    assert kernels.ensure()
    assert start(Asking()).kind() == "warm"
