"""Parameters of cases: what a cell declares, what a file may set, and what is refused in which words."""

from __future__ import annotations

import dataclasses

import nbformat
import pytest
import yaml

from gsan_lib.errors import InputError, UsageError
from gsan_lib.reports import cases, variants
from gsan_lib.reports.params import accepted, declared, resolved, typed

CELL = """\
municipality: str = "sample"  # 지자체
radius_m: float = 140.0  # 법정 거리(소방기본법 시행규칙 별표 3, 상업지역 제외), m, 50..500
count: int = 5  # 새 소화전, 개, 1..50
spread: str = "weighted"  # 인구 배분, even|weighted
margin: bool = True  # 경계 밖 시설도 쓴다
ages: list[int] = [65, 75]  # 나이 기준, 세, 0..120
shift: float = -1.5  # 이동, -10..10
"""


def by_name(cell: str = CELL):
    return {parameter.name: parameter for parameter in declared(cell)}


def test_help_unit_range_and_choices_are_read_from_the_comment_even_where_the_help_has_commas():
    radius, spread, shift = (by_name()[name] for name in ("radius_m", "spread", "shift"))
    assert (radius.help, radius.unit, radius.low, radius.high) == ("법정 거리(소방기본법 시행규칙 별표 3, 상업지역 제외)", "m", 50, 500)
    assert (spread.choices, spread.unit) == (("even", "weighted"), "")
    assert (shift.help, shift.unit, shift.low) == ("이동", "", -10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("radius_m", "140"), ("radius_m", True), ("radius_m", None), ("radius_m", float("nan")), ("radius_m", float("inf")), ("radius_m", 49.9), ("radius_m", 500.1),
        ("count", 5.0), ("count", True), ("count", 0), ("spread", "guess"), ("spread", 1), ("margin", 1), ("margin", "true"), ("ages", 65), ("ages", [65, "75"]), ("ages", [130]),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_with_name_expectation_and_value(name, value):
    _, problem = accepted(by_name()[name], value)
    assert f"`{name}`" in problem
    assert repr(value) in problem


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [("radius_m", 50, 50.0), ("radius_m", 500.0, 500.0), ("count", 50, 50), ("ages", [], []), ("margin", False, False)],
)
def test_a_value_that_fits_is_kept_and_whole_numbers_become_numbers(name, value, kept):
    found, problem = accepted(by_name()[name], value)
    assert (found, type(found), problem) == (kept, type(kept), "")


def test_unknown_and_wrong_parameters_are_all_told():
    full, problems = resolved(declared(CELL), {"radios": 1, "count": 0, "spread": "guess"})
    assert len(problems) == 3
    assert full["radius_m"] == 140.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = 1", "1행"),
        ("x: int = 1 + 1", "계산식이 아니라 값"),
        ("x: dict = {}", "`dict`"),
        ("import os", "1행"),
        ("x: int = 9  # 수, 개, 1..5", "1..5 개"),
        ('x: str = "c"  # 글자, a|b', "a|b"),
    ],
)
def test_a_cell_that_declares_anything_but_fitting_typed_literals_is_refused(line, said):
    with pytest.raises(UsageError, match=said.replace("|", r"\|").replace("..", r"\.\.")):
        declared(line)


def test_typed_checks_what_was_injected_and_cannot_be_changed():
    space = {"In": [CELL, "# Parameters\nradius_m = 100.0"], **{name: one.default for name, one in by_name().items()}, "radius_m": 100.0}
    p = typed(space)
    assert (p.radius_m, p.ages, p.id("hydrants")) == (100.0, (65, 75), "sample/hydrants")
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.radius_m = 1.0
    with pytest.raises(UsageError, match=r"50\.\.500 m"):
        typed(space | {"radius_m": 9000.0})


def test_typed_takes_the_newest_run_of_the_parameters_cell():
    old = CELL.replace("50..500", "1..2").replace("140.0", "1.5")
    space = {"In": [old, CELL], **{name: one.default for name, one in by_name().items()}}
    assert typed(space).radius_m == 140.0


