"""The cases that the benchmark of reports times are real cases: they keep the same rules, and their data stand in the sample's register."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import test_cases_text as rules

from gsan_lib.reports import cases
from gsan_lib.settings import municipality, read_yaml

CASES = sorted((Path(__file__).resolve().parents[1] / "benchmarks" / "cases").glob("*.ipynb"))


def test_there_are_three_cases_of_one_dong_and_a_light_one():
    assert [path.stem for path in CASES] == ["dong_ageing", "dong_brief", "dong_parks", "dong_water"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_keeps_the_rules_of_a_case(path):
    declared = cases.read_case(path)
    assert rules.case_problems(nbformat.read(path, as_version=4)) + rules.parameter_problems(declared) == []
    datasets = read_yaml(municipality("sample").folder / "sources.yml")["datasets"]
    assert {need.dataset for need in declared.needs} <= datasets.keys()
