"""Coordinates: the reference system is found or refused, and every row's position is mended only where that is certain."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gsan_lib.bank.accounts import Repairs
from gsan_lib.bank.coordinates import coordinate_pairs, find_crs
from gsan_lib.bank.evidence import in_named_dong, prefer, stem
from gsan_lib.bank.positions import address_conflict, locate
from gsan_lib.bank.projections import METRES, CrsFinding, transform, transformation
from gsan_lib.errors import CrsError, InputError

WORK = "EPSG:5179"
SIDE = 2_000  # metres, side of a made dong
WEST, SOUTH = 930_000, 1_680_000  # EPSG:5179, in Gwangsan
NAMES = [first + second for first in "가나다라마" for second in "온들메솔터"]
DONGS = gpd.GeoDataFrame(
    {"dong_name": [f"{name}1동" for name in NAMES]},
    geometry=[
        shapely.box(WEST + i * SIDE, SOUTH + j * SIDE, WEST + (i + 1) * SIDE, SOUTH + (j + 1) * SIDE) for i in range(5) for j in range(5)
    ],
    crs=WORK,
)
OUTLINE = shapely.box(WEST, SOUTH, WEST + 5 * SIDE, SOUTH + 5 * SIDE)


def town(crs: str, count: int = 400, *, turned: bool = False, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Points of a made town published in `crs`, with addresses; and where they really are in EPSG:5179."""
    draw = np.random.default_rng(seed)
    east, north = draw.uniform(WEST + 600, WEST + 5 * SIDE - 600, count), draw.uniform(SOUTH + 600, SOUTH + 5 * SIDE - 600, count)
    x, y = transform(east, north, WORK, crs)
    dong = [NAMES[int((e - WEST) // SIDE) * 5 + int((n - SOUTH) // SIDE)] for e, n in zip(east, north, strict=True)]
    frame = pd.DataFrame(
        {
            "번호": [f"P{k}" for k in range(count)],
            "X좌표": (y if turned else x).astype(str),
            "Y좌표": (x if turned else y).astype(str),
            "주소": [f"광주광역시 광산구 {one}동 {k}" for k, one in enumerate(dong)],
        },
        index=pd.RangeIndex(1, count + 1, name="source_row"),
    )
    return frame, east, north


def test_every_transformation_states_what_it_does_and_needs_no_grid_file():
    for crs in (*METRES, "EPSG:4326"):
        assert "grid file" not in transformation(crs), crs
    assert "Korean 1985 to KGD2002" in transformation("EPSG:5174")
    assert "accuracy 1 m" in transformation("EPSG:2097")


def test_bessel_read_as_grs80_is_off_by_315_to_361_metres_in_gwangsan():
    for crs, off in (("EPSG:5174", 315.5), ("EPSG:2097", 361.0)):
        x, y = transform(np.array([126.793]), np.array([35.165]), "EPSG:4326", crs)
        right, wrong = transform(x, y, crs), transform(x, y, "EPSG:5181")
        assert np.hypot(right[0] - wrong[0], right[1] - wrong[1])[0] == pytest.approx(off, abs=0.5)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("crs", METRES)
def test_the_dong_in_the_address_finds_every_metric_system(crs, turned):
    frame, east, north = town(crs, turned=turned)
    finding = find_crs(frame, outline=OUTLINE, dongs=DONGS, address="주소", addresses=["광주광역시 광산구"])
    assert (finding.crs, finding.swapped) == (crs, turned)
    located = locate(frame, finding)
    assert np.allclose(located.geometry.x, east, atol=0.02)
    assert np.allclose(located.geometry.y, north, atol=0.02)


@pytest.mark.parametrize("crs", ["EPSG:5174", "EPSG:2097", "EPSG:5181"])
def test_an_outline_alone_cannot_tell_datums_apart_and_the_file_is_refused(crs):
    with pytest.raises(CrsError) as caught:
        find_crs(town(crs)[0], outline=OUTLINE)
    assert all(one in str(caught.value) for one in ("EPSG:5174", "EPSG:2097", "EPSG:5181"))


@pytest.mark.parametrize("crs", ["EPSG:5186", "EPSG:5179"])
def test_an_outline_alone_tells_systems_apart_that_differ_by_100_km(crs):
    assert find_crs(town(crs)[0], outline=OUTLINE).crs == crs


@pytest.mark.parametrize("crs", ["EPSG:5174", "EPSG:2097", "EPSG:5181"])
def test_five_places_of_known_position_find_the_datum(crs):
    frame, east, north = town(crs)
    anchors = {f"P{k}": (east[k], north[k]) for k in range(5)}
    assert find_crs(frame, outline=OUTLINE, anchors=anchors, anchor_column="번호").crs == crs


def test_anchors_that_fit_no_reading_decide_nothing():
    frame, east, north = town("EPSG:5174")
    with pytest.raises(CrsError):
        find_crs(frame, outline=OUTLINE, anchors={f"P{k}": (east[k] + 1_500, north[k]) for k in range(5)}, anchor_column="번호")


def test_too_few_addresses_near_a_border_do_not_decide():
    frame, *_ = town("EPSG:5174", count=12)
    with pytest.raises(CrsError, match="분명하지 않습니다"):
        find_crs(frame, outline=OUTLINE, dongs=DONGS, address="주소", addresses=["광주광역시 광산구"])


def test_metres_without_any_evidence_are_refused():
    with pytest.raises(CrsError, match="남은 후보"):
        find_crs(town("EPSG:5186")[0])


def test_a_hint_decides_what_evidence_leaves_open_and_nothing_else():
    frame, *_ = town("EPSG:5174")
    assert find_crs(frame, outline=OUTLINE, hint="EPSG:5174").crs == "EPSG:5174"
    assert "밝힌 좌표계" in find_crs(frame, outline=OUTLINE, hint="EPSG:5174").how
    for wrong in ("EPSG:5186", "EPSG:4326"):
        with pytest.raises(CrsError, match=wrong):
            find_crs(frame, outline=OUTLINE, hint=wrong)
    with pytest.raises(CrsError, match="EPSG:5181"):
        find_crs(frame, outline=OUTLINE, dongs=DONGS, address="주소", addresses=["광주광역시 광산구"], hint="EPSG:5181")
    with pytest.raises(CrsError, match="좌표계 이름이 아닙니다"):
        find_crs(frame, hint="동경측지계")


def test_degrees_beside_metres_judge_the_metres():
    frame, east, north = town("EPSG:5174")
    lon, lat = transform(east, north, WORK, "EPSG:4326")
    finding = find_crs(frame.assign(경도=lon.astype(str), 위도=lat.astype(str)), pairs=[("X좌표", "Y좌표"), ("경도", "위도")])
    assert (finding.crs, finding.x) == ("EPSG:5174", "X좌표")
    assert finding.evidence["metres_from_degrees"] < 0.1


def test_a_national_file_is_judged_by_the_rows_whose_address_is_ours():
    frame, *_ = town("EPSG:5186", count=50)
    far = transform(np.full(500, 1_100_000.0), np.linspace(1_700_000, 1_900_000, 500), WORK, "EPSG:5186")
    others = pd.DataFrame({"번호": "Z", "X좌표": far[0].astype(str), "Y좌표": far[1].astype(str), "주소": "경상북도 경주시 1"})
    national = pd.concat([frame, others], ignore_index=True)
    assert find_crs(national, outline=OUTLINE, address="주소", addresses=["광주광역시 광산구"]).crs == "EPSG:5186"


def test_a_file_of_another_place_is_refused_in_every_reading():
    frame, *_ = town("EPSG:5186")
    with pytest.raises(CrsError, match="지자체 안"):
        find_crs(frame, outline=shapely.box(1_100_000, 1_700_000, 1_110_000, 1_710_000))


def test_numbers_that_are_no_position_in_the_country_are_refused():
    with pytest.raises(CrsError, match="나라 밖"):
        find_crs(pd.DataFrame({"X좌표": ["5", "7000000"], "Y좌표": ["9000000", "8000000"]}))


def test_a_table_without_coordinates_is_refused_with_its_columns():
    with pytest.raises(CrsError, match="설치주소"):
        find_crs(pd.DataFrame({"설치주소": ["본덕동"]}))
    with pytest.raises(CrsError, match="좌표 열"):
        find_crs(pd.DataFrame({"경도": ["", "0"], "위도": ["", "0"]}))


def test_the_first_pair_that_has_values_is_read():
    frame = pd.DataFrame({"경도": ["", ""], "위도": ["", ""], "X좌표": ["126.8", "126.9"], "Y좌표": ["35.1", "35.2"]})
    assert coordinate_pairs(list(frame)) == [("경도", "위도"), ("X좌표", "Y좌표")]
    assert find_crs(frame).x == "X좌표"


def test_swapped_columns_are_read_as_meant_and_said():
    finding = find_crs(pd.DataFrame({"경도": ["35.15", "35.16"], "위도": ["126.90", "126.91"]}))
    assert (finding.x, finding.y, finding.swapped) == ("위도", "경도", True)
    assert "뒤바뀌어" in finding.how


def test_degrees_elsewhere_in_the_world_need_plain_names():
    values = ["-76.6", "-76.7"], ["39.3", "39.4"]
    finding = find_crs(pd.DataFrame({"Longitude": values[0], "Latitude": values[1]}))
    assert not finding.korea
    assert locate(
        pd.DataFrame({"Longitude": ["-76.6", "-77"], "Latitude": ["39.3", "39"]}, index=[1, 2]), finding
    ).geometry.notna().tolist() == [True, False]
    with pytest.raises(CrsError):
        find_crs(pd.DataFrame({"X좌표": values[0], "Y좌표": values[1]}))


# geometry -----------------------------------------------------------------------------------------------------------


def test_a_vector_file_is_taken_at_its_word_only_where_the_numbers_agree():
    metres = gpd.GeoDataFrame(geometry=[shapely.Point(WEST, SOUTH)], crs=WORK)
    assert find_crs(metres).crs == WORK
    with pytest.raises(CrsError, match="미터"):
        find_crs(metres.set_crs(4326, allow_override=True))


def test_a_vector_file_without_crs_is_asked_like_a_table():
    lon, lat = transform(np.array([float(WEST)]), np.array([float(SOUTH)]), WORK, "EPSG:4326")
    assert find_crs(gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat))).crs == "EPSG:4326"
    x, y = transform(np.array([float(WEST)]), np.array([float(SOUTH)]), WORK, "EPSG:5186")
    with pytest.raises(CrsError):
        find_crs(gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y)))
    assert find_crs(gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y)), outline=OUTLINE.buffer(3_000)).crs == "EPSG:5186"


