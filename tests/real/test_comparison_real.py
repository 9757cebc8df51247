"""A school zone edition of the old list beside one of the new list: what differs, and that the list is why."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from gsan_lib.bank.building import build
from gsan_lib.reports import comparison, comparison_page, editions, pages, runs, verification
from gsan_lib.reports.editions import Edition
from gsan_lib.reports.impact import impact

pytestmark = [pytest.mark.real, pytest.mark.slow]

LIST = "facilities/national/전국어린이보호구역표준데이터_{}.csv"
DATASETS = ["dong_boundaries", "school_zones", "accidents"]


@dataclass(frozen=True)
class Pair:
    """A municipality's edition of 2021, and that after the list of 2026 came."""

    place: str
    before: Edition
    after: Edition
    settings: dict[str, str]


def _home(home: Path, place: str) -> None:
    """A home with one municipality, whose parameters may be edited."""
    (home / "notebooks").mkdir(parents=True)
    (home / "notebooks" / "cases").symlink_to(ROOT / "notebooks" / "cases")
    (home / "requirements.lock").symlink_to(ROOT / "requirements.lock")
    shutil.copytree(ROOT / "parameters" / place, home / "parameters" / place)
    (home / "parameters" / "standards").symlink_to(ROOT / "parameters" / "standards")


def _inbox(inbox: Path, folder: Path) -> None:
    """The public files, and in 2021 the school zone list of 2020 published once more, unchanged."""
    folder.mkdir()
    for entry in inbox.iterdir():
        (folder / entry.name).symlink_to(entry) if entry.name != "facilities" else None
    national = folder / "facilities" / "national"
    national.mkdir(parents=True)
    for entry in (inbox / "facilities").iterdir():
        (folder / "facilities" / entry.name).symlink_to(entry) if entry.name != "national" else None
    for entry in (inbox / "facilities" / "national").iterdir():
        (national / entry.name).symlink_to(entry)
    (folder / LIST.format(2021)).symlink_to(inbox / LIST.format(2020))


def _register(home: Path, place: str, years: list[int]) -> None:
    """The register with the school zone lists of these years."""
    path = home / "parameters" / place / "sources.yml"
    written = yaml.safe_load((ROOT / "parameters" / place / "sources.yml").read_text(encoding="utf-8"))
    lists = {one["file"][-8:-4]: one for one in written["datasets"]["school_zones"]["editions"]}
    lists["2021"] = {**lists["2020"], "file": LIST.format(2021), "as_of": "2021-12-31", "as_of_note": "2020년 판을 그대로 다시 공개"}
    written["datasets"]["school_zones"]["editions"] = [lists[str(year)] for year in years]
    path.write_text(yaml.safe_dump(written, allow_unicode=True, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module", params=["gwangsan", "dongdaemun", "hwaseong"])
def pair(request, inbox, tmp_path_factory: pytest.TempPathFactory):
    home, place = tmp_path_factory.mktemp("zones") / "home", request.param
    settings = {"GSAN_HOME": home, "GSAN_INBOX": home / "inbox", "GSAN_BANK": home / ".bank", "GSAN_REPORTS": home / "reports"}
    settings = {name: str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        _home(home, place)
        _inbox(inbox, home / "inbox")
        made = []
        for years, known_at in (([2020, 2021], "2021-12-31T00:00:00Z"), ([2020, 2021, 2026], "2026-05-20T00:00:00Z")):
            patch.setenv("GSAN_KNOWN_AT", known_at)
            _register(home, place, years)
            build(place, DATASETS)
            if made:
                (touched,) = impact(place, "school_zones").touched
                assert touched.stale
                assert "2021-12-31 판으로 만들었는데 이제 2026-05-18 판이 있습니다" in touched.why
            (outcome,) = runs.run(place, ["school_zones"]).outcomes
            assert outcome.status == "done", outcome.reason
            made.append(next(one for one in editions.find(place) if one.folder == outcome.folder))
        yield Pair(place, made[0], made[1], settings)


@pytest.fixture
def at_home(pair, monkeypatch):
    for name, value in pair.settings.items():
        monkeypatch.setenv(name, value)
    return pair


def _rows(inbox: Path, year: int) -> pd.DataFrame:
    return pd.read_csv(inbox / LIST.format(year), encoding="cp949", dtype=str)


def test_the_new_list_is_the_one_cause_with_its_rows(at_home, inbox):
    made = comparison.compare(at_home.before, at_home.after)
    (cause,) = made.causes
    assert (cause.kind, cause.name) == ("data", "school_zones")
    changed = next(one for one in cause.detail["snapshots"] if one["before"]["sha256"] != one["after"]["sha256"])
    assert (changed["before"]["as_of"], changed["after"]["as_of"]) == ("2021-12-31", "2026-05-18")
    rows = changed["rows"]
    assert rows["rows"][0] - rows["removed"] == rows["rows"][1] - rows["added"]
    provider = {"gwangsan": "광주광역시 광산구", "dongdaemun": "서울특별시 동대문구", "hwaseong": "경기도 화성시"}[at_home.place]
    named = [set(frame.loc[frame["제공기관명"] == provider, "대상시설명"]) for frame in (_rows(inbox, 2020), _rows(inbox, 2026))]
    assert rows["removed"] >= len(named[0] - named[1])
    assert rows["added"] >= len(named[1] - named[0])
    said = comparison.summary(made)
    assert said.startswith("어린이보호구역 자료가 2021-12-31 판에서 2026-05-18 판으로 바뀌어 결정이 달라졌")
    assert "데이터(어린이보호구역) 하나뿐이므로 까닭은 이것입니다" in said


def test_facilities_that_went_and_came_stand_in_numbers_and_on_the_map(at_home):
    made = comparison.compare(at_home.before, at_home.after)
    numbers = {one.key: one for one in made.findings.numbers}
    assert (numbers["vanished"].before, numbers["gained"].before) == (0, 0)  # the same list twice
    assert numbers["gained"].after > 0
    after = at_home.after.results()
    zones = next(one for one in made.sites if one.key == "zones")
    assert numbers["gained"].after == next(one["value"] for one in after["numbers"] if one["key"] == "gained")
    assert len(zones.came) >= numbers["gained"].after
    page = comparison_page.render(made)
    assert "두 판의 자리" in page
    assert "<svg" in page
    assert not pages.fetched(page)


def test_the_old_edition_comes_out_again_although_the_bank_has_learned_more(at_home):
    found = verification.verify(at_home.before)
    assert found.equal, (found.sentence(), found.told)


@pytest.mark.parametrize("pair", ["gwangsan"], indirect=True)
def test_running_it_again_confirms_the_cause(at_home):
    told = comparison.compare(at_home.before, at_home.after, attribute=True).attribution
    (effect,) = told.effects
    assert effect.does["decision"]
    assert told.explained
    assert json.dumps(told.to_dict())
