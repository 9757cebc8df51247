"""From a fresh fork to an ordinary kernel: files, environment, random state and signals as the client has them, then ipykernel's own application."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import locale
import os
import random
import select
import socket
import sys
import threading
import time
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from gsan_lib.kernels import families, inheritance, preload


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
        families.end(os.getpid())


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
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if matplotlib := sys.modules.get("matplotlib"):
        rules = matplotlib.matplotlib_fname()  # of the new working folder
        if rules != _rules:
            matplotlib.rc_file(rules)


_rules = ""


def settle() -> None:
    """Note, in the server, what a fork compares with."""
    global _rules
    if matplotlib := sys.modules.get("matplotlib"):
        _rules = matplotlib.matplotlib_fname()


@contextlib.contextmanager
def _kernel_modules() -> Iterator[None]:
    """ipykernel hides what is loaded when it starts from its debugger: let it see what an ordinary kernel has loaded then."""
    from ipykernel import ipkernel

    module: Any = ipkernel
    module.sys = types.SimpleNamespace(**{**vars(sys), "modules": preload.kernel_modules})
    try:
        yield
    finally:
        module.sys = sys


def leave(code: int) -> NoReturn:
    """End the process as the interpreter would, but without taking down hundreds of megabytes that it shares with the server.

    What an end has to do is done: threads joined, exit functions run (IPython's let go of what the notebook made), leftovers collected, files written.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        gc.collect()
        for left in gc.get_objects():
            if isinstance(left, io.IOBase) and not left.closed:
                with contextlib.suppress(Exception):
                    left.flush()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    finally:
        os._exit(code)


def become(wanted: Wanted) -> NoReturn:
    """Be the kernel until it ends; ends the process."""
    code = 1
    try:
        _run(wanted)
        code = 0
    except SystemExit as asked:
        if asked.code is not None and not isinstance(asked.code, int):
            print(asked.code, file=sys.stderr)
        code = asked.code if isinstance(asked.code, int) else 0 if asked.code is None else 1
    except BaseException:
        traceback.print_exc()
    leave(code)


def _run(wanted: Wanted) -> None:
    os.setsid()
    _streams(wanted.files)
    inheritance.put_on(wanted.inherits, {**preload.kernel_environment, **wanted.env}, wanted.cwd)
    import ipykernel_launcher

    sys.argv = [str(ipykernel_launcher.__file__), *wanted.argv]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *wanted.argv]
    inheritance.unblock(wanted.inherits)
    _own_state(wanted)
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance()
    app.parent_handle = int(wanted.env.get("JPY_PARENT_PID") or 0)
    with _kernel_modules():
        app.initialize(wanted.argv)
    app.poller = None if wanted.independent else Watch(wanted.connection, wanted.client)
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.register_comm_target()  # which it does when it is imported in a kernel
    if matplotlib := sys.modules.get("matplotlib"):
        matplotlib.rcParams._set("backend", os.environ["MPLBACKEND"])  # ipykernel has set it where it was missing
    app.start()
    if app.control_thread and app.control_thread.is_alive():
        app.control_thread.stop()  # it has the last word to say while the others still listen; ipykernel's own order can wait in vain for ten seconds
        app.control_thread.join(5)
