"""Coordinates on the real files: positions published twice agree, datums are told apart by addresses, wrecks are set aside."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from published import outlines, published

from gsan_lib.bank.coordinates import find_crs
from gsan_lib.bank.positions import address_conflict, locate
from gsan_lib.bank.projections import transform
from gsan_lib.bank.schemas import load_standard
from gsan_lib.bank.standards import conform
from gsan_lib.errors import CrsError

pytestmark = pytest.mark.real

HYDRANTS = {"11230": "facilities/dongdaemun/firewater_동대문구.json", "29200": "facilities/gwangju/firewater_광산구.json"}
NAMES = {"11230": ["서울특별시 동대문구"], "29200": ["광주광역시 광산구"], "41590": ["경기도 화성시"]}


def dongs(inbox, code: str) -> gpd.GeoDataFrame:
    every = gpd.GeoDataFrame(conform(outlines(inbox), load_standard("dong_boundaries")).frame, geometry="geometry").to_crs(5179)
    return every[every["dong_code"].str.startswith(code)]


def numbers(frame: pd.DataFrame, *columns: str) -> list[np.ndarray]:
    return [frame[column].astype(float).to_numpy() for column in columns]


def test_junctions_of_dongdaemun_in_5186_and_in_degrees_are_one_place(inbox):
    frame = published(inbox, "facilities/dongdaemun/동대문구_교차로_위치찐.csv")
    metres = [("X좌표", "Y좌표")]
    assert find_crs(frame, pairs=[*metres, ("경도", "위도")]).crs == "EPSG:5186"
    area = dongs(inbox, "11230").union_all()
    assert find_crs(frame[["X좌표", "Y좌표"]], pairs=metres, outline=area).crs == "EPSG:5186"
    x, y = transform(*numbers(frame, "X좌표", "Y좌표"), "EPSG:5186", "EPSG:4326")
    lon, lat = numbers(frame, "경도", "위도")
    assert max(np.abs(x - lon).max(), np.abs(y - lat).max()) < 1e-6


def test_cooling_shelters_of_seoul_in_5186_and_in_degrees_are_one_place_but_for_a_placeholder(inbox):
    frame = published(inbox, "facilities/seoul/cool_shelters_seoul_2023.csv")
    assert find_crs(frame, pairs=[("X좌표", "Y좌표"), ("경도", "위도")]).crs == "EPSG:5186"
    located = locate(frame, find_crs(frame), without="set_aside")
    assert located.set_aside.counts() == {"placeholder": 1}
    real = frame.loc[located.geometry.index]
    x, y = transform(*numbers(real, "X좌표", "Y좌표"), "EPSG:5186", "EPSG:4326")
    lon, lat = numbers(real, "경도", "위도")
    assert max(np.abs(x - lon).max(), np.abs(y - lat).max()) < 1e-6


def test_accidents_in_5179_and_in_degrees_are_one_place(inbox):
    frame = published(inbox, "events/koroad_fatal_accidents_2020.csv")
    degrees = locate(frame, find_crs(frame)).geometry
    metres = find_crs(frame, pairs=[("발생위치X_UTMK", "발생위치Y_UTMK"), ("경도", "위도")])
    assert metres.crs == "EPSG:5179"
    assert degrees.distance(locate(frame, metres).geometry).max() < 2.0  # the metres are whole numbers


def test_centroids_lie_in_the_dong_of_their_code_for_137_of_138(inbox):
    frame = conform(published(inbox, "codes/coordinate_UTMK_이름포함.tsv"), load_standard("unit_centroids")).frame
    finding = find_crs(frame, pairs=[("X", "Y")])
    assert finding.crs == "EPSG:5179"  # the only system in which the whole list lies in the country
    points = locate(frame, finding).geometry
    areas = dongs(inbox, "").set_index("dong_code").geometry
    mine = frame[frame["dong_code"].isin(areas.index)]
    apart = points[mine.index].distance(gpd.GeoSeries(areas[mine["dong_code"]].to_numpy(), index=mine.index, crs=5179))
    assert (len(mine), (apart == 0).sum()) == (138, 137)
    assert mine.loc[apart > 0, "full_name"].tolist() == ["경기도 화성시 동탄4동"]
    assert apart.max() == pytest.approx(638, abs=1)


@pytest.mark.parametrize("crs", ["EPSG:5174", "EPSG:2097", "EPSG:5181"])
@pytest.mark.parametrize("code", HYDRANTS)
def test_real_addresses_tell_datums_apart_that_differ_by_300_metres(inbox, code, crs):
    frame = conform(published(inbox, HYDRANTS[code]), load_standard("hydrants")).frame
    x, y = transform(*numbers(frame, "longitude", "latitude"), "EPSG:4326", crs)
    areas = dongs(inbox, code)
    again = frame.assign(X=x, Y=y)
    asked = {"pairs": [("X", "Y")], "outline": areas.union_all(), "address": ["lot_address", "road_address"], "addresses": NAMES[code]}
    assert find_crs(again, dongs=areas, **asked).crs == crs
    with pytest.raises(CrsError):
        find_crs(again, **asked)


def test_few_addressed_rows_are_refused_and_not_guessed(inbox):
    frame = conform(published(inbox, "facilities/national/전국어린이보호구역표준데이터_2026.csv"), load_standard("school_zones")).frame
    x, y = transform(*numbers(frame, "경도", "위도"), "EPSG:4326", "EPSG:5174")
    areas = dongs(inbox, "41590")
    with pytest.raises(CrsError, match="남은 후보"):
        find_crs(
            frame.assign(X=x, Y=y),
            pairs=[("X", "Y")],
            outline=areas.union_all(),
            dongs=areas,
            address=["lot_address", "road_address"],
            addresses=NAMES["41590"],
        )


def test_the_lights_of_buk_gu_have_longitude_and_latitude_swapped(inbox):
    frame = published(inbox, "facilities/gwangju/광주_북구_가로등현황.csv")
    finding = find_crs(frame)
    assert finding.swapped
    located = locate(frame, finding)
    assert located.geometry.notna().sum() == 6_563
    lon = located.geometry.dropna().to_crs(4326).x
    assert (lon.min(), lon.max()) == pytest.approx((126.8368, 126.9989), abs=1e-4)


def test_libraries_are_mended_where_a_row_is_swapped_and_set_aside_where_it_lies_nowhere(inbox):
    frame = published(inbox, "facilities/national/전국도서관표준데이터.xls")
    located = locate(frame, find_crs(frame), without="set_aside")
    assert {repair.code: repair.count for repair in located.repairs} == {"swapped_row": 44}
    aside = located.set_aside
    assert aside.counts() == {"no_coordinates": 176, "out_of_place": 3}
    assert len(located.geometry) + len(aside) == 1_756
    assert any("218.1" in raw for raw in aside.frame().query("reason == 'out_of_place'")["raw"])


def test_parks_in_the_sea_of_japan_are_set_aside(inbox):
    frame = published(inbox, "facilities/national/전국도시공원정보표준데이터.csv")
    located = locate(frame, find_crs(frame), without="set_aside")
    assert located.set_aside.counts() == {"no_coordinates": 2, "out_of_place": 2}


def test_the_hydrant_a_degree_north_is_set_aside_and_not_moved(inbox):
    frame = published(inbox, HYDRANTS["29200"])
    located = locate(frame, find_crs(frame), outline=dongs(inbox, "29200").union_all())
    assert located.set_aside.counts() == {"out_of_place": 1}
    assert "36.19661511" in located.set_aside.frame()["raw"].iloc[0]
    assert len(located.geometry) == 1_771


def test_the_restroom_of_daegu_in_seoul_is_flagged(inbox):
    row = pd.DataFrame(
        [json.loads((inbox / "api_samples" / "restroom_wrong_coordinate.json").read_text(encoding="utf-8"))], index=[1]
    ).astype("str")
    standard = load_standard("restrooms")
    conformed = conform(row, standard).frame
    point = locate(conformed, find_crs(conformed, pairs=standard.coordinates)).geometry
    districts = (
        gpd.read_file(inbox / "boundaries" / "skorea-municipalities-2018-topo-simple.json").set_crs(4326, allow_override=True).to_crs(5179)
    )
    seoul = districts[districts["code"].str.startswith("11")].buffer(0).union_all()
    assert address_conflict(point, conformed["address"], seoul, ["서울특별시"]).tolist() == ["address_elsewhere"]


def test_placeholders_of_baltimore_have_no_position(inbox):
    frame = published(inbox, "reports/baltimore_311_sample_part1.csv")
    finding = find_crs(frame)
    assert not finding.korea
    located = locate(frame, finding, without="set_aside")
    pair = list(zip(pd.to_numeric(frame["Latitude"]), pd.to_numeric(frame["Longitude"]), strict=True))
    assert pair.count((39, -77)) == 586
    others = [point for point in pair if point != (39, -77) and all(float(part).is_integer() for part in point)]
    assert located.set_aside.counts() == {"placeholder": 586 + len(others), "no_coordinates": 386}
    assert set(others) <= {(39, -76), (40, -77)}


def test_topojson_without_crs_is_found_to_be_in_degrees(inbox):
    districts = gpd.read_file(inbox / "boundaries" / "skorea-municipalities-2018-topo-simple.json")
    finding = find_crs(gpd.GeoDataFrame(geometry=gpd.GeoSeries(districts.geometry.array, crs=None)))
    assert finding.crs == "EPSG:4326"
    assert "밝히지 않았으나" in finding.how
