"""Editions as the runner leaves them, made without a kernel: for the tests of pages and casebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbformat import NotebookNode

from gsan_lib import maps, sample
from gsan_lib.reports import displays


def _html(text: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", data={"text/html": text})


def results(municipality: str, case: str, title: str, *, simulated: bool, people: float = 86501) -> dict:
    """What `results.json` holds of a made edition."""
    data = {
        "id": f"{municipality}/parks",
        "sha256": "0" * 64,
        "as_of": "2020-12-31",
        "known_at": "2026-11-01",
        "title_ko": "도시공원",
        "source": "공원과",
        "licence": "KOGL-1",
    }
    return {
        "case": case, "municipality": municipality, "variant": "default", "simulated": simulated, "title_ko": title, "question": "누가 **걸어서** 닿는가?",
        "numbers": [{"key": "served", "value": people, "unit": "명", "label": "걸어서 닿는 주민", "digits": 0, "estimate": True, "note": ""}],
        "tables": [{"key": "by_dong", "title": "동별 주민", "file": "by_dong.parquet", "rows": 21, "units": {}, "labels": {}}],
        "figures": [{"key": "map", "title": "동별 주민", "alt": "북쪽에 많다.", "file": "map.svg", "table": "by_dong"}],
        "data": [{**data, "simulated": simulated}], "sensitivity": [], "limits": ["직선거리로 쟀다."],
        "decision": {"sentence": "수완동에 먼저 놓는다.", "stable": False, "would_change": ["우회 계수"]},
    }  # fmt: skip


def notebook(told: dict) -> tuple[NotebookNode, str]:
    """An executed case with a key figure, a map and its table; and the map's SVG."""
    dongs = sample.district().set_index("dong_code")
    frame = pd.DataFrame(dongs[["dong_name", "population"]])
    simulated = told["simulated"]
    svg = maps.to_svg(maps.choropleth(dongs, dongs["population"], title="동별 주민", unit="명", simulated=simulated), alt="북쪽에 많다.")
    table = displays.table(frame, "동별 주민", units={"population": "명"}, file="by_dong.parquet", simulated=simulated)
    number = displays.number("걸어서 닿는 주민", 86501, "명", estimate=True)
    outputs = [
        _html(displays.style() + displays.block("head", "머리")),
        _html(displays.block("params", "<p><code>radius_m</code> 140 m</p>")),
        _html(number),
        _html(number),
        _html(displays.figure(svg, "동별 주민", "북쪽에 많다.", table, simulated)),
    ]
    cells = [
        nbformat.v4.new_markdown_cell(f"# {told['title_ko']}"), nbformat.v4.new_markdown_cell("## 질문\n\n주민은 도시공원을 걸어서 누리는가?"),
        nbformat.v4.new_code_cell("secret_of_the_code = 1", outputs=outputs), nbformat.v4.new_markdown_cell("## 결정"),
        nbformat.v4.new_code_cell("out.decision()", outputs=[_html(displays.decision("수완동에 먼저 놓는다.", False, ["우회 계수"], simulated))]),
    ]  # fmt: skip
    return nbformat.v4.new_notebook(cells=cells), svg


def write(
    reports: Path,
    municipality: str,
    case: str,
    title: str,
    *,
    simulated: bool = False,
    name: str = "2026-11-23-1a2b3c4d",
    people: float = 86501,
    **stated: Any,
) -> Path:
    """A whole edition on disk, with what else its manifest states; returns its folder."""
    from gsan_lib.reports.pages import render

    folder = reports / municipality / case / "default" / name
    folder.mkdir(parents=True)
    told = results(municipality, case, title, simulated=simulated, people=people)
    manifest = {
        "edition": name,
        "created_at": f"{name[:10]}T08:00:00+00:00",
        "status": "done",
        "key": name.rsplit("-", 1)[1] * 8,
        "municipality": municipality,
        "case": case,
        "variant": "default",
        **stated,
    }
    cells, svg = notebook(told)
    (folder / "map.svg").write_text(svg, encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "report.ipynb").write_text(nbformat.writes(cells), encoding="utf-8")
    (folder / "report.html").write_text(render(cells, {"results": told, "manifest": manifest}), encoding="utf-8")
    pd.DataFrame({"a": [1]}).to_parquet(folder / "by_dong.parquet")
    return folder
