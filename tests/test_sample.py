"""The simulated district: facts unchanged, the rest made up, the same bytes each time, and as faulty as its register says."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
import yaml
from conftest import ROOT

from gsan_lib import geo, sample, simulated_events, simulated_facilities, simulation

FILES = sample.raw_files()


def table(name: str, encoding: str = "utf-8", **options: object) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(FILES[name]), encoding=encoding, dtype="str", **options)


def on_the_map(frame: pd.DataFrame, x: str = "경도", y: str = "위도") -> gpd.GeoSeries:
    return gpd.GeoSeries.from_xy(frame[x].astype(float), frame[y].astype(float), crs=4326).to_crs(geo.WORK_CRS)


def test_facts_are_gwangsans_21_dongs_and_405579_residents() -> None:
    facts = sample.facts()
    assert len(facts) == facts["dong_code"].nunique() == facts["kostat_code"].nunique() == 21
    assert facts["dong_code"].str.fullmatch(r"29200\d{5}").all()
    assert facts.filter(like="age_").to_numpy().sum() == 405_579
    assert sample.population()["population"].sum() == sample.district()["population"].sum() == 405_579


def test_long_population_keeps_each_band() -> None:
    long = sample.population()
    suwan = long[long["dong_code"] == "2920063700"].set_index("age_from")
    assert suwan["population"].loc[[0, 40, 100]].tolist() == [10_293, 18_101, 2]
    assert suwan["age_to"].loc[[0, 40, 100]].tolist() == [9, 49, 999]


def test_simulated_dongs_cover_the_district_without_gap_or_overlap_each_around_its_centroid() -> None:
    dongs, facts = sample.district(), sample.facts()
    centroids = gpd.GeoSeries.from_xy(facts["x_5179"], facts["y_5179"], crs=geo.WORK_CRS)
    assert geo.points_in_areas(centroids, dongs).tolist() == facts["dong_code"].tolist()
    assert shapely.coverage_is_valid(dongs.geometry.to_numpy())
    assert dongs.area.sum() == pytest.approx(sample.boundary().area, rel=1e-3)
    assert (shapely.get_coordinates(dongs.geometry.to_numpy()) % 1 == 0).all()


def test_the_same_bytes_come_from_every_process(tmp_path: Path) -> None:
    code = "import sys; from gsan_lib import sample; sample.write(sys.argv[1])"
    for seed in ("0", "12345"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Seoul" if seed == "0" else "UTC"}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment, cwd=tmp_path)
    first, second = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / seed).iterdir()} for seed in ("0", "12345")
    )
    assert first == second == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def test_write_creates_its_folder_and_names_what_it_wrote(tmp_path: Path) -> None:
    written = sample.write(tmp_path / "new" / "folder")
    assert [path.name for path in written] == sorted(FILES)
    assert all(path.read_bytes() == FILES[path.name] for path in written)


def test_the_register_names_every_raw_file_and_a_standard_for_it() -> None:
    datasets = yaml.safe_load((ROOT / "parameters" / "sample" / "sources.yml").read_text(encoding="utf-8"))["datasets"]
    named = [edition["file"] for entry in datasets.values() for edition in entry.get("editions", [entry])]
    assert sorted(named) == sorted(FILES)
    assert all((ROOT / "parameters" / "standards" / f"{entry['standard']}.yml").is_file() for entry in datasets.values())
    made_up = {name for name, entry in datasets.items() if "CC0" in entry["licence"]}
    assert set(datasets) - made_up == {"population_age"}


def test_published_columns_are_those_that_the_standards_know() -> None:
    """Each required field of the standard is found under one of its published names."""
    datasets = yaml.safe_load((ROOT / "parameters" / "sample" / "sources.yml").read_text(encoding="utf-8"))["datasets"]
    encodings = {
        "population_age_202012.csv": "cp949",
        "subway_ridership.csv": "cp949",
        "parks.csv": "cp949",
        "lights.csv": "cp949",
        "parking.csv": "cp949",
    }
    for name, entry in datasets.items():
        standard = yaml.safe_load((ROOT / "parameters" / "standards" / f"{entry['standard']}.yml").read_text(encoding="utf-8"))
        file = entry.get("file") or entry["editions"][0]["file"]
        if not file.endswith(".csv") or standard.get("reshape"):
            continue
        columns = set(
            table(file, "cp949" if file.startswith("school") else encodings.get(file, "utf-8-sig"), nrows=1, index_col=False).columns
        )
        for field in standard["fields"]:
            if field.get("constraints", {}).get("required") and "derive" not in field:
                assert columns & set(field["aliases"]), (name, field["name"])


def test_population_file_is_wide_with_a_total_row_and_thousands_commas() -> None:
    wide = table("population_age_202012.csv", "cp949", thousands=",")
    numbers = wide.drop(columns="행정구역").apply(lambda column: column.str.replace(",", "").astype(int))
    assert wide["행정구역"].iloc[0].endswith("(2920000000)")
    assert numbers.iloc[0].tolist() == numbers.iloc[1:].sum().tolist()
    assert (numbers.filter(like="_계_").sum(axis=1) == numbers["총인구수"]).all()
    assert wide.columns[-1] == "2020년12월_계_100세 이상"


def test_hydrants_carry_the_faults_that_their_register_names() -> None:
    items = pd.DataFrame(json.loads(FILES["hydrants.json"])["response"]["body"]["items"])
    latitude, longitude = items["latitude"].astype(float), items["longitude"].astype(float)
    assert len(items) == 900
    assert (latitude == 0).sum() == 3
    assert (latitude > 90).sum() == 1
    usual = (latitude > 30) & (latitude < 40)
    repeated = items[usual].duplicated(["latitude", "longitude"]).sum()
    assert 36 <= repeated <= 40  # 40, but for those that became placeholders or were swapped
    places = gpd.GeoSeries.from_xy(longitude[usual], latitude[usual], crs=4326).to_crs(geo.WORK_CRS)
    assert geo.points_in_areas(places, sample.district().buffer(1).to_frame("geometry").assign(dong_code="x")).notna().all()


def test_facilities_are_thin_where_few_people_live() -> None:
    items = pd.DataFrame(json.loads(FILES["hydrants.json"])["response"]["body"]["items"]).query("latitude > '30' and latitude < '40'")
    dongs = sample.district()
    places = gpd.GeoSeries.from_xy(items["longitude"].astype(float), items["latitude"].astype(float), crs=4326).to_crs(geo.WORK_CRS)
    per_km2 = geo.points_in_areas(places, dongs).value_counts().reindex(dongs["dong_code"], fill_value=0).to_numpy() / (dongs.area / 1e6)
    rural = dongs["dong_name"].isin(["본량동", "삼도동", "임곡동"])
    assert per_km2[rural].max() < 0.1 * per_km2[dongs["dong_name"] == "수완동"].item()


def test_parks_of_the_city_repeat_those_of_the_district() -> None:
    parks = table("parks.csv", "cp949")
    own, city = (parks[parks["제공기관명"] == name].reset_index(drop=True) for name in ("광주광역시 광산구", "광주광역시"))
    assert (len(own), len(city)) == (110, 60)
    assert city["공원명"].tolist() == own["공원명"].head(60).tolist()
    apart = on_the_map(own.head(60)).distance(on_the_map(city))
    assert (apart > 1e5).sum() == 1  # the one point in the sea
    assert apart[apart < 1e5].max() < 4
    assert not set(own["관리번호"]) & set(city["관리번호"])


def test_school_zones_change_between_editions_as_their_register_says() -> None:
    before, after = (table(f"school_zones_{year}.csv", "cp949").query("제공기관명 == '광주광역시 광산구'") for year in (2020, 2026))
    before = before.assign(name=before["대상시설명"].str.replace("초교", "초등학교"))
    after = after.assign(name=after["대상시설명"].str.removeprefix("새로운"))
    both = before.merge(after, on="소재지도로명주소", suffixes=("_1", "_2"))
    assert (len(before), len(after), len(both)) == (120, 111, 102)
    assert (both["name_1"] == both["name_2"]).all()
    assert both["대상시설명_2"].str.startswith("새로운").sum() == 6
    moved = on_the_map(both, "경도_1", "위도_1").distance(on_the_map(both, "경도_2", "위도_2"))
    moved = moved[both["위도_1"] != "37.0"]
    assert (moved > 300).sum() == 4
    assert moved[moved < 300].max() < 10


def test_cctv_sets_overlap_and_neither_holds_the_other() -> None:
    police, safe_home = (
        on_the_map(frame, x, y).drop_duplicates()
        for frame, x, y in ((table("cctv_police.csv"), "LO", "LA"), (table("cctv_ansimi.csv"), "경도", "위도"))
    )
    near = [geo.nearest_distance_m(one, other) <= 10 for one, other in ((police, safe_home), (safe_home, police))]
    assert all(0.8 < share.mean() < 1 for share in near)
    assert 100 < len(police) < 160


def test_every_candidate_site_lies_in_the_district() -> None:
    outline = geo.outline(sample.district()).buffer(1)
    for name in ("junctions.csv", "crossings.csv"):
        assert on_the_map(table(name, "utf-8-sig")).within(outline.buffer(20)).all(), name


def test_junctions_have_the_same_place_in_metres_and_degrees() -> None:
    frame = table("junctions.csv", "utf-8-sig")
    metres = gpd.GeoSeries.from_xy(frame["X좌표"].astype(float), frame["Y좌표"].astype(float), crs=5186).to_crs(geo.WORK_CRS)
    assert metres.distance(on_the_map(frame)).max() < 0.01


def test_ridership_rows_have_a_field_more_than_the_header_and_four_years_by_five_stations() -> None:
    lines = FILES["subway_ridership.csv"].decode("cp949").splitlines()
    assert {line.count(",") for line in lines[1:]} == {7}
    assert lines[0].count(",") == 6
    daily = simulated_events.subway_ridership(sample.town())
    assert len(daily) == len(lines) - 1 == 1461 * 5
    assert not daily.duplicated(["사용일자", "역ID"]).any()
    day = pd.to_datetime(daily["사용일자"])
    by_year = daily.groupby(day.dt.year)["승차총승객수"].mean()
    assert by_year.is_monotonic_increasing
    holiday = (
        daily.loc[daily["사용일자"] == "20180216", "승차총승객수"].sum() / daily.loc[daily["사용일자"] == "20180223", "승차총승객수"].sum()
    )
    assert 0.4 < holiday < 0.7  # Seollal against the Friday after


def test_accidents_of_the_district_lie_in_it_and_in_every_season() -> None:
    frame = table("accidents_2020.csv")
    inside = frame["발생지시군구"] == "광산구"
    found = geo.points_in_areas(on_the_map(frame), sample.district())
    assert (found.notna() == inside).all()
    assert inside.sum() == 12
    assert (frame[inside]["사고유형_대분류"] == "차대사람").sum() == 5
    assert pd.to_datetime(frame[inside]["발생년월일시"]).dt.quarter.nunique() >= 3
    metres = gpd.GeoSeries.from_xy(frame["발생위치X_UTMK"].astype(float), frame["발생위치Y_UTMK"].astype(float), crs=geo.WORK_CRS)
    assert metres.distance(on_the_map(frame)).max() < 0.02


def test_fires_name_legal_dongs_but_for_some_that_no_address_has() -> None:
    fires = table("fires.csv")
    known = set(sample.town().addresses["legal_dong"])
    strange = ~fires["읍면동"].isin(known)
    assert len(fires) == simulated_events.FIRES
    assert 0 < strange.sum() <= simulated_events.BY_ADMINISTRATIVE_DONG
    assert fires["연번"].is_unique


def test_libraries_are_a_workbook_with_a_title_above_the_header() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(FILES["libraries.xlsx"])).active
    assert sample.NOTICE in sheet["A1"].value
    assert sheet["A2"].value == "도서관명"
    assert sheet.max_row == 2 + 13


def test_each_data_set_has_random_numbers_of_its_own() -> None:
    """Drawing from one stream changes nothing in another."""
    before = simulated_facilities.parks(sample.town())
    simulation.stream("hydrants").normal(size=1000)
    pd.testing.assert_frame_equal(before, simulated_facilities.parks(sample.town()))
    first = [simulation.stream(name).integers(2**32) for name in ("parks", "fires", "cctv", "lights")]
    assert len(set(map(int, np.array(first)))) == 4
