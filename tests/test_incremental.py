"""What makes a report out of date and what does not, grids, secrets, and different parameters that give the same result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import toys
from typer.testing import CliRunner

import gsan_lib
from gsan_lib.cli import report
from gsan_lib.errors import UsageError
from gsan_lib.reports import editions, imports, runs, secrets
from gsan_lib.reports.cases import all_cases, case
from gsan_lib.settings import home as real_home

SECRET = "s3cret/값-7788"


def _grid(home: Path, text: str, name: str = "good") -> None:
    (home / "parameters" / "toy" / "cases" / f"{name}.yml").write_text(text, encoding="utf-8")


def _planned() -> dict[str, str]:
    return {one.variant: one.why or one.action for one in runs.plan("toy")}


def _hydrants(*people: int) -> pd.DataFrame:
    return pd.DataFrame({"facility_no": list("ABCDE"[: len(people)]), "people": people})


# data


def test_a_snapshot_that_no_request_finds_makes_nothing_out_of_date(home):
    runs.run("toy")
    toys.put(home, "hydrants", _hydrants(1, 2), as_of="2025-01-01")  # older than what the case loads
    assert _planned() == {"default": "unchanged"}
    toys.put(home, "hydrants", _hydrants(1, 2), as_of="2026-03-01")
    assert _planned() == {"default": "바뀐 것: 데이터(hydrants)"}


def test_a_dataset_that_was_asked_for_and_was_not_there_makes_a_report_out_of_date_when_it_comes(home):
    asks = 'from gsan_lib.errors import MissingData\ntry:\n    bank.load(p.id("fires"))\nexcept MissingData:\n    pass\n'
    toys.write_case(
        home,
        "good",
        needs='NEEDS = {"hydrants": ["facility_no", "people"], "fires": {"optional": True}}',
        results=asks + toys.RESULTS,
    )
    runs.run("toy")
    assert _planned() == {"default": "unchanged"}
    toys.put(home, "fires", _hydrants(1))
    assert _planned() == {"default": "바뀐 것: 데이터(fires)"}


# code


FRESH = """
import json, os, sys
import esda, geopandas, highspy, matplotlib.pyplot, networkx, osmnx, scipy.optimize, sklearn.ensemble, statsmodels.api, tobler, xarray, xvec
assert not [name for name in sys.modules if name.startswith("gsan_lib")]
for name, code in json.load(sys.stdin).items():
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, name
        continue
    exec(code, {})
    os.write(1, (json.dumps([name, [one for one in sys.modules if one.startswith("gsan_lib")]]) + chr(10)).encode())
    os._exit(0)
