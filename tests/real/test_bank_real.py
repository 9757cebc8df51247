"""The banks of Gwangsan, Dongdaemun and Hwaseong, built once from the real files: the known numbers hold."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from gsan_lib import bank
from gsan_lib.bank import building, snapshots, store
from gsan_lib.errors import MissingData

pytestmark = pytest.mark.real
MUNICIPALITIES = ("gwangsan", "dongdaemun", "hwaseong")


@pytest.fixture(scope="session")
def built(inbox, tmp_path_factory):
    """Folder of the bank, and the outcomes by full id (a list: one per edition)."""
    folder = tmp_path_factory.mktemp("bank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_INBOX", str(inbox))
        patch.setenv("GSAN_BANK", str(folder))
        outcomes: dict[str, list[building.Outcome]] = {}
        for municipality in MUNICIPALITIES:
            for each in building.build(municipality):
                outcomes.setdefault(each.id, []).append(each)
    return folder, outcomes


@pytest.fixture
def outcomes(built, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", str(built[0]))
    return built[1]


def test_no_source_is_refused(outcomes):
    assert {each.id: each.sentence for every in outcomes.values() for each in every if each.state == building.REFUSED} == {}


def test_every_row_is_kept_or_set_aside(outcomes):
    checked = 0
    for every in outcomes.values():
        for each in every:
            assert each.rows_read == each.rows_kept + each.rows_whole_aside, each.id
            checked += 1
            assert sum(entry["count"] for entry in each.set_aside) == each.rows_set_aside, each.id
    assert checked > 60


def test_raw_files_are_those_of_the_register(outcomes):
    changed = [
        each.id for every in outcomes.values() for each in every if any(finding["code"] == "raw_changed" for finding in each.findings)
    ]
    assert changed == []


def test_registers_are_as_large_as_promised(outcomes):
    held = Counter(id.split("/")[0] for id, every in outcomes.items() if every[0].state != building.REFUSED)
    assert held["gwangsan"] >= 12
    assert held["dongdaemun"] >= 20
    assert held["hwaseong"] >= 10


@pytest.mark.parametrize(
    ("municipality", "people", "dongs"), [("gwangsan", 405_579, 21), ("dongdaemun", 342_837, 14), ("hwaseong", 855_248, 28)]
)
def test_population_of_2020_is_the_published_one(outcomes, municipality, people, dongs):
    table = bank.load(f"{municipality}/population_age", as_of="2020-12-31")
    assert table.attrs["gsan"]["as_of"] == "2020-12-31"
    assert table["population"].sum() == people
    assert table["dong_code"].nunique() == dongs
    assert set(table["sex"]) == {"all"}
    areas = bank.load(f"{municipality}/dong_boundaries")
    assert set(areas["dong_code"]) == set(table["dong_code"])


def test_population_of_2021_by_sex_adds_up(outcomes):
    table = bank.load("gwangsan/population_age")
    assert table.attrs["gsan"]["as_of"] == "2021-05-31"
    by_sex = table.groupby("sex")["population"].sum()
    assert by_sex["all"] == by_sex["male"] + by_sex["female"]
    assert set(table[table["age_from"] == 65]["age_to"]) == {69}


def test_exchanged_codes_of_dongtan_are_mended_and_named(outcomes):
    (told,) = outcomes["hwaseong/dong_boundaries"]
    (repair,) = [each for each in told.repairs if each["code"].startswith("swapped_codes")]
    assert "동탄6동" in repair["message"]
    assert "동탄7동" in repair["message"]
    names = bank.load("hwaseong/dong_boundaries").set_index("dong_code")["dong_name"]
    people = bank.load("hwaseong/population_age").drop_duplicates("dong_code").set_index("dong_code")["dong_name"]
    assert names.sort_index().to_dict() == people.sort_index().to_dict()
    assert names["4159061000"] == "동탄7동"
    (centroids,) = outcomes["hwaseong/unit_centroids"]
    assert any("4159060000" in finding["sentence"] for finding in centroids.findings)


def test_hydrants_of_gwangsan(outcomes):
    (told,) = outcomes["gwangsan/hydrants"]
    assert (told.rows_read, told.rows_kept, told.rows_inside) == (1772, 1771, 1771)
    assert {each["reason"]: each["count"] for each in told.set_aside} == {"out_of_place": 1}
    aside = store.load_set_aside("gwangsan/hydrants")
    assert "36.19" in json.loads(aside["raw"][0])["latitude"]
    table = bank.load("gwangsan/hydrants")
    names = bank.load("gwangsan/dong_boundaries").set_index("dong_code")["dong_name"]
    assert table["dong_code"].map(names).value_counts().head(2).to_dict() == {"평동": 366, "하남동": 291}


def test_repeated_points_of_gwangsan_hydrants(outcomes, inbox):
    """332 rows repeat the published coordinates of another row; twenty more are the same point to 0.1 mm."""
    items = json.loads((inbox / "facilities/gwangju/firewater_광산구.json").read_text("utf-8"))["response"]["body"]["items"]
    assert len(items) - len({(item["latitude"], item["longitude"]) for item in items}) == 332
    (told,) = outcomes["gwangsan/hydrants"]
    assert {each["code"]: each["count"] for each in told.findings}["repeated_points"] == 352


def test_restrooms_of_gwangsan_are_all_said_to_be_closed_at_night(outcomes):
    (told,) = outcomes["gwangsan/restrooms"]
    assert (told.rows_read, told.rows_inside, told.rows_set_aside) == (363, 363, 0)
    assert any(each["code"] == "constant_columns" and "open_at_night" in each["sentence"] for each in told.findings)
    assert not bank.load("gwangsan/restrooms")["open_at_night"].any()


def test_parks_of_gwangsan_are_published_twice(outcomes):
    """372 points lie in the gu: 220 published by the gu and 152 by the city. By address there are 367 (215 and 152): five give none that names the gu."""
    parks = bank.load("gwangsan/parks", place="inside")
    assert len(parks) == 372
    assert parks["provider"].value_counts().to_dict() == {"광주광역시 광산구": 220, "광주광역시": 152}


def test_hydrants_of_dongdaemun_stand_twice(outcomes):
    table = bank.load("dongdaemun/hydrants")
    kinds = table.groupby("facility_no")["kind"].agg(lambda column: tuple(sorted(column)))
    assert len(table) == 4553
    assert len(kinds) == 2702
    assert (kinds.str.len() == 2).sum() == 1851
    assert kinds.value_counts()[("급수탑", "소화전")] == 1840


def test_cctv_of_dongdaemun_is_kept_whole(outcomes):
    assert len(bank.load("dongdaemun/cctv_police")) == 2628
    assert len(bank.load("dongdaemun/cctv_ansimi")) == 2857
    assert bank.load("dongdaemun/cctv_police").geometry.drop_duplicates().size == 937
    assert bank.load("dongdaemun/cctv_ansimi").geometry.drop_duplicates().size == 996


@pytest.mark.parametrize(("municipality", "deaths"), [("gwangsan", 15), ("dongdaemun", 10), ("hwaseong", 44)])
def test_fatal_accidents_of_2020(outcomes, municipality, deaths):
    assert len(bank.load(f"{municipality}/accidents", place="inside")) == deaths


@pytest.mark.parametrize(("municipality", "early", "late"), [("gwangsan", 202, 129), ("dongdaemun", 77, 77), ("hwaseong", 172, 194)])
def test_school_zones_have_two_editions(outcomes, municipality, early, late):
    assert len(bank.load(f"{municipality}/school_zones", as_of="2020-12-31", place="inside")) == early
    assert len(bank.load(f"{municipality}/school_zones", place="inside")) == late


def test_libraries_of_gwangsan_are_not_published_which_is_not_none(outcomes):
    (told,) = outcomes["gwangsan/libraries"]
    assert told.rows_read == 1756
    assert told.state == building.UNPUBLISHED
    with pytest.raises(MissingData, match="미공표") as caught:
        bank.load("gwangsan/libraries")
    assert caught.value.dataset == "libraries"
    for municipality in ("dongdaemun", "hwaseong"):
        assert len(bank.load(f"{municipality}/libraries", place="inside")) > 0


def test_lights_of_bukgu_have_their_columns_exchanged(outcomes):
    (told,) = outcomes["gwangsan/lights_bukgu"]
    (repair,) = [each for each in told.repairs if each["code"] == "columns_swapped"]
    assert repair["count"] == 12_655 - 6_092
    assert set(bank.load("gwangsan/lights_bukgu")["place"]) == {"margin"}


def test_lights_of_gwangsan_have_addresses_only(outcomes):
    table = bank.load("gwangsan/lights")
    assert len(table) == 21_088
    assert "geometry" not in table


def test_fires_state_no_year_and_no_point(outcomes):
    table = bank.load("gwangsan/fires")
    assert len(table) == 270
    assert table["legal_dong"].nunique() == 57
    assert table.attrs["gsan"]["as_of"] is None
    assert table.attrs["gsan"]["as_of_note"]
    with pytest.raises(MissingData):
        bank.load("gwangsan/fires", as_of="2026-01-01")


def test_households_of_hwaseong_count_foreigners_too(outcomes):
    table = bank.load("hwaseong/households")
    assert table["population_all"].sum() == 798_100
    assert table["population_foreign"].sum() == 39_378


def test_clinics_of_hwaseong_have_hours_for_37_of_124(outcomes):
    assert len(bank.load("hwaseong/clinics")) == 124
    manifest = snapshots.manifest("hwaseong/clinics")
    assert 37 in manifest["quality"]["filled"].values()


def test_subway_rows_with_a_surplus_field_are_read_right(outcomes):
    may = bank.load("dongdaemun/subway_ridership_months")
    assert may["date"].dt.strftime("%Y-%m").unique().tolist() == ["2020-05"]
    august = bank.load("dongdaemun/subway_ridership_months", as_of="2015-08-31")
    daily = bank.load("dongdaemun/subway_ridership")
    same = daily[daily["date"].dt.strftime("%Y-%m") == "2015-08"].merge(august, on=["date", "line", "station"], suffixes=("", "_month"))
    assert len(same) > 300
    assert (same["boardings"] == same["boardings_month"]).all()


def test_snapshots_are_what_their_names_say(outcomes):
    for id in ("gwangsan/hydrants", "hwaseong/dong_boundaries", "dongdaemun/parking"):
        assert store.verify(id, snapshots.manifest(id)["sha256"])


def test_second_build_changes_nothing(built, inbox, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", str(built[0]))
    monkeypatch.setenv("GSAN_INBOX", str(inbox))
    again = building.build("gwangsan")
    assert {each.state for each in again} <= {building.UNCHANGED, building.UNPUBLISHED}
    assert [each.sha256 for each in again] == [
        each.sha256 for each in (one for every in built[1].values() for one in every if one.id.startswith("gwangsan/"))
    ]
