"""Predictions and choices are registered with the edition, never changed, and scored on what came later."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from typer.testing import CliRunner

from gsan_lib import cli
from gsan_lib.errors import CaseError
from gsan_lib.reports import casebook, decisions, editions, runs, scores
from gsan_lib.reports.registrations import Amounts, Fate, registration

NEEDS = 'NEEDS = {"hydrants": ["facility_no", "people"], "rides": {"fields": ["date", "on", "off"], "may_be_constant": ["station"]}}'
REGISTERS = (
    toys.RESULTS
    + """\
from gsan_lib.reports.registrations import Amounts
rides = bank.load(p.id("rides"), as_of="2026-01-31")
out.data(hydrants, rides)
days = pd.date_range("2026-02-01", periods=3)
ahead = pd.DataFrame({"station": "가", "date": days, "predicted": [10.0, 20.0, 30.0], "naive": 12.0, "usual": [11.0, 18.0, 33.0], "lower_80": [8.0, 18.0, 28.0], "upper_80": [12.0, 22.0, 32.0]})
out.register("ahead", ahead, "사흘 동안의 승하차", Amounts(("rides",), {"station": "station", "date": "date"}, ("on", "off"), names=("station",)),
             until="2026-01-31", unit="명", naive_is="어제와 같음", usual_is="지난주와 같음")
"""
)


def rides(day: str, station: str, on: list[int], off: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"station": station, "date": pd.date_range(day, periods=len(on)), "on": on, "off": off})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose case registered a forecast of three days, made when the bank did not know them."""
    home = tmp_path_factory.mktemp("registered") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toys.environment(home).items():
            patch.setenv(name, value)
        toys.make_home(home)
        toys.put(home, "rides", rides("2026-01-29", "가(역앞)", [5, 6, 7], [5, 6, 7]), as_of="2026-01-31")
        toys.write_case(home, "good", needs=NEEDS, results=REGISTERS)
        assert runs.run("toy", jobs=1).counted("done") == 1
    return home


