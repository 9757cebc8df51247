"""Talking to the kernel server: start it, ask it, end it, have it fork a kernel."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gsan_lib.errors import StoreError
from gsan_lib.kernels import inheritance, places, wire

IDLE_S = 900.0  # a server without kernels and requests ends after so long
MOST_LOG = 1 << 20  # bytes; a longer log begins anew with the next server
START_S = 120.0  # how long a server may take to import everything on a busy machine


class Cold(Exception):
    """Why a kernel has to start the ordinary way; Korean, without a full stop."""


@dataclass(frozen=True)
class Readiness:
    """Whether warm kernels can be had, and why not; true where they can."""

    available: bool
    reason: str = ""  # Korean

    def __bool__(self) -> bool:
        return self.available


@dataclass(frozen=True)
class Status:
    """What the server is doing."""

    state: str  # off, absent, starting, ready, renewing
    reason: str = ""  # Korean
    process: int | None = None
    since: float | None = None  # seconds since 1970
    idle_s: float | None = None
    started: int = 0  # kernels since it was ready
    kernels: list[dict[str, Any]] = field(default_factory=list)  # those that live: process, since
    environment: dict[str, str] = field(default_factory=dict)  # variables that act at load, as the server has them


def connect() -> socket.socket:
    """A connection to this user's server. Raises Cold."""
    if why := places.unsupported():
        raise Cold(why)
    path = places.socket_path()
    for place in (path.parent.parent, path.parent):
        if (why := places.mistrust(place)) and place.exists():
            raise Cold(why)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(wire.PATIENCE_S)
    try:
        connection.connect(str(path))
        if wire.peer(connection)[1] != os.getuid():
            raise Cold(f"`{path}`에서 다른 사용자의 프로세스가 답합니다")
    except OSError:
        connection.close()
        raise Cold(_absence()) from None
    except Cold:
        connection.close()
        raise
    return connection


def _absence() -> str:
    if places.holder() is None:
        return "커널 서버가 돌고 있지 않습니다(`gsan kernels start`로 켭니다)"
    renewing = places.told().get("state") == "renewing"
    return "라이브러리가 바뀌어 커널 서버가 새로 읽고 있습니다" if renewing else "커널 서버가 아직 준비하고 있습니다"


def _ask(what: str, **more: Any) -> dict[str, Any]:
    """One question, one answer. Raises Cold."""
    with connect() as connection:
        try:
            wire.send(connection, {"do": what, **more})
            return wire.receive(connection)[0]
        except wire.Broken:
            raise Cold("커널 서버가 제때 답하지 않았습니다") from None


def status() -> Status:
    """What the server is doing; never starts one."""
    if why := places.unsupported():
        return Status("off", why)
    try:
        told = _ask("status")
        names = ("state", "process", "since", "idle_s", "started", "kernels", "environment")
        return Status(**{name: told[name] for name in names})
    except Cold as why:
        process = places.holder()
        said = places.told() if process else {}
        return Status(said.get("state", "starting") if process else "absent", str(why), process, said.get("since"), said.get("idle_s"))


def spawn(idle_s: float = IDLE_S) -> None:
    """Start a server that belongs to nobody; where one is already, the new one ends at once. Raises StoreError."""
    place = places.prepared()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GSAN_", "JPY_", "MPLBACKEND"))}
    kept |= {name: os.environ[name] for name in ("GSAN_KERNELS_DIR", "GSAN_LIBRARY") if name in os.environ}
    command = [sys.executable, "-m", "gsan_lib.kernels.server", "--detach", "--idle", str(idle_s)]
    path = place / "log"
    fresh = os.O_TRUNC if path.exists() and path.stat().st_size > MOST_LOG else 0
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o600)
    try:
        subprocess.run(
            command, env={**kept, **inheritance.FIXED}, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, start_new_session=True
        )  # fmt: skip
    finally:
        os.close(log)


def ensure(
    *,
    idle_s: float = IDLE_S,  # a new server ends after so long without use
    wait: bool = True,  # False: do not wait until it is ready
    timeout_s: float = START_S,
) -> Readiness:
    """See to it that kernels with this process's environment and `FIXED` start warm: starts a server, has it renew itself where the library has changed."""
    until = time.monotonic() + timeout_s
    spawned = False
    while True:
        try:
            told = _ask("ready", env={**os.environ, **inheritance.FIXED}, inherits=inheritance.taken())
            if told["state"] == "ready":
                return Readiness(not told["obstacles"], "; ".join(told["obstacles"]))
        except Cold as why:
            if places.unsupported():
                return Readiness(False, str(why))
        if places.holder() is None:
            if spawned:
                if not _answers():
                    return Readiness(False, f"커널 서버가 시작하다 끝났습니다. `{places.folder() / 'log'}`를 보십시오")
            else:
                try:
                    spawn(idle_s)
                except (StoreError, OSError) as error:
                    return Readiness(False, str(error))
                spawned = True
        if not wait or time.monotonic() > until:
            return Readiness(False, _absence())
        time.sleep(0.05)


