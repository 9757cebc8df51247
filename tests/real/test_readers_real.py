"""The damage of real public files comes out right, with the figures of shared/data/SOURCES.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from gsan_lib.bank.inspection import inspect
from gsan_lib.bank.readers import open_table, read
from gsan_lib.errors import InputError

pytestmark = pytest.mark.real


def number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.str.replace(",", "").str.strip().replace("-", None))


def repairs(table) -> dict[str, int]:
    return {repair.code: repair.count for repair in table.repairs}


def rows_of(frame: pd.DataFrame) -> Counter[tuple[str, ...]]:
    return Counter(tuple(cell.strip() for cell in row) for row in frame.fillna("").values.tolist())


def test_libraries_with_malformed_quoting_equal_their_spreadsheet_row_for_row(inbox: Path):
    text, table = read(inbox / "facilities/national/전국도서관표준데이터.csv")
    truth, _ = read(inbox / "facilities/national/전국도서관표준데이터.xls")
    assert len(text) == len(truth) == table.rows_read == 1756
    assert len(table.set_aside) == 0
    unnamed = [name for name in text.columns if name not in truth.columns]
    assert unnamed == ["열33"]  # the header ends with a comma
    assert text["열33"].isna().all()
    same = rows_of(text.drop(columns=unnamed)) & rows_of(truth)
    assert same.total() == 1755  # one row has the cell `","`, which CSV reads as two empty cells
    assert repairs(table)["odd_quotes"] == 1369  # every row with a quote but the one that is well-formed by chance


def test_libraries_as_broken_json_are_refused_with_the_place(inbox: Path):
    with pytest.raises(InputError, match="583번째"):
        open_table(inbox / "facilities/national/전국도서관표준데이터.json")


@pytest.mark.parametrize(
    ("month", "rows", "columns", "trailing", "first"),
    [
        ("201508", 16_971, 7, 16_971, ["20150801", "2호선", "0243", "충정로", "5893.0", "5970.0", "20151217"]),
        ("201911", 17_741, 7, 0, ["20191101", "9호선2~3단계", "4126", "언주", "11333", "11216", "20191104"]),
        ("202005", 18_327, 6, 18_327, ["20200501", "중앙선", "운길산", "1349", "1358", "20200504"]),
    ],
)
def test_subway_rows_with_an_extra_comma_keep_their_columns(inbox: Path, month, rows, columns, trailing, first):
    frame, table = read(inbox / f"timeseries/CARD_SUBWAY_MONTH_{month}.csv")
    assert (len(frame), len(frame.columns)) == (rows, columns)
    assert frame.iloc[0].tolist() == first
    assert table.decisions["encoding"] == "CP949"
    assert repairs(table).get("trailing_delimiter", 0) == trailing
    assert frame["사용일자"].str.startswith(month).all()


def test_kosis_export_has_two_header_rows_and_labels_for_every_row(inbox: Path):
    frame, table = read(inbox / "population/소요시간별_이용_교통수단별_통근_통학_인구_12세_이상_시군구.xlsx")
    assert table.decisions["sheet"] == "데이터"
    assert table.decisions["header_rows"] == 2
    assert len(frame) == 24
    assert frame["행정구역별"].str.strip().unique().tolist() == ["화성시"]
    assert frame["통근·통학여부별"].value_counts().to_dict() == {"계": 8, "통근": 8, "통학": 8}
    modes = [name for name in frame if name.startswith("2015_")]
    assert len(modes) == 13
    assert number(frame["2015_기차"]).isna().sum() == 13  # "-" is missing, not text
    both = number(frame["2015_단일 수단-계"]) + number(frame["2015_복합수단"]).fillna(0)
    assert (both - number(frame["2015_통근·통학 인구(12세 이상)"])).abs().max() <= 1
    assert repairs(table)["sheets_left"] == 1


def test_kosis_notes_can_be_read_by_name(inbox: Path):
    frame, _ = read(inbox / "population/소요시간별_이용_교통수단별_통근_통학_인구_12세_이상_시군구.xlsx", sheet="메타정보", header_rows=0)
    assert "DT_1PA1504" in set(frame["열2"])


def test_ridership_by_stop_has_a_preamble_and_three_header_levels(inbox: Path):
    frame, table = read(inbox / "facilities/hwaseong/화성시 정류장별 이용인원.xls")
    assert table.decisions["skipped_rows"] + table.decisions["header_rows"] == 7
    assert table.decisions["header_rows"] == 3
    assert table.decisions["titles"] == ["정류장별 이용인원 - 요일별"]
    assert len(frame) == 2266
    assert frame.iloc[0][["정류장_ID", "정류장_이름", "2018_월_승차", "2018_월_하차", "2018_월_합계"]].tolist() == [
        "1716",
        "병점",
        "20,626",
        "20,640",
        "41,266",
    ]
    for day in "월화수목금토일":
        assert (number(frame[f"2018_{day}_승차"]) + number(frame[f"2018_{day}_하차"]) == number(frame[f"2018_{day}_합계"])).all()


def test_hwaseong_households_have_title_rows_and_a_merged_header(inbox: Path):
    frame, table = read(inbox / "population/화성시 읍면동별 세대및인구.xlsx")
    assert table.columns == [
        "구분",
        "구분_2",
        "총인구_계",
        "총인구_남",
        "총인구_여",
        "세 대",
        *(f"{who}_{sex}" for who in ("내국인", "등록외국인") for sex in "계남여"),
    ]
    assert table.decisions["titles"][1] == "2018.12.31. (단위 : 세대, 명)"
    people = number(frame["총인구_계"])
    assert people.iloc[0] == people.iloc[1:].sum() == 798_100  # the total row first, then 26 dongs
    assert number(frame["등록외국인_계"]).iloc[0] == 39_378


def test_repeated_column_names_stay_apart(inbox: Path):
    frame, table = read(inbox / "facilities/hwaseong/화성시 정류장 좌표.xlsx")
    assert table.columns == ["장소명", "위도", "경도", "위도_2", "경도_2", "위도_3", "경도_3", "열8"]
    assert len(frame) == 196
    assert frame.iloc[0][:5].tolist() == ["마니커입구삼거리", "37.150824", "127.204074", "37.150332", "127.204199"]
    assert repairs(table)["header_repeated"] == 4


def test_gwangsan_lights_keep_what_excel_made_of_their_numbers_and_say_so(inbox: Path):
    frame, table = read(inbox / "facilities/gwangju/광주_광산구_가로등현황.csv")
    assert len(frame) == 21_088
    assert table.columns == ["연번", "관리번호", "설치주소", "설치연도", "램프종류", "관리기관명", "관리기관전화번호", "데이터기준일자"]
    assert repairs(table) == {"header_blanks": 6}
    assert frame["설치주소"].nunique() == 7181
    dates = frame["관리번호"].str.fullmatch(r"\d\d월 \d\d일|[A-Z][a-z]{2}-\d\d|\d{1,2}-[A-Z][a-z]{2}")
    assert dates.sum() > 3000
    assert any("엑셀이 날짜로 바꾼" in problem for problem in inspect(table.path).problems)


def test_the_first_season_of_influenza_is_data_not_header(inbox: Path):
    frame, table = read(inbox / "timeseries/인플루엔자 선택됨.csv")
    assert table.decisions["header_rows"] == 0
    assert frame["열1"].tolist() == [f"{year}-{year + 1}절기" for year in range(2014, 2026)]
    assert frame.iloc[0, 1:4].tolist() == ["1.7", "2.3", "2.4"]


def test_age_bands_with_trailing_blanks_sum_to_the_population(inbox: Path):
    frame, _ = read(inbox / "population/age2.csv")
    assert len(frame) == 3962
    bands = [name for name in frame if name.startswith("2021년05월_계_") and name.endswith(("세", "이상"))]
    assert len(bands) == 21
    total = number(frame["2021년05월_계_총인구수"])
    given = total.notna()
    assert (~given).sum() == 116  # rows of commas at the end of the file
    assert (sum(number(frame[name]) for name in bands)[given] == total[given]).all()
    assert any("빈 행이 116개" in problem for problem in inspect(inbox / "population/age2.csv").problems)


def test_gwangsan_population_of_2020_12_is_the_sum_of_its_dongs(inbox: Path):
    frame, _ = read(inbox / "population/age.csv")
    code = frame["행정구역"].str.extract(r"\((\d{10})\)")[0]
    dongs = code.str.startswith("29200") & ~code.str.endswith("00000")
    assert dongs.sum() == 21
    assert number(frame.loc[dongs, "총인구수"]).sum() == 405_579


@pytest.mark.parametrize(("place", "rows"), [("gwangju/firewater_광산구", 1772), ("dongdaemun/firewater_동대문구", 4553)])
def test_hydrants_come_out_of_their_envelope(inbox: Path, place, rows):
    frame, table = read(inbox / f"facilities/{place}.json")
    assert len(frame) == table.decisions["total_count"] == rows
    assert table.decisions["envelope"] == "response.body.items"
    assert frame["fcltyNo"].notna().all()
    assert "page" not in repairs(table)


def test_emergency_messages_come_out_of_xml(inbox: Path):
    frame, table = read(inbox / "api_samples/egen_messages_ok.xml")
    assert len(frame) == 25
    assert table.decisions["envelope"] == "response.body.items.item"
    assert frame["dutyName"].iloc[0] == "조선대학교병원"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("error_no_mandatory_params_utf16.json", "코드 11, NO_MANDATORY_REQUEST_PARAMETERS_ERROR"),
        ("error_30_service_key_not_registered.xml", "코드 30, SERVICE_KEY"),
    ],
)
def test_error_bodies_are_errors_whatever_their_dress(inbox: Path, name, told):
    with pytest.raises(InputError, match=told):
        open_table(inbox / "api_samples" / name)


def test_busan_cctv_come_out_of_a_zipped_shapefile(inbox: Path):
    frame, table = read(inbox / "facilities/busan_shp/부산_ITS_CCTV_shp.zip")
    assert (len(frame), table.crs, table.kind) == (212, "EPSG:4326", "vector")
    assert frame.total_bounds.round(4).tolist() == [128.8334, 35.0475, 129.24, 35.3576]
    assert frame["name"].str.contains(r"[가-힣]").any()


def test_topojson_has_250_municipalities_and_declares_no_crs(inbox: Path):
    frame, table = read(inbox / "boundaries/skorea-municipalities-2018-topo-simple.json")
    assert len(frame) == 250
    assert table.crs is None
    assert frame.crs is None
    assert (~frame.geometry.is_valid).sum() == 18
    assert frame["name"].isin(["광산구", "동대문구", "화성시"]).sum() == 3


def test_gwangju_dongs_are_in_degrees_by_the_standard(inbox: Path):
    frame, table = read(inbox / "boundaries/admdong_2021_29_gwangju.geojson")
    assert (len(frame), table.crs) == (96, "EPSG:4326")
    assert frame["adm_cd2"].str.len().eq(10).all()


@pytest.mark.parametrize(
    ("name", "encoding", "rows"),
    [
        ("timeseries/일별평균대기오염도_2018.csv", "CP949", 14_637),
        ("timeseries/일별평균대기오염도_2024.csv", "UTF-8 (BOM)", 18_300),
        ("facilities/national/전국도시공원정보표준데이터.csv", "CP949", 18_304),
        ("facilities/seoul/warming_shelters_seoul_2022.csv", "UTF-8", 1450),
        ("codes/coordinate_UTMK_이름포함.tsv", "UTF-8", 5139),
    ],
)
def test_the_same_kind_of_file_comes_in_several_encodings(inbox: Path, name, encoding, rows):
    table = open_table(inbox / name)
    assert table.decisions["encoding"] == encoding
    assert sum(len(chunk) for chunk in table.chunks(5000)) == rows


@pytest.mark.parametrize(
    "name",
    [
        "timeseries/CARD_SUBWAY_MONTH_201508.csv",
        "facilities/national/전국도시공원정보표준데이터.csv",
        "facilities/national/전국어린이보호구역표준데이터_2020.csv",
    ],
)
def test_fast_path_equals_pandas_cell_by_cell(inbox: Path, name):
    frame, table = read(inbox / name)
    other = pd.read_csv(
        inbox / name,
        encoding="cp949",
        dtype="str",
        keep_default_na=False,
        na_values=[""],
        index_col=False,
        usecols=range(len(table.columns)),
    )
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), other, check_names=False)


def test_swapped_coordinates_and_plausible_planes_are_reported(inbox: Path):
    lights = inspect(inbox / "facilities/gwangju/광주_북구_가로등현황.csv")
    assert lights.coordinates[0]["swapped"]
    junctions = inspect(inbox / "facilities/dongdaemun/동대문구_교차로_위치찐.csv")
    assert {tuple(sorted(place["crs"]))[:1] for place in junctions.coordinates} == {("EPSG:2097",), ("EPSG:4326",)}
    assert any("EPSG:5186, EPSG:5181" in problem for problem in junctions.problems)
