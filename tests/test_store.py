"""The store: one content is one snapshot, nothing is ever half there, and the two dates answer questions about the past."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib.bank import identity, snapshots, store
from gsan_lib.errors import DataError, MissingData, StoreError, UsageError

KNOWN = "2026-01-01T00:00:00Z"


def lamps(count: int = 10) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(7)
    xy = rng.uniform(940_000, 960_000, (count, 2))
    cells = {
        "source_row": np.arange(1, count + 1),
        "lamp": pd.array([None if n % 4 == 0 else f"가로등 {n}" for n in range(count)], dtype="str"),
        "lamps": pd.array([None if n % 3 == 0 else n for n in range(count)], dtype="Int64"),
        "lit": pd.array([None, True, False, True, False][:count] * (count // 5), dtype="boolean"),
        "height_m": np.where(np.arange(count) % 2, np.nan, 0.0),
        "since": pd.to_datetime(["2020-01-01"] * count),
        "place": pd.array(["inside", "margin"] * (count // 2), dtype="str"),
    }
    return gpd.GeoDataFrame(cells, geometry=gpd.points_from_xy(*xy.T), crs="EPSG:5179")


def write(
    frame, id="sample/lights", *, chunk=4, as_of="2020-12-31", known_at=KNOWN, file="lights.csv", raw="0" * 64, aside=None, url=None, **told
):
    crs = str(frame.crs) if isinstance(frame, gpd.GeoDataFrame) else None
    with store.Writer(id, crs=crs, bank=snapshots.open_bank(url)) as writer:
        for start in range(0, max(len(frame), 1), chunk):
            writer.write(frame.iloc[start : start + chunk])
        if aside is not None:
            writer.set_aside(aside)
        return writer.publish(
            {"as_of": as_of, "title_ko": "가로등", "sighting": {"file": file, "raw_sha256": raw}, **told}, known_at=known_at
        )


def write_chunks(chunks) -> None:
    with store.Writer("sample/lights", crs="EPSG:5179") as writer:
        for chunk in chunks:
            writer.write(chunk)


ASIDE = pd.DataFrame({"source_row": [11], "reason": ["no_position"], "sentence": ["좌표가 없습니다."], "raw": ['{"위도": null}']})


# identity


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=9), st.none() | st.integers(-(2**53), 2**53), st.none() | st.floats(allow_infinity=False)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 31),
)
def test_identity_does_not_depend_on_the_size_of_chunks(rows, chunk):
    text, whole, number = zip(*rows, strict=True)
    frame = pd.DataFrame({"a": pd.array(text, dtype="str"), "b": pd.array(whole, dtype="Int64"), "c": np.array(number, dtype=float)})
    assert identity.identity(frame, chunk=chunk) == identity.identity(frame)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=8), st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=8))
def test_identity_tells_different_columns_apart(left, right):
    same = identity.identity(pd.DataFrame({"a": pd.array(left, dtype="str")})) == identity.identity(
        pd.DataFrame({"a": pd.array(right, dtype="str")})
    )
    assert same == (left == right)


def test_identity_changes_with_one_coordinate_by_a_millimetre_but_not_by_a_hundredth_of_one():
    frame = lamps()
    moved = frame.copy()
    moved.loc[3, "geometry"] = shapely.Point(frame.geometry[3].x + 0.001, frame.geometry[3].y)
    base = frame.set_geometry(shapely.points(np.round(shapely.get_coordinates(frame.geometry), 4))).set_crs(5179)
    nudged = base.set_geometry(base.translate(0.00001, 0))
    assert identity.identity(frame) != identity.identity(moved)
    assert identity.identity(base) == identity.identity(nudged)


def test_identity_ignores_order_of_columns_and_knows_names_types_and_rows_set_aside(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    base = identity.identity(frame)
    assert identity.identity(frame[["b", "a"]]) == base
    assert identity.identity(frame.rename(columns={"a": "c"})) != base
    assert identity.identity(frame.astype({"a": float})) != base
    assert identity.identity(frame, crs="EPSG:5179") != base
    assert write(lamps())["sha256"] != write(lamps(), aside=ASIDE)["sha256"]


def test_polygon_with_other_start_and_direction_is_the_same_content():
    ring = [(0, 0), (0, 1), (1, 1), (1, 0)]
    turned = [shapely.Polygon(ring[n:] + ring[:n]) for n in range(4)] + [shapely.Polygon(ring[::-1])]
    assert len({identity.identity(gpd.GeoDataFrame(geometry=[shape], crs=5179)) for shape in turned}) == 1


# writing and loading


def test_what_was_written_is_what_is_loaded():
    frame = lamps()
    told = write(frame)
    loaded = store.load("sample/lights")
    assert loaded.crs == "EPSG:5179"
    assert list(loaded.columns) == list(frame.columns)
    pd.testing.assert_frame_equal(
        pd.DataFrame(loaded.drop(columns="geometry")), pd.DataFrame(frame.drop(columns="geometry")), check_dtype=False
    )
    assert loaded.geometry.distance(frame.geometry).max() <= 1e-4
    assert str(loaded["lamps"].dtype) == "Int64"
    assert str(loaded["lit"].dtype) == "boolean"
    assert store.verify("sample/lights", told["sha256"])


def test_load_by_place_and_what_the_frame_says_of_itself():
    write(lamps(), licence="확인되지 않음", simulated=True)
    inside = store.load("sample/lights", place="inside")
    assert set(inside["place"]) == {"inside"}
    assert list(inside.index) == list(range(5))
    said = inside.attrs["gsan"]
    assert said["id"] == "sample/lights"
    assert said["rows"] == 5
    assert said["simulated"]
    assert said["as_of"] == "2020-12-31"
    assert said["known_at"] == KNOWN


def test_every_load_leaves_a_line_for_the_runner(tmp_path, monkeypatch):
    told = write(lamps())
    monkeypatch.setenv("GSAN_LOADS", str(tmp_path / "loads.jsonl"))
    store.load("sample/lights")
    store.load("sample/lights", place="inside")
    lines = [json.loads(line) for line in (tmp_path / "loads.jsonl").read_text("utf-8").splitlines()]
    assert [line["sha256"] for line in lines] == [told["sha256"]] * 2
    assert [line["rows"] for line in lines] == [10, 5]
    assert [line["request"] for line in lines] == [{"as_of": None, "known_at": None, "sha256": None}] * 2


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """What a kernel's requests left behind."""
    monkeypatch.setenv("GSAN_LOADS", str(tmp_path / "loads.jsonl"))
    return lambda: [json.loads(line) for line in (tmp_path / "loads.jsonl").read_text("utf-8").splitlines()]