"""  # what others import is imported once, the library anew for every case


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_module_that_a_case_really_imports_is_among_its_inputs():
    """The closure that is found by reading equals what a fresh interpreter has loaded."""
    codes = {}
    for name in all_cases():
        notebook = nbformat.read(real_home() / "notebooks" / "cases" / f"{name}.ipynb", as_version=4)
        source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        lines = [line for line in source.splitlines() if line.startswith(("from gsan_lib", "import gsan_lib"))]
        codes[name] = "\n".join(
            [*lines, *(f"bank.{word}" for word in ("load", "load_set_aside", "manifest", "status") if f"bank.{word}(" in source)]
        )
    ran = subprocess.run(
        [sys.executable, "-c", FRESH],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    told = dict(json.loads(line) for line in ran.stdout.splitlines())
    assert set(told) == set(codes)
    for name, loaded in told.items():
        assert set(imports.closure(case(name).imports)) == set(loaded), name


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A copy of the library that may be edited, in place of the installed one for whoever asks what the library is."""
    copy = tmp_path / "copy" / "gsan_lib"
    shutil.copytree(Path(gsan_lib.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(imports, "_root", lambda: copy)
    imports.forget()
    yield copy
    monkeypatch.undo()
    imports.forget()


def _edit(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    imports.forget()


def test_only_an_edit_of_a_module_that_the_case_imports_makes_it_out_of_date(home, edited):
    runs.run("toy")
    for name in ("analysis/siting.py", "bank/readers.py", "reports/casebook.py", "cli/report.py"):
        _edit(edited / name)
    assert _planned() == {"default": "unchanged"}
    _edit(edited / "bank" / "snapshots.py")
    assert _planned() == {"default": "바뀐 것: 라이브러리(snapshots)"}


# parameters


def test_one_changed_parameter_of_many_runs_only_that_one(home):
    _grid(home, "variants: {a: {radius_m: 100}, b: {radius_m: 110}, c: {radius_m: 120}}\n")
    runs.run("toy")
    _grid(home, "variants: {a: {radius_m: 100}, b: {radius_m: 115}, c: {radius_m: 120}}\n")
    assert _planned() == {"a": "unchanged", "b": "바뀐 것: 매개변수", "c": "unchanged"}
    assert {one.planned.variant for one in runs.run("toy").outcomes if one.ran} == {"b"}


def test_a_grid_takes_its_values_from_the_data_bank(home):
    parameters = toys.PARAMETERS + '\nfacility: str = "A"  # 소화전'
    toys.write_case(home, "good", parameters=parameters)
    _grid(home, "grid: {facility: {dataset: hydrants, column: facility_no}, radius_m: {from: 100, to: 120, step: 10}}\n")
    assert sorted(one.variant for one in runs.plan("toy")) == [
        f"facility-{name}_radius_m-{radius}" for name in "AB" for radius in (100, 110, 120)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grid: {radius_m: {dataset: libraries, column: code}}", "`toy/libraries`이\\(가\\) 뱅크에 없어"),
        ("grid: {radius_m: {dataset: hydrants, column: code}}", "`code` 열이 없어"),
        ("grid: {radius_m: {from: 200, to: 100}}", "`from`은 `to`보다 크지"),
        ("grid: {radius_m: {from: 0, to: 1, step: 0.000001}}", "100,000개까지"),
        ("grid: {radius_m: all}", "값의 목록이나"),
        ("limits: {cell_s: soon}", "0보다 큰 수가 와야 하는데 `'soon'`"),
        ("limits: {cell: 1}", "모르는 항목 `cell`"),
    ],
)
def test_a_grid_or_limit_that_cannot_be_is_refused_before_a_kernel_starts(home, text, said):
    _grid(home, text + "\n")
    with pytest.raises(UsageError, match=said):
        runs.run("toy")


# what different parameters may not do


def test_different_parameters_with_the_same_results_fail_the_run_and_name_the_parameter(home):
    toys.write_case(home, "good", end=toys.END.replace('"radius_m": [p.radius_m]', '"radius_m": [140.0]'))
    _grid(home, "variants: {near: {radius_m: 100}, far: {radius_m: 200}}\n")
    shown = CliRunner().invoke(report.app, ["run", "toy"], standalone_mode=False)
    assert shown.return_value == 1
    assert "변형 `near`, `far`: 매개변수 `radius_m`이(가) 다른데 수치와 표가 모두 같습니다" in " ".join(shown.output.split())


def test_a_figure_that_no_parameter_moves_is_named_unless_the_case_says_why(home):
    _grid(home, "variants: {near: {radius_m: 100}, far: {radius_m: 200}}\n")
    (found,) = runs.run("toy").alike
    assert (found.what, found.parameters, set(found.variants)) == ("far_chart", ("radius_m",), {"near", "far"})
    said = 'out.same(["radius_m"], "막대는 지금의 주민이다", figures=["far_chart"])\n'
    toys.write_case(home, "good", results=toys.RESULTS + said)
    result = runs.run("toy")
    assert result.alike == []
    assert not result.failed


# secrets


def test_a_secret_of_the_environment_never_reaches_an_edition(home, monkeypatch):
    monkeypatch.setenv("DATA_GO_KR_KEY", SECRET)
    leaks = (
        "import os\nkey = os.environ['DATA_GO_KR_KEY']\nprint('calling', key)\nout.text(f'열쇠 {key}')\n"
        "out.figure('leak', '<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"><text>' + key + '</text></svg>', '그림', '그림', table='far_table')\nkey\n"
    )
    toys.write_case(home, "good", results=toys.RESULTS + leaks)
    toys.write_case(home, "stops", results="import os\nraise ValueError(os.environ['DATA_GO_KR_KEY'])")
    for one in runs.run("toy").outcomes:
        texts = {path.name: path.read_bytes().decode("utf-8", "replace") for path in one.folder.iterdir()}
        spelled = [SECRET, json.dumps(SECRET)[1:-1]]
        assert not [name for name, text in texts.items() for value in spelled if value in text]
        assert SECRET not in one.reason
        assert one.masked == ("DATA_GO_KR_KEY",)
        assert "[가림: DATA_GO_KR_KEY]" in texts["report.ipynb"]
    assert not editions.damage(editions.find("toy")[0])  # hashes are those of the masked files


def test_a_secret_in_a_table_stops_the_report(home, monkeypatch):
    monkeypatch.setenv("DATA_GO_KR_KEY", SECRET)
    leak = "import os\nfar = far.assign(facility_no=os.environ['DATA_GO_KR_KEY'])\nout.table('leak', far, '소화전', labels={'people': '주민', 'facility_no': '번호'})\n"
    toys.write_case(home, "good", results=toys.RESULTS + leak)
    (outcome,) = runs.run("toy").outcomes
    assert (outcome.status, SECRET in outcome.reason) == ("failed", False)
    assert "표 `leak`에 환경 변수 `DATA_GO_KR_KEY`의 비밀 값이 들어 있습니다" in outcome.reason
    assert not list(outcome.folder.glob("*.parquet"))


def test_a_secret_cannot_be_a_parameter(home):
    toys.write_case(home, "good", parameters=toys.PARAMETERS + '\nservice_key: str = "x"  # 열쇠')
    with pytest.raises(UsageError, match="`service_key`은\\(는\\) 비밀의 이름입니다"):
        runs.plan("toy")


def test_a_secret_is_masked_however_it_is_spelled():
    known = secrets.secrets({"API_TOKEN": 'a"b\\c값값', "PIN_KEY": "1234"})
    assert list(known.values()) == ["API_TOKEN"]
    for text in ('a"b\\c값값', json.dumps('a"b\\c값값'), json.dumps('a"b\\c값값', ensure_ascii=False)):
        assert secrets.masked(text, known).strip('"') == "[가림: API_TOKEN]"


# damage


def test_a_damaged_edition_is_named_and_made_anew_beside_it(home):
    first = runs.run("toy").outcomes[0].folder
    (first / "far_table.parquet").write_bytes(b"broken")
    later = time.time() + 60
    import os

    os.utime(first / "far_table.parquet", (later, later))
    listed = " ".join(CliRunner().invoke(report.app, ["list", "toy"]).output.split())
    assert "`far_table.parquet`의 내용이 만들 때와 다릅니다" in listed
    assert _planned() == {"default": f"이전 판 `{first.name}`이(가) 손상되었습니다: `far_table.parquet`의 내용이 만들 때와 다릅니다"}
    (again,) = runs.run("toy").outcomes
    assert again.status == "done"
    assert "손상된 판은 그대로 두었습니다" in again.reason
    assert (first / "far_table.parquet").read_bytes() == b"broken"
    assert again.folder.name == f"{first.name}-2"
    assert _planned() == {"default": "unchanged"}
