"""Crates of editions made from the sample and from the real public files, as a run leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from offline_validator import OfflineValidator

from gsan_lib.reports import crates, runs
from gsan_lib.reports.cases import case

pytestmark = [pytest.mark.real, pytest.mark.slow]
MADE = {"sample": "park_access", "gwangsan": "school_zones"}


@pytest.fixture(scope="module")
def made(inbox: Path, banked: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One edition of each, from a bank with what it needs."""
    home = tmp_path_factory.mktemp("crates_real")
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {"GSAN_BANK": home / "bank", "GSAN_REPORTS": home / "reports", "GSAN_INBOX": inbox}.items():
            patch.setenv(variable, str(value))
        for municipality, name in MADE.items():
            banked(municipality, [need.dataset for need in case(name).needs if not need.optional], home / "bank")
            (outcome,) = runs.run(municipality, [name]).outcomes
            assert outcome.folder, outcome.reason
            assert outcome.status == "done", outcome.reason
            folders[municipality] = outcome.folder
    return folders


@pytest.mark.parametrize("municipality", MADE)
def test_the_crate_of_an_edition_is_valid_and_true(made: dict[str, Path], inbox: Path, tmp_path: Path, municipality: str) -> None:
    folder = made[municipality]
    validator = OfflineValidator(inbox / "standards", tmp_path / "cache")
    assert validator.profile(folder) == "workflow-run-crate"
    assert validator.problems(folder) == []
    assert crates.check(folder) == []


def test_the_crate_tells_both_editions_of_the_school_zones_with_their_days(made: dict[str, Path]) -> None:
    told = crates.ask(made["gwangsan"])
    assert told.who == "광주광역시 광산구"
    zones = [one for one in told.inputs if one.id == "gwangsan/school_zones"]
    assert sorted(str(one.as_of)[:4] for one in zones) == ["2020", "2026"]
    assert len({one.sha256 for one in zones}) == 2
    assert {one.publisher for one in told.inputs} >= {"도로교통공단", "통계청 SGIS"}


def test_simulated_data_are_called_simulated(made: dict[str, Path]) -> None:
    graph = json.loads((made["sample"] / crates.NAME).read_text(encoding="utf-8"))["@graph"]
    root = next(one for one in graph if one["@id"] == "./")
    assert "모의 데이터" in root["description"]
    assert crates.ask(made["sample"]).who == "모의 광산구"