def test_every_request_is_noted_also_the_one_that_finds_nothing(noted):
    told = write(lamps())
    snapshots.manifest("sample/lights", as_of="2021-01-01")
    with pytest.raises(MissingData):
        store.load("sample/lights", as_of="2019-12-31")
    with pytest.raises(MissingData):
        snapshots.manifest("sample/nothing")
    snapshots.manifest("sample/lights", sha256=told["sha256"])  # always answered alike
    seen = [(line["id"], line["sha256"], line["rows"], line["request"]["as_of"]) for line in noted()]
    assert seen == [
        ("sample/lights", told["sha256"], None, "2021-01-01"),
        ("sample/lights", None, None, "2019-12-31"),
        ("sample/nothing", None, None, None),
    ]


def test_a_request_for_unpublished_data_is_noted_although_it_is_refused(noted):
    told = write(lamps(), published=False)
    with pytest.raises(MissingData):
        store.load("sample/lights")
    (line,) = noted()
    assert (line["sha256"], line["rows"]) == (told["sha256"], None)


REQUESTS = [
    {"as_of": as_of, "known_at": known_at, "sha256": None}
    for as_of in (None, "2019-06-01", "2020-12-31", "2022-06-01")
    for known_at in (None, "2026-01-15", "2026-02-15")
]


