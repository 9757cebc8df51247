"""A toy home for the tests of the report runner: one municipality, a small bank, and cases that are made to order."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd

from gsan_lib.bank.snapshots import open_bank
from gsan_lib.bank.store import Writer

MUNICIPALITY = """\
name_ko: 보기구
name_en: Example district
mois: ["29200"]
kostat: ["24050"]
centre: [126.79, 35.14]
addresses: [광주광역시 광산구]
simulated: true
"""

PARAMETERS = 'municipality: str = "toy"  # 지자체\nradius_m: float = 140.0  # 법정 거리, m, 50..500\nspread: str = "weighted"  # 인구 배분 방식, even|weighted'
NEEDS = 'NEEDS = {"hydrants": ["facility_no", "people"]}'
START = "import pandas as pd\nfrom gsan_lib import bank\nfrom gsan_lib.reports import findings, params\np = params.typed(globals())\nout = findings.begin(p)\np"
DATA = 'out.question("누가 멀리 사는가?")\nhydrants = bank.load(p.id("hydrants"))\nout.data(hydrants)'
RESULTS = """\
far = hydrants[["facility_no", "people"]].sort_values(["people", "facility_no"], ascending=[False, True])
out.number("far", far["people"].sum(), "명", f"{p.radius_m:g} m 밖의 주민", estimate=True)
out.number("most", far["people"].max(), "명", "한 곳에서 가장 많은 주민")
out.table("far_table", far, "소화전별 주민", units={"people": "명"}, labels={"people": "주민", "facility_no": "번호"})
out.figure("far_chart", "<svg xmlns='http://www.w3.org/2000/svg' role='img'><text>" + str(far["people"].tolist()) + "</text></svg>", "소화전별 주민", "막대", table="far_table")
"""
END = """\
out.sensitivity("radius", pd.DataFrame({"radius_m": [p.radius_m], "far": [far["people"].sum()]}), "거리를 바꾸면", labels={"radius_m": "거리", "far": "주민"})
out.limits(["직선거리이다."])
out.decision(f"{far.iloc[0].facility_no}부터 놓는다({far.iloc[0].people}명).", stable=False, would_change="거리")
out.provenance()
out.close()
"""


def write_case(home: Path, name: str, *, parameters: str = PARAMETERS, needs: str = NEEDS, results: str = RESULTS, end: str = END) -> None:
    """A case notebook in the toy home."""
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    cells = [
        text(f"# {name}: 누가 멀리 사는가?"), code(parameters, metadata={"tags": ["parameters"]}), code(needs, metadata={"tags": ["needs"]}), code(START),
        text("## 데이터"), code(DATA), text("## 결과"), code(results), text("## 결정"), code(end),
    ]  # fmt: skip
    folder = home / "notebooks" / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


def put(home: Path, dataset: str, frame: pd.DataFrame, as_of: str = "2026-01-01", **told: object) -> None:
    """A snapshot in the toy home's bank."""
    with Writer(f"toy/{dataset}", bank=open_bank(str(home / ".bank"))) as writer:
        writer.write(frame.assign(source_row=range(1, len(frame) + 1)))
        writer.publish({"as_of": as_of, "title_ko": "소화전", "source": "보기", "licence": "CC0", "published": True, **told})


def make_home(home: Path) -> Path:
    """A home with the municipality `toy` and its hydrants; no case yet."""
    place = home / "parameters" / "toy"
    (place / "cases").mkdir(parents=True)
    (place / "municipality.yml").write_text(MUNICIPALITY, encoding="utf-8")
    put(home, "hydrants", pd.DataFrame({"facility_no": ["A", "B"], "people": [10, 20]}), title_ko="소화전")
    return home


def environment(home: Path) -> dict[str, str]:
    """The settings that make gsan live in the toy home."""
    return {
        "GSAN_HOME": str(home),
        "GSAN_BANK": str(home / ".bank"),
        "GSAN_REPORTS": str(home / "reports"),
        "GSAN_INBOX": str(home / "inbox"),
    }