def test_large_numbers_are_shown_as_people_write_them():
    cell = 'municipality: str = "sample"  # 지자체\ncost: int = 2000000  # 값, 원, 0..10000000\nyear: int = 2026  # 연도, 년, 2000..2100'
    html = typed({"In": [cell], "municipality": "sample", "cost": 2000000, "year": 2026}).html()
    assert [text in html for text in (">2,000,000<", "0..10,000,000 원", ">2026<", "2000..2100 년")] == [True] * 4


def test_parameters_show_themselves_without_running_markup():
    cell = 'municipality: str = "sample"  # <script>alert(1)</script>'
    html = typed({"In": [cell], "municipality": "sample"}).html()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def stated(home, content):
    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    (home / "parameters" / "toy" / "cases" / "good.yml").write_text(text, encoding="utf-8")
    return variants.variants("toy", cases.case("good"))


def test_without_a_file_the_case_runs_with_its_defaults(home):
    assert variants.variants("toy", cases.case("good")) == {"default": {"municipality": "toy", "radius_m": 140.0, "spread": "weighted"}}


def test_common_values_hold_for_all_variants_and_a_variant_overrides_them(home):
    found = stated(home, {"common": {"radius_m": 100, "spread": "even"}, "variants": {"default": None, "wide": {"radius_m": 200}}})
    assert [(name, one["radius_m"], one["spread"]) for name, one in found.items()] == [("default", 100.0, "even"), ("wide", 200.0, "even")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"variant": {}}, "모르는 항목 `variant`"),
        ({"variants": ["default"]}, "`variants`은"),
        ({"variants": {"default": 5}}, "변형 `default`"),
        ({"variants": {"한글": {}}}, "변형 이름 `한글`"),
        ({"variants": {"../up": {}}}, "변형 이름"),
        ({"variants": {"default": {"municipality": "sample"}}}, "폴더가 정하므로"),
        ({"grid": {"radius_m": 100}}, "값의 목록"),
        ({"grid": {"radius_m": []}}, "값의 목록"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused_with_its_name(home, content, said):
    with pytest.raises(UsageError, match=said) as caught:
        stated(home, content)
    assert "good.yml" in str(caught.value)


def test_a_tab_and_a_list_are_one_sentence_each(home):
    with pytest.raises(InputError, match="탭"):
        stated(home, "variants:\n\tdefault: {}\n")
    with pytest.raises(InputError, match="list"):
        stated(home, "- default\n")


@pytest.mark.parametrize(
    "source",
    ["NEEDS = dict(a=[])", "NEEDS = {'a': open('x')}", "NEEDS = ['a']", "X = {}", "NEEDS = {'a': {'field': []}}", "NEEDS = {}\nprint(1)"],
)
def test_needs_are_one_literal_of_the_documented_form(source):
    with pytest.raises(UsageError, match="NEEDS"):
        cases.needed(source)


def test_a_notebook_that_is_no_case_is_refused_with_what_is_missing(home):
    folder = home / "notebooks" / "cases"
    (folder / "junk.ipynb").write_text("{", encoding="utf-8")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 제목")]), folder / "bare.ipynb")
    with pytest.raises(InputError, match="노트북이 아닙니다"):
        cases.case("junk")
    with pytest.raises(UsageError, match="`parameters` 꼬리표"):
        cases.case("bare")


def test_the_hash_of_a_case_ignores_outputs_and_ids_and_sees_text_and_tags():
    one = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    same = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("x = 1\n", execution_count=7, outputs=[nbformat.v4.new_output("stream", text="1")])]
    )
    tagged = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["needs"]})])
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 2")])
    assert cases.cells_hash(one) == cases.cells_hash(same)
    assert len({cases.cells_hash(notebook) for notebook in (one, tagged, other)}) == 3
