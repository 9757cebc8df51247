"""Every edition's crate is valid under the profile that it claims, answers the questions of a reader, and is held against its folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rdflib
import toys
from conftest import ROOT
from offline_validator import OfflineValidator, contexts, no_network
from rocrate.rocrate import ROCrate
from rocrate_validator.models import Severity

from gsan_lib.errors import InputError
from gsan_lib.reports import crates, runs

Document = dict[str, Any]
PLACE = "name_ko: 보기구\nname_en: Example district\n"
LISTED = toys.PARAMETERS + '\nkinds: list[str] = ["초등학교", "특수학교"]  # 먼저 볼 종류\nstrict: bool = False  # 엄격하게'


def read(folder: Path, name: str = crates.NAME) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def put(folder: Path, content: Any, name: str = crates.NAME) -> None:
    (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def node(content: Document, id: str) -> Document:
    return next(one for one in content["@graph"] if one["@id"] == id)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders that real runs left: a finished case and one that stops."""
    home = tmp_path_factory.mktemp("crates")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toys.environment(home).items():
            patch.setenv(name, value)
        toys.make_home(home)
        toys.write_case(home, "good", parameters=LISTED)
        toys.write_case(home, "stops", results='far = hydrants["wrong_column"]')
        outcomes = runs.run("toy", jobs=2).outcomes
    return {one.planned.case.name: one.folder for one in outcomes if one.folder}


def remade(folder: Path, under: Path, /, **more: Any) -> Path:
    """A copy with a manifest that says more, and its crate."""
    copy = Path(shutil.copytree(folder, under / "edition"))
    manifest = read(copy, "manifest.json") | more
    put(copy, manifest, "manifest.json")
    crates.write(copy, manifest, read(copy, "results.json") if (copy / "results.json").exists() else {})
    return copy


@pytest.fixture
def edition(ran: dict[str, Path], tmp_path: Path) -> Path:
    """A finished edition, with everything in its manifest that a run can say."""
    more = {
        "started_at": "2026-11-25T08:00:00Z",
        "created_at": "2026-11-25T08:00:09+00:00",
        "environment": {"TZ": "Asia/Seoul"},
        "place": PLACE,
    }
    return remade(ran["good"], tmp_path, library_archive="e" * 64, **more)


@pytest.fixture(scope="session")
def validator(inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> OfflineValidator:
    return OfflineValidator(inbox / "standards", tmp_path_factory.mktemp("validator") / "cache")


@pytest.mark.parametrize("name", ["good", "stops"])
def test_a_run_leaves_a_crate_that_is_true(ran: dict[str, Path], name: str) -> None:
    assert crates.check(ran[name]) == []
    told = crates.ask(ran[name])
    assert (told.who, told.error is None) == ("보기구", name == "good")
    assert told.started is not None
    assert told.ended is not None
    assert told.started <= told.ended


# ---- the same bytes, cheaply


def test_the_same_manifest_gives_the_same_bytes_anywhere(edition: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(edition, tmp_path / "other folder" / "판"))
    code = "import json, sys; from pathlib import Path; from gsan_lib.reports import crates; f = Path(sys.argv[1]); crates.write(f, *(json.loads((f / n).read_text()) for n in ('manifest.json', 'results.json')))"
    env = os.environ | {"PYTHONHASHSEED": "7", "TZ": "America/New_York", "SOURCE_DATE_EPOCH": "1", "LC_ALL": "C", "PYTHONUTF8": "1"}
    (there / crates.NAME).unlink()
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=env, cwd=tmp_path)
    assert (there / crates.NAME).read_bytes() == (edition / crates.NAME).read_bytes()


def test_a_crate_tells_nothing_of_the_machine(edition: Path) -> None:
    text = (edition / crates.NAME).read_text(encoding="utf-8")
    for private in (str(Path.home()), str(edition), sys.prefix, os.uname().nodename):
        assert f"{private}/" not in text
        assert f'"{private}"' not in text
    assert "file://" not in text