def _answers() -> bool:
    try:
        _ask("status")
    except Cold:
        return False
    return True


def stop(
    timeout_s: float = 10.0,
) -> Status:
    """End the server; returns what it was doing. Kernels that run go on, and it stays until it has reported how they end."""
    before = status()
    if before.process is None:
        return before
    try:
        _ask("stop")
    except Cold:  # starting or renewing
        with contextlib.suppress(ProcessLookupError):
            os.kill(before.process, signal.SIGTERM)
    until = time.monotonic() + timeout_s
    while places.holder() is not None and time.monotonic() < until:
        time.sleep(0.02)
    return before


class WarmProcess:
    """A kernel that the server forked for this process, with what `subprocess.Popen` offers to a kernel manager."""

    def __init__(self, pid: int, handle: int, connection: socket.socket) -> None:
        self.pid, self.handle, self.connection = pid, handle, connection
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        _LIVE.add(self)  # the connection lasts as long as this process, whoever forgets the kernel

    def _ended(self, timeout_s: float | None) -> bool:
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else max(timeout_s, 0) * 1000))

    def _code(self) -> int:
        """How it ended, as the server says it; where the server is gone, as the system does, and else 1."""
        try:
            self.connection.settimeout(wire.PATIENCE_S)
            return int(wire.receive(self.connection)[0]["code"])
        except (wire.Broken, KeyError, TypeError, ValueError):
            return exit_code(self.handle)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None and self._ended(0):
            self.returncode = self._code()
            self.connection.close()
            os.close(self.handle)
            _LIVE.discard(self)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None and not self._ended(timeout):
            raise subprocess.TimeoutExpired(f"kernel {self.pid}", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, and to no other that came to bear its number."""
        if self.poll() is None:
            signal.pidfd_send_signal(self.handle, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


_LIVE: set[WarmProcess] = set()


def exit_code(
    handle: int,  # descriptor of a process that has ended
) -> int:
    """How a process that is not our child ended, where the system tells (Linux 6.15); else 1."""
    import fcntl
    import struct

    wanted = 1 << 3  # PIDFD_INFO_EXIT
    size = 64
    try:
        told = fcntl.ioctl(handle, 0xC000FF0B | size << 16, struct.pack("Q", wanted).ljust(size, b"\0"))
    except OSError:
        return 1
    mask, status = struct.unpack_from("Q", told)[0], struct.unpack_from("i", told, 60)[0]
    return os.waitstatus_to_exitcode(status) if mask & wanted else 1


def _file(given: Any, default: int, opened: list[int]) -> int:
    """A descriptor for a standard stream, as Popen understands it. Raises Cold for what only Popen can do."""
    if given is None:
        return default
    if given == subprocess.DEVNULL:
        opened.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
        return opened[-1]
    if isinstance(given, int) and given >= 0:
        return given
    if hasattr(given, "fileno"):
        return int(given.fileno())
    raise Cold("표준 입출력이 파이프로 지정되어 있습니다")


def fork(
    argv: list[str],  # options of ipykernel
    env: Mapping[str, str],  # the whole environment of the kernel
    cwd: str | None,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    independent: bool = False,  # True: the kernel outlives this process
) -> WarmProcess:
    """A kernel forked by the server, with this process's limits and signals. Raises Cold where it has to start the ordinary way."""
    folder = os.path.abspath(cwd or os.getcwd())
    if not os.path.isdir(folder):
        raise Cold(f"`{folder}` 폴더가 없습니다")
    connection = connect()
    opened: list[int] = []
    try:
        if stdin is None:  # an empty input, as jupyter_client gives it
            end, other = os.pipe()
            os.close(other)
            opened.append(end)
            stdin = end
        out = _file(stdout, 1, opened)
        files = [_file(stdin, 0, opened), out, out if stderr == subprocess.STDOUT else _file(stderr, 2, opened)]
        message = {
            "do": "fork",
            "argv": argv,
            "env": {**env, "GSAN_KERNEL": "warm"},
            "cwd": folder,
            "inherits": inheritance.taken(),
            "independent": independent,
        }
        wire.send(connection, message, files)
        told, handles = wire.receive(connection, 1)
        if "cold" in told:
            raise Cold(told["cold"])
        return WarmProcess(int(told["process"]), handles[0], connection)
    except (wire.Broken, OSError, KeyError, IndexError) as error:
        connection.close()
        raise Cold(f"커널 서버와 이야기하지 못했습니다({error})") from error
    except Cold:
        connection.close()
        raise
    finally:
        for one in opened:
            os.close(one)


def same_interpreter(command: str) -> bool:
    """Whether a kernel's command is this very interpreter (not only the same file: a venv is known by its path)."""
    return (
        os.path.abspath(os.path.expanduser(command)) == os.path.abspath(sys.executable)
        or Path(command).name == command == Path(sys.executable).name
    )
