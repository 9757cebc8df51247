"""The kernel server: one process with everything imported and a single thread, of which every kernel is a fork."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from gsan_lib.kernels import families, inheritance, places, preload, wire
from gsan_lib.kernels.forked import Wanted, become, settle

log = logging.getLogger("gsan.kernels")
_QUIET = "JE_ARROW_MALLOC_CONF"  # Arrow's second allocator would start a thread when it is loaded
GRACE_S = 1.0  # a kernel whose client is gone may end by itself for so long


@dataclass
class Running:
    """A kernel and the client that asked for it."""

    process: int
    handle: int  # descriptor of the kernel's process: readable when it has ended
    connection: socket.socket
    client: int  # descriptor of the client's process
    independent: bool
    since: float
    end_at: float | None = None  # client is gone: ended by force then

    def kept(self) -> dict[str, Any]:
        """What the next image of the server needs to know."""
        return {**vars(self), "connection": self.connection.fileno()}

    def close(self) -> None:
        """Let go of everything."""
        self.connection.close()
        for one in (self.handle, self.client):
            os.close(one)


class Server:
    """Answers clients, forks kernels, reports how they end; `serve` returns in the server when it ends, in a fork with what is wanted."""

    def __init__(self, lock: int, idle_s: float, running: list[Running]) -> None:
        self.lock, self.idle_s, self.kernels = lock, idle_s, running
        self.path = str(places.socket_path())
        self.since = time.time()
        self.used = time.monotonic()
        self.started = 0
        self.listener: socket.socket | None = None
        self.ending = False
        self.wake, self._waker = os.pipe()
        self.own = inheritance.taken()
        self.env = {name: value for name, value in os.environ.items() if name != _QUIET}

    def prepare(self) -> None:
        """Import everything; the library's state is taken down first, so that a change in the meantime is noticed."""
        places.tell(process=os.getpid(), state="starting", since=self.since, idle_s=self.idle_s)
        stamps = preload.stamps()
        contents = preload.contents(stamps)
        preload.preload()
        self.stamps = preload.in_use(stamps)
        self.contents = {path: contents.get(path, "") for path in self.stamps}
        settle()
        if (count := preload.threads()) > 1:
            log.error("%d threads after the imports; no kernel will be forked", count)
        self.listen()

    def listen(self) -> None:
        """Open the socket for this user alone."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self.listener.bind(self.path)
        finally:
            os.umask(before)
        self.listener.listen(64)
        self.used = time.monotonic()
        places.tell(process=os.getpid(), state="ready", since=self.since, ready=time.time(), idle_s=self.idle_s)

    def deafen(self) -> None:
        """Take no more requests."""
        if self.listener:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            self.listener.close()
            self.listener = None

    def serve(self) -> Wanted | None:
        """The loop."""
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        while self.listener or self.kernels:
            for number in self.ready():
                if number == self.wake:
                    os.read(self.wake, 512)
                elif self.listener and number == self.listener.fileno():
                    if wanted := self.answer():
                        return wanted
                else:
                    self.look(number)
            self.overdue()
            if self.listener and not self.kernels and time.monotonic() - self.used > self.idle_s:
                log.info("idle for %.0f s", self.idle_s)
                self.end()
        return None

    def ready(self) -> list[int]:
        """Descriptors with news; waits for them, but not longer than until something is due."""
        poll = select.poll()
        for number in (self.wake, *([self.listener.fileno()] if self.listener else [])):
            poll.register(number, select.POLLIN)
        for one in self.kernels:
            poll.register(one.handle, select.POLLIN)
            if not one.independent and one.end_at is None:
                poll.register(one.connection.fileno(), select.POLLIN)
                poll.register(one.client, select.POLLIN)
        due = [one.end_at - time.monotonic() for one in self.kernels if one.end_at is not None]
        if self.listener and not self.kernels:
            due.append(self.used + self.idle_s - time.monotonic())
        return [number for number, _ in poll.poll(max(min(due), 0) * 1000 + 1 if due else None)]

    def look(self, number: int) -> None:
        """News of a kernel: it has ended, or its client has."""
        for one in list(self.kernels):
            if number == one.handle:
                _, status = os.waitpid(one.process, 0)
                code = os.waitstatus_to_exitcode(status)
                log.info("kernel %d ended: %d", one.process, code)
                with contextlib.suppress(wire.Broken):
                    one.connection.setblocking(False)
                    wire.send(one.connection, {"code": code})
                one.close()
                self.kernels.remove(one)
                self.used = time.monotonic()
            elif number in (one.connection.fileno(), one.client) and one.end_at is None:
                one.end_at = time.monotonic() + GRACE_S

    def overdue(self) -> None:
        """End kernels whose client is gone and that did not end by themselves."""
        for one in self.kernels:
            if one.end_at is not None and one.end_at <= time.monotonic():
                log.info("kernel %d outlived its client", one.process)
                families.end(one.process)
                one.end_at = time.monotonic() + 10

    def end(self) -> None:
        """No new kernels; those that run go on, and the server stays until it has reported how they ended. Asked again, it ends at once."""
        if self.ending:
            raise SystemExit(0)
        self.ending = True
        self.deafen()
        os.close(self.lock)
        places.tell(process=os.getpid(), state="ended", since=self.since)

    def answer(self) -> Wanted | None:
        """One request of one client."""
        assert self.listener
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return None
        keep = False
        files: list[int] = []
        try:
            process, user, _ = wire.peer(connection)
            if user != os.getuid():
                log.warning("user %d was refused", user)
                return None
            connection.settimeout(wire.PATIENCE_S)
            message, files = wire.receive(connection, 3)
            if message.get("do") == "fork":
                wanted, keep = self.fork(connection, process, message, files)
                return wanted
            wire.send(connection, self.said(message))
            if message.get("do") == "stop":
                self.end()
        except (wire.Broken, OSError, KeyError, TypeError, ValueError) as error:
            log.warning("a request failed: %r", error)
        finally:
            if not keep:
                connection.close()
                for one in files:
                    os.close(one)
            self.renew_if_due()
        return None

    due_renewal = False

    def said(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request that is not for a kernel."""
        self.due_renewal = self.changed()
        kernels = [{"process": one.process, "since": one.since} for one in self.kernels]
        state = "renewing" if self.due_renewal else "ready"
        obstacles: list[str] = []
        if message.get("do") == "ready":
            self.used = time.monotonic()
            obstacles = inheritance.obstacles(message["inherits"], message["env"], self.own, self.env)
        return {
            "process": os.getpid(), "state": state, "since": self.since, "idle_s": self.idle_s, "started": self.started, "kernels": kernels,
            "threads": preload.threads(), "environment": inheritance.at_load(self.env), "obstacles": obstacles,
        }  # fmt: skip

    def changed(self) -> bool:
        """Whether the library on disk is no longer the one that was imported."""
        now = preload.in_use(preload.stamps())
        if now == self.stamps:
            return False
        if preload.contents(now) != self.contents:
            return True
        self.stamps = now  # touched, or written anew with the same words
        return False

    def refusal(self, message: dict[str, Any]) -> str:
        """Why a kernel cannot be forked; empty where it can."""
        if self.changed():
            self.due_renewal = True
            return "라이브러리가 바뀌어 커널 서버가 새로 읽고 있습니다"
        if (count := preload.threads()) > 1:
            return f"커널 서버에 스레드가 {count}개 있어 안전하게 나눌 수 없습니다"
        found = inheritance.obstacles(message["inherits"], message["env"], self.own, self.env)
        if hidden := preload.shadows(message["cwd"]):
            found.append(
                f"`{message['cwd']}`에 이미 읽은 모듈과 이름이 같은 {', '.join(f'`{name}`' for name in hidden[:5])}이(가) 있습니다"
            )
        return "; ".join(found)

    def fork(self, connection: socket.socket, client: int, message: dict[str, Any], files: list[int]) -> tuple[Wanted | None, bool]:
        """Fork a kernel, in the fork: what is wanted; and whether the connection stays open."""
        if why := self.refusal(message):
            wire.send(connection, {"cold": why})
            return None, False
        if len(files) != 3:
            raise ValueError("standard files are missing")
        handle = os.pidfd_open(client)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            process = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            os.close(handle)
            wire.send(connection, {"cold": f"커널 서버를 나누지 못했습니다({error.strerror})"})
            return None, False
        if process == 0:
            signal.set_wakeup_fd(-1)
            self.let_go()
            names = ("argv", "env", "cwd", "inherits", "independent")
            return Wanted(**{name: message[name] for name in names}, connection=connection, client=handle, files=files), True
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for one in files:
            os.close(one)
        self.started += 1
        self.used = time.monotonic()
        running = Running(process, os.pidfd_open(process), connection, handle, bool(message["independent"]), time.time())
        self.kernels.append(running)
        log.info("kernel %d forked for %d", process, client)
        with contextlib.suppress(wire.Broken):  # else the client is gone, which `look` notices
            wire.send(connection, {"process": process}, [running.handle])
        return None, True

    def let_go(self) -> None:
        """In a fork: close what is the server's."""
        if self.listener:
            self.listener.close()
        for one in self.kernels:
            one.close()
        for number in (self.lock, self.wake, self._waker):
            os.close(number)
        self.kernels = []
        logging.getLogger("gsan.kernels").handlers.clear()

    def renew_if_due(self) -> None:
        """Start anew in the same process, so that running kernels stay its children."""
        if not self.due_renewal or self.ending:
            return
        log.info("the library has changed")
        self.deafen()
        places.tell(process=os.getpid(), state="renewing", since=self.since, idle_s=self.idle_s)
        for one in self.kernels:
            for number in (one.handle, one.connection.fileno(), one.client):
                os.set_inheritable(number, True)
        os.set_inheritable(self.lock, True)
        kept = json.dumps([one.kept() for one in self.kernels])
        words = [sys.executable, "-m", __name__ if __name__ != "__main__" else "gsan_lib.kernels.server"]
        os.execve(sys.executable, [*words, "--idle", str(self.idle_s), "--lock", str(self.lock), "--running", kept], self.env)