def test_a_crate_costs_a_runner_less_than_60_ms(edition: Path) -> None:
    manifest, results, took = read(edition, "manifest.json"), read(edition, "results.json"), []
    for _ in range(9):
        begun = time.process_time()
        crates.write(edition, manifest, results)
        took.append(time.process_time() - begun)
    assert statistics.median(took) < 0.06


def test_the_command_line_does_not_wait_for_rocrate() -> None:
    code = "import sys; import gsan_lib.reports.crates; print('rocrate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "False"


# ---- valid under the standard


@pytest.mark.real
def test_a_finished_edition_is_a_workflow_run_crate(validator: OfflineValidator, edition: Path) -> None:
    assert validator.profile(edition) == "workflow-run-crate"
    result = validator(edition)
    assert result.passed(Severity.REQUIRED)
    assert not result.skipped_checks
    assert len(result.executed_checks) > 50
    inherited = {check.requirement.profile.token for check in result.executed_checks}
    assert inherited == {"workflow-run-crate", "process-run-crate", "workflow-ro-crate", "ro-crate"}


def test_the_network_is_really_closed() -> None:
    with no_network():
        for reach in (
            lambda: socket.create_connection(("127.0.0.1", 9)),
            lambda: socket.getaddrinfo("w3id.org", 443),
            lambda: socket.socket().connect(("127.0.0.1", 9)),
        ):
            with pytest.raises(AssertionError, match="network"):
                reach()


@pytest.mark.real
def test_a_context_that_cannot_be_read_is_no_empty_pass(validator: OfflineValidator, edition: Path) -> None:
    content = read(edition)
    content["@context"][1] = "https://w3id.org/ro/terms/nowhere"
    put(edition, content)
    result = validator(edition)
    assert not result.passed(Severity.REQUIRED)
    assert len(result.skipped_checks) > len(result.executed_checks)
    assert any("Unable to retrieve" in issue.message for issue in result.get_issues(Severity.REQUIRED))


@pytest.mark.real
def test_of_the_recommendations_only_what_gsan_cannot_know_is_left_out(validator: OfflineValidator, edition: Path) -> None:
    """No address of an organisation and no README are invented; snapshots lie in the bank; 5.1 looks at the vocabulary's own classes, not at the crate."""
    unmet = validator.problems(edition, Severity.RECOMMENDED)
    known = (
        "The organization SHOULD have a URL",
        "The README.md SHOULD",
        "uses scheme 'arcp'",
        "The SoftwareApplication id SHOULD be an absolute URI",
    )
    assert [message for message in unmet if not any(each in message for each in known)] == []


