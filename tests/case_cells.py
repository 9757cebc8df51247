"""The cells of a case, run in this process with changed data: what the report would say if one row were different."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from gsan_lib import bank
from gsan_lib.reports import cases

Change = Callable[[str, pd.DataFrame], pd.DataFrame]  # dataset, frame as loaded -> frame as the case sees it


@dataclass(frozen=True)
class Played:
    """What a case recorded."""

    folder: Path
    results: dict[str, Any]

    def number(self, key: str) -> float:
        return next(one["value"] for one in self.results["numbers"] if one["key"] == key)

    def table(self, key: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / f"{key}.parquet")


def play(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, change: Change = lambda dataset, frame: frame, **values: Any
) -> Played:
    """Run a case's code cells with parameters in place of its defaults and data passed through `change`."""
    spaces(case, folder, monkeypatch, change=change, **values)
    return Played(folder, json.loads((folder / "results.json").read_text(encoding="utf-8")))


def spaces(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, change: Change = lambda dataset, frame: frame, **values: Any
) -> dict[str, Any]:
    """The names that a case's cells leave behind, run as `play` does."""
    folder.mkdir(parents=True)
    monkeypatch.setenv("GSAN_EDITION_DIR", str(folder))
    monkeypatch.setenv("GSAN_CASE", case)
    load = bank.load

    def changed(id: str, **how: Any) -> pd.DataFrame:
        frame = load(id, **how)
        told = frame.attrs["gsan"]
        frame = change(id.split("/")[1], frame)
        frame.attrs["gsan"] = told
        return frame

    cells = [cell for cell in nbformat.read(cases.cases_dir() / f"{case}.ipynb", as_version=4).cells if cell.cell_type == "code"]
    with monkeypatch.context() as patch:
        patch.setattr(bank, "load", changed)
        space: dict[str, Any] = {"In": [cells[0].source]}
        for cell in cells:
            exec(compile(cell.source, f"{case}.ipynb", "exec"), space)
            if "parameters" in cell.metadata.get("tags", []):
                space |= values
    return space
