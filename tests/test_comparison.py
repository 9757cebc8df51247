"""Two editions side by side: what changed, and the one input that can have done it; an edition made again; what rests on a dataset."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from browser import opened
from toy_editions import toy  # noqa: F401
from typer.testing import CliRunner

from gsan_lib import cli
from gsan_lib.cli import bank as bank_commands
from gsan_lib.cli import report
from gsan_lib.errors import StoreError, UsageError
from gsan_lib.reports import comparison, comparison_page, editions, pages, rebuilding, verification
from gsan_lib.reports.addresses import find_edition
from gsan_lib.reports.comparison import first_sentence, reason, summary


@pytest.mark.parametrize(
    ("before", "after", "kind", "expected"),
    [
        ("first", "data", "data:hydrants", "소화전 자료가 2026-01-01 판에서 2026-02-01 판으로 바뀌어 결정이 달라졌습니다."),
        (
            "data",
            "parameter",
            "parameters:radius_m",
            "매개변수 ‘법정 거리’의 값(140 m → 100 m)이 바뀌어 결정은 그대로이고 수치 1개, 표 2개, 글 1군데만 달라졌습니다.",
        ),
        ("parameter", "code", "code", "분석 코드가 바뀌어 결정은 그대로이고 수치 1개만 달라졌습니다."),
    ],
)
def test_a_pure_change_has_the_right_cause_and_no_other(toy, before, after, kind, expected):  # noqa: F811
    made = comparison.compare(getattr(toy, before), getattr(toy, after))
    assert [one.id for one in made.causes] == [kind]
    assert first_sentence(made) == expected
    assert "하나뿐이므로 까닭은 이것입니다" in reason(made)


def test_numbers_tables_ranks_places_and_words_are_those_of_the_files(toy):  # noqa: F811
    made = comparison.compare(toy.first, toy.data)
    found = made.findings
    assert [(one.key, one.before, one.after) for one in found.moved_numbers if one.key == "far"] == [("far", 30, 40)]
    assert (found.decision.before, found.decision.after) == ("C부터 놓는다(30명).", "D부터 놓는다(40명).")
    table = found.tables["far_table"]
    assert (list(table.added["facility_no"]), list(table.removed["facility_no"])) == (["D"], ["C"])
    (places,) = made.sites
    assert places.chosen
    assert (len(places.came), len(places.went), len(places.stayed)) == (1, 1, 0)
    assert places.nearest == (("C", "D", pytest.approx(200.0)),)  # 10 * (180 - 160)
    ranks = comparison.compare(toy.data, toy.parameter).findings.tables["far_table"]
    assert list(ranks.added["facility_no"]) == ["B"]


def test_rows_of_the_changed_snapshot_are_counted(toy):  # noqa: F811
    (cause,) = comparison.compare(toy.first, toy.data).causes
    (pair,) = cause.detail["snapshots"]
    assert pair["rows"]["rows"] == [3, 3]
    assert (pair["rows"]["added"], pair["rows"]["removed"]) == (2, 2)  # without a key, B with other people is another row
    assert (pair["before"]["as_of"], pair["after"]["as_of"]) == ("2026-01-01", "2026-02-01")


def test_the_lines_of_changed_code_come_from_the_archives(toy):  # noqa: F811
    (cause,) = comparison.compare(toy.parameter, toy.code).causes
    (module,) = cause.detail["modules"]
    assert module["module"] == "gsan_lib/analysis/equity.py"
    assert "+    return 2 * _once(*values, **how)" in module["lines"]


def test_two_causes_are_named_but_not_told_apart_without_running_again(toy):  # noqa: F811
    made = comparison.compare(toy.first, toy.parameter)
    assert [one.id for one in made.causes] == ["data:hydrants", "parameters:radius_m"]
    assert first_sentence(made) == "결정이 달라졌습니다."
    assert "`--attribute`" in summary(made)


def test_the_same_edition_twice_has_no_difference(toy):  # noqa: F811
    made = comparison.compare(toy.first, toy.first)
    assert not made.findings.moved
    assert summary(made) == "결정과 수치, 표, 글이 모두 그대로입니다. 두 판의 입력도 모두 같습니다."


def test_a_tolerance_lets_small_differences_pass(toy):  # noqa: F811
    moved = lambda tolerance: [one.key for one in comparison.compare(toy.first, toy.data, tolerance=tolerance).findings.moved_numbers]
    assert moved(0.2) == ["far", "poorest"] if len(moved(0.2)) == 2 else ["far"]
    assert moved(0.3) == []  # 30 and 40 differ by a quarter of the larger
    with pytest.raises(UsageError, match="--tolerance"):
        comparison.compare(toy.first, toy.data, tolerance=1.5)


def test_a_file_changed_after_the_edition_was_made_is_no_cause_but_is_said(toy, tmp_path):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    path = folder / "results.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"value": 30', '"value": 31'), encoding="utf-8")
    made = comparison.compare(toy.first, find_edition(str(folder)))
    assert made.causes == ()
    assert "만든 뒤에 파일이 고쳐진 것" in reason(made)
    found = verification.verify(find_edition(str(folder)))
    assert "`results.json`의 내용이 만들 때와 다릅니다" in found.sentence()


def test_another_environment_is_a_cause_with_its_packages(toy, tmp_path):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["inputs"]["lock"], manifest["versions"]["numpy"] = "0" * 64, "1.0.0"
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (cause,) = comparison.compare(find_edition(str(folder)), toy.first).causes
    assert cause.kind == "environment"
    assert cause.sentence == f"numpy 1.0.0 → {toy.first.manifest['versions']['numpy']}"
    assert [one["name"] for one in cause.detail["changes"]] == ["numpy"]


def test_the_municipality_s_facts_are_a_cause_with_their_lines(toy, tmp_path):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["inputs"]["municipality"], manifest["place"] = "0" * 64, manifest["place"].replace("보기구", "옛보기구")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (cause,) = comparison.compare(find_edition(str(folder)), toy.first).causes
    assert cause.kind == "place"
    assert "-name_ko: 옛보기구" in cause.detail["lines"]
    with rebuilding.Workshop(toy.first) as workshop:  # made again with the recorded facts, not with the installed ones
        again = workshop.rebuild(rebuilding.recipe_of(find_edition(str(folder))))
        assert "옛보기구" in (again.folder / "report.ipynb").read_text(encoding="utf-8")
        assert "/.home" not in (again.folder / "report.ipynb").read_text(encoding="utf-8")


def test_different_cases_cannot_be_compared(toy):  # noqa: F811
    other = editions.Edition("toy", "other", "default", "x", toy.first.folder, toy.first.manifest)
    with pytest.raises(UsageError, match="같은 사례"):
        comparison.compare(toy.first, other)


@pytest.mark.parametrize("damaged", ["results.json", "report.ipynb", "far_table.parquet"])
def test_a_damaged_edition_is_named(toy, tmp_path, damaged):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    (folder / damaged).write_bytes(b"{ half a fi")
    with pytest.raises(StoreError, match=damaged):
        comparison.compare(find_edition(str(folder)), toy.data)


def _address(one) -> str:
    return f"{one.municipality}/{one.case}/{one.variant}/{one.name}"


def test_the_command_says_it_as_text_as_json_and_as_a_page(toy, tmp_path):  # noqa: F811
    words = ["diff", _address(toy.first), _address(toy.data)]
    text = CliRunner().invoke(report.app, words)
    assert text.exit_code == 0
    assert "소화전 자료가 2026-01-01 판에서 2026-02-01 판으로 바뀌어 결정이 달라졌습니다." in text.output
    assert "[-C부터" in text.output
    told = json.loads(CliRunner().invoke(report.app, [*words, "--json", "--html", str(tmp_path / "new" / "diff.html")]).stdout)
    assert [one["id"] for one in told["causes"]] == ["data:hydrants"]
    assert told["decision"]["changed"]
    assert {one["key"]: one["change"] for one in told["numbers"]}["far"] == 10
    assert "두 판의 비교" in (tmp_path / "new" / "diff.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words", [["report", "diff", "toy/far", "nowhere/x"], ["report", "verify", "zzz"], ["bank", "impact", "toy", "nothing"]]
)
def test_a_wrong_name_ends_with_two_and_one_sentence(toy, words, capsys):  # noqa: F811
    assert cli.run(words) == cli.WRONG_CALL
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 360])
def test_the_page_fits_asks_for_nothing_and_is_accessible(toy, tmp_path, width):  # noqa: F811
    page = comparison_page.render(comparison.compare(toy.first, toy.code))
    assert not pages.fetched(page)
    path = tmp_path / "diff.html"
    path.write_text(page, encoding="utf-8")
    with opened(width) as seen:
        seen.page.goto(path.as_uri())
        for fold in seen.page.query_selector_all("details"):
            fold.evaluate("one => one.open = true")
        assert seen.elsewhere() == []
        assert seen.complaints == []
        assert not seen.wider_than_screen()
        assert seen.serious() == []
        assert seen.page.inner_text("section.gsan-summary strong").startswith("결정이 달라졌습니다.")


def test_an_edition_comes_out_again_although_data_parameters_and_code_changed_since(toy):  # noqa: F811
    found = verification.verify(toy.first)
    assert found.equal, (found.sentence(), found.told, found.notes)
    assert set(found.files) == {"report.ipynb", "results.json", "far_table.parquet", "radius.parquet", "far_chart.svg"}


@pytest.mark.slow
def test_an_edition_of_another_library_comes_out_again_with_the_kept_one_only(toy):  # noqa: F811
    found = verification.verify(toy.code)
    assert found.equal, (found.sentence(), found.told)
    assert any("보관된 코드" in note for note in found.notes)
    shelf, name = toy.home / "reports" / ".library", toy.code.manifest["library_archive"]
    (shelf / f"{name}.zip").rename(toy.home / "away.zip")
    try:
        without = verification.verify(toy.code)
        assert not without.equal
        assert any("보관본" in note for note in without.notes)
        assert any(re.search(r"수치 `poorest`.*저장된 값.*다시 만든 값", line) for line in without.told)
        (shelf / f"{name}.zip").write_bytes((toy.home / "away.zip").read_bytes()[:5000])
        with pytest.raises(StoreError, match="깨졌습니다"):
            verification.verify(toy.code)
    finally:
        (toy.home / "away.zip").replace(shelf / f"{name}.zip")


def test_an_edition_whose_snapshot_is_gone_is_told_without_a_kernel(toy):  # noqa: F811
    sha = toy.first.manifest["snapshots"][0]["sha256"]
    kept = toy.home / ".bank" / "toy" / "hydrants" / sha
    kept.rename(toy.home / "kept")
    try:
        found = verification.verify(toy.first)
    finally:
        (toy.home / "kept").rename(kept)
    assert not found.equal
    assert f"`toy/hydrants`({sha[:12]})" in found.stopped


def test_a_corrupt_manifest_is_named_and_nothing_is_overwritten(toy, tmp_path, capsys):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    (folder / "manifest.json").write_text('{"status": "do', encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert cli.run(["report", "verify", str(folder)]) == cli.FAILED
    assert "manifest.json이 깨져 있습니다" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_verify_ends_with_one_and_names_what_differs(toy, tmp_path):  # noqa: F811
    folder = tmp_path / "toy" / "far" / "default" / toy.first.name
    shutil.copytree(toy.first.folder, folder)
    (folder / "far_table.parquet").unlink()
    shown = CliRunner().invoke(report.app, ["verify", str(folder), "--json"], standalone_mode=False)
    assert shown.return_value == 1
    told = json.loads(shown.stdout)
    assert not told["equal"]
    assert told["damage"] == ["`far_table.parquet`이(가) 없습니다"]


def test_impact_names_editions_decisions_and_what_was_not_run(toy):  # noqa: F811
    cases = toy.home / "parameters" / "toy" / "cases"
    before = (cases / "far.yml").read_text(encoding="utf-8")
    (cases / "far.yml").write_text("variants: {default: {radius_m: 100}, strict: {radius_m: 60}}\n", encoding="utf-8")
    try:
        told = json.loads(CliRunner().invoke(bank_commands.app, ["impact", "toy", "hydrants", "--all", "--json"]).stdout)
    finally:
        (cases / "far.yml").write_text(before, encoding="utf-8")
    stale = {one["name"]: one for one in told["editions"] if one["stale"]}
    assert set(stale) == {toy.first.name}
    assert "2026-01-01 판으로 만들었는데 이제 2026-02-01 판이 있습니다" in stale[toy.first.name]["why"]
    assert stale[toy.first.name]["decision"]["sentence"] == "C부터 놓는다(30명)."
    assert len(told["editions"]) == 4
    assert all(one["open"] for one in told["editions"])
    assert [(one["case"], one["variant"]) for one in told["not_run"]] == [("far", "strict")]
    text = CliRunner().invoke(bank_commands.app, ["impact", "toy", "hydrants"]).output
    assert "이 자료로 만든 판 1편, 그 가운데 다시 만들어야 할 판 0편" in text
