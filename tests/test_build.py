"""Building a bank: every row is accounted for, one broken source does not stop the others, and nothing is built twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from test_store import KNOWN

from gsan_lib import bank, cli, sample, settings
from gsan_lib.bank import building, catalog, intake, snapshots, store
from gsan_lib.errors import MissingData, StoreError, UsageError

LIGHTS = """관리번호,소재지도로명주소,위도,경도,설치연도,데이터기준일자
{rows}
"""


def centre() -> tuple[float, float]:
    dongs = sample.district().to_crs(4326)
    point = dongs.geometry.representative_point().iloc[0]
    return point.y, point.x


@pytest.fixture
def town(tmp_path, monkeypatch) -> Path:
    """A municipality of its own: the simulated dongs, and whatever a test puts into its inbox and register."""
    home = tmp_path / "home"
    shutil.copytree(settings.home() / "parameters" / "standards", home / "parameters" / "standards")
    folder = home / "parameters" / "town"
    folder.mkdir()
    plain = yaml.safe_load((settings.home() / "parameters" / "sample" / "municipality.yml").read_text("utf-8"))
    (folder / "municipality.yml").write_text(yaml.safe_dump(plain | {"simulated": False}, allow_unicode=True), "utf-8")
    sample.write(home / "inbox")
    monkeypatch.setenv("GSAN_HOME", str(home))
    monkeypatch.setenv("GSAN_INBOX", str(home / "inbox"))
    monkeypatch.setenv("GSAN_KNOWN_AT", KNOWN)
    register(home)
    return home


def register(home: Path, **datasets) -> None:
    """Writes the register: the sample's boundaries and population, and the datasets given."""
    plain = yaml.safe_load((Path(sample.__file__).parent.parent / "parameters" / "sample" / "sources.yml").read_text("utf-8"))["datasets"]
    base = {name: plain[name] for name in ("dong_boundaries", "population_age")}
    about = {
        "title_ko": "가로등",
        "title_en": "Lights",
        "standard": "lights",
        "publisher": "시험",
        "licence": "CC0",
        "access": "public",
        "as_of": "2025-12-31",
    }
    content = {"datasets": base | {name: about | entry for name, entry in datasets.items()}}
    (home / "parameters" / "town" / "sources.yml").write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def lights(home: Path, rows: list[str], name: str = "lights.csv", encoding: str = "utf-8") -> None:
    (home / "inbox" / name).write_bytes(LIGHTS.format(rows="\n".join(rows)).encode(encoding))


def at(north_m: float = 0, address: str = "광주광역시 광산구 송정로 1", number: str = "1") -> str:
    latitude, longitude = centre()
    return f"{number},{address},{latitude + north_m / 111_000:.7f},{longitude:.7f},2020,2025-12-31"


def outcome(home: Path, dataset: str = "lights", **asked) -> building.Outcome:
    return next(each for each in building.build("town", **asked) if each.id == f"town/{dataset}")


def test_every_row_is_kept_or_set_aside_with_its_reason(town):
    away = 60_000
    rows = [
        at(0, number="1"),
        at(away, number="2"),
        at(away, "부산광역시 중구 1", number="3"),
        "4,광주광역시 광산구 2,,,2020,2025-12-31",
        "5,광주광역시 광산구 3,0,0,2020,2025-12-31",
    ]
    lights(town, rows)
    register(town, lights={"file": "lights.csv"})
    found = outcome(town)
    reasons = {each["reason"]: each["count"] for each in found.set_aside}
    assert (found.state, found.rows_read, found.rows_kept, found.rows_set_aside) == ("new", 5, 1, 4)
    assert reasons == {"out_of_place": 1, "elsewhere": 1, "no_coordinates": 1, "placeholder": 1}
    aside = store.load_set_aside("town/lights")
    assert aside["source_row"].tolist() == [2, 3, 4, 5]
    assert "부산광역시" in aside["raw"][1]
    assert all(sentence.endswith("다.") for sentence in aside["sentence"])


def test_points_are_in_metres_with_place_and_dong(town):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"})
    building.build("town")
    (row,) = bank.load("town/lights").to_dict("records")
    assert row["place"] == "inside"
    assert row["dong_code"] == sample.district()["dong_code"].iloc[0]
    assert row["source_row"] == 1
    assert row["installed_year"] == 2020
    assert bank.load("town/lights").crs.to_epsg() == 5179