def _adopted(text: str) -> list[Running]:
    """Kernels that an earlier image of this process had started."""
    found = []
    for told in json.loads(text):
        for number in (told["handle"], told["connection"], told["client"]):
            os.set_inheritable(number, False)
        found.append(Running(**{**told, "connection": socket.socket(fileno=told["connection"])}))
    return found


def _detach() -> int:
    """Belong to nobody; the process that was started ends when the returned descriptor is closed."""
    end, other = os.pipe()
    if os.fork():
        os.close(other)
        os.read(end, 1)
        os._exit(0)
    os.close(end)
    os.setsid()
    return other


def main(arguments: list[str] | None = None) -> None:
    """Be the server until it is idle, told to end, or a kernel."""
    parser = argparse.ArgumentParser(prog="gsan kernels start")
    parser.add_argument("--idle", type=float, default=900.0)
    parser.add_argument("--lock", type=int)
    parser.add_argument("--running", default="[]")
    parser.add_argument("--detach", action="store_true")
    told = parser.parse_args(arguments)
    if told.lock is None:
        born = _detach() if told.detach else None
        os.chdir("/")
        lock = places.lock()
        if born is not None:
            os.close(born)  # who started it can see now who has the lock
        if lock is None:
            return
    else:
        lock = told.lock
        os.set_inheritable(lock, False)
    sys.path[:] = [place for place in sys.path if place not in ("", os.getcwd())]
    os.environ[_QUIET] = "background_thread:false"
    handler = logging.StreamHandler()  # to the file that the client opened
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    server = Server(lock, told.idle, _adopted(told.running))
    server.prepare()
    wanted = server.serve()
    del server
    if wanted:
        become(wanted)
    os._exit(0)  # there is nothing to be kept, and much to be taken down


if __name__ == "__main__":
    main()
