"""Done when: `report verify` holds for every edition of the casebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from gsan_lib.bank.building import build
from gsan_lib.reports import editions, runs, verification

pytestmark = pytest.mark.slow

CASES = sorted(path.stem for path in (ROOT / "notebooks" / "cases").glob("*.ipynb"))


@pytest.fixture(scope="module")
def casebook(tmp_path_factory: pytest.TempPathFactory):
    """Every case of the sample, run once: the editions that the casebook shows."""
    place = tmp_path_factory.mktemp("casebook")
    settings = {"GSAN_HOME": ROOT, "GSAN_BANK": place / "bank", "GSAN_REPORTS": place / "reports", "GSAN_INBOX": place / "inbox"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, str(value))
        build("sample")
        result = runs.run("sample", jobs=2)
        assert {one.status for one in result.outcomes} <= {"done", "not_runnable"}, [one.reason for one in result.outcomes]
    lacking = {one.planned.case.name for one in result.outcomes if one.status == "not_runnable"}
    return settings, lacking


@pytest.mark.parametrize("case", CASES)
def test_every_edition_of_the_casebook_comes_out_again_byte_by_byte(case, casebook, monkeypatch):
    settings, lacking = casebook
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    found = editions.newest("sample", case)
    assert bool(found) != (case in lacking), "every case has editions, or says what the sample lacks"
    for edition in found:
        before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in Path(edition.folder).iterdir()}
        told = verification.verify(edition)
        assert told.equal, (told.sentence(), told.told, told.crate, told.notes)
        assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in Path(edition.folder).iterdir()} == before