def test_margin_is_kept_and_marked_and_can_be_narrowed(town):
    dongs = sample.district()
    outline = dongs.geometry.union_all()
    top = max(outline.boundary.geoms if hasattr(outline.boundary, "geoms") else [outline.boundary], key=lambda line: line.length)
    highest = max(top.coords, key=lambda point: point[1])
    import geopandas as gpd

    points = gpd.GeoSeries(gpd.points_from_xy([highest[0]] * 2, [highest[1] + 1000, highest[1] + 2500]), crs=5179).to_crs(4326)
    lights(town, [f"{n},광주광역시 북구 {n},{point.y:.7f},{point.x:.7f},2020,2025-12-31" for n, point in enumerate(points)] + [at()])
    register(town, lights={"file": "lights.csv"}, near={"file": "lights.csv", "place": {"margin_m": 2000}})
    building.build("town")
    assert bank.load("town/lights")["place"].tolist() == ["margin", "margin", "inside"]
    assert bank.load("town/lights", place="inside")["source_row"].tolist() == [3]
    assert bank.load("town/near")["place"].tolist() == ["margin", "inside"]


def test_list_without_a_row_inside_is_unpublished_but_a_neighbours_list_is_not(town):
    lights(town, [at(60_000, "부산광역시 중구 1")])
    register(town, lights={"file": "lights.csv"}, theirs={"file": "lights.csv", "place": {"neighbour": True}})
    states = {each.id: each.state for each in building.build("town")}
    assert states["town/lights"] == "unpublished"
    assert states["town/theirs"] == "new"
    with pytest.raises(MissingData, match="미공표"):
        bank.load("town/lights")


def test_rows_without_position_are_kept_where_the_register_says_so(town):
    lights(town, [at(), "4,광주광역시 광산구 2,,,2020,2025-12-31"])
    register(
        town, lights={"file": "lights.csv", "place": {"position": "optional"}}, bare={"file": "lights.csv", "place": {"position": "none"}}
    )
    building.build("town")
    kept = bank.load("town/lights")
    assert kept.geometry.isna().tolist() == [False, True]
    assert kept["place"].isna().tolist() == [False, True]
    assert "geometry" not in bank.load("town/bare")


def test_same_content_in_another_encoding_is_the_same_snapshot(town):
    lights(town, [at(number="가로등 1"), at(number="가로등 2")])
    lights(town, [at(number="가로등 1"), at(number="가로등 2")], "lights949.csv", "cp949")
    register(town, lights={"editions": [{"file": "lights.csv", "as_of": "2024-12-31"}, {"file": "lights949.csv", "as_of": "2025-12-31"}]})
    first, second = (each for each in building.build("town") if each.id == "town/lights")
    assert first.sha256 == second.sha256
    (only,) = snapshots.manifests("town/lights")
    assert [seen["as_of"] for seen in only["sightings"]] == ["2024-12-31", "2025-12-31"]


def test_size_of_chunks_leaves_no_trace(town, monkeypatch):
    lights(town, [at(100 * number, number=str(number)) for number in range(30)])
    register(town, lights={"file": "lights.csv"})
    whole = outcome(town).sha256
    read = intake.Table.chunks
    monkeypatch.setattr(intake.Table, "chunks", lambda table, rows=7: read(table, 7))
    assert outcome(town, force=True).sha256 == whole


def test_second_build_changes_nothing_and_reads_nothing(town, monkeypatch):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"})
    before = {each.id: each.sha256 for each in building.build("town")}
    monkeypatch.setattr(building, "take_in", lambda *_: pytest.fail("a file was read again"))
    again = building.build("town")
    assert {each.state for each in again} == {"unchanged"}
    assert {each.id: each.sha256 for each in again} == before


@pytest.mark.parametrize("change", ["raw", "register", "boundaries"])
def test_whatever_a_snapshot_depends_on_makes_it_be_built_again(town, change):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"})
    building.build("town")
    if change == "raw":
        lights(town, [at(), at(10)])
    elif change == "register":
        register(town, lights={"file": "lights.csv", "note": "고침"})
    else:
        path = town / "inbox" / "dong_boundaries.geojson"
        content = json.loads(path.read_text("utf-8"))
        content["features"].pop()
        path.write_text(json.dumps(content), "utf-8")
    assert outcome(town).state == "new"


