"""Text under test: every case keeps the rules of docs/cases.md, every parameter file fits its case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
import toys
from nbformat.v4 import new_code_cell, new_markdown_cell

from gsan_lib.errors import GsanError
from gsan_lib.reports import cases, variants
from gsan_lib.settings import municipalities, municipality, read_yaml

HANGUL = re.compile(r"[가-힣]")
FORBIDDEN_IMPORTS = {
    "os",
    "sys",
    "pathlib",
    "io",
    "glob",
    "shutil",
    "tempfile",
    "subprocess",
    "socket",
    "urllib",
    "http",
    "httpx",
    "requests",
    "fsspec",
    "random",
    "time",
}
FORBIDDEN_CALLS = re.compile(
    r"^(open|eval|exec|__import__)$|(^|\.)(read_(csv|excel|file|parquet|json|feather|pickle|html|sql)|to_(csv|excel|file|parquet|json|feather|pickle)|now|today|utcnow)$"
)
PATH = re.compile(r"^(/[A-Za-z]|\./|\.\./|~/)|^\S+\.(csv|json|geojson|parquet|xlsx?|shp|zip|ipynb|py|svg|png)$")
COUNTED = re.compile(r"\d[\d,.]*\s*(명|곳|개소|세대|건|%)")


def code_problems(tree: ast.AST) -> list[str]:
    """What a case may not hold: definitions, files, network, clocks, unseeded chance."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(f"defines `{node.name}`")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            found += [f"imports `{name}`" for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if FORBIDDEN_CALLS.search(name) or (name.endswith("default_rng") and not node.args):
                found.append(f"calls `{name}`")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PATH.search(node.value):
            found.append(f"names the path `{node.value}`")
    return found


def case_problems(notebook: nbformat.NotebookNode) -> list[str]:
    """Everything in which a notebook breaks the rules of a case."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell in code:
        found += code_problems(ast.parse(cell.source))
        found += ["holds outputs"] if cell.outputs or cell.execution_count else []
    for tag in ("parameters", "needs"):
        count = sum(tag in cell.metadata.get("tags", []) for cell in code)
        found += [f"{count} cells tagged `{tag}`"] if count != 1 else []
    headings = re.findall(r"^## +(.+?)\s*$", "\n".join(prose), re.M)
    found += [f"sections {headings}"] if headings != list(cases.SECTIONS) else []
    found += [f"a number in prose: `{hit[0]}`" for text in prose for hit in COUNTED.finditer(text)]
    found += [] if code and "out.close()" in code[-1].source else ["the last cell does not close the report"]
    return found


def parameter_problems(one: cases.Case) -> list[str]:
    """Parameters that an officer could not set without asking."""
    found = [f"`{p.name}` has no Korean help" for p in one.parameters if not HANGUL.search(p.help)]
    found += [f"`{p.name}` has no range" for p in one.parameters if p.low is None and ("int" in p.kind or "float" in p.kind)]
    return found


def test_every_case_keeps_the_rules():
    broken = {}
    for name in cases.all_cases():
        path = cases.cases_dir() / f"{name}.ipynb"
        found = case_problems(nbformat.read(path, as_version=4)) + parameter_problems(cases.read_case(path))
        broken |= {name: found} if found else {}
    assert broken == {}


def test_every_parameter_file_fits_its_case():
    broken = {}
    for place in municipalities():
        for path in sorted((municipality(place).folder / "cases").glob("*.yml")):
            try:
                variants.variants(place, cases.case(path.stem))
            except GsanError as error:
                broken[f"{place}/{path.name}"] = str(error)
    assert broken == {}


def test_every_case_finds_all_that_it_needs_in_the_register_of_some_municipality():
    registers = [set(read_yaml(municipality(place).folder / "sources.yml")["datasets"]) for place in municipalities()]
    wanted = {name: {need.dataset for need in cases.case(name).needs if not need.optional} for name in cases.all_cases()}
    assert [name for name, datasets in wanted.items() if not any(datasets <= register for register in registers)] == []
    anywhere = set().union(*registers)  # a misspelt name is nowhere
    assert {name: {need.dataset for need in cases.case(name).needs} - anywhere for name in wanted} == {name: set() for name in wanted}


def good_notebook() -> nbformat.NotebookNode:
    start = [new_markdown_cell("# 누가 멀리 사는가?")]
    tagged = [new_code_cell(toys.PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell(toys.NEEDS, metadata={"tags": ["needs"]})]
    return nbformat.v4.new_notebook(
        cells=[*start, *tagged, *(new_markdown_cell(f"## {name}") for name in cases.SECTIONS), new_code_cell("out.close()")]
    )


def test_a_case_as_documented_has_no_problems():
    assert case_problems(good_notebook()) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f():\n    pass", "defines `f`"),
        ("class A: pass", "defines `A`"),
        ("from pathlib import Path", "imports `pathlib`"),
        ("import urllib.request", "imports `urllib.request`"),
        ("pd.read_csv(x)", "calls `pd.read_csv`"),
        ("open(x)", "calls `open`"),
        ("pd.Timestamp.now()", "calls `pd.Timestamp.now`"),
        ("np.random.default_rng()", "calls `np.random.default_rng`"),
        ("x = '../data/a'", "names the path `../data/a`"),
        ("x = 'hydrants.csv'", "names the path `hydrants.csv`"),
    ],
)
def test_the_rules_catch_what_they_forbid_in_code(source, said):
    notebook = good_notebook()
    notebook.cells.insert(-1, new_code_cell(source))
    assert case_problems(notebook) == [said]


def test_the_rules_catch_sections_out_of_order_numbers_in_prose_and_a_report_left_open():
    notebook = good_notebook()
    notebook.cells[3], notebook.cells[4] = notebook.cells[4], notebook.cells[3]
    notebook.cells.append(new_markdown_cell("주민 1,234명이 산다."))
    notebook.cells.append(new_code_cell("x = 1"))
    assert [problem.split(":")[0].split(" [")[0] for problem in case_problems(notebook)] == [
        "sections",
        "a number in prose",
        "the last cell does not close the report",
    ]


def test_the_rules_catch_a_parameter_without_help_or_range(tmp_path: Path):
    toys.write_case(tmp_path, "bare", parameters='municipality: str = "toy"\nradius_m: float = 140.0  # 거리, m')
    assert parameter_problems(cases.read_case(tmp_path / "notebooks" / "cases" / "bare.ipynb")) == [
        "`municipality` has no Korean help",
        "`radius_m` has no range",
    ]


def test_the_documented_sections_are_those_that_the_rules_hold():
    documented = (Path(__file__).parent.parent / "docs" / "cases.md").read_text(encoding="utf-8")
    assert " ".join(f"`## {name}`" for name in cases.SECTIONS) in documented
