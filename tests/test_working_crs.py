"""A place outside Korea with a working CRS of its own: true distances, no boundaries needed where nothing is clipped, Korea unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from pyproj import Geod

from gsan_lib import bank, settings
from gsan_lib.bank import building
from gsan_lib.errors import InputError

HEADER = "SRRecordID,SRType,CreatedDate,SRStatus,CloseDate,DueDate,Latitude,Longitude\n"
POINTS = [(39.2904, -76.6122), (39.3299, -76.6205), (39.2741, -76.6010), (39.3120, -76.6900)]  # latitude first, about central Baltimore


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A municipality without boundaries and with one list of requests; makes the bank and gives what became of the list."""
    home = tmp_path / "home"
    shutil.copytree(settings.home() / "parameters" / "standards", home / "parameters" / "standards")
    (home / "parameters" / "abroad").mkdir()
    (home / "inbox").mkdir()
    rows = [
        f"R{number},SW-Dirty Alley,04/12/2018 11:11:26 AM,Closed,04/13/2018 12:45:47 PM,04/19/2018 11:11:26 AM,{y},{x}"
        for number, (y, x) in enumerate([*POINTS, (39, -77)])
    ]
    (home / "inbox" / "requests.csv").write_text(HEADER + "\n".join(rows) + "\n", "utf-8")
    monkeypatch.setenv("GSAN_HOME", str(home))
    monkeypatch.setenv("GSAN_INBOX", str(home / "inbox"))

    def make(about: dict, where: dict) -> building.Outcome:
        base = {"name_ko": "바깥", "name_en": "Abroad", "mois": [], "kostat": [], "centre": [-76.61, 39.3], "addresses": []}
        entry = {
            "title_ko": "민원", "title_en": "Requests", "standard": "service_requests", "publisher": "시험", "licence": "CC0", "access": "public",
            "file": "requests.csv", "as_of": "2018-04-30", "place": where,
        }  # fmt: skip
        (home / "parameters" / "abroad" / "municipality.yml").write_text(yaml.safe_dump(base | about, allow_unicode=True), "utf-8")
        (home / "parameters" / "abroad" / "sources.yml").write_text(
            yaml.safe_dump({"datasets": {"resident_reports": entry}}, allow_unicode=True), "utf-8"
        )
        return building.build("abroad")[0]

    return make


def test_distances_in_its_own_crs_are_those_on_the_globe(place):
    made = place({"crs": "EPSG:26918"}, {"clip": False, "position": "optional"})
    assert (made.state, made.rows, made.rows_set_aside) == ("new", 5, 0)
    frame = bank.load("abroad/resident_reports")
    assert frame.crs == "EPSG:26918"
    assert frame.geometry.isna().tolist() == [False] * 4 + [True], "whole degrees stand for unknown"
    for one in range(3):
        metres = frame.geometry.iloc[one].distance(frame.geometry.iloc[one + 1])
        (y, x), (north, east) = POINTS[one], POINTS[one + 1]
        assert metres == pytest.approx(Geod(ellps="WGS84").inv(x, y, east, north)[2], rel=6e-4)
    told = bank.manifest("abroad/resident_reports")
    assert "UTM zone 18N" in told["position"]["transformation"]
    assert not [one for one in told["findings"] if one["code"] == "contract"]


def test_without_one_the_bank_stays_in_the_national_grid(place):
    assert place({}, {"clip": False, "position": "optional"}).state == "new"
    frame = bank.load("abroad/resident_reports")
    assert frame.crs == "EPSG:5179"
    metres = frame.geometry.iloc[0].distance(frame.geometry.iloc[1])
    (y, x), (north, east) = POINTS[:2]
    assert metres > 1.04 * Geod(ellps="WGS84").inv(x, y, east, north)[2], "why such a place needs a CRS of its own"


def test_points_that_must_be_clipped_still_need_boundaries(place):
    made = place({"crs": "EPSG:26918"}, {})
    assert made.state == "refused"
    assert "dong_boundaries" in made.sentence


def test_a_misspelt_entry_is_told(place):
    with pytest.raises(InputError, match="crs_code"):
        place({"crs_code": "EPSG:26918"}, {"clip": False})


@pytest.mark.parametrize(("crs", "came"), [("EPSG:4326", "degree"), ("EPSG:2248", "US survey foot"), ("EPSG:1", "모르는 이름")])
def test_degrees_feet_and_unknown_systems_are_refused(place, crs, came):
    with pytest.raises(InputError, match=came):
        place({"crs": crs}, {"clip": False})