def test_pinned_requests_are_answered_as_they_were_whatever_the_bank_learned_since(tmp_path, monkeypatch):
    a, b, c = lamps(10), lamps(10).iloc[:8], lamps(10).iloc[:6]
    write(a, file="2020.csv", as_of="2020-12-31", known_at="2026-01-01T00:00:00Z")
    write(b, file="2022.csv", as_of="2030-12-31", known_at="2026-01-02T00:00:00Z")  # a day that is corrected later
    write(b, file="2022.csv", as_of="2022-01-01", known_at="2026-02-01T00:00:00Z", raw="1" * 64)
    before = [snapshots.resolve("sample/lights", request) for request in REQUESTS]
    held = {(found["sha256"], found["as_of"], found["known_at"]): found for found in before if found}
    pins = [
        {"id": "sample/lights", **found, "requests": [asked for asked, got in zip(REQUESTS, before, strict=True) if got == found]}
        for found in held.values()
    ]
    (tmp_path / "pins.json").write_text(json.dumps(pins), encoding="utf-8")
    write(c, file="2026.csv", as_of="2026-05-01", known_at="2026-03-01T00:00:00Z")
    write(a, file="2020.csv", as_of="2019-01-01", known_at="2026-03-02T00:00:00Z")  # the register now gives another day
    now = [snapshots.resolve("sample/lights", request) for request in REQUESTS]
    assert now != before
    monkeypatch.setenv("GSAN_PINS", str(tmp_path / "pins.json"))
    assert [snapshots.resolve("sample/lights", request) for request in REQUESTS] == before
    assert {each["sha256"] for each in snapshots.manifests("sample/lights")} == {sha for sha, *_ in held}
    loaded = store.load("sample/lights").attrs["gsan"]
    assert {name: loaded[name] for name in ("sha256", "as_of", "known_at")} == before[0]


def test_pins_hide_what_is_not_pinned_but_not_from_a_writer(tmp_path, monkeypatch):
    write(lamps())
    (tmp_path / "pins.json").write_text("[]", encoding="utf-8")
    monkeypatch.setenv("GSAN_PINS", str(tmp_path / "pins.json"))
    with pytest.raises(MissingData, match="gsan bank build"):
        store.load("sample/lights")
    again = write(lamps(), file="again.csv", known_at="2026-05-01T00:00:00Z")
    assert len(again["sightings"]) == 2