@pytest.fixture
def registered(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may change."""
    home = tmp_path / "home"
    shutil.copytree(made, home)
    for name, value in toys.environment(home).items():
        monkeypatch.setenv(name, value)
    return home


def called(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli.application(), list(words), standalone_mode=False)
    return (found.return_value or 0), found.output


def test_a_prediction_is_registered_with_its_edition_and_waits_for_later_data(registered):
    (record,), broken = decisions.records("toy")
    (edition,) = editions.find("toy")
    assert not broken
    assert not record.hindsight
    assert record.content["edition"] == edition.name
    assert record.content["edition_hash"] == edition.manifest["content"]
    assert record.content["registered_at"] == edition.created_at
    (score,) = scores.score(record)
    assert score.status == "waiting"
    assert "`toy/rides`" in score.sentence


def test_a_forecast_is_scored_on_the_later_snapshot_beside_naive_and_usual(registered):
    # by hand: actual 12, 18, 30 (the spelling of the station changed); errors 2, 2, 0; naive 0, 6, 18; usual 1, 0, 3
    toys.put(registered, "rides", rides("2026-02-01", "가(중앙시장)", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    (record,), _ = decisions.records("toy")
    (score,) = scores.score(record)
    rows = score.rows.set_index("method")
    assert rows["mae"].round(9).to_dict() == {"predicted": round(4 / 3, 9), "naive": 8.0, "usual": round(4 / 3, 9)}
    assert rows["bias"].round(9).to_dict() == {
        "predicted": 0.0,
        "naive": round(100 * (36 / 60 - 1), 9),
        "usual": round(100 * (62 / 60 - 1), 9),
    }
    assert rows.loc["predicted", "coverage_80"] == 100  # 12 in 8..12, 18 in 18..22, 30 in 28..32: the ends count
    assert score.counts == {"registered": 3, "met": 3, "no_outcome": 0, "no_guess": 0}


def said(ours, naive, usual, bias=0.0):
    rows = pd.DataFrame({"method": [scores.OURS, scores.NAIVE, scores.USUAL], "mae": [ours, naive, usual], "bias": bias})
    return scores._said_amounts(decisions.Record(Path(), {"unit": "명/1,000명", "naive_is": "어제", "usual_is": "지난해"}), rows, 30)


def test_the_sentence_tells_small_errors_apart_and_calls_a_tie_no_win():
    assert "0.80명/1,000명 빗나갔고" in said(0.8, 1.1, 1.3)
    assert "보다 나았습니다" in said(0.8, 1.1, 1.3)
    assert "하나만 앞섰습니다" in said(1.2, 1.1, 1.3)
    assert "보다 낫지 않았습니다" in said(1.1, 1.1, 1.1)
    assert "만 못했습니다" in said(1_500.0, 1_400.0, 1_300.0)
    assert "1,500명" in said(1_500.0, 1_400.0, 1_300.0)
    assert "nan" not in said(1.0, 2.0, 3.0, bias=float("nan"))


def test_days_without_an_outcome_are_counted_and_not_taken_for_zero(registered):
    toys.put(registered, "rides", rides("2026-02-02", "가", [9], [9]), as_of="2026-02-28")
    (record,), _ = decisions.records("toy")
    (score,) = scores.score(record)
    assert score.counts == {"registered": 3, "met": 1, "no_outcome": 2, "no_guess": 0}
    assert score.rows["rows"].tolist() == [1, 1, 1]


def test_a_snapshot_that_meets_nothing_is_not_scored(registered):
    toys.put(registered, "rides", rides("2026-03-01", "가", [9], [9]), as_of="2026-03-31")
    (record,), _ = decisions.records("toy")
    (score,) = scores.score(record)
    assert score.status == "unscorable"
    assert "만나는 값이 없습니다" in score.sentence


def test_the_same_prediction_made_again_keeps_its_first_moment(registered):
    (before,), _ = decisions.records("toy")
    runs.run("toy", force=True, jobs=1)
    (after,), _ = decisions.records("toy")
    assert after.content == before.content


def test_another_prediction_of_the_same_thing_stands_beside_the_first(registered):
    toys.write_case(registered, "good", needs=NEEDS, results=REGISTERS.replace("[10.0, 20.0, 30.0]", "[11.0, 20.0, 30.0]"))
    runs.run("toy", jobs=1)
    found, _ = decisions.records("toy")
    assert len(found) == 2
    assert decisions.superseded(found) == {found[0].id}
    assert called("decision", "score", "toy")[1].count("기다림") == 1
    assert called("decision", "score", "toy", "--all")[1].count("기다림") == 2


def test_the_record_stays_when_the_edition_is_gone(registered):
    (edition,) = editions.find("toy")
    shutil.rmtree(edition.folder)
    (record,), broken = decisions.records("toy")
    assert not broken
    assert len(record.table()) == 3


def test_a_prediction_of_what_the_bank_already_holds_is_marked(home):
    toys.put(home, "rides", rides("2026-01-29", "가", [5, 6, 7], [5, 6, 7]), as_of="2026-01-31")
    toys.put(home, "rides", rides("2026-02-01", "가", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    toys.write_case(home, "good", needs=NEEDS, results=REGISTERS)
    runs.run("toy", jobs=1)
    (record,), _ = decisions.records("toy")
    assert record.hindsight
    assert "되짚음" in called("decision", "list", "toy")[1]


@pytest.mark.parametrize("what", ["table", "record"])
def test_a_register_that_was_touched_is_told_and_not_scored(registered, what):
    toys.put(registered, "rides", rides("2026-02-01", "가", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    (record,), _ = decisions.records("toy")
    if what == "table":
        better = record.table().assign(predicted=[12.0, 18.0, 30.0])
        better.to_parquet(record.folder / f"{record.id}.parquet", index=False)
    else:
        path = record.folder / f"{record.id}.json"
        path.write_text(path.read_text(encoding="utf-8").replace("어제와 같음", "아무것도 아님"), encoding="utf-8")
    code, said = called("decision", "score", "toy", "--json")
    told = json.loads(said)
    assert code == 1
    assert not told["scores"]
    assert len(told["broken"]) == 1
    assert record.id in told["broken"][0]


def test_the_command_gives_the_methods_side_by_side(registered):
    toys.put(registered, "rides", rides("2026-02-01", "가", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    code, said = called("decision", "score", "toy")
    assert code == 0
    assert all(word in said for word in ("이 보고서", "단순 예측", "늘 하던 대로", "2026-02-28", "sMAPE"))


def test_a_table_that_is_not_fit_is_refused_with_every_reason():
    frame = pd.DataFrame({"station": ["가", "가"], "predicted": [1.0, None], "naive": 1.0, "usual": 1.0})
    with pytest.raises(CaseError, match=r"같은 행이 1개.*빈 값이 1개.*`언젠가`"):
        registration("x", frame, Amounts(("rides",), {"station": "station"}, ("on",)), until="언젠가", unit="명", naive_is="", usual_is="")


def test_a_choice_needs_a_number_to_pick():
    frame = pd.DataFrame({"name": "가", "kind": "나", "address": "", "geometry": None, "rank": [1], "naive_rank": [1], "worth": [1.0]})
    with pytest.raises(CaseError, match="`pick`은 1에서 1 사이"):
        registration(
            "x", frame, Fate(("zones",), "has_cctv", True, "달림"), until="2020-12-31", unit="명", naive_is="", usual_is="", pick=2
        )


@given(options=st.integers(1, 12), data=st.data())
def test_the_chance_of_a_blind_pick_is_a_probability_that_falls_with_what_is_met(options, data):
    done, picked = data.draw(st.integers(0, options)), data.draw(st.integers(0, options))
    tail = [scores.by_chance(options, done, picked, met) for met in range(min(done, picked) + 1)]
    assert tail[0] == pytest.approx(1)
    assert all(a >= b - 1e-12 for a, b in zip(tail, tail[1:], strict=False))


def test_the_chance_of_a_blind_pick_is_close_to_a_coin_in_a_large_list():
    assert scores.by_chance(100_000, 50_000, 10, 8) == pytest.approx(binom.sf(7, 10, 0.5), abs=1e-3)


def test_impact_names_what_a_dataset_judges(registered):
    told = json.loads(called("bank", "impact", "toy", "rides", "--json")[1])["registered"]
    assert [(one["label"], one["scorable"]) for one in told] == [("toy/good/default/ahead", False)]
    toys.put(registered, "rides", rides("2026-02-01", "가", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    assert json.loads(called("bank", "impact", "toy", "rides", "--json")[1])["registered"][0]["scorable"]
    assert "채점할 수 있음" in called("bank", "impact", "toy", "rides")[1]


def test_the_casebook_shows_records_with_their_scores_and_names_broken_ones(registered, tmp_path):
    toys.put(registered, "rides", rides("2026-02-01", "가", [6, 9, 15], [6, 9, 15]), as_of="2026-02-28")
    (record,), _ = decisions.records("toy")
    page = casebook.build(out=tmp_path / "site", languages=("ko",)).start.with_name("decisions.html")
    text = page.read_text(encoding="utf-8")
    assert all(word in text for word in (record.id, "2026-02-28", "늘 하던 대로", "단순한 방법", "100.0"))
    assert "broken" not in text
    (record.folder / f"{record.id}.parquet").write_bytes(b"")
    casebook.build(out=tmp_path / "site", languages=("ko",))
    assert "등록할 때와 다릅니다" in page.read_text(encoding="utf-8")
