"""A venv of its own for what gsan is measured against: packages from PyPI beside the very packages of requirements.lock."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def locked() -> str:
    """The pins of requirements.lock without their hashes."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return "\n".join(line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))) + "\n"


def made(
    packages: Sequence[str],  # pinned: "spopt==0.7.0"
    *,
    told: bool = True,  # says on stderr that it installs
) -> Path:  # the venv's Python
    """The venv with these packages, made once for a lock and a Python version; in `~/.cache/gsan-bench` or `GSAN_BENCH_CACHE`. Raises SystemExit."""
    cache = Path(os.environ.get("GSAN_BENCH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsan-bench")
    wanted = locked() + "".join(f"{one}\n" for one in packages)
    venv = cache / f"peers-{hashlib.sha256(f'{wanted}{sys.version}{ROOT}'.encode()).hexdigest()[:12]}"
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    if (venv / ".whole").exists():
        return python
    if told:
        print(f"비교 대상을 설치합니다 / installing the peers into {venv}", file=sys.stderr)
    venv.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    pins = venv.with_suffix(".txt")
    pins.write_text(wanted, encoding="utf-8")
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(venv)],
        [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-r", str(pins)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"비교 대상을 설치하지 못했습니다 / the peers could not be installed: {done.stderr[-2000:]}\n(--no-peer)")
    (venv / ".whole").touch()
    return python
