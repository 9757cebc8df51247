"""Causes told apart by making the report again with one input exchanged at a time."""

from __future__ import annotations

import json
import shutil

import pytest
import toys
from toy_editions import FIRST, NEEDS, RESULTS, put, run, toy  # noqa: F401
from typer.testing import CliRunner

from gsan_lib.cli import report
from gsan_lib.errors import StoreError
from gsan_lib.reports import attribution, comparison, comparison_page, rebuilding
from gsan_lib.reports.attribution import share, subsets
from gsan_lib.reports.comparison import first_sentence, share_rows


@pytest.mark.slow
def test_two_simultaneous_causes_are_both_named_with_their_shares(toy):  # noqa: F811
    made = comparison.compare(toy.first, toy.parameter, attribute=True)
    told = made.attribution
    assert {one.factor.id for one in told.effects if one.real} == {"data:hydrants", "parameters:radius_m"}
    effects = {one.factor.id: one for one in told.effects}
    far = {id: one.shares["far"] for id, one in effects.items()}
    # by hand: 30 (January, 140 m), 40 (February, 140 m), 50 (January, 100 m), 65 (February, 100 m)
    assert far["data:hydrants"] == {"alone": 10, "without": 15, "share": 12.5}
    assert far["parameters:radius_m"] == {"alone": 20, "without": 25, "share": 22.5}
    assert told.interaction == {"far": 5}
    assert told.rest == {}
    assert told.explained
    assert (effects["data:hydrants"].does["decision"], effects["parameters:radius_m"].does["decision"]) == (True, False)
    assert first_sentence(made) == "소화전 자료가 2026-01-01 판에서 2026-02-01 판으로 바뀌어 결정이 달라졌습니다."
    heads, rows = share_rows(made)
    assert heads == ["수치", "바뀐 크기", "데이터(소화전)", "매개변수(법정 거리)", "함께여야 나타나는 몫"]
    assert rows[0] == ["먼 주민", "+35명 (+116.7%)", "+12.5명 (36%)", "+22.5명 (64%)", "+5명"]
    assert "함께여야 나타나는 몫" in comparison_page.render(made)


@pytest.mark.slow
def test_data_and_code_at_once_are_told_apart_through_the_kept_library(toy):  # noqa: F811
    shown = CliRunner().invoke(
        report.app, ["diff", str(toy.first.folder), str(toy.code.folder), "--attribute", "--json"], standalone_mode=False
    )
    told = json.loads(shown.stdout)
    assert {one["id"] for one in told["attribution"]["causes"] if one["real"]} == {"data:hydrants", "parameters:radius_m", "code"}
    by_id = {one["id"]: one for one in told["attribution"]["causes"]}
    assert by_id["code"]["does"]["numbers"] == ["poorest"]
    assert not by_id["code"]["does"]["decision"]
    assert by_id["parameters:radius_m"]["does"]["numbers"] == ["far"]
    for key in ("far", "poorest"):
        change = next(one["change"] for one in told["numbers"] if one["key"] == key)
        assert sum(one["numbers"][key]["share"] for one in by_id.values()) == pytest.approx(change)
    assert told["attribution"]["explained"]
    assert told["attribution"]["runs"] == 8


@pytest.mark.slow
def test_code_that_was_not_kept_is_left_over_and_said(toy):  # noqa: F811
    shelf, name = toy.home / "reports" / ".library", toy.code.manifest["library_archive"]
    (shelf / f"{name}.zip").rename(toy.home / "away.zip")
    try:
        told = comparison.compare(toy.parameter, toy.code, attribute=True).attribution
    finally:
        (toy.home / "away.zip").rename(shelf / f"{name}.zip")
    assert told.effects == ()
    assert not told.explained
    assert set(told.rest) == {"poorest"}
    assert any("보관본" in note for note in told.notes)
    assert any("코드의 몫을 따로 재지 못했습니다" in note for note in told.notes)
    assert "위의 원인으로 설명되지 않습니다" in attribution.rest_sentence(told)


@pytest.mark.slow
def test_a_notebook_and_a_parameter_that_only_work_together_are_told_as_such(tmp_path, monkeypatch):
    home = toys.make_home(tmp_path / "home")
    for name, value in toys.environment(home).items():
        monkeypatch.setenv(name, value)
    shutil.rmtree(home / ".bank")
    put(home, FIRST, "2026-01-01")
    toys.write_case(home, "far", results=RESULTS, needs=NEEDS)
    first = run(home)
    farther = RESULTS.replace('hydrants["away_m"] > p.radius_m', 'hydrants["away_m"] * p.detour > p.radius_m')
    parameters = toys.PARAMETERS + "\ndetour: float = 1.0  # 우회 계수, 배, 1..2"
    toys.write_case(home, "far", results=farther, needs=NEEDS, parameters=parameters)
    (home / "parameters" / "toy" / "cases" / "far.yml").write_text("variants: {default: {detour: 1.3}}\n", encoding="utf-8")
    made = comparison.compare(first, run(home), attribute=True)
    assert [one.id for one in made.causes] == ["parameters:detour", "notebook"]
    assert any("+detour: float = 1.0" in line for cell in made.causes[1].detail["cells"] for line in cell["lines"])
    effects = {one.factor.id: one for one in made.attribution.effects}
    # the parameter is nothing to the old notebook, and 1.0 changes nothing in the new one: 160 m alone, then 120 * 1.3 m too
    assert {id: one.shares["far"] for id, one in effects.items()} == {
        "parameters:detour": {"alone": 0, "without": 20, "share": 10},
        "notebook": {"alone": 0, "without": 20, "share": 10},
    }
    assert made.attribution.interaction == {"far": 20}
    assert effects["parameters:detour"].sentence().startswith("혼자서는 아무것도 바꾸지 않습니다.")
    assert made.attribution.explained


def test_an_environment_that_cannot_be_built_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="그때의 환경을 만들지 못했습니다"):
        rebuilding._venv(tmp_path / "env", "no requirement at all ===\n")
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_shares_add_up_to_the_whole_change_whatever_the_interactions(names):
    worth = {one: float(sum(ord(name) for name in one) ** 1.5 + 7 * len(one) ** 3) for one in subsets(names)}
    total = worth[frozenset(names)] - worth[frozenset()]
    assert sum(share(name, names, worth.get) for name in names) == pytest.approx(total)


def test_four_causes_need_two_runs_each_and_no_more():
    assert len(subsets("abcd")) == 2 + 2 * 4
