"""The report runner: editions whole or not at all, failures kept apart, nothing run twice, the same bytes every time."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import toys
from typer.testing import CliRunner

from gsan_lib.cli import report
from gsan_lib.errors import CaseError, StoreError, UsageError
from gsan_lib.reports import editions, runs, work
from gsan_lib.reports.cases import case
from gsan_lib.reports.needs import lacking


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    """A home where a good case, one that stops and one that reads what it does not name were run: three kernels for many tests."""
    home = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toys.environment(home).items():
            patch.setenv(name, value)
        toys.make_home(home)
        toys.write_case(home, "good")
        toys.write_case(home, "stops", results='far = hydrants["wrong_column"]')
        toys.write_case(home, "strays", needs="NEEDS = {}")
        result = runs.run("toy", jobs=2)
    return home, {one.planned.case.name: one for one in result.outcomes}, result


@pytest.fixture
def ran(run_once, monkeypatch):
    """That home as the current one: its folder, the outcomes by case, the run."""
    for name, value in toys.environment(run_once[0]).items():
        monkeypatch.setenv(name, value)
    return run_once


def test_an_edition_holds_the_report_the_results_and_every_table(ran):
    folder = ran[1]["good"].folder
    assert {path.name for path in folder.iterdir()} == {
        "report.ipynb",
        "report.html",
        "results.json",
        "manifest.json",
        "ro-crate-metadata.json",
        "far_table.parquet",
        "radius.parquet",
        "far_chart.svg",
    }
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (results["case"], results["municipality"], results["variant"], results["simulated"]) == ("good", "toy", "default", True)
    assert [(one["key"], one["value"], one["unit"]) for one in results["numbers"]] == [("far", 30, "명"), ("most", 20, "명")]
    assert results["decision"] == {"sentence": "B부터 놓는다(20명).", "stable": False, "would_change": ["거리"]}
    assert pd.read_parquet(folder / "far_table.parquet")["people"].tolist() == [20, 10]


def test_the_manifest_names_all_inputs_and_what_was_really_loaded(ran):
    edition = editions.Edition(
        "toy",
        "good",
        "default",
        "",
        ran[1]["good"].folder,
        json.loads((ran[1]["good"].folder / "manifest.json").read_text(encoding="utf-8")),
    )
    assert set(edition.manifest["inputs"]) == {"notebook", "parameters", "municipality", "snapshots", "library", "lock"}
    assert [one["id"] for one in edition.manifest["snapshots"]] == ["toy/hydrants"]
    assert edition.manifest["snapshots"][0]["sha256"] == edition.results()["data"][0]["sha256"]
    assert edition.folder.name.endswith(edition.key[:8])


def test_a_report_asks_for_nothing_from_outside(ran):
    page = (ran[1]["good"].folder / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href|action)=["'](?!data:|#)[^"']+""", page)
    assert not re.findall(r"url\((?!['\"]?(?:data:|#))", page)
    assert "@import" not in page