@pytest.mark.real
def test_a_failed_run_is_told_as_failed_with_its_reason(validator: OfflineValidator, ran: dict[str, Path], tmp_path: Path) -> None:
    folder = remade(ran["stops"], tmp_path)
    assert validator.profile(folder) == "workflow-run-crate"
    assert validator.problems(folder) == []
    run = node(read(folder), "#run")
    assert run["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert "wrong_column" in run["error"]
    assert str(Path.home()) not in run["error"]
    assert "wrong_column" in (crates.ask(folder).error or "")
    assert crates.check(folder) == []


@pytest.mark.real
def test_a_run_without_a_notebook_claims_only_a_process(validator: OfflineValidator, ran: dict[str, Path], tmp_path: Path) -> None:
    folder = remade(ran["stops"], tmp_path)
    (folder / "report.ipynb").unlink()
    crates.write(folder, read(folder, "manifest.json"), {})
    assert validator.profile(folder) == "process-run-crate"
    assert validator.problems(folder) == []
    assert crates.ask(folder).what == "gsan"
    assert crates.check(folder) == []


@pytest.mark.real
def test_names_in_korean_and_with_spaces_are_valid(validator: OfflineValidator, edition: Path) -> None:
    names = ["동별 주민 #1.parquet", "100% 지도.svg", "a b+c.png"]
    for name in names:
        (edition / name).write_bytes(b"x")
    crates.write(edition, read(edition, "manifest.json"), read(edition, "results.json"))
    assert "%EB%8F%99%EB%B3%84%20%EC%A3%BC%EB%AF%BC%20%231.parquet" in {one["@id"] for one in read(edition)["@graph"]}
    assert validator.problems(edition) == []
    assert crates.check(edition) == []
    assert set(names) < set(crates.ask(edition).outputs)


def without(id: str, key: str) -> Callable[[Document], None]:
    return lambda content: node(content, id).pop(key)


def changed(id: str, key: str, value: Any) -> Callable[[Document], None]:
    return lambda content: node(content, id).update({key: value})


def gone(id: str) -> Callable[[Document], None]:
    return lambda content: content["@graph"].remove(node(content, id))


DAMAGES = {
    "no profile": (without("./", "conformsTo"), "versioned permalink"),
    "no instrument": (without("#run", "instrument"), "MUST have an instrument"),
    "an instrument that is not there": (changed("#run", "instrument", {"@id": "gone.ipynb"}), "MUST have an instrument"),
    "no licence": (without("./", "license"), "license"),
    "no date": (without("./", "datePublished"), "datePublished"),
    "a date that is none": (changed("./", "datePublished", "어제"), "datePublished"),
    "no name": (without("./", "name"), "`name`"),
    "no main notebook": (without("./", "mainEntity"), "mainEntity"),
    "no language": (without("report.ipynb", "programmingLanguage"), "programmingLanguage"),
    "not a workflow": (changed("report.ipynb", "@type", "File"), "Main Workflow must have types"),
    "no run": (gone("#run"), "MUST reference the root data entity's mainEntity"),
    "an input that is not there": (gone("#dataset/hydrants"), "MUST point to FormalParameter"),
    "a parameter without a type": (without("#parameter/radius_m", "additionalType"), "additionalType"),
    "a parameter without its value": (gone("#parameter/radius_m/value"), "workExample"),
    "a file of no folder": (changed("./", "hasPart", {"@id": "report.ipynb"}), "RootDataEntity"),
    "no descriptor": (gone(crates.NAME), "ro-crate-metadata.json"),
    "an entity without a type": (without("results.json", "@type"), "@type"),
    "a word of no vocabulary": (changed("#run", "누가", "모름"), "누가"),
    "an entity in an entity": (changed("#run", "agent", {"@id": "#toy", "name": "보기구"}), "flattened"),
    "no context": (lambda content: content.pop("@context"), "context"),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_crate_fails(validator: OfflineValidator, edition: Path, damage: str) -> None:
    spoil, words = DAMAGES[damage]
    content = read(edition)
    spoil(content)
    put(edition, content)
    problems = validator.problems(edition, profile="workflow-run-crate")
    assert any(words in problem for problem in problems), problems


@pytest.mark.real
def test_an_input_or_output_that_is_not_there_is_noticed(validator: OfflineValidator, edition: Path) -> None:
    """The profile only recommends that what a run read and wrote is described; gsan requires it."""
    content = read(edition)
    node(content, "#run")["object"].append({"@id": "arcp://name,gsan/toy/gone/00/"})
    node(content, "#run")["result"].append({"@id": "gone.parquet"})
    put(edition, content)
    unmet = validator.problems(edition, Severity.RECOMMENDED)
    assert sum("object and result SHOULD point to entities" in problem for problem in unmet) == 2
    told = [problem for problem in crates.check(edition) if "가리키는" in problem]
    assert len(told) == 2
    assert "`gone.parquet`" in told[1]


@pytest.mark.real
def test_a_crate_without_its_notebook_or_a_table_fails(validator: OfflineValidator, edition: Path) -> None:
    (edition / "far_table.parquet").unlink()
    assert any("far_table.parquet" in problem for problem in validator.problems(edition))
    (edition / "report.ipynb").unlink()
    assert any("report.ipynb not found" in problem for problem in validator.problems(edition))


# ---- questions


@pytest.fixture
def asked(inbox: Path, edition: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """SPARQL over an edition's JSON-LD, with the contexts from files."""
    content = read(edition) | {"@context": contexts(inbox / "standards")}
    graph = rdflib.Graph().parse(data=json.dumps(content), format="json-ld", base="https://example.org/edition/")
    prefixes = "PREFIX s: <http://schema.org/> PREFIX w: <https://w3id.org/ro/terms/workflow-run#> PREFIX dct: <http://purl.org/dc/terms/> "
    return lambda query: [tuple(each.toPython() if each is not None else None for each in row) for row in graph.query(prefixes + query)]


@pytest.mark.real
def test_sparql_answers_who_ran_what_and_when(asked: Callable[[str], list[tuple[Any, ...]]], edition: Path) -> None:
    rows = asked("""SELECT ?who ?what ?case ?version ?from ?to ?status WHERE { ?run a s:CreateAction; s:agent/s:name ?who; s:instrument ?notebook;
        s:startTime ?from; s:endTime ?to; s:actionStatus ?status . ?notebook s:name ?what; s:identifier ?case; s:version ?version }""")
    manifest = read(edition, "manifest.json")
    assert [tuple(map(str, row)) for row in rows] == [
        ("보기구", manifest["title_ko"], "good", manifest["inputs"]["notebook"], "2026-11-25T08:00:00+00:00", "2026-11-25T08:00:09+00:00", crates.DONE)
    ]  # fmt: skip


@pytest.mark.real
def test_sparql_answers_with_which_inputs_of_which_day_publisher_and_licence(
    asked: Callable[[str], list[tuple[Any, ...]]], edition: Path
) -> None:
    rows = asked("""SELECT ?id ?sha ?asof ?known ?publisher ?licence ?needed WHERE { ?run s:object ?data . ?data a s:Dataset; s:identifier ?id; w:sha256 ?sha;
        s:temporalCoverage ?asof; s:dateCreated ?known; s:publisher/s:name ?publisher; s:license/s:name ?licence; s:exampleOfWork/s:name ?needed }""")
    (one,) = read(edition, "manifest.json")["snapshots"]
    assert [tuple(map(str, row)) for row in rows] == [(one["id"], one["sha256"], "2026-01-01", one["known_at"], "보기", "CC0", "hydrants")]
    stated = dict(asked("SELECT ?name ?sha WHERE { ?run s:object ?work . ?work a s:CreativeWork; s:name ?name; w:sha256 ?sha }"))
    inputs = read(edition, "manifest.json")["inputs"]
    assert stated == {"requirements.lock": inputs["lock"], "municipality.yml": inputs["municipality"]}


@pytest.mark.real
def test_sparql_answers_with_which_parameters(asked: Callable[[str], list[tuple[Any, ...]]], edition: Path) -> None:
    rows = asked("""SELECT ?name ?value ?type ?help ?unit WHERE { ?run s:object ?given . ?given a s:PropertyValue; s:name ?name; s:value ?value; s:exampleOfWork ?formal .
        ?formal s:additionalType ?type; s:description ?help . OPTIONAL { ?given s:unitText ?unit } }""")
    assert {row[0]: row[1:] for row in rows} == {
        "municipality": ("toy", "Text", "지자체", None), "radius_m": (140.0, "Float", "법정 거리", "m"), "spread": ("weighted", "Text", "인구 배분 방식", None),
        "kinds": ('["초등학교", "특수학교"]', "Text", "먼저 볼 종류", None), "strict": (False, "Boolean", "엄격하게", None),
    }  # fmt: skip
    assert crates.ask(edition).parameters == read(edition, "manifest.json")["parameters"]


@pytest.mark.real
def test_sparql_answers_what_came_out(asked: Callable[[str], list[tuple[Any, ...]]], edition: Path) -> None:
    rows = asked(
        "SELECT ?file ?sha ?size ?format ?name WHERE { ?run s:result ?file . ?file w:sha256 ?sha; s:contentSize ?size; s:encodingFormat ?format; s:name ?name }"
    )
    names = {path.name for path in edition.iterdir()} - {crates.NAME}
    assert {row[0].rsplit("/", 1)[1]: row[1] for row in rows} == {name: crates.sha256(edition / name) for name in names}
    assert {int(row[2]) for row in rows} == {(edition / name).stat().st_size for name in names}
    assert "소화전별 주민" in {row[4] for row in rows}


@pytest.mark.real
def test_sparql_answers_with_which_software_and_environment(asked: Callable[[str], list[tuple[Any, ...]]], edition: Path) -> None:
    rows = asked(
        "SELECT DISTINCT ?name ?version WHERE { ?run s:instrument/s:softwareRequirements+ ?app . ?app a s:SoftwareApplication; s:name ?name; s:softwareVersion ?version }"
    )
    manifest = read(edition, "manifest.json")
    assert {name.lower(): version for name, version in rows} == manifest["versions"]
    assert asked("SELECT ?sha WHERE { ?app s:name 'gsan'; w:sha256 ?sha }") == [("e" * 64,)]
    assert asked("SELECT ?name WHERE { ?run s:instrument/s:programmingLanguage/s:name ?name }") == [("Jupyter Notebook",)]
    assert asked("SELECT ?name ?value WHERE { ?run w:environment ?given . ?given s:name ?name; s:value ?value }") == [("TZ", "Asia/Seoul")]


@pytest.mark.real
def test_sparql_answers_under_which_licences(asked: Callable[[str], list[tuple[Any, ...]]]) -> None:
    rows = {
        (kind.rsplit("/", 1)[1], address) for kind, address in asked("SELECT ?kind ?licence WHERE { ?thing a ?kind; s:license ?licence }")
    }
    assert ("SoftwareApplication", "https://www.apache.org/licenses/LICENSE-2.0") in rows
    assert ("Dataset", "https://creativecommons.org/publicdomain/zero/1.0/") in rows
    assert (
        "Dataset",
        "https://example.org/edition/#terms",
    ) in rows
    assert asked("SELECT ?of WHERE { <https://example.org/edition/> s:license/s:isBasedOn/s:name ?of }") == [("CC0",)]


def test_the_library_answers_the_same_from_plain_json(edition: Path) -> None:
    told, manifest = crates.ask(edition), read(edition, "manifest.json")
    assert (told.who, told.what, told.started, told.ended, told.error) == (
        "보기구",
        manifest["title_ko"],
        "2026-11-25T08:00:00+00:00",
        "2026-11-25T08:00:09+00:00",
        None,
    )
    assert [(one.id, one.sha256, one.as_of) for one in told.inputs] == [("toy/hydrants", manifest["snapshots"][0]["sha256"], "2026-01-01")]
    assert told.licences["toy/hydrants"] == "CC0"
    assert told.licences["gsan"] == "Apache-2.0"
    assert told.environment == {"TZ": "Asia/Seoul"}
    assert {name.lower(): version for name, version in told.software.items()} == manifest["versions"]
    assert crates.WORKFLOW in told.profiles


def test_another_library_reads_the_crate(edition: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crate = ROCrate(edition)
    assert crate.mainEntity.id == "report.ipynb"
    assert crate.mainEntity["programmingLanguage"]["name"] == "Jupyter Notebook"
    assert [one["agent"]["name"] for one in crate.get_by_type("CreateAction")] == ["보기구"]
    assert {one.id for one in crate.get_by_type("File")} == {path.name for path in edition.iterdir()} - {crates.NAME}


def test_a_snapshot_that_the_bank_saw_twice_is_one_input_with_both_days(edition: Path) -> None:
    manifest = read(edition, "manifest.json")
    (one,) = manifest["snapshots"]
    first, again = one | {"requests": [{"as_of": "2026"}]}, one | {"as_of": "2026-06-01", "known_at": "2026-11-20T00:00:00Z"}
    manifest["snapshots"] = [first, again]
    put(edition, manifest, "manifest.json")
    crates.write(edition, manifest, read(edition, "results.json"))
    (told,) = crates.ask(edition).inputs
    assert told.as_of == "2026-01-01, 2026-06-01"
    assert crates.check(edition) == []
    (data,) = [each for each in read(edition)["@graph"] if each["@id"].startswith("arcp:")]
    assert "`as_of=2026`" in data["description"]


def test_no_person_is_invented(edition: Path) -> None:
    assert not [one for one in read(edition)["@graph"] if "Person" in one["@type"]]


def test_terms_that_are_not_confirmed_are_not_called_a_licence(edition: Path) -> None:
    results = read(edition, "results.json")
    results["data"][0]["licence"] = "공공데이터포털(data.go.kr) 개방 자료, 공공누리 유형은 확인되지 않음"
    crates.write(edition, read(edition, "manifest.json"), results)
    (data,) = [one for one in read(edition)["@graph"] if one["@id"].startswith("arcp:")]
    licence = node(read(edition), data["license"]["@id"])
    assert licence["name"].endswith("확인되지 않음")
    assert "url" not in licence


# ---- held against the folder


def test_an_edition_as_a_run_leaves_it_has_no_problems(edition: Path) -> None:
    assert crates.check(edition) == []


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a table is gone": (
        lambda folder: (folder / "far_table.parquet").unlink(),
        "`far_table.parquet`이(가) `ro-crate-metadata.json`에 적혀 있으나",
    ),
    "a table is another": (lambda folder: (folder / "far_table.parquet").write_bytes(b"PAR1"), "`far_table.parquet`의 지문이 다릅니다"),
    "the page is another": (lambda folder: (folder / "report.html").write_text("<p>"), "`report.html`의 지문이 다릅니다"),
    "the crate is gone": (lambda folder: (folder / crates.NAME).unlink(), "`ro-crate-metadata.json`이 없습니다"),
    "the crate is no JSON": (lambda folder: (folder / crates.NAME).write_text("{"), "읽지 못했습니다"),
    "the crate is no UTF-8": (lambda folder: (folder / crates.NAME).write_bytes(b"\xff"), "읽지 못했습니다"),
    "the crate is no graph": (lambda folder: put(folder, []), "`@graph`가 있어야 합니다"),
    "the manifest is no JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "`manifest.json`을 읽지 못했습니다"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_edition_is_told(edition: Path, spoilt: str) -> None:
    spoil, words = SPOILT[spoilt]
    spoil(edition)
    assert any(words in problem for problem in crates.check(edition)), crates.check(edition)


FALSE: dict[str, tuple[Callable[[Document], Any], str]] = {
    "a parameter": (changed("#parameter/radius_m/value", "value", 100.0), "`radius_m` 100.0/140.0"),
    "a time": (changed("#run", "endTime", "2025-01-01T00:00:00+00:00"), "끝난 때"),
    "a failure": (changed("#run", "error", "멈춤"), "끝맺음이"),
    "an input": (changed("#run", "object", {"@id": "#parameter/radius_m/value"}), "쓴 자료"),
    "a reference": (changed("#run", "agent", {"@id": "#nobody"}), "`#run`의 `agent`이(가) 가리키는 `#nobody`"),
    "a fingerprint": (without("report.html", "sha256"), "`report.html`의 지문(`sha256`)이"),
    "no run": (gone("#run"), "실행(`CreateAction`)"),
    "a path out of the folder": (changed("report.html", "@id", "../../report.html"), "판의 폴더 밖"),
}  # fmt: skip


@pytest.mark.parametrize("false", FALSE)
def test_a_crate_that_says_what_is_not_so_is_told(edition: Path, false: str) -> None:
    falsify, words = FALSE[false]
    content = read(edition)
    falsify(content)
    put(edition, content)
    assert any(words in problem for problem in crates.check(edition)), crates.check(edition)


def test_asking_an_edition_without_a_crate_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="판을 다시 만드십시오"):
        crates.ask(tmp_path)


# ---- the guide


def test_the_guide_says_what_works(ran: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GSAN_REPORTS", str(ran["good"].parents[3]))
    text = (ROOT / "docs" / "provenance.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/provenance.md", "exec"), {})
    said = capsys.readouterr().out
    assert "보기구" in said
    assert "toy/hydrants" in said
    assert "as of 2026-01-01" in said
    assert "arcp://name,gsan/toy/hydrants/" in (ran["good"] / crates.NAME).read_text(encoding="utf-8")