def test_changed_raw_file_is_said(town):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv", "sha256": "0" * 64})
    found = outcome(town)
    assert found.state == "new"
    assert "등록부에 적힌 것과 다릅니다" in found.sentence


def test_one_broken_source_does_not_stop_the_others(town, capsys):
    lights(town, [at()])
    (town / "inbox" / "broken.csv").write_bytes(b"\x00\x01\x02" * 999)
    (town / "inbox" / "empty.csv").write_bytes(b"")
    (town / "inbox" / "folder.csv").mkdir()
    broken = {name: {"file": f"{name}.csv"} for name in ("broken", "empty", "folder", "absent")}
    register(town, **broken, lights={"file": "lights.csv"})
    found = {each.id.removeprefix("town/"): each for each in building.build("town")}
    assert {name: each.state for name, each in found.items() if name in broken} == dict.fromkeys(broken, "refused")
    assert found["lights"].state == "new"
    assert "absent.csv" in found["absent"].sentence
    assert "GSAN_INBOX" not in found["absent"].sentence or str(town / "inbox") in found["absent"].sentence
    for each in found.values():
        assert "Traceback" not in each.sentence
        assert "예상하지 못한" not in each.sentence
    assert cli.run(["bank", "build", "town"]) == 1
    shown = capsys.readouterr().out
    assert "absent.csv" in shown
    assert "거절 4" in shown


def test_filter_that_names_an_unknown_field_is_refused_with_the_fields_there_are(town):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv", "only": {"gu": ["광산구"]}})
    found = outcome(town)
    assert found.state == "refused"
    assert "`" in found.sentence
    assert "gu" in found.sentence


def test_exchanged_codes_of_two_dongs_are_mended_and_named(town):
    path = town / "inbox" / "dong_boundaries.geojson"
    content = json.loads(path.read_text("utf-8"))
    key = next(name for name, value in content["features"][0]["properties"].items() if str(value) == sample.district()["dong_code"].iloc[0])
    one, two = content["features"][0]["properties"], content["features"][1]["properties"]
    one[key], two[key] = two[key], one[key]
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    found = outcome(town, "dong_boundaries")
    (repair,) = [each for each in found.repairs if each["code"].startswith("swapped_codes")]
    assert repair["count"] == 2
    names = sample.district().set_index("dong_code")["dong_name"]
    assert bank.load("town/dong_boundaries").set_index("dong_code")["dong_name"].to_dict() == names.to_dict()


