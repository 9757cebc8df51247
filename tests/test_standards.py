"""Standards: every schema is sound, drifted files conform, and nothing is emptied or left out in silence."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from frictionless import Schema

from gsan_lib.bank import reshapes, schemas, standards, values
from gsan_lib.bank.accounts import Repairs
from gsan_lib.errors import DataError, InputError, UsageError

ALL = standards.standards()
ASKED = [
    "dong_boundaries",
    "population_age",
    "cctv",
    "school_zones",
    "parks",
    "libraries",
    "parking",
    "lights",
    "hydrants",
    "restrooms",
    "bus_stops",
    "shelters",
    "pharmacies",
    "accidents",
    "fires",
    "cameras",
    "clinics",
    "markets",
    "junctions",
    "crossings",
    "stations",
    "subway_ridership",
    "floor_signals",
    "welfare_facilities",
    "elder_zones",
    "weather_daily",
    "air_quality_daily",
    "population_elderly",
    "electorate",
    "commuting",
    "stop_ridership",
    "stop_positions",
    "bus_routes",
    "complaints",
    "legal_dong_history",
    "unit_centroids",
    "crosswalk",
    "bike_hourly",
    "influenza_weekly",
    "crime",
    "households",
]


def rows(columns: dict[str, list[object]], first: int = 1) -> pd.DataFrame:
    length = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.RangeIndex(first, first + length, name="source_row"))


def test_every_standard_that_the_registers_need_is_there():
    assert set(ASKED) <= set(ALL)


@pytest.mark.parametrize("id", ALL)
def test_standard_is_a_valid_frictionless_table_schema(id):
    content = yaml.safe_load((schemas.folder() / f"{id}.yml").read_text(encoding="utf-8"))
    schema = Schema.from_descriptor(content)
    assert [field.name for field in schema.fields] == [field["name"] for field in content["fields"]]
    assert schema.primary_key == ([content["primaryKey"]] if isinstance(content.get("primaryKey"), str) else content.get("primaryKey", []))


def test_frictionless_does_refuse_a_broken_schema():
    content = yaml.safe_load((schemas.folder() / "parks.yml").read_text(encoding="utf-8"))
    content["fields"][0]["type"] = "integr"
    with pytest.raises(Exception, match="integr"):
        Schema.from_descriptor(content)


@pytest.mark.parametrize("id", ALL)
def test_every_field_has_a_korean_title_a_description_and_numbers_have_a_unit(id):
    standard = standards.load_standard(id)
    assert re.search("[가-힣]", standard.title_ko)
    assert re.search("[A-Za-z]", standard.title_en)
    assert standard.basis["law"]
    assert standard.basis["standard"]
    for field in standard.fields:
        assert re.search("[가-힣]", field.title), field.name
        assert field.description, field.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name), field.name
        if field.type in ("integer", "number"):
            assert field.unit, field.name


@pytest.mark.parametrize("id", ALL)
def test_no_two_fields_of_a_standard_claim_the_same_published_name(id):
    claimed = [standards.normal(alias) for field in standards.load_standard(id).fields for alias in field.aliases]
    assert len(claimed) == len(set(claimed))


@pytest.mark.parametrize("id", [id for id in ALL if not standards.load_standard(id).reshape])
def test_a_file_that_uses_the_first_alias_of_every_field_conforms_and_ranks_first(id):
    standard = standards.load_standard(id)
    published = [field.aliases[0] for field in standard.fields if field.aliases and not field.aliases[0].startswith("/")]
    mapping = standards.map_columns(published, standard)
    assert sorted(name for names in mapping.values() for name in names) == sorted(published)
    found = standards.match(published)  # municipalities and dongs of KOSTAT have the same columns, and tie
    assert id in {one.id for one in found if one.score == found[0].score}


def test_unknown_standard_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="parks"):
        standards.load_standard("castles")


def test_a_broken_descriptor_names_all_its_problems_at_once():
    broken = {
        "title_ko": "성", "title_en": "Castles", "geometry": "line", "colour": "red", "primaryKey": ["moat"], "reshape": "sideways",
        "fields": [{"name": "a", "type": "int", "title": "가", "derive": {"sum_of": ["b"]}, "constraints": {"min": 0}}, {"name": "a", "type": "string", "title": "나"}],
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        schemas.parse_standard(broken, "castles")
    for word in ("line", "colour", "moat", "sideways", "int", "sum_of", "`b`", "min", "2번"):
        assert word in str(caught.value), word


# conforming ---------------------------------------------------------------------------------------------------------


def test_names_drift_and_the_canonical_frame_stays_the_same():
    standard = standards.load_standard("subway_ridership")
    old = rows(
        {
            "사용일자": ["20150801"],
            "노선명": ["2호선"],
            "역ID": ["0243"],
            "역명": ["충정로"],
            "승차총승객수": ["5893.0"],
            "하차총승객수": ["5970.0"],
        }
    )
    new = rows(
        {
            "사용일자": ["2015-08-01"],
            "호선명": ["2호선"],
            "역ID": ["0243"],
            "역명": ["충정로"],
            "승차총승객수": ["5,893 "],
            "하차총승객수": ["5970"],
        }
    )
    first, second = (standards.conform(one, standard).frame for one in (old, new))
    pd.testing.assert_frame_equal(first, second)
    assert first["boardings"].tolist() == [5893]
    assert first["station_id"].tolist() == ["0243"]


def test_every_cell_that_does_not_parse_is_counted_with_rows_and_example():
    frame = rows(
        {
            "시설종류": ["초등학교"] * 4,
            "대상시설명": list("가나다라"),
            "CCTV설치대수": ["2", "두 대", "3.5", ""],
            "CCTV설치여부": ["Y", "n", "?", "예"],
            "데이터기준일자": ["2026-04-29", "20260229", "2026.5.1", "-"],
        }
    )
    conformed = standards.conform(frame, standards.load_standard("school_zones"))
    told = {repair.code: repair for repair in conformed.repairs}
    assert {code: (one.count, one.rows) for code, one in told.items()} == {
        "unparsed:cameras": (2, (2, 3)),
        "unparsed:has_cctv": (1, (3,)),
        "unparsed:data_date": (1, (2,)),
    }
    assert "두 대" in told["unparsed:cameras"].message
    assert conformed.frame["cameras"].isna().tolist() == [False, True, True, True]


def test_repairs_add_up_over_the_chunks_of_a_file():
    standard, total = standards.load_standard("parks"), Repairs()
    for first in (1, 3):
        standards.conform(rows({"공원명": ["가", "나"], "공원면적": ["약 3", "없음"]}, first), standard, repairs=total)
    (repair,) = total.list()
    assert (repair.count, repair.rows) == (4, (1, 2, 3, 4))
    assert "4개" in repair.message


def test_two_columns_for_one_field_are_merged_and_disagreement_is_counted():
    frame = rows({"도서관명": ["가", "나", "다"], "자료수(도서)": ["10", "", "5"], "도서자료수": ["", "20", "6"]})
    conformed = standards.conform(frame, standards.load_standard("libraries"))
    assert conformed.frame["books"].tolist() == [10, 20, 5]
    assert {repair.code: repair.rows for repair in conformed.repairs} == {"columns_differ:books": (3,), "columns_merged:books": (2,)}


def test_extras_stay_as_published_and_never_hide_a_canonical_column():
    frame = rows({"대상시설명": ["가"], "비고란": ["그대로 "], "geometry": ["POINT (127 37)"], "위도": ["37"]})
    conformed = standards.conform(frame, standards.load_standard("elder_zones"))
    assert conformed.frame["비고란"].tolist() == ["그대로 "]
    assert "geometry" not in conformed.frame
    assert conformed.frame["geometry_published"].tolist() == ["POINT (127 37)"]
    assert conformed.frame["위도"].tolist() == ["37"]


def test_a_register_may_name_columns_and_is_told_when_it_is_wrong():
    standard = standards.load_standard("parks")
    conformed = standards.conform(rows({"이름": ["가"], "공원명": ["다른 것"]}), standard, columns={"이름": "name", "공원명": None})
    assert conformed.frame["name"].tolist() == ["가"]
    with pytest.raises(DataError, match="없는열"):
        standards.conform(rows({"이름": ["가"]}), standard, columns={"없는열": "name"})
    with pytest.raises(DataError, match="nam"):
        standards.conform(rows({"이름": ["가"]}), standard, columns={"이름": "nam"})


def test_conform_changes_nothing_of_its_input():
    frame = rows({"공원명": [" 가 "], "공원면적": ["1,000"]})
    before = frame.copy(deep=True)
    standards.conform(frame, standards.load_standard("parks"))
    pd.testing.assert_frame_equal(frame, before)


def test_quotation_marks_left_in_cells_are_taken_off_and_counted():
    conformed = standards.conform(
        rows({"도서관명": ['"가"', "나"], "자료수(도서)": ['"66,935"', "7"]}), standards.load_standard("libraries")
    )
    assert conformed.frame["books"].tolist() == [66935, 7]
    assert {repair.code: repair.count for repair in conformed.repairs} == {
        "quotes_removed:name": 1,
        "quotes_removed:books": 1,
        "thousands_comma:books": 1,
    }


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1,234,567", 1234567),
        ("-3", -3),
        ("+4.0", 4),
        (" 5 ", 5),
        ("1e3", 1000),
        ("12,34", None),
        ("1 000", None),
        ("0x1A", None),
        ("nan", None),
        ("１２", None),
        ("6~8", None),
    ],
)
def test_whole_numbers(cell, expected):
    cast = values.integer(pd.Series([cell, "x"]))  # the second cell forces the careful way
    assert cast.values[0] == expected if expected is not None else (pd.isna(cast.values[0]) and cast.failed[0])


def test_quick_and_careful_way_of_reading_numbers_agree():
    draw = np.random.default_rng(1).uniform(-1e6, 1e6, 500).round(3).astype(str).tolist()
    quick, careful = values.number(pd.Series(draw)), values.number(pd.Series([*draw, "junk"]))
    assert np.array_equal(quick.values, careful.values.iloc[:-1])
    assert careful.failed.sum() == 1


def test_typed_columns_of_vector_files_are_not_turned_into_text_and_back():
    cast = values.integer(pd.Series([1.0, np.nan, 3.0]))
    assert cast.values.tolist()[0] == 1
    assert not cast.failed.any()
    assert values.date(pd.Series([pd.Timestamp("2020-01-01")])).values[0] == pd.Timestamp("2020-01-01")


@pytest.mark.parametrize(
    ("address", "dong"),
    [
        ("광주광역시 광산구 장덕동 1693", "장덕동"), ("서울특별시 동대문구 이문동238-3", "이문동"), ("서울특별시 동대문구 장한로 12, 2층 (장안동)", "장안동"),
        ("경기도 화성시 만세구 향남읍 발안로 5", "향남읍"), ("서울특별시 종로구 종로1가 1", "종로1가"), ("누문동 324", "누문동"),
        ("서울특별시 동대문구 천호대로 3", None), ("서울특별시 중구 세종대로 110 (가동)", None), ("경기도 화성시 노작로 134(상가동)", None), ("", None),
    ],
)  # fmt: skip
def test_legal_dong_of_an_address(address, dong):
    found = values.legal_dong_of(pd.Series([address], dtype="str"))[0]
    assert found == dong if dong else pd.isna(found)


# layouts ------------------------------------------------------------------------------------------------------------


def age_table() -> pd.DataFrame:
    return rows({
        "행정구역": ["광주광역시  (2900000000)", "광주광역시 광산구 (2920000000)", "광주광역시 광산구 송정1동(2920051500)", "광주광역시 광산구 수완동(2920063700)", "경기도 장유출장소 (4825200000)", ""],
        "2021년05월_계_총인구수": ["9 ", "9 ", "3 ", "7 ", "0 ", ""],
        "2021년05월_계_0~4세": ["4 ", "4 ", "1 ", "3 ", "0 ", ""],
        "2021년05월_계_100세 이상": ["5 ", "5 ", "2 ", "3 ", "0 ", ""],
        "2021년05월_남_0~4세": ["2 ", "2 ", "1 ", "1 ", "0 ", ""],
    })  # fmt: skip


def test_age_tables_become_long_and_totals_are_set_aside():
    conformed = standards.conform(age_table(), standards.load_standard("population_age"))
    assert conformed.set_aside.counts() == {"total_row": 2, "no_code": 1}
    assert conformed.rows_kept == 3
    frame = conformed.frame.set_index(["dong_code", "sex", "age_from"])
    assert frame.loc[("2920063700", "all", 100), ["age_to", "population"]].tolist() == [999, 3]
    assert conformed.frame.loc[conformed.frame["sex"] == "all", "population"].sum() == 9
    assert standards.check(conformed.frame, standards.load_standard("population_age")) == []


def test_a_total_that_differs_from_its_bands_is_told():
    conformed = standards.conform(age_table(), standards.load_standard("population_age"))
    told = {repair.code: repair.rows for repair in conformed.repairs}
    assert told["total_differs:계"] == (4,)  # 수완동 says 7 and has 3 + 3
    assert told["no_residents"] == (5,)


def test_rows_read_are_rows_kept_and_rows_set_aside_in_every_layout():
    tables = {
        "population_age": age_table(),
        "households": rows({"구분": ["화성시", "", ""], "구분_2": ["", "봉담읍", ""], "총인구_계": ["4", "4", ""]}),
        "commuting": pd.DataFrame([["화성시", "계", "계", "9"], ["", "통근", "15분 미만", "5"], ["", "", "계", "5"]], columns=["행정구역별", "통근·통학여부별", "소요시간별", "2015_걸어서"], index=[1, 2, 3]),
        "stop_ridership": pd.DataFrame([["1", "가", "1,000", "2", "3"]], columns=["정류장_ID", "정류장_이름", "2018_월_승차", "2018_월_하차", "2018_월_합계"], index=[1]),
        "stop_positions": pd.DataFrame([["가", "37.1", "127.1", "37.2", "127.2"], ["나", "", "", "", ""]], columns=["장소명", "위도", "경도", "위도_2", "경도_2"], index=[1, 2]),
        "crime": rows({"범죄대분류": ["강력범죄"], "범죄중분류": ["살인기수"], "서울": ["67"], "경기.화성": ["7"]}),
        "influenza_weekly": pd.DataFrame([["2014-2015절기", "1.7", "2.3"]], columns=["열1", "열2", "열3"], index=[1]),
        "population_elderly": rows({"행정구역": ["동대문구 (1123000000)", "장안제1동(1123065000)"], "2025년03월_65세이상전체": ["9", "7,632"]}),
    }  # fmt: skip
    reshaped = {id for id in ALL if standards.load_standard(id).reshape}
    assert set(tables) == reshaped
    for id, table in tables.items():
        conformed = standards.conform(table, standards.load_standard(id))
        assert conformed.rows_kept + len(conformed.set_aside) == len(table), id
        assert set(conformed.frame.index) <= set(table.index), id


def test_weekday_totals_are_compared_before_they_are_dropped():
    table = pd.DataFrame(
        [["1", "가", "1,000", "2", "1,003"]],
        columns=["정류장_ID", "정류장_이름", "2018_월_승차", "2018_월_하차", "2018_월_합계"],
        index=[8],
    )
    conformed = standards.conform(table, standards.load_standard("stop_ridership"))
    assert {repair.code: repair.rows for repair in conformed.repairs}["total_differs:월"] == (8,)
    assert conformed.frame[["weekday", "boardings", "alightings"]].values.tolist() == [["월", 1000, 2]]


def test_a_season_taken_for_a_header_is_refused():
    with pytest.raises(DataError, match="header_rows"):
        reshapes.influenza_seasons(rows({"2014-2015절기": ["2015-2016절기"], "1.7": ["5.2"]}))


def test_a_reshape_refuses_a_table_of_another_layout():
    for reshape in reshapes.RESHAPES.values():
        with pytest.raises(DataError):
            reshape(rows({"이름": ["가"], "값": ["1"]}))


# checking -----------------------------------------------------------------------------------------------------------


def test_check_reports_every_problem_once_with_rows():
    standard = standards.load_standard("cameras")
    frame = standards.conform(
        rows({"무인교통단속카메라관리번호": ["A", "A", ""], "제한속도": ["30", "-5", "500"], "설치연도": ["2020", "1066", "2021"]}),
        standard,
    ).frame
    problems = standards.check(frame, standard)
    assert len(problems) == 5
    assert any("최소값" in one and "2행" in one and "speed_limit_kmh" in one for one in problems)
    assert any("최대값" in one and "3행" in one for one in problems)
    assert any("installed_year" in one and "1066" in one for one in problems)
    assert any("비어" in one and "3행" in one for one in problems)
    assert any("기본 키" in one and "1행" in one for one in problems)


def test_check_names_a_required_column_that_is_missing():
    problems = standards.check(rows({"kind": ["소화전"]}).astype("str"), standards.load_standard("hydrants"))
    assert any("facility_no" in one and "열이 없습니다" in one for one in problems)


def test_check_looks_at_the_crs_and_kind_of_the_geometry():
    standard = standards.load_standard("crossings")
    points = gpd.GeoDataFrame(
        {"crossing_id": pd.Series(["1"], dtype="str", index=[1])},
        geometry=gpd.GeoSeries(shapely.points([[127.0, 37.0]]), index=[1], crs=4326),
    )
    assert any("5179" in one for one in standards.check(points, standard))
    assert standards.check(points.to_crs(5179), standard) == []
    assert any("point" in one for one in standards.check(points.to_crs(5179).set_geometry(points.to_crs(5179).buffer(1)), standard))


# proposing ----------------------------------------------------------------------------------------------------------


def test_match_prefers_the_rare_name_over_common_ones():
    assert standards.match(["데이터기준일자", "위도", "경도", "무인교통단속카메라관리번호"])[0].id == "cameras"


def test_match_uses_the_file_name_where_the_columns_say_little():
    assert standards.match(["관리번호", "위도", "경도"], file="동대문구 가로등 위치 정보.csv")[0].id == "lights"