def test_polygons_are_located_and_one_without_coordinates_is_named():
    frame = gpd.GeoDataFrame(geometry=[shapely.box(126.8, 35.1, 126.9, 35.2), shapely.Polygon()], index=[1, 2], crs=4326)
    located = locate(frame, find_crs(frame), without="set_aside")
    assert located.set_aside.counts() == {"no_coordinates": 1}
    assert located.geometry.crs.to_epsg() == 5179


# rows ---------------------------------------------------------------------------------------------------------------

DEGREES = CrsFinding("EPSG:4326", "경도", "위도", False, "degree", "")


def cells(*points: tuple[object, object]) -> pd.DataFrame:
    frame = pd.DataFrame(points, columns=["경도", "위도"], dtype="str")
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="source_row"))


@pytest.mark.parametrize(
    ("point", "mended"),
    [
        (("126853", "35.17"), (126.853, 35.17)), (("1268533000", "351700000"), (126.8533, 35.17)), (("126.853", "3517"), (126.853, 35.17)),
        (("35.17", "126.853"), (126.853, 35.17)), (("35170", "126853"), None), (("218.1204", "35.963"), None), (("126.8", "41.2"), None), (("1853", "35.17"), None),
    ],
)  # fmt: skip
def test_a_position_is_mended_only_where_it_is_certain(point, mended):
    located = locate(cells(point), DEGREES)
    if mended is None:
        assert located.set_aside.counts() == {"out_of_place": 1}
        assert located.geometry.empty
    else:
        east, north = transform(np.array([mended[0]]), np.array([mended[1]]), "EPSG:4326")
        assert located.geometry.iloc[0].distance(shapely.Point(east[0], north[0])) < 0.01
        assert sum(repair.count for repair in located.repairs) == 1


