"""Kernels and servers of their own for the tests of warm kernels; loaded as a plugin by conftest."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import ROOT
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.kernelspec import KernelSpec

from gsan_lib import kernels
from gsan_lib.kernels import families, places

WARM = {"kernel_provisioner": {"provisioner_name": "gsan-warm", "config": {}}}
BIN = Path(sys.executable).parent


class _Spec:
    """This interpreter's kernel, provided by `gsan-warm`, in the environment of reports."""

    extra: dict[str, str] = {}

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        return KernelSpec(argv=argv, display_name="x", language="python", env={**kernels.FIXED, **self.extra}, metadata=WARM)


class Manager(_Spec, KernelManager):
    pass


class AsyncManager(_Spec, AsyncKernelManager):
    pass


class Kernel:
    """A kernel and what is said to it."""

    def __init__(self, manager: KernelManager, **start: Any) -> None:
        self.manager = manager
        manager.start_kernel(stderr=subprocess.DEVNULL, **start)
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(120)

    @property
    def process(self) -> Any:
        return self.manager.provisioner.process

    def __call__(self, code: str, timeout: float = 60) -> str:
        """Run code; what it printed, or the name of its error."""
        said = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            said.append(content.get("text") or content.get("ename") or "")

        self.client.execute_interactive(code, timeout=timeout, output_hook=hear, allow_stdin=False)
        return "".join(said).strip()

    def kind(self) -> str:
        return self("import os; print(os.environ['GSAN_KERNEL'])")

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


Start = Callable[..., Kernel]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts kernels, and ends them after the test."""
    begun: list[Kernel] = []

    def begin(manager: KernelManager | None = None, **options: Any) -> Kernel:
        begun.append(Kernel(manager or Manager(), **options))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def gone(process: int, seconds: float = 15) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def _place(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place for a server of its own, which is gone afterwards with everything that it started."""
    folder = tempfile.mkdtemp(prefix="gk")
    patch.setenv("GSAN_KERNELS_DIR", f"{folder}/k")
    try:
        yield
    finally:
        if server := kernels.status().process:
            families.end(server)
        until = time.monotonic() + 10
        while (left := _living_in(f"{folder}/k")) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == [], "processes that outlived the test"
        shutil.rmtree(folder)


def _living_in(place: str) -> list[str]:
    """Processes that were started with a server's place in their environment, but for this one."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.pid != os.getpid() and one.environ().get("GSAN_KERNELS_DIR") == place and one.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{one.pid}: {' '.join(one.cmdline())[:200]}")
    return found


def amend(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library without its heavy imports: the mechanism alone, ready in a second."""
    copy = tmp_path_factory.mktemp("library") / "gsan_lib"
    shutil.copytree(ROOT / "gsan_lib", copy, ignore=shutil.ignore_patterns("__pycache__"))
    amend(copy / "kernels" / "preload.py", "LIBRARIES, OWN, USES, _unchanged = ('numpy',), ('errors',), (), contextlib.nullcontext")
    return copy


@pytest.fixture
def library(_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A light copy of the library that a test may edit, and a place for its server."""
    copy = tmp_path / "gsan_lib"
    shutil.copytree(_library, copy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(places, "LIBRARY", copy)
    with _place(monkeypatch):
        yield copy


@pytest.fixture
def own(library: Path) -> Path:
    """The light copy with its server ready: for what the server does not survive."""
    assert kernels.ensure()
    return library


@pytest.fixture(scope="module")
def _shared(_library: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_library.parent))
        patch.setattr(places, "LIBRARY", _library)
        with _place(patch):
            assert kernels.ensure()
            place = os.environ["GSAN_KERNELS_DIR"]
            patch.undo()
            yield place
            patch.setenv("GSAN_KERNELS_DIR", place)
            patch.setattr(places, "LIBRARY", _library)


@pytest.fixture
def light(_library: Path, _shared: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ready light server that tests share."""
    monkeypatch.setenv("PYTHONPATH", str(_library.parent))
    monkeypatch.setenv("GSAN_KERNELS_DIR", _shared)
    monkeypatch.setattr(places, "LIBRARY", _library)
    return _library


@pytest.fixture(scope="module")
def full() -> Iterator[None]:
    """The whole library's server."""
    with pytest.MonkeyPatch.context() as patch, _place(patch):
        ready = kernels.ensure(timeout_s=300)
        assert ready, ready.reason
        yield


def server_process() -> int:
    process = kernels.status().process
    assert process
    return process


def kill_server() -> None:
    process = server_process()
    os.kill(process, signal.SIGKILL)
    assert gone(process)
