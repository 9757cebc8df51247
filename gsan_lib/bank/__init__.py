"""데이터 뱅크 / data bank: `bank.load("gwangsan/hydrants")` and what goes with it.

The functions come from their modules on first use, so that `gsan bank status` starts without pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsan_lib.bank.building import build
    from gsan_lib.bank.catalog import diff, status
    from gsan_lib.bank.snapshots import manifest
    from gsan_lib.bank.store import load, load_set_aside

__all__ = ["build", "diff", "load", "load_set_aside", "manifest", "status"]

_HOME = {"build": "building", "diff": "catalog", "load": "store", "load_set_aside": "store", "manifest": "snapshots", "status": "catalog"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module `gsan_lib.bank` has no `{name}`")
    return getattr(import_module(f"gsan_lib.bank.{_HOME[name]}"), name)