@pytest.mark.parametrize("point", [("0", "0"), ("126", "37"), ("-77", "39"), ("0", "35.1"), ("126.8", "0"), ("126.0", "37.000")])
def test_placeholders_have_no_position(point):
    assert locate(cells(point), DEGREES, without="set_aside").set_aside.counts() == {"placeholder": 1}


def test_a_round_point_that_the_sample_repeats_is_a_placeholder_and_a_street_corner_is_not():
    frame = cells(*[("126.8", "35.1")] * 4, *[("126.812345", "35.161234")] * 4)
    finding = find_crs(frame)
    assert finding.placeholders == ((126.8, 35.1),)
    assert locate(frame, finding).geometry.notna().tolist() == [False] * 4 + [True] * 4


def test_rows_are_conserved_whatever_the_register_wants():
    frame = cells(("126.8", "35.1"), ("", "35.1"), ("?", "35.1"), ("0", "0"), ("137.2", "31.4"), ("35.1", "126.8"), (None, None))
    for without in ("keep", "set_aside"):
        located = locate(frame, DEGREES, without=without)
        assert len(located.geometry) + len(located.set_aside) == len(frame)
        assert set(located.geometry.index) | set(located.set_aside.frame()["source_row"]) == set(frame.index)
    assert locate(frame, DEGREES).geometry.notna().sum() == 2
    with pytest.raises(InputError, match="drop"):
        locate(frame, DEGREES, without="drop")


