"""The known-answer panel: published numbers come out of the installed code, and whatever does not is said openly."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import made_editions
import nbformat
import numpy as np
import pandas as pd
import pytest
import toys
from browser import opened
from conftest import ROOT, real_files

from gsan_lib import grids
from gsan_lib.analysis import access, backtest, catchments, equity, hotspots, inequality, rates, siting
from gsan_lib.errors import InputError, UsageError
from gsan_lib.reports import imports, known_answers, pages, runs, yardsticks
from gsan_lib.reports.answers import Answer, panel, without_answers

# as printed in the publications, written down here apart from assets/yardsticks/answers.yml
PUBLISHED = [
    ("analysis.access.nearest", "21.612140"),  # PySAL pointpats, 21.612139802089246
    ("analysis.access.two_step_floating_catchment", "195"),  # R accessibility, test-floating_catchment_area.R
    ("analysis.access.two_step_floating_catchment", "233"),
    ("analysis.access.two_step_floating_catchment", "372"),
    ("analysis.backtest.mase", "0.77"),  # Hyndman and Athanasopoulos 2013, section 2.5: seasonal naive
    ("analysis.backtest.mase", "4.35"),  # naive
    ("analysis.catchments.balanced", "0.1993"),  # R accessibility, the same test
    ("analysis.distances.between", "10164.495"),  # PySAL spopt, p-dispersion of 3 among 16
    ("analysis.equity.gini", "0.4620911"),  # R ineq
    ("analysis.hotspots.geary", "0.515440805865"),  # PySAL esda, 0.5154408058652411
    ("analysis.hotspots.getis_ord", "0.55709779"),
    ("analysis.hotspots.moran", "0.500188557"),  # R spdep, queen
    ("analysis.hotspots.moran", "0.523670213"),  # rook
    ("analysis.inequality.concentration_index", "-0.1694"),  # O'Donnell, van Doorslaer, Wagstaff and Lindelow 2008, chapter 8
    ("analysis.inequality.theil_by_group", "0.0345889"),  # PySAL inequality, theil.py
    ("analysis.rates.empirical_bayes", "2.36718950"),  # PySAL esda, 2.36718950e-05 a head
    ("analysis.rates.poisson_interval", "4.753125"),  # R poisson.test(137, 24.19893)
    ("analysis.rates.poisson_interval", "6.692709"),
    ("analysis.rates.rate_ratio", "4.2772659"),  # R poisson.test(c(11, 21), c(800, 3011))
    ("analysis.siting.lscp", "8"),  # PySAL spopt, San Francisco, 5 km
    ("analysis.siting.mclp", "875247"),
    ("analysis.siting.p_center", "7403.06"),
    ("analysis.siting.p_median", "2982.12686"),  # 2982.1268579890657
    ("grids.spread", "405579"),  # Ministry of the Interior and Safety, Gwangsan-gu, December 2020
]
PUBLISHED_IN_THE_FOLDER = [
    ("analysis.backtest.mase", "1.193"),  # M4 Hourly, seasonal naive
    ("analysis.backtest.smape", "13.912"),
    ("analysis.siting.mclp", "8790"),  # SJC324, p = 2, 800 m: counted out below
    ("analysis.siting.p_center", "127"),  # OR-Library pmed1
    ("analysis.siting.p_median", "5819"),
]
EVERY = sorted({method for method, _ in PUBLISHED + PUBLISHED_IN_THE_FOLDER})


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """No folder, and nothing solved before."""
    monkeypatch.delenv("GSAN_YARDSTICKS", raising=False)
    yardsticks._solved.cache_clear()
    yield
    yardsticks._solved.cache_clear()


def agreed(answers: list[Answer]) -> list[tuple[str, str]]:
    """Method and found number with as many decimals as were published."""
    return sorted((one.method, f"{one.found:.{one.digits}f}") for one in answers)


def test_the_installed_code_finds_every_published_number():
    answers = yardsticks.solve(EVERY)
    assert agreed(answers) == PUBLISHED
    assert all(one.ok and not one.complaint for one in answers)
    kept = json.loads(json.dumps([one.to_dict() for one in answers], ensure_ascii=False))
    assert [Answer.from_dict(one).to_dict() for one in kept] == kept


@pytest.mark.real
def test_the_folder_adds_its_problems_and_they_agree_too(monkeypatch):
    monkeypatch.setenv("GSAN_YARDSTICKS", str(real_files()))
    answers = yardsticks.solve(EVERY)
    assert agreed(answers) == sorted(PUBLISHED + PUBLISHED_IN_THE_FOLDER)
    assert all(one.ok for one in answers)


@pytest.mark.real
def test_the_data_that_come_along_are_those_that_were_published():
    folder = real_files()
    pairs = pd.read_csv(folder / "or_benchmarks/spopt_sf/SF_network_distance_candidateStore_16_censusTract_205_new.csv", dtype=str)
    costs, people = known_answers._san_francisco()
    theirs = pairs.astype({"distance": float}).pivot(index="DestinationName", columns="name", values="distance")
    assert theirs[costs.columns].loc[costs.index].to_numpy().tolist() == costs.to_numpy().tolist()
    tracts = pd.read_csv(folder / "or_benchmarks/spopt_sf/SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str})
    assert tracts.set_index("NAME")["POP2000"].to_dict() == people.to_dict()
    ours = pd.read_csv(known_answers.ASSETS / "belo_horizonte.csv", index_col="cell")
    land = pd.read_parquet(folder / "access_bho" / "land_use_data.parquet").set_index("id")
    assert (ours[["jobs", "population"]] == land.loc[ours.index, ["jobs", "population"]]).all(axis=None)
    ways = pd.read_parquet(folder / "access_bho" / "travel_matrix.parquet").set_axis(["origin", "cell", "minutes"], axis=1)
    for origin in ("89a88cdb57bffff", "89a88cdb597ffff"):
        near = ways[(ways["origin"] == origin) & (ways["minutes"] <= 45)].set_index("cell")["minutes"]
        assert ours[f"minutes_{origin}"].dropna().to_dict() == near.to_dict()


def test_the_answers_of_san_francisco_are_the_best_of_every_choice_of_stores():
    table = pd.read_csv(known_answers.ASSETS / "san_francisco.csv", index_col="tract")
    people, costs = table["population"].to_numpy(), table.filter(like="Store_").to_numpy()
    fours = np.array(list(combinations(range(16), 4)))
    way = costs[:, fours].min(axis=2)  # tracts x choices
    assert len(fours) == 1820
    assert int((people @ (way <= 5000)).max()) == 875_247
    assert int((way[:, (people @ (way <= 5000)).argmax()] > 5000).sum()) == 21  # as spopt's tests say
    assert round(float((people @ way).min()) / people.sum(), 5) == 2982.12686
    assert round(float(way.max(axis=0).min()), 2) == 7403.06
    near = costs <= 5000
    fewest = next(size for size in range(1, 17) if any(near[:, list(some)].any(axis=1).all() for some in combinations(range(16), size)))
    assert fewest == 8


@pytest.mark.real
def test_the_answer_of_sao_jose_is_the_best_of_every_pair_of_sites():
    folder = real_files() / "or_benchmarks" / "mclp_sjc"
    nodes, demand = np.loadtxt(folder / "SJC324.txt", skiprows=1), np.loadtxt(folder / "demand-SJC324.dat")
    near = np.hypot(*(nodes[:, None] - nodes[None]).transpose(2, 0, 1)) <= 800
    one = near @ demand
    both = (near * demand) @ near.T
    assert int((one[:, None] + one[None] - both).max()) == 8790


def test_every_table_that_comes_along_names_its_origin_and_terms():
    told = (known_answers.ASSETS / "README.md").read_text(encoding="utf-8")
    tables = [path.name for path in known_answers.ASSETS.glob("*.csv")]
    rows = {name: next(line for line in told.splitlines() if line.startswith(f"| `{name}`")) for name in tables}
    assert len(tables) == 4
    assert all(len([cell for cell in row.split("|") if cell.strip()]) == 4 for row in rows.values())


def test_every_number_has_an_author_and_both_languages():
    for one in known_answers.yardsticks():
        assert all(text for part in (one.name, one.problem, one.source) for text in (part["ko"], part["en"])), one
        assert re.search("[가-힣]", one.problem["ko"]), one
        assert not re.search("[가-힣]", one.problem["en"]), one
        assert re.search(r"\d{4}|행정안전부", one.source["ko"]), one


# what does not agree


def test_a_plan_that_is_not_the_best_is_seen_although_the_solver_claims_the_published_objective(monkeypatch):
    honest = siting.mclp

    def lying(od, demand, **options):
        plan = honest(od, demand, **options)
        other = tuple(site for site in plan.assignment.dropna().unique() if site in plan.sites)[:3] + ("Store_1",)
        return dataclasses.replace(plan, sites=other)

    monkeypatch.setattr(siting, "mclp", lying)
    (found,) = yardsticks.solve(["analysis.siting.mclp"])
    assert not found.ok
    assert found.found < found.expected == 875_247
    assert "875,247명" in found.complaint
    assert f"{found.found:,.0f}명" in found.complaint


def test_a_plan_with_a_site_too_many_is_no_answer(monkeypatch):
    honest = siting.p_median
    monkeypatch.setattr(siting, "p_median", lambda od, demand, p, **options: honest(od, demand, p=p + 1, **options))
    (found,) = yardsticks.solve(["analysis.siting.p_median"])
    assert (found.ok, found.found) == (False, None)
    assert "조건을 지키지 않았습니다" in found.complaint


def test_a_method_that_stops_is_named_and_the_others_are_still_solved(monkeypatch):
    def broken(*args, **options):
        raise ValueError("no such thing")

    monkeypatch.setattr(equity, "gini", broken)
    gini, nearest = yardsticks.solve(["analysis.equity.gini", "analysis.access.nearest"])
    assert nearest.ok
    assert not gini.ok
    assert "ValueError: no such thing" in gini.complaint


WRONG = {
    "analysis.access.nearest": (access, "nearest", lambda found: found.assign(distance_m=found["distance_m"] * 1.0001)),
    "analysis.access.two_step_floating_catchment": (access, "two_step_floating_catchment", lambda found: found * 1.02),
    "analysis.catchments.balanced": (catchments, "balanced", lambda found: dataclasses.replace(found, access=found.access * 1.001)),
    "analysis.inequality.concentration_index": (inequality, "concentration_index", lambda found: found * 1.001),
    "analysis.backtest.mase": (backtest, "mase", lambda found: found + 0.01),
    "analysis.equity.gini": (equity, "gini", lambda found: found + 1e-6),
    "analysis.hotspots.moran": (hotspots, "moran", lambda found: dataclasses.replace(found, value=found.value + 1e-8)),
    "analysis.hotspots.getis_ord": (hotspots, "getis_ord", lambda found: dataclasses.replace(found, value=found.value - 1e-7)),
    "analysis.rates.poisson_interval": (rates, "poisson_interval", lambda found: type(found)(*(one + 1e-5 for one in found))),
    "analysis.rates.empirical_bayes": (rates, "empirical_bayes", lambda found: found * 1.000001),
    "grids.spread": (grids, "spread", lambda found: dataclasses.replace(found, population=found.population * 0.99999)),
}


@pytest.mark.parametrize("method", WRONG)
def test_an_error_in_the_last_published_digit_is_seen(monkeypatch, method):
    module, name, spoil = WRONG[method]
    honest = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **options: spoil(honest(*args, **options)))
    assert [one.ok for one in yardsticks.solve([method])] == [False] * len([one for one, _ in PUBLISHED if one == method])


# the folder


def test_a_folder_that_is_not_there_is_a_wrong_call(monkeypatch, tmp_path):
    monkeypatch.setenv("GSAN_YARDSTICKS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="GSAN_YARDSTICKS.*none.*폴더가 없습니다"):
        yardsticks.solve(["analysis.equity.gini"])


def test_an_empty_folder_is_told_file_by_file_and_what_comes_along_is_solved(monkeypatch, tmp_path):
    monkeypatch.setenv("GSAN_YARDSTICKS", str(tmp_path))
    own, lacking = yardsticks.solve(["analysis.siting.mclp"])
    assert own.ok
    assert (lacking.ok, lacking.found) == (False, None)
    assert "or_benchmarks/mclp_sjc/SJC324.txt" in lacking.complaint
    assert "demand-SJC324.dat" in lacking.complaint


def test_a_spoilt_file_of_the_folder_is_no_answer(monkeypatch, tmp_path):
    (tmp_path / "or_benchmarks" / "pmed").mkdir(parents=True)
    (tmp_path / "or_benchmarks" / "pmed" / "pmed1.txt").write_text("100 200 5\n1 zwei 3\n")
    monkeypatch.setenv("GSAN_YARDSTICKS", str(tmp_path))
    own, spoilt = yardsticks.solve(["analysis.siting.p_median"])
    assert own.ok
    assert "ValueError" in spoilt.complaint


def test_without_a_folder_nothing_is_asked_of_the_network_and_no_file_is_written_at_home(tmp_path):
    guarded = (
        "import socket, sys\n"
        "def refuse(*args, **options): raise OSError('the network was asked')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from gsan_lib.reports import known_answers, yardsticks\n"
        "found = yardsticks.solve(sorted({one.key for one in known_answers.yardsticks()}))\n"
        "print(len(found), sum(one.ok for one in found))\n"
    )
    clean = {name: value for name, value in os.environ.items() if name != "GSAN_YARDSTICKS"} | {"HOME": str(tmp_path)}
    clean |= {"XDG_DATA_HOME": str(tmp_path / "data"), "MPLCONFIGDIR": str(tmp_path.parent)}
    done = subprocess.run([sys.executable, "-c", guarded], cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(len(PUBLISHED))] * 2, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # libpysal makes an empty folder when it is imported


# which, how often, and the same bytes


CASES = {
    "cctv_siting": {"analysis.siting.mclp", "analysis.access.nearest", "grids.spread"},
    "fire_water": {"analysis.siting.mclp", "analysis.access.nearest", "grids.spread"},
    "library_siting": {"analysis.siting.mclp", "analysis.siting.p_median", "analysis.access.nearest"},
    "park_access": {"analysis.access.two_step_floating_catchment", "analysis.equity.gini", "analysis.siting.mclp"},
    "ridership_forecast": {"analysis.backtest.mase", "analysis.backtest.smape"},
    "school_zones": {"analysis.access.nearest", "analysis.rates.poisson_interval", "analysis.rates.rate_ratio"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_checked_by_the_methods_that_it_calls(case):
    notebook = nbformat.read(ROOT / "notebooks" / "cases" / f"{case}.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    lines = re.findall(r"^from gsan_lib(\.analysis)? import (.+)$", code, re.MULTILINE)
    imported = [f"gsan_lib{package}.{name.strip()}" for package, names in lines for name in names.split(",")]
    methods = yardsticks.methods_of((), imported, code)
    assert CASES[case] <= set(methods)
    assert all(".".join(method.split(".")[-2:]) in code or method.startswith("analysis.backtest") for method in methods)


def test_modules_are_known_by_file_and_by_name():
    assert (
        yardsticks.methods_of(["gsan_lib/analysis/equity.py"])
        == yardsticks.methods_of(["gsan_lib.analysis.equity"])
        == ["analysis.equity.gini"]
    )
    assert yardsticks.methods_of({"gsan_lib/reports/findings.py": "0" * 64}) == []


def test_what_nobody_has_published_an_answer_of_is_named():
    assert without_answers(["gsan_lib/analysis/changes.py", "gsan_lib/analysis/siting.py"]) == ["두 판의 목록 비교"]


def test_the_page_of_a_report_knows_no_analysis_so_that_an_edit_of_one_leaves_the_other_reports_fresh():
    assert [
        module for module in imports.closure(["gsan_lib.reports.pages"]) if module.startswith(("gsan_lib.analysis", "gsan_lib.grids"))
    ] == []


def test_an_unknown_method_is_a_wrong_call():
    with pytest.raises(UsageError, match=r"analysis\.siting\.guess"):
        yardsticks.solve(["analysis.siting.guess"])


def test_a_batch_solves_each_method_once_and_a_second_process_would_write_the_same_bytes():
    first = yardsticks.solve(["analysis.siting.mclp", "analysis.hotspots.moran"])
    again = yardsticks.solve(["analysis.hotspots.moran", "analysis.siting.mclp"])
    assert {id(one) for one in first} == {id(one) for one in again}
    yardsticks._solved.cache_clear()
    known_answers._san_francisco.cache_clear()
    afresh = yardsticks.solve(["analysis.siting.mclp", "analysis.hotspots.moran"])
    assert json.dumps([one.to_dict() for one in afresh]) == json.dumps([one.to_dict() for one in first])


def test_an_answer_survives_the_manifest_and_its_verdict_is_judged_again():
    (gini,) = yardsticks.solve(["analysis.equity.gini"])
    kept = json.loads(json.dumps(gini.to_dict(), ensure_ascii=False))
    assert Answer.from_dict(kept).to_dict() == kept
    assert kept["ok"] is True
    assert not Answer.from_dict({**kept, "found": 0.47}).ok


@pytest.mark.parametrize("spoilt", [{}, {"method": "x", "name": 3}, "text", None])
def test_a_spoilt_manifest_is_named(spoilt):
    with pytest.raises(InputError, match="yardsticks"):
        panel({"yardsticks": [spoilt]})


# the panel


def manifest(*methods: str, **changed) -> dict:
    answers = [one.to_dict() for one in yardsticks.solve(methods)]
    answers = [{**one, **changed} if number == 0 else one for number, one in enumerate(answers)]
    return {"edition": "2026-11-25-1a2b3c4d", "created_at": "2026-11-25T08:00:00+00:00", "yardsticks": answers, "modules": {}}


def cells(html: str) -> list[list[str]]:
    """The texts of the rows of the panel's body."""
    rows = re.findall(r"<tr role=\"row\"[^>]*>(.*?)</tr>", html.partition("<tbody")[2], re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_the_panel_says_day_expected_found_verdict_and_source():
    html = panel(manifest("analysis.siting.mclp", "analysis.equity.gini"))
    assert "답이 이미 알려진 문제 2개" in html
    assert "(2026-11-25)" in html
    assert "알려진 답과 모두 같습니다" in html
    first, second = cells(html)
    assert first[2:] == ["875,247명", "875,247명", "같음", "Feng et al. 2022, PySAL spopt"]
    assert second[2:] == ["0.4620911", "0.4620911", "같음", "Zeileis 2014, R ineq"]


def test_a_difference_is_said_in_words_and_marked():
    html = panel(manifest("analysis.siting.mclp", "analysis.equity.gini", found=875_246.0))
    assert "1개가 알려진 답과 다르거나 풀리지 않았습니다. 이 보고서의 수치를 쓰지 마십시오." in html
    assert "알려진 답과 모두 같습니다" not in html
    assert cells(html)[0][2:5] == ["875,247명", "875,246명", "다름"]
    assert html.count('class="gsan-known-bad"') == 1


def test_an_answer_that_was_not_found_stands_with_its_reason():
    html = panel(manifest("analysis.equity.gini", found=None, note={"ko": "멈추었습니다(<b>).", "en": "stopped"}))
    assert cells(html)[0][3:5] == ["–", "구하지 못함"]
    assert "멈추었습니다(&lt;b&gt;)." in html


def test_a_report_whose_methods_have_no_known_answer_says_so_and_an_old_edition_says_nothing():
    html = panel({"yardsticks": [], "modules": {"gsan_lib/analysis/changes.py": ""}})
    assert "발표된 답이 없어" in html
    assert "두 판의 목록 비교" in html
    assert panel({}) == ""


def test_the_panel_speaks_english_too():
    html = panel({**manifest("analysis.siting.mclp"), "modules": {"gsan_lib/analysis/twins.py": ""}}, "en")
    assert "Checked against known answers" in html
    assert 'lang="en"' in html
    assert "875,247 people" in html
    assert not re.search("[가-힣]", html)


@pytest.fixture(scope="module")
def facts() -> dict:
    return made_editions.results("sample", "park_access", "도시공원을 누가 누리는가", simulated=True)


def test_the_panel_stands_on_the_cover_and_the_page_keeps_its_bytes(facts):
    meta = {"results": facts, "manifest": manifest("analysis.siting.mclp")}
    page = pages.render(made_editions.notebook(facts)[0], meta)
    assert "875,247명" in page[: page.index("<main")]
    assert pages.render(made_editions.notebook(facts)[0], meta) == page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("found", [21.61214, 21.0])
def test_the_panel_is_accessible_fits_and_keeps_its_table(facts, tmp_path: Path, width, found):
    told = manifest(*EVERY, found=found)
    page = pages.render(made_editions.notebook(facts)[0], {"results": facts, "manifest": told})
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with opened(width) as seen:
        seen.page.goto((tmp_path / "report.html").as_uri())
        assert seen.elsewhere() == [] == seen.complaints
        assert not seen.wider_than_screen()
        assert seen.serious() == []
        rows = seen.page.get_by_role("table").first.get_by_role("row")
        assert rows.count() == len(PUBLISHED) + 1  # a table for those who listen, also where it is laid out as cards


# in a run


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A toy home with a case that shares and a case that sites."""
    for name, value in toys.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    toys.make_home(tmp_path)
    for case, module, call in (("shares", "equity", 'equity.gini(far["people"])'), ("sites", "siting", "siting.mclp.__name__")):
        toys.write_case(tmp_path, case, results=f"from gsan_lib.analysis import {module}\n{toys.RESULTS}{call}\n")
    return tmp_path


def test_a_run_keeps_the_answers_in_manifest_and_page_and_a_method_without_its_file_fails_its_report_alone(home, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("GSAN_YARDSTICKS", str(tmp_path / "empty"))
    outcomes = {one.planned.case.name: one for one in runs.run("toy", jobs=2).outcomes}
    assert {name: one.status for name, one in outcomes.items()} == {"shares": "done", "sites": "failed"}
    assert "SJC324.txt" in outcomes["sites"].reason
    told = json.loads((outcomes["shares"].folder / "manifest.json").read_text(encoding="utf-8"))
    assert [(one["method"], one["found"], one["ok"]) for one in told["yardsticks"]] == [("analysis.equity.gini", 0.4620911303, True)]
    assert "0.4620911" in (outcomes["shares"].folder / "report.html").read_text(encoding="utf-8")


def test_a_report_whose_method_differs_from_its_known_answer_is_not_made(home, monkeypatch):
    monkeypatch.setattr(equity, "gini", lambda *args: 0.47)
    (outcome,) = runs.run("toy", ["shares"], jobs=1).outcomes
    assert outcome.status == "failed"
    assert "0.4620911인데 0.4700000" in outcome.reason


def test_a_run_with_a_folder_that_is_not_there_is_refused_before_a_kernel_starts(home, monkeypatch, tmp_path):
    monkeypatch.setenv("GSAN_YARDSTICKS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="GSAN_YARDSTICKS"):
        runs.run("toy")
    assert not (home / "reports").exists()