@pytest.mark.parametrize("content", ["", "{", '[{"id": "sample/lights"}]', "[1]"])
def test_a_damaged_file_of_pins_is_one_sentence(tmp_path, monkeypatch, content):
    write(lamps())
    (tmp_path / "pins.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("GSAN_PINS", str(tmp_path / "pins.json"))
    with pytest.raises(StoreError, match="GSAN_PINS"):
        store.load("sample/lights")


def test_what_a_request_would_find_is_told_without_a_note(tmp_path, monkeypatch):
    told = write(lamps())
    monkeypatch.setenv("GSAN_LOADS", str(tmp_path / "loads.jsonl"))
    assert snapshots.resolve("sample/lights", {}) == {"sha256": told["sha256"], "as_of": "2020-12-31", "known_at": KNOWN}
    assert snapshots.resolve("sample/lights", {"as_of": "2019-01-01"}) is None
    assert not (tmp_path / "loads.jsonl").exists()


def test_geoparquet_is_read_by_geopandas_with_its_crs_and_box():
    told = write(lamps(), aside=ASIDE)
    path = snapshots.open_bank().path("sample", "lights", told["sha256"], "data.parquet")
    frame = gpd.read_parquet(path)
    assert frame.crs.to_epsg() == 5179
    assert len(frame) == 10
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Point"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 5179}
    assert column["bbox"] == pytest.approx(frame.total_bounds.tolist(), abs=1e-9)


def test_polygons_lines_and_missing_geometries_survive():
    shapes = [
        shapely.box(0, 0, 1, 1),
        None,
        shapely.MultiPolygon([shapely.box(2, 2, 3, 3), shapely.box(5, 5, 6, 6)]),
        shapely.LineString([(0, 0), (1, 2.00004)]),
    ]
    write(gpd.GeoDataFrame({"n": range(4)}, geometry=shapes, crs=5179), chunk=3)
    loaded = store.load("sample/lights").geometry
    assert loaded.isna().tolist() == [False, True, False, False]
    assert loaded[0].equals(shapes[0])
    assert loaded[2].equals(shapes[2])
    assert loaded[3].coords[1] == (1.0, 2.0)


def test_empty_table_keeps_its_columns():
    write(lamps().iloc[:0])
    assert list(store.load("sample/lights").columns) == list(lamps().columns)


def test_rows_set_aside_come_back_with_their_reason():
    told = write(lamps(), aside=ASIDE)
    assert told["rows"] == 10
    assert told["rows_set_aside"] == 1
    assert told["set_aside"] == [{"reason": "no_position", "count": 1, "sentence": "좌표가 없습니다."}]
    assert store.load_set_aside("sample/lights").to_dict("list") == ASIDE.to_dict("list")


def test_columns_that_change_between_chunks_are_refused_and_leave_nothing():
    changed = lamps().assign(lamps=["1"] * 4 + ["많음"] * 6)
    with pytest.raises(DataError, match="lamps"):
        write_chunks([lamps(), changed])
    assert snapshots.manifests("sample/lights") == []
    assert [path.name for path in Path(snapshots.open_bank().path("sample", "lights")).iterdir()] == [".lock"]


# the same content again, and the two dates


def test_same_content_twice_is_one_snapshot_and_keeps_the_moment_it_was_learned():
    first = write(lamps(), chunk=3)
    again = write(lamps(), chunk=10, known_at="2026-06-01T00:00:00Z", title_ko="가로등(고침)")
    assert first["sha256"] == again["sha256"]
    assert again["title_ko"] == "가로등(고침)"
    assert [seen["known_at"] for seen in again["sightings"]] == [KNOWN]
    assert len(snapshots.manifests("sample/lights")) == 1


def test_questions_about_the_past_are_answered_with_what_was_known_then():
    old = write(lamps(), as_of="2020-12-31", known_at="2026-01-01T00:00:00Z", file="2020.csv")
    late = write(lamps()[:8], as_of="2018-12-31", known_at="2026-03-01T00:00:00Z", file="2018.csv")
    new = write(lamps()[:9], as_of="2024-12-31", known_at="2026-05-01T00:00:00Z", file="2024.csv")
    told = lambda **asked: snapshots.manifest("sample/lights", **asked)["sha256"]
    assert told() == new["sha256"]
    assert told(as_of="2024-12-30") == old["sha256"]
    assert told(as_of="2020-12-30") == late["sha256"]
    assert told(known_at="2026-04-01") == old["sha256"]
    assert told(known_at="2026-01-01") == old["sha256"], "a bare day means the whole of it"
    with pytest.raises(MissingData, match="2018-12-31"):
        told(as_of="2017-01-01")
    with pytest.raises(MissingData):
        told(as_of="2020-01-01", known_at="2026-02-01")


def test_corrected_date_of_the_same_file_replaces_the_wrong_one():
    write(lamps(), as_of="2002-12-31")
    assert [seen["as_of"] for seen in write(lamps(), as_of="2020-12-31", known_at="2026-02-01T00:00:00Z")["sightings"]] == ["2020-12-31"]
    assert snapshots.manifest("sample/lights")["known_at"] == KNOWN


def test_file_that_is_read_anew_says_what_it_was_last_taken_to_say():
    wrong = write(lamps(), as_of="2025-12-31")
    right = write(lamps()[:6], as_of="2020-12-31", known_at="2026-02-01T00:00:00Z")
    assert snapshots.manifest("sample/lights")["sha256"] == right["sha256"], "a later day of a file that was read wrongly does not count"
    assert snapshots.manifest("sample/lights", known_at="2026-01-15")["sha256"] == wrong["sha256"]
    back = write(lamps(), as_of="2025-12-31", known_at="2026-03-01T00:00:00Z")
    assert snapshots.manifest("sample/lights")["sha256"] == back["sha256"] == wrong["sha256"]
    assert [seen["known_at"] for seen in back["sightings"]] == [KNOWN, "2026-03-01T00:00:00Z"]


def test_of_two_contents_learned_at_one_moment_the_later_written_counts():
    for count in (10, 5, 8):
        told = write(lamps()[:count])
        assert snapshots.manifest("sample/lights")["sha256"] == told["sha256"]


def test_data_without_a_date_is_given_only_to_who_asks_for_none():
    write(lamps(), as_of=None)
    assert store.load("sample/lights").attrs["gsan"]["as_of"] is None
    with pytest.raises(MissingData, match="기준일 미상"):
        store.load("sample/lights", as_of="2026-01-01")


def test_fixed_clock_makes_manifests_reproducible(monkeypatch):
    monkeypatch.setenv("GSAN_KNOWN_AT", "2026-11-23T09:00:00+09:00")
    assert write(lamps(), known_at=None)["sightings"][0]["known_at"] == "2026-11-23T00:00:00Z"


def test_unpublished_list_is_not_an_empty_one():
    write(lamps(), published=False)
    with pytest.raises(MissingData, match="미공표"):
        store.load("sample/lights")
    assert len(store.load("sample/lights", allow_unpublished=True)) == 10


def test_missing_dataset_names_the_command_that_makes_it():
    with pytest.raises(MissingData, match="gsan bank build sample --dataset lights") as caught:
        store.load("sample/lights")
    assert caught.value.dataset == "lights"
    for wrong in ("lights", "../../etc/passwd", "sample/../x", "a/b/c", ""):
        with pytest.raises(UsageError):
            store.load(wrong)


# other places than a folder


@pytest.mark.parametrize("url", ["memory://bank-of-a-test", "folder"])
def test_store_works_by_address_too(url, tmp_path):
    url = str(tmp_path / "elsewhere") if url == "folder" else url
    bank = snapshots.open_bank(url)
    told = write(lamps(), url=url, aside=ASIDE)
    write(lamps()[:5], url=url, as_of="2021-12-31", file="b.csv")
    assert len(store.load("sample/lights", bank=bank)) == 5
    assert len(store.load("sample/lights", as_of="2020-12-31", bank=bank)) == 10
    assert store.verify("sample/lights", told["sha256"], bank=bank)
    assert [brief["rows"] for brief in snapshots.index("sample", bank=bank)] == [10, 5]
    assert bank.fs.exists(bank.path("sample", "index.json"))


# nothing is ever half there


def python(code: str, *, check: bool = True, **kwargs) -> subprocess.CompletedProcess:
    setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_store import *\n"
    return subprocess.run(
        [sys.executable, "-c", setup + textwrap.dedent(code)], capture_output=True, text=True, check=check, timeout=120, **kwargs
    )


@pytest.mark.parametrize("moment", ["while writing", "before the rename"])
def test_killed_writer_leaves_the_last_good_state_and_its_leftovers_are_swept(moment):
    good = write(lamps())
    stop = {
        "while writing": "writer.write(lamps()[:3])",
        "before the rename": "store.os.rename = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)",
    }[moment]
    ended = python(
        f"""
        with store.Writer("sample/lights", crs="EPSG:5179") as writer:
            writer.write(lamps()[:5])
            {stop}
            writer.publish({{"as_of": "2026-01-01"}}) if "rename" in {moment!r} else os.kill(os.getpid(), signal.SIGKILL)
        """,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    folder = Path(snapshots.open_bank().path("sample", "lights"))
    assert list(folder.glob(".draft-*")), "the test must have left something behind"
    assert snapshots.manifest("sample/lights")["sha256"] == good["sha256"]
    assert len(snapshots.index("sample")) == 1
    write(lamps()[:2], as_of="2022-01-01", file="next.csv")
    assert not list(folder.glob(".draft-*"))
    assert len(store.load("sample/lights")) == 2


def test_draft_of_a_living_writer_is_not_swept():
    with store.Writer("sample/lights", crs="EPSG:5179") as slow:
        slow.write(lamps()[:4])
        write(lamps())
        slow.write(lamps()[4:])
        slow.publish({"as_of": "2021-12-31", "sighting": {"file": "slow.csv", "raw_sha256": "1"}}, known_at=KNOWN)
    (only,) = snapshots.manifests("sample/lights")
    assert {seen["file"] for seen in only["sightings"]} == {"lights.csv", "slow.csv"}


def test_writers_at_once_lose_nothing(tmp_path):
    code = """
        for n in range(6):
            write(lamps(), file=f"{sys.argv[1]}-{n}.csv", raw=sys.argv[1])
            write(lamps().assign(who=f"{sys.argv[1]}-{n}"), file=f"own-{sys.argv[1]}-{n}.csv")
    """
    setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_store import *\n" + textwrap.dedent(code)
    running = [subprocess.Popen([sys.executable, "-c", setup, name], stderr=subprocess.PIPE, text=True) for name in "abc"]
    assert [process.communicate(timeout=120)[1] for process in running] == ["", "", ""]
    every = snapshots.manifests("sample/lights")
    shared = [each for each in every if len(each["sightings"]) > 1]
    assert len(every) == 19
    assert len(shared[0]["sightings"]) == 18
    assert len(snapshots.index("sample")) == 19


def test_full_disk_is_said_in_one_sentence_and_leaves_the_last_good_state():
    good = write(lamps())
    ended = python(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            write(lamps(100_000), chunk=100_000)
        except StoreError as error:
            print(error)
        """
    )
    assert "가득 찼습니다" in ended.stdout
    assert len(ended.stdout.splitlines()) == 1
    assert "Traceback" not in ended.stderr
    folder = Path(snapshots.open_bank().path("sample", "lights"))
    assert sorted(path.name for path in folder.iterdir()) == [".lock", good["sha256"]]


def test_unwritable_bank_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="쓸 수 없습니다"):
        write(lamps(), url=str(tmp_path / "file" / "bank"))
    assert (tmp_path / "file").read_text() == "not a folder"


def test_unknown_address_is_a_wrong_call():
    with pytest.raises(UsageError, match="GSAN_BANK"):
        snapshots.open_bank("nosuchstore://bucket")


# the index


def test_index_is_rebuilt_when_missing_damaged_or_stale():
    write(lamps())
    bank = snapshots.open_bank()
    path = Path(bank.path("sample", "index.json"))
    assert [brief["rows"] for brief in snapshots.index("sample")] == [10]
    for damage in (path.unlink, lambda: path.write_text("{"), lambda: path.write_text("[]"), lambda: path.write_text('{"format": 0}')):
        damage()
        assert [brief["rows"] for brief in snapshots.index("sample")] == [10]
    write(lamps()[:3], as_of="2021-12-31", file="b.csv")
    write(lamps(), title_ko="고친 이름")
    assert [(brief["rows"], brief["title_ko"]) for brief in snapshots.index("sample")] == [(10, "고친 이름"), (3, "가로등")]


def test_index_reads_the_manifests_of_400_datasets_once(monkeypatch):
    told = write(lamps())
    bank = snapshots.open_bank()
    for number in range(400):
        folder = Path(bank.path("sample", f"made_{number}", told["sha256"]))
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(told | {"dataset": f"made_{number}"}), "utf-8")
    assert len(snapshots.index("sample")) == 401
    read, opened = [], snapshots.Bank.read_json
    monkeypatch.setattr(snapshots.Bank, "read_json", lambda self, *parts: read.append(parts) or opened(self, *parts))
    assert len(snapshots.index("sample")) == 401
    assert len(read) == 1, "the second time the index alone is read"


def test_damaged_manifest_is_named():
    told = write(lamps())
    path = Path(snapshots.open_bank().path("sample", "lights", told["sha256"], "manifest.json"))
    path.write_text("{")
    with pytest.raises(StoreError, match=told["sha256"]):
        store.load("sample/lights")


def test_changed_bytes_are_found_by_verify():
    told = write(lamps())
    other = write(lamps().assign(lamp="바뀐 값"), id="sample/other")
    bank = snapshots.open_bank()
    os.replace(bank.path("sample", "other", other["sha256"], "data.parquet"), bank.path("sample", "lights", told["sha256"], "data.parquet"))
    assert not store.verify("sample/lights", told["sha256"])


def test_writing_needs_no_more_memory_for_more_rows():
    peak = """
        import gc
        rows = int(sys.argv[1])
        part = lamps(50_000)
        with store.Writer("sample/lights", crs="EPSG:5179") as writer:
            for _ in range(rows // len(part)):
                writer.write(part)
            writer.publish({"as_of": "2021-12-31"}, known_at=KNOWN)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    setup = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_store import *\n" + textwrap.dedent(peak)
    used = [
        int(subprocess.run([sys.executable, "-c", setup, rows], capture_output=True, text=True, check=True).stdout)
        for rows in ("200000", "2000000")
    ]
    assert used[1] < 1.2 * used[0]


assert resource  # used by the children, which import everything from here