def test_a_point_a_degree_off_is_set_aside_and_not_moved():
    frame = cells(("126.8045151", "35.19661511"), ("126.8045151", "36.19661511"))
    located = locate(frame, DEGREES, outline=shapely.box(925_000, 1_660_000, 950_000, 1_700_000))
    assert located.set_aside.frame()["source_row"].tolist() == [2]
    assert "36.19661511" in located.set_aside.frame()["raw"].iloc[0]


def test_counts_add_up_over_chunks():
    total = Repairs()
    for _ in range(3):
        locate(cells(("35.1", "126.8")), DEGREES, repairs=total)
    (repair,) = total.list()
    assert (repair.code, repair.count) == ("swapped_row", 3)


def test_a_finding_of_other_columns_is_an_error_and_not_an_empty_map():
    with pytest.raises(InputError, match="경도"):
        locate(pd.DataFrame({"lng": ["126.8"]}, index=[1]), DEGREES)


def test_an_address_of_another_municipality_is_flagged_and_stays_where_it_is():
    points = gpd.GeoSeries(
        [shapely.Point(WEST + 10, SOUTH + 10)] * 3 + [shapely.Point(WEST - 90_000, SOUTH), None], index=range(1, 6), crs=WORK
    )
    address = pd.Series(
        [
            "광주광역시  광산구 장덕동 1",
            "대구광역시 군위군 소보면 송원3길 15",
            "장한로 12",
            "광주광역시 광산구 우산동 2",
            "대구광역시 중구",
        ],
        index=points.index,
    )
    assert address_conflict(points, address, OUTLINE, ["광주광역시 광산구"]).tolist() == [
        "",
        "address_elsewhere",
        "",
        "point_elsewhere",
        "",
    ]


# evidence -----------------------------------------------------------------------------------------------------------


def test_only_dongs_whose_stem_exists_can_testify():
    inside = in_named_dong(np.array([WEST + 10.0] * 3), np.array([SOUTH + 10.0] * 3), pd.Series(["가온동", "마터동", "장덕동"]), DONGS)
    assert inside[:2].tolist() == [1.0, 0.0]
    assert np.isnan(inside[2])
    assert stem("장안제2동") == stem("장안동") == "장안"


def test_the_comparison_of_two_readings_is_the_exact_binomial_of_its_disagreements():
    first, second = np.array([1, 1, 1, 1, 0, 1, np.nan]), np.array([0, 0, 0, 0, 1, 1, 0])
    wins, losses, chance = prefer(first, second)
    assert (wins, losses) == (4, 1)
    assert chance == pytest.approx(6 / 32)  # 5 or 4 heads of 5


def test_a_million_points_are_located_where_geopandas_transforms_them():
    count = 1_000_000
    draw = np.random.default_rng(1)
    lon, lat = draw.uniform(126.7, 126.9, count), draw.uniform(35.1, 35.2, count)
    frame = pd.DataFrame({"경도": lon.round(6).astype(str), "위도": lat.round(6).astype(str)}, dtype="str")
    located = locate(frame, DEGREES)
    plain = gpd.GeoSeries(gpd.points_from_xy(frame["경도"].astype(float), frame["위도"].astype(float)), crs=4326).to_crs(5179)
    assert np.allclose(located.geometry.x, plain.x)
