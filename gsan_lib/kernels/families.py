"""Processes and what they started: who belongs to whom, and how to end them all."""

from __future__ import annotations

import contextlib
import os
import signal

_STATE, _PARENT, _GROUP, _SESSION = 0, 1, 2, 3  # places in /proc/<pid>/stat behind the name


def _processes() -> dict[int, tuple[int, int, int]]:
    """Parent, group and session of every process that lives."""
    found: dict[int, tuple[int, int, int]] = {}
    if not os.path.isdir("/proc/self"):  # not Linux: a process can be ended, but not what it started
        return found
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as file:
            told = file.read().rpartition(b")")[2].split()
            if told[_STATE] not in (b"Z", b"X"):
                found[int(entry)] = (int(told[_PARENT]), int(told[_GROUP]), int(told[_SESSION]))
    return found


def family(
    process: int,  # the leader of a session
) -> set[int]:  # without itself
    """All that a process started and that still lives: its descendants, its group, its session."""
    known = _processes()
    found = {one for one, (_, group, session) in known.items() if process in (group, session)} | {process}
    while more := {one for one, (parent, _, _) in known.items() if parent in found and one not in found}:
        found |= more
    return found - {process, os.getpid()}


def _signal(number: signal.Signals, processes: set[int], groups: set[int]) -> None:
    for one in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(one, number)  # reaches a whole group at once, also one that multiplies
    for one in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, number)


def end(
    process: int,  # the leader of a session, e.g. a kernel; this process itself ends last
) -> None:
    """End a process and everything it started, also what left its group, and also what multiplies faster than it can be counted."""
    here = os.getpgid(0)
    groups = {process} - {here}
    members = {process} - {os.getpid()}
    _signal(signal.SIGSTOP, members, groups)
    for _ in range(100):
        if not (found := family(process) - members):
            break
        new = {_group(one) for one in found} - groups - {0, here}
        members |= found
        groups |= new
        _signal(signal.SIGSTOP, found, new)
    _signal(signal.SIGKILL, members, groups)
    if process == os.getpid():
        os.killpg(here, signal.SIGKILL)


def _group(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0


def private_bytes(process: int) -> int:
    """Memory that a process holds alone: pages that it shares with no other."""
    with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
