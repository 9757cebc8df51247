"""What a new process has from the one that starts it: taken down by the client, compared by the server, put on by the forked kernel."""

# An ordinary kernel inherits environment, folder, limits and signals from the process that starts it. A forked one inherits them from the
# server instead, so the client sends its own, and what cannot be put on after a fork makes the kernel start cold.

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

# What the server is started with: numbers come out the same on every machine, and no library starts a thread before the fork.
FIXED = {
    "PYTHONHASHSEED": "0", "PYTHONUTF8": "1",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}  # fmt: skip

# Variables that act when the interpreter or a library is loaded, so that setting them after the fork would come too late.
_AT_LOAD = (
    "PYTHON", "LD_", "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "GOTO_", "BLIS_", "MKL_", "NUMEXPR_", "NUMBA_", "MALLOC_", "GLIBC_",
    "ARROW_", "PROJ_", "MPLCONFIGDIR", "MATPLOTLIBRC", "NPY_", "SCIPY_", "SKLEARN_", "GSAN_LIBRARY", "JPY_INTERRUPT_EVENT",
)  # fmt: skip
_AT_ONCE = {  # read when needed, put on after the fork, or without bearing on any result
    *("PYTHONSTARTUP", "PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "PYTHONPYCACHEPREFIX", "PYTHON_VERSION", "PYTHONDONTWRITEBYTECODE"),
    *("PYTHONUNBUFFERED", "MALLOC_TRIM_THRESHOLD_"),  # a kernel's output goes through Jupyter; Dask's workers give memory back sooner
}

_LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"}
_SAME = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")  # lines of /proc/self/status
_SPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_RESTORED = {signal.SIGPIPE, signal.SIGXFSZ}  # what Popen gives back to a child


def at_load(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that act at load, and how they are set."""
    return {name: value for name, value in env.items() if name.startswith(_AT_LOAD) and name not in _AT_ONCE}


def _status() -> dict[str, str]:
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        return {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in file)}


def _ignored(mask: str) -> list[int]:
    bits = int(mask, 16)
    return [number for number in range(1, 65) if bits >> (number - 1) & 1 and number not in _RESTORED]


def _cgroup_limits() -> dict[str, str]:
    """The tightest limits of memory, processes and processor that this process's control groups set."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        path = next((line.strip().split("::", 1)[1] for line in file if line.startswith("0::")), "").strip("/")
        parts = path.split("/") if path else []
        for depth in range(len(parts), 0, -1):
            for name in ("memory.max", "memory.high", "pids.max", "cpu.max"):
                with contextlib.suppress(OSError), open(os.path.join("/sys/fs/cgroup", *parts[:depth], name), encoding="utf-8") as limit:
                    value = limit.read().strip()
                    if not value.startswith("max"):
                        found[name] = f"{found.get(name, '')} {value}".strip()
    return found


def taken() -> dict[str, Any]:
    """What a process that this one starts now would inherit, beside environment and folder."""
    status = _status()
    root = os.stat("/")
    return {
        "umask": int(status["Umask"], 8),
        "limits": {name: resource.getrlimit(number) for name, number in _LIMITS.items()},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": sorted(os.sched_getaffinity(0)),
        "ignored": _ignored(status["SigIgn"]),
        "blocked": sorted(int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "rights": {name: status.get(name, "") for name in _SAME},
        "spaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in _SPACES} | {"root": f"{root.st_dev}:{root.st_ino}"},
        "cgroup": _cgroup_limits(),
    }


def obstacles(
    asked: Mapping[str, Any],  # what `taken` says in the client
    env: Mapping[str, str],  # environment of the kernel
    own: Mapping[str, Any],  # what `taken` said when the server started
    own_env: Mapping[str, str],  # what the server was started with
) -> list[str]:  # Korean; empty: it can
    """Why a fork of the server could not be the kernel that was asked for."""
    # a client that has imported the same libraries hands on what they set for themselves (KMP_INIT_AT_FORK, PROJ_CURL_CA_BUNDLE): the server has it too
    wanted, given = at_load(env), at_load(own_env)
    wanted = {name: value for name, value in wanted.items() if name in given or os.environ.get(name) != value}
    found = [
        f"`{name}`이(가) 커널 서버와 다릅니다({_shown(wanted, name)}, 서버는 {_shown(given, name)})"
        for name in sorted(wanted.keys() | given.keys())
        if wanted.get(name) != given.get(name)
    ]
    for what, name in (("rights", "권한"), ("spaces", "이름 공간"), ("cgroup", "제어 그룹의 한도")):
        if different := sorted(key for key in asked[what].keys() | own[what].keys() if asked[what].get(key) != own[what].get(key)):
            found.append(f"{name}이(가) 커널 서버와 다릅니다({', '.join(different)})")
    return found + _too_high(asked, own)


def _shown(env: Mapping[str, str], name: str) -> str:
    return env[name][:40] if name in env else "없음"


def _too_high(asked: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Limits that cannot be put on after a fork."""
    found, infinite, master = [], resource.RLIM_INFINITY, os.geteuid() == 0
    for name, (_, hard) in asked["limits"].items():
        most = own["limits"][name][1]
        if not master and most != infinite and (hard == infinite or hard > most):
            found.append(f"한도 `{name}`이(가) 커널 서버보다 높습니다({hard}, 서버는 {most})")
    if list(asked["limits"]["RLIMIT_STACK"]) != list(own["limits"]["RLIMIT_STACK"]):
        found.append(
            "한도 `RLIMIT_STACK`이(가) 커널 서버와 다릅니다"
        )  # the stack of every thread is sized by it when the interpreter is loaded
    size = _kilobytes("VmSize") * 1024
    if any(soft != infinite and soft < 2 * size for soft in (asked["limits"][name][0] for name in ("RLIMIT_AS", "RLIMIT_DATA"))):
        found.append("메모리 한도(`RLIMIT_AS`, `RLIMIT_DATA`)가 데워 둔 커널에는 모자랍니다")
    if asked["nice"] < own["nice"] and not master:
        found.append(f"우선순위(nice {asked['nice']})가 커널 서버({own['nice']})보다 높습니다")
    return found


def _kilobytes(line: str) -> int:
    return int(_status()[line].split()[0])


def put_on(asked: Mapping[str, Any], env: Mapping[str, str], cwd: str) -> None:
    """Give this process, freshly forked, what `taken` took down elsewhere; signals stay blocked until `unblock`."""
    os.umask(asked["umask"])
    for name, (soft, hard) in asked["limits"].items():
        if name in _LIMITS and resource.getrlimit(_LIMITS[name]) != (soft, hard):
            resource.setrlimit(_LIMITS[name], (soft, hard))
    if os.getpriority(os.PRIO_PROCESS, 0) != asked["nice"]:
        os.setpriority(os.PRIO_PROCESS, 0, asked["nice"])
    if sorted(os.sched_getaffinity(0)) != asked["processors"]:
        os.sched_setaffinity(0, asked["processors"])
    ignored = {*asked["ignored"], *_RESTORED}  # Python ignores these two in every process of its own
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        wanted: Any = signal.SIG_IGN if number in ignored else signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        if signal.getsignal(number) != wanted:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, wanted)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)


def unblock(asked: Mapping[str, Any]) -> None:
    """Let signals through as in the client."""
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
