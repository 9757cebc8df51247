"""Where the kernel server of this interpreter and this library listens, and whether the place can be trusted."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import struct
import sys
from pathlib import Path
from typing import Any

from gsan_lib.errors import StoreError

LIBRARY = Path(__file__).resolve().parent.parent
_LONGEST = 107  # bytes of the path of a unix socket
_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, process


def unsupported() -> str:
    """Why this system cannot fork kernels; empty where it can."""
    if os.environ.get("GSAN_KERNELS", "").lower() in ("off", "0", "no"):
        return "`GSAN_KERNELS=off`로 꺼 두었습니다"
    if not (sys.platform == "linux" and sys.maxsize > 2**32 and hasattr(os, "fork") and hasattr(os, "pidfd_open")):
        return f"이 체계({sys.platform})에서는 커널을 미리 데워 둘 수 없습니다"
    return ""


def identity() -> str:
    """What must be the same for a kernel of the server to be a kernel of this process: interpreter and library."""
    told = [sys.executable, sys.prefix, sys.version, str(LIBRARY)]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]


def base() -> Path:
    """The folder above: `GSAN_KERNELS_DIR`, the user's run-time folder, or one in /tmp that bears the user's number."""
    for given, name in (
        (os.environ.get("GSAN_KERNELS_DIR"), ""),
        (os.environ.get("XDG_RUNTIME_DIR"), "gsan-kernels"),
        (f"/run/user/{os.getuid()}", "gsan-kernels"),
    ):
        if given and (not name or os.path.isdir(given)):
            return Path(given) / name
    return Path(f"/tmp/gsan-kernels-{os.getuid()}")


def folder() -> Path:
    """The server's own folder; it need not exist."""
    return base() / identity()


def mistrust(
    place: Path,  # a folder
) -> str:
    """Why a folder is not private to this user; empty where it is."""
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return f"`{place}` 폴더가 없습니다"
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return f"`{place}`은(는) 이 사용자의 폴더가 아닙니다"
    if found.st_mode & 0o077:
        return f"`{place}`을(를) 다른 사용자가 열 수 있습니다(권한 {stat.S_IMODE(found.st_mode):04o}). `chmod 700`으로 닫으십시오"
    return ""


def prepared() -> Path:
    """The server's folder, made where it is missing. Raises StoreError where it, or the one above, is not private."""
    place = folder()
    if len(os.fsencode(place / "socket")) > _LONGEST:
        raise StoreError(f"`{place}`은(는) 소켓의 자리로는 이름이 너무 깁니다. `GSAN_KERNELS_DIR`에 더 짧은 곳을 지정하십시오.")
    for one in (place.parent, place):
        try:
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"`{one}` 폴더를 만들지 못했습니다({error.strerror}). `GSAN_KERNELS_DIR`에 다른 곳을 지정하십시오.") from error
        if why := mistrust(one):
            raise StoreError(f"커널 서버의 자리가 안전하지 않습니다: {why}.")
    return place


def socket_path() -> Path:
    """The socket on which the server listens."""
    return folder() / "socket"


def lock() -> int | None:
    """Become the one server: a descriptor whose lock lasts until this process ends, or None where another is."""
    handle = os.open(prepared() / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a POSIX lock: kept over exec, not handed to a forked child
    except OSError:
        os.close(handle)
        return None
    return handle


def holder() -> int | None:
    """The process that is the server (starting, ready or renewing itself), or None."""
    try:
        handle = os.open(folder() / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0)))
    except OSError:
        return None
    finally:
        os.close(handle)
    return process if kind != fcntl.F_UNLCK else None


def tell(**state: Any) -> None:
    """Write what the server is doing, for those who find no socket."""
    path = folder() / "state.json"
    draft = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # a full disk stops no kernel
        draft.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
        draft.replace(path)


def told() -> dict[str, Any]:
    """What the server last wrote."""
    try:
        return dict(json.loads((folder() / "state.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