def test_missing_inbox_says_what_to_do(town, monkeypatch, capsys):
    monkeypatch.setenv("GSAN_INBOX", str(town / "nowhere"))
    with pytest.raises(UsageError, match="GSAN_INBOX"):
        building.build("town")
    assert cli.run(["bank", "build", "town"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_bank_that_cannot_be_written_ends_the_build_in_one_sentence(town, monkeypatch, capsys):
    (town / "file").write_text("")
    monkeypatch.setenv("GSAN_BANK", str(town / "file" / "bank"))
    with pytest.raises(StoreError):
        building.build("town")
    assert cli.run(["bank", "build", "town"]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_wrong_names_are_wrong_calls(town, capsys):
    assert cli.run(["bank", "build", "atlantis"]) == 2
    assert cli.run(["bank", "build", "town", "--dataset", "lamps"]) == 2
    assert cli.run(["bank", "status", "atlantis"]) == 2
    assert "lamps" in capsys.readouterr().err


def test_one_dataset_is_built_with_what_it_needs(town):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"}, more={"file": "lights.csv"})
    assert [each.id for each in building.build("town", ["lights"])] == ["town/population_age", "town/dong_boundaries", "town/lights"]
    assert [each.id for each in building.build("town", ["more"])] == ["town/more"]


def test_status_tells_held_missing_and_unregistered_datasets(town, capsys):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"}, more={"file": "lights.csv"})
    building.build("town", ["lights", "more"])
    register(town, lights={"file": "lights.csv"}, other={"file": "lights.csv"})
    lines = {line["dataset"]: line for line in catalog.status("town", today="2026-11-23")}
    assert {name: line["state"] for name, line in lines.items()} == {
        "dong_boundaries": "held", "population_age": "held", "lights": "held", "other": "missing", "more": "unregistered",
    }  # fmt: skip
    assert lines["lights"]["age_days"] == 327
    assert not lines["lights"]["old"]
    assert lines["population_age"]["old"]
    assert cli.run(["bank", "status", "town", "--json"]) == 0
    assert {line["dataset"] for line in json.loads(capsys.readouterr().out)} == lines.keys()
    assert cli.run(["bank", "status", "town"]) == 0
    assert "가로등" in capsys.readouterr().out


def test_diff_names_rows_added_removed_and_changed(town, capsys):
    lights(town, [at(0, "광주광역시 광산구 가로 1"), at(10, "광주광역시 광산구 가로 2"), at(20, "광주광역시 광산구 가로 3")], "old.csv")
    lights(
        town,
        [
            at(0, "광주광역시 광산구 가로 1"),
            at(20, "광주광역시 광산구 가로 3").replace(",2020,", ",2024,"),
            at(30, "광주광역시 광산구 가로 4"),
        ],
        "new.csv",
    )
    register(town, lights={"editions": [{"file": "old.csv", "as_of": "2020-12-31"}, {"file": "new.csv", "as_of": "2024-12-31"}]})
    building.build("town")
    found = catalog.diff("town", "lights")
    assert found.added["address"].tolist() == ["광주광역시 광산구 가로 4"]
    assert found.removed["address"].tolist() == ["광주광역시 광산구 가로 2"]
    assert found.changed[["column", "before", "after"]].to_dict("records") == [
        {"column": "installed_year", "before": "2020", "after": "2024"}
    ]
    back = catalog.diff("town", "lights", "2024-12-31", "2020-12-31")
    assert back.added["address"].tolist() == found.removed["address"].tolist()
    same = catalog.diff("town", "lights", found.after["sha256"][:10], found.after["sha256"])
    assert same.to_dict()["counts"] == {"added": 0, "removed": 0, "changed": 0}
    assert cli.run(["bank", "diff", "town", "lights", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"added": 1, "removed": 1, "changed": 1}
    assert cli.run(["bank", "diff", "town", "lights"]) == 0
    with pytest.raises(MissingData):
        catalog.diff("town", "dong_boundaries")


def test_proposed_entry_is_a_register_entry_but_for_what_only_people_know(town, capsys):
    head = "보안등위치명,설치개수,소재지도로명주소,소재지지번주소,위도,경도,설치연도,설치형태,관리기관명,데이터기준일자"
    (town / "inbox" / "보안등정보.csv").write_text(
        f"{head}\n송정 1,1,,광주광역시 광산구 송정동 1,35.14,126.79,2020,한전주,광산구청,2025-12-31\n", "utf-8"
    )
    assert cli.run(["bank", "add", "town", str(town / "inbox" / "보안등정보.csv")]) == 0
    text = capsys.readouterr().out
    ((name, entry),) = yaml.safe_load(text)["datasets"].items()
    assert (name, entry["standard"], entry["file"]) == ("lights", "lights", "보안등정보.csv")
    assert entry["licence"] == catalog.ASK
    from gsan_lib.bank.register import parse

    assert parse(yaml.safe_load(text), "town")["lights"].editions[0].as_of is None


def test_two_builds_with_a_fixed_clock_give_the_same_manifests(town, monkeypatch):
    lights(town, [at()])
    register(town, lights={"file": "lights.csv"})
    told = []
    for name in ("one", "two"):
        monkeypatch.setenv("GSAN_BANK", str(town / name))
        building.build("town")
        told.append(
            {
                path.relative_to(town / name): path.read_bytes()
                for path in sorted((town / name).rglob("*"))
                if path.name in ("manifest.json", "data.parquet", "set_aside.parquet")
            }
        )
    assert told[0] == told[1]
    assert len(told[0]) == 9


def test_sample_is_simulated_and_says_so():
    outcomes = building.build("sample")
    assert {each.state for each in outcomes} <= {"new", "unpublished"}
    assert bank.load("sample/hydrants").attrs["gsan"]["simulated"]
    assert all(each.rows_read == each.rows_kept + each.rows_set_aside for each in outcomes)