def test_a_report_holds_figure_table_twin_stamp_and_the_unstable_mark(ran):
    page = (ran[1]["good"].folder / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "불안정 (unstable)" in page
    assert "모의 데이터 · simulated data" in page
    assert re.search(r"<details><summary>같은 수를 표로 보기.*?<table>", page, re.S)
    assert (
        re.findall(r'class="gs gs-row">(.*?)</div></div></div>', page)[0].count("gs-value") == 2
    )  # key figures of a cell stand side by side


def test_the_stored_notebook_has_no_clock_and_no_folder_of_this_machine(ran):
    text = (ran[1]["good"].folder / "report.ipynb").read_text(encoding="utf-8")
    assert "start_time" not in text
    assert "duration" not in text
    assert str(ran[0]) not in text
    nbformat.validate(json.loads(text))


def test_a_failed_case_is_kept_apart_with_notebook_and_reason_and_the_others_go_on(ran):
    failed = ran[1]["stops"]
    assert ran[1]["good"].status == "done"
    assert (failed.status, ran[2].failed) == ("failed", True)
    assert re.search(r"`결과` 절의 5번째 코드 칸.*KeyError: 'wrong_column'", failed.reason)
    assert "\n" not in failed.reason
    assert failed.folder.name.startswith("failed-")
    assert "wrong_column" in (failed.folder / "report.ipynb").read_text(encoding="utf-8")
    assert json.loads((failed.folder / "manifest.json").read_text(encoding="utf-8"))["reason"] == failed.reason
    assert not (failed.folder / "report.html").exists()


def test_a_case_that_loads_what_it_does_not_name_fails(ran):
    assert "`NEEDS`에 없는 자료 `toy/hydrants`" in ran[1]["strays"].reason


def test_no_draft_is_left_and_failed_editions_are_not_among_the_editions(ran):
    assert not list((ran[0] / "reports").glob("*/*/*/.*"))
    assert [one.case for one in editions.find("toy")] == ["good"]
    assert sorted(one.case for one in editions.find("toy", failed=True)) == ["good", "stops", "strays"]


def test_a_second_run_changes_nothing_and_a_failed_case_is_tried_again(ran):
    planned = {one.case.name: one for one in runs.plan("toy")}
    assert (planned["good"].action, planned["stops"].action) == ("unchanged", "run")
    before = {path: path.stat().st_mtime_ns for path in (ran[0] / "reports").rglob("*")}
    shown = CliRunner().invoke(report.app, ["run", "toy", "good"])
    assert "변한 것이 없습니다" in shown.output
    assert {path: path.stat().st_mtime_ns for path in (ran[0] / "reports").rglob("*")} == before


def test_the_same_inputs_give_the_same_bytes(ran):
    (again,) = runs.run("toy", ["good"], force=True).outcomes
    assert (again.status, again.folder) == ("same", ran[1]["good"].folder)


def test_with_the_clock_held_page_manifest_and_crate_are_the_same_bytes_too(home, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000000")
    first = runs.run("toy").outcomes[0].folder
    kept = {path.name: path.read_bytes() for path in first.iterdir()}
    shutil.rmtree(home / "reports")
    second = runs.run("toy").outcomes[0].folder
    assert second == first
    assert {path.name: path.read_bytes() for path in second.iterdir()} == kept
    assert json.loads(kept["manifest.json"])["created_at"] == "2025-11-24T16:00:00+00:00"


@pytest.mark.parametrize("repeats", [True, False])
def test_a_forced_run_is_compared_with_the_report_from_the_same_inputs(ran, monkeypatch, repeats):
    first = ran[1]["good"].folder
    asked = json.loads((first / "manifest.json").read_text(encoding="utf-8"))["snapshots"]

    def copied(task, draft):
        for path in first.iterdir():
            (draft / path.name).write_bytes(path.read_bytes())
        if not repeats:
            (draft / "radius.parquet").write_bytes((first / "far_table.parquet").read_bytes())  # as if a clock had crept in
        lines = [json.dumps({**one, "request": request}) for one in asked for request in one["requests"]]
        (draft / ".loads").write_text("\n".join(lines), encoding="utf-8")
        return [json.loads(line) for line in lines], 0.0

    monkeypatch.setattr(work, "fill", copied)
    again = runs.run("toy", ["good"], force=True).outcomes[0]
    if repeats:
        assert (again.status, again.folder) == ("same", first)
    else:
        assert (again.status, again.folder.name) == ("done", f"{first.name}-2")
        assert "결과가 이전 판과 다릅니다" in again.reason
        shutil.rmtree(again.folder)


def test_one_changed_row_changes_number_figure_and_decision(home):
    first = runs.run("toy", ["good"]).outcomes[0].folder
    toys.put(home, "hydrants", pd.DataFrame({"facility_no": ["A", "B"], "people": [50, 20]}), as_of="2026-02-01")
    planned = runs.plan("toy", ["good"])[0]
    assert planned.why == "바뀐 것: 데이터(hydrants)"
    second = runs.run("toy", ["good"]).outcomes[0].folder
    before, after = (json.loads((folder / "results.json").read_text(encoding="utf-8")) for folder in (first, second))
    assert (before["numbers"][0]["value"], after["numbers"][0]["value"]) == (30, 70)
    assert (before["decision"]["sentence"], after["decision"]["sentence"]) == ("B부터 놓는다(20명).", "A부터 놓는다(50명).")
    assert (first / "far_chart.svg").read_bytes() != (second / "far_chart.svg").read_bytes()
    assert [one.folder for one in editions.newest("toy")] == [second]


def test_an_unknown_municipality_or_case_is_refused_with_the_known_ones(home):
    with pytest.raises(UsageError, match="`atlantis`.*toy"):
        runs.plan("atlantis")
    with pytest.raises(UsageError, match="`atlantis`.*good"):
        runs.plan("toy", ["atlantis"])


def test_all_parameter_problems_of_all_cases_come_at_once_before_a_kernel_starts(home, monkeypatch):
    toys.write_case(home, "other")
    cases = home / "parameters" / "toy" / "cases"
    (cases / "good.yml").write_text("variants:\n  default: {radius_m: 9000, radios: 1}\n  strict: {radius_m: '140'}\n", encoding="utf-8")
    (cases / "other.yml").write_text("variants:\n  default: {spread: guess}\n", encoding="utf-8")
    monkeypatch.setattr(runs, "_hand_out", lambda *_: pytest.fail("a kernel was started"))
    with pytest.raises(UsageError) as caught:
        runs.run("toy")
    for said in ("radios", "9000", "'140'", "guess", "good.yml", "other.yml"):
        assert said in str(caught.value)


def test_a_tab_in_a_parameter_file_is_one_sentence_with_its_line(home):
    (home / "parameters" / "toy" / "cases" / "good.yml").write_text("variants:\n\tdefault: {}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="2행이 탭으로 시작합니다") as caught:
        runs.run("toy")
    assert "\n" not in str(caught.value)


def test_a_parameter_file_without_a_case_is_refused(home):
    (home / "parameters" / "toy" / "cases" / "gone.yml").write_text("variants: {default: {}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"`gone\.yml`"):
        runs.plan("toy")


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ('{"libraries": ["geometry"]}', ("libraries", "", "뱅크에 없습니다")),
        ('{"hydrants": ["geometry"]}', ("hydrants", "geometry", "필드가 없습니다")),
        ('{"restrooms": ["open"]}', ("restrooms", "open", "모두 `N`")),
        ('{"restrooms": ["hours"]}', ("restrooms", "hours", "75% 비어")),
        ('{"hydrants": {"fields": ["people"], "editions": 2}}', ("hydrants", "", "판 2개가 필요합니다")),
        ('{"pharmacies": ["name"]}', ("pharmacies", "", "미공표")),
    ],
)
def test_a_case_that_lacks_data_is_not_runnable_and_names_dataset_and_field(home, needs, expected):
    toys.put(home, "restrooms", pd.DataFrame({"open": ["N"] * 4, "hours": ["09-18", None, "", None]}))
    toys.put(home, "pharmacies", pd.DataFrame({"name": ["가", "나"]}), published=False)
    toys.write_case(home, "lacks", needs=f"NEEDS = {needs}")
    (outcome,) = runs.run("toy", ["lacks"]).outcomes
    (lack,) = outcome.planned.lacks
    assert outcome.status == "not_runnable"
    assert (lack.dataset, lack.field) == expected[:2]
    assert expected[2] in lack.reason


def test_what_is_optional_or_may_be_constant_does_not_stop_a_case(home):
    toys.put(home, "restrooms", pd.DataFrame({"open": ["N"] * 4}))
    toys.write_case(
        home, "lenient", needs='NEEDS = {"fires": {"fields": ["cause"], "optional": True}, "restrooms": {"may_be_constant": ["open"]}}'
    )
    assert lacking("toy", case("lenient")) == []


def test_a_case_that_is_not_runnable_fails_only_where_it_was_asked_for_by_name(home):
    toys.write_case(home, "good", needs='NEEDS = {"libraries": ["geometry"]}')
    run = lambda *words: CliRunner().invoke(report.app, ["run", "toy", *words], standalone_mode=False)
    assert (run().return_value, run("good").return_value) == (0, 1)
    assert "libraries" in run().output


def test_a_grid_makes_a_variant_of_every_combination(home):
    (home / "parameters" / "toy" / "cases" / "good.yml").write_text(
        "grid: {radius_m: [100, 140], spread: [even, weighted]}\n", encoding="utf-8"
    )
    planned = {one.variant: one.values for one in runs.plan("toy")}
    assert len(planned) == 4
    assert planned["radius_m-100_spread-even"] == {"municipality": "toy", "radius_m": 100.0, "spread": "even"}


def test_a_dry_run_says_what_and_why_and_writes_nothing(home):
    shown = CliRunner().invoke(report.app, ["run", "toy", "--dry-run", "--json"])
    (one,) = json.loads(shown.stdout)
    assert (one["status"], one["reason"]) == ("planned", "아직 만든 적이 없습니다")
    assert not (home / "reports").exists()


def test_a_reports_folder_that_cannot_be_written_is_one_sentence_before_a_kernel_starts(home, monkeypatch):
    (home / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("GSAN_REPORTS", str(home / "file" / "reports"))
    monkeypatch.setattr(work, "fill", lambda *_: pytest.fail("a kernel was started"))
    with pytest.raises(StoreError, match="GSAN_REPORTS"):
        runs.run("toy")


@pytest.mark.parametrize("fails", [False, True])
def test_a_full_disk_leaves_nothing_half_written(home, monkeypatch, fails):
    def filled(task, draft):
        (draft / "results.json").write_text("{}", encoding="utf-8")
        if fails:
            raise CaseError("멈췄습니다")
        return [], 0.0

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(work, "fill", filled)
    monkeypatch.setattr(work, "_write", full)
    with pytest.raises(StoreError, match="디스크가 가득 찼습니다"):
        runs.run("toy")
    assert not list((home / "reports").glob("*/*/*/*"))
    assert not list((home / "reports").glob("*/*/*/.*"))


def test_the_draft_of_a_killed_run_is_swept_by_the_next_one(home):
    left = home / "reports" / "toy" / "good" / "default" / ".draft-aaaaaaaa"
    left.mkdir(parents=True)
    (left / "report.ipynb").write_text("half", encoding="utf-8")
    assert runs.run("toy").outcomes[0].status == "done"
    assert not left.exists()


def _kernels_of(home: Path) -> list[int]:
    """Processes that work in the toy home."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            mine = os.readlink(path).startswith(str(home / "reports"))
        except OSError:
            continue
        found += [int(path.parent.name)] if mine else []
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for kernels in /proc")
@pytest.mark.parametrize(("cases", "how"), [(1, signal.SIGINT), (2, signal.SIGINT), (2, signal.SIGKILL)])
def test_an_interrupted_run_ends_its_kernels_and_leaves_no_draft(home, cases, how):
    for name in ["good", "other"][:cases]:
        toys.write_case(home, name, results="import time\nprint('waiting')\ntime.sleep(600)")
    command = "import sys\nfrom gsan_lib.reports import runs\ntry:\n    runs.run('toy')\nexcept KeyboardInterrupt:\n    print('stopped', flush=True)\n    sys.exit(1)"
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **toys.environment(home)},
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(_kernels_of(home)) < cases and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(_kernels_of(home)) == cases, "not every kernel was started"
    time.sleep(0.5)
    process.send_signal(how)
    said, trouble = process.communicate(timeout=30)
    assert (process.returncode, said) == ((1, "stopped\n") if how == signal.SIGINT else (-signal.SIGKILL, ""))
    assert "Traceback" not in trouble
    until = time.monotonic() + 10
    drafts = lambda: list((home / "reports").glob("*/*/*/.*"))
    while (_kernels_of(home) or drafts()) and time.monotonic() < until:  # a worker that lost its master tidies up after itself
        time.sleep(0.1)
    assert not _kernels_of(home)
    assert not drafts()


def test_the_list_shows_finished_and_failed_editions(ran):
    shown = CliRunner().invoke(report.app, ["list", "toy", "--json"])
    assert {(one["case"], one["status"]) for one in json.loads(shown.stdout)} == {
        ("good", "done"),
        ("stops", "failed"),
        ("strays", "failed"),
    }


def test_an_edition_with_a_damaged_manifest_is_listed_as_damaged_and_does_not_count(home):
    folder = home / "reports" / "toy" / "good" / "default" / "2026-01-01-aaaaaaaa"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"status": ', encoding="utf-8")
    assert editions.find("toy") == []
    assert "손상" in CliRunner().invoke(report.app, ["list", "toy"]).output
    assert runs.plan("toy")[0].action == "run"
