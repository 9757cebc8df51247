"""From a fresh fork to an ordinary kernel: files, environment, random state and signals as the client has them, then ipykernel's own application."""

from __future__ import annotations

import contextlib
import io
import locale
import os
import random
import select
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from gsan_lib.kernels import families, inheritance


@dataclass
class Wanted:
    """A kernel that a client asked for, as its fork finds it."""

    argv: list[str]  # options of ipykernel
    env: dict[str, str]
    cwd: str
    inherits: dict[str, Any]  # what `inheritance.taken` said in the client
    independent: bool  # True: outlives its client
    connection: socket.socket  # to the client
    client: int  # a descriptor of the client's process
    files: list[int] = field(default_factory=list)  # standard input, output, error


class Watch(threading.Thread):
    """Ends the kernel and everything it started as soon as its client is gone, whether the server lives or not."""

    def __init__(self, connection: socket.socket, client: int) -> None:
        super().__init__(name="gsan-watch", daemon=True)
        self.connection, self.client = connection, client

    def run(self) -> None:
        gone = select.poll()
        gone.register(self.connection, select.POLLIN)  # the client says nothing more, so that only its end can be read
        gone.register(self.client, select.POLLIN)
        gone.poll()
        families.end(os.getpid(), itself=False)
        os._exit(1)  # as ipykernel's own watch over its parent does


def _streams(files: list[int]) -> None:
    """Standard streams over the client's files."""
    for target, source in enumerate(files):
        os.dup2(source, target)
    for source in files:
        if source > 2:
            os.close(source)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        plain = getattr(sys, f"__{name}__")
        raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
        buffered: Any = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
        options = {"encoding": plain.encoding, "errors": plain.errors, "line_buffering": number == 2 or (number == 1 and os.isatty(1))}
        stream: Any = io.TextIOWrapper(buffered, **options)
        stream.mode = "r" if number == 0 else "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _own_state(wanted: Wanted) -> None:
    """What libraries took from the environment when they were loaded, and random numbers of its own."""
    time.tzset()
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if matplotlib := sys.modules.get("matplotlib"):
        rules = matplotlib.matplotlib_fname()  # of the new working folder
        if rules != _rules:
            matplotlib.rc_file(rules)
        matplotlib.rcParams._set("backend", os.environ.get("MPLBACKEND") or _backend())


_rules = ""


def settle() -> None:
    """Note, in the server, what a fork compares with."""
    global _rules
    if matplotlib := sys.modules.get("matplotlib"):
        _rules = matplotlib.matplotlib_fname()


def _backend() -> Any:
    from matplotlib import rcsetup

    return rcsetup._auto_backend_sentinel


def become(wanted: Wanted) -> None:
    """Be the kernel until it ends; ends the process."""
    os.setsid()
    _streams(wanted.files)
    inheritance.put_on(wanted.inherits, wanted.env, wanted.cwd)
    import ipykernel_launcher

    sys.argv = [str(ipykernel_launcher.__file__), *wanted.argv]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *wanted.argv]
    inheritance.unblock(wanted.inherits)
    _own_state(wanted)
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance()
    app.parent_handle = int(wanted.env.get("JPY_PARENT_PID") or 0)
    app.initialize(wanted.argv)
    app.poller = None if wanted.independent else Watch(wanted.connection, wanted.client)
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.register_comm_target()  # which it does when it is imported in a kernel
    if (pyplot := sys.modules.get("matplotlib.pyplot")) and (matplotlib := sys.modules.get("matplotlib")):
        matplotlib.rcParams._set("backend", os.environ["MPLBACKEND"])  # ipykernel has set it where it was missing
        pyplot.install_repl_displayhook()
    app.start()
