"""The house keeps its own rules: layers, plain modules, one lock, no address or path of anybody's machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from test_export_sync import GENERATED


def tracked(*patterns: str) -> list[Path]:
    """Files under version control (or, outside a checkout, files that would be)."""
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


def test_rooms_import_only_what_lies_below_them() -> None:
    found = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_no_module_imports_a_private_name_of_another() -> None:
    taken = []
    for path in sorted((ROOT / "gsan_lib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                taken += [f"{path.relative_to(ROOT)}: {one.name}" for one in node.names if re.match("_[a-zA-Z]", one.name)]
    assert taken == []


def test_plain_modules_are_those_that_contributing_lists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Plain modules", 1)[1].split("\n## ", 1)[0]
    listed = set(re.findall(r"^- `([^`]+)`", section, flags=re.MULTILINE))
    package = ROOT / "gsan_lib"
    plain = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*.py")
        if GENERATED not in (text := path.read_text(encoding="utf-8")) and text.strip() and path.name != "_modidx.py"
    }
    assert listed == plain


def test_every_environment_installs_from_the_one_lock() -> None:
    for file, lock in {"environment.yml": "requirements.lock", "binder/environment.yml": "../requirements.lock"}.items():
        content = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        assert content["dependencies"] == ["python=3.11", "pip", {"pip": [f"-r {lock}"]}], file
        assert (ROOT / file).parent.joinpath(lock).resolve() == ROOT / "requirements.lock"
    for file in ("Makefile", "binder/postBuild"):
        assert "--no-deps -e ." in (ROOT / file).read_text(encoding="utf-8"), file
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_lock_holds_every_dependency_with_hashes_and_no_address() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    locked = set(re.findall(r"^([a-z0-9._-]+)==", lock, flags=re.MULTILINE))
    asked = [*project["dependencies"], *(name for group in project["optional-dependencies"].values() for name in group)]
    names = {re.split(r"[\[<>=!~ ;]", name)[0].lower().replace("_", "-") for name in asked}
    assert names <= locked, names - locked
    blocks = re.findall(r"^[a-z0-9._-]+==.*(?:\n    .*)*", lock, flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks)


def test_no_path_of_a_machine_and_no_registry_stands_in_the_tree() -> None:
    forbidden = re.compile("/" + r"(work|farm)/|" + r"(pypi|npmjs)" + r"\.(org|com)")
    wrong = []
    for path in tracked():
        if path.is_file() and path.suffix not in {".png", ".woff2", ".parquet"}:
            text = path.read_text(encoding="utf-8", errors="ignore")
            wrong += [f"{path.relative_to(ROOT)}: {match.group()}" for match in forbidden.finditer(text)]
    assert wrong == []


def test_real_files_are_not_copied_into_the_repository() -> None:
    assert [path for path in tracked() if path.suffix in {".xls", ".xlsx", ".zip", ".shp", ".tif", ".graphml"}] == []
    assert max(path.stat().st_size for path in tracked() if path.is_file()) < 2_000_000
