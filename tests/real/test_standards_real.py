"""Standards on the real files: each file finds its standard, loses nothing, and gives the numbers that are known."""

from __future__ import annotations

import pytest
from published import outlines, published

from gsan_lib.bank.schemas import load_standard
from gsan_lib.bank.standards import check, conform, match

pytestmark = pytest.mark.real

DDM, GJ, NAT = "facilities/dongdaemun/", "facilities/gwangju/", "facilities/national/"
FILES = {
    DDM + "carpark_dongdaemun.csv": "parking",
    DDM + "cctv_seoul_ansimi_dongdaemun.csv": "cctv",
    DDM + "동대문구_CCTV.csv": "cctv",
    DDM + "firewater_동대문구.json": "hydrants",
    DDM + "동대문구 가로등 위치 정보.csv": "lights",
    DDM + "동대문구 사회복지시설(노인여가복지시설).csv": "welfare_facilities",
    DDM + "동대문구 사회복지시설(재가노인복지시설).csv": "welfare_facilities",
    DDM + "동대문구_교차로_위치찐.csv": "junctions",
    DDM + "동대문구_버스정류소.csv": "bus_stops",
    DDM + "동대문구_병의원.csv": "clinics",
    DDM + "동대문구_전통시장.csv": "markets",
    DDM + "동대문구_지하철역.csv": "stations",
    DDM + "동대문구_횡단보도_중심좌표.csv": "crossings",
    DDM + "서울특별시 동대문구_바닥신호등 현황_20240318.csv": "floor_signals",
    DDM + "서울특별시_동대문구_노인장애인보호구역_20240806.csv": "elder_zones",
    DDM + "서울특별시_동대문구_무인교통단속카메라_20240604.csv": "cameras",
    GJ + "firewater_광산구.json": "hydrants",
    GJ + "restrooms_광산구.json": "restrooms",
    GJ + "광주_광산구_가로등현황.csv": "lights",
    GJ + "광주_북구_가로등현황.csv": "lights",
    GJ + "광주_서구_가로등현황.csv": "lights",
    "facilities/jeonnam/전라남도_장성군_보안등정보_20230305.csv": "lights",
    "facilities/hwaseong/clinics-cache.json": "clinics",
    "facilities/hwaseong/GGD_RouteInfo_M.xls": "bus_routes",
    NAT + "전국도서관표준데이터.xls": "libraries",
    NAT + "전국도시공원정보표준데이터.csv": "parks",
    NAT + "전국어린이보호구역표준데이터_2020.csv": "school_zones",
    NAT + "전국어린이보호구역표준데이터_2026.csv": "school_zones",
    "facilities/pharmacies_hira_subset.csv": "pharmacies",
    "facilities/seoul/cool_shelters_seoul_2023.csv": "shelters",
    "facilities/seoul/warming_shelters_seoul_2022.csv": "shelters",
    "events/crime_by_city.csv": "crime",
    "events/fires_nfa_subset.csv": "fires",
    "events/koroad_fatal_accidents_2020.csv": "accidents",
    "codes/coordinate_UTMK_이름포함.tsv": "unit_centroids",
    "codes/crosswalk_mois_kostat_2021.csv": "crosswalk",
    "codes/legaldong_history_subset.csv": "legal_dong_history",
    "population/age.csv": "population_age",
    "population/electorate_2022_by_dong_subset.csv": "electorate",
    "population/202503_202503_주민등록인구기타현황(고령 인구현황)_월간.csv": "population_elderly",
    "timeseries/CARD_SUBWAY_MONTH_201508.csv": "subway_ridership",
    "timeseries/CARD_SUBWAY_MONTH_201911.csv": "subway_ridership",
    "timeseries/CARD_SUBWAY_MONTH_202005.csv": "subway_ridership",
    "timeseries/OBS_ASOS_DD_20260524123304.csv": "weather_daily",
    "timeseries/SeoulBikeData.csv": "bike_hourly",
    "timeseries/일별평균대기오염도_2018.csv": "air_quality_daily",
    "timeseries/일별평균대기오염도_2024.csv": "air_quality_daily",
    "reports/baltimore_311_sample_part1.csv": "service_requests",
    "reports/화성시 버스 민원분석 정리본.xlsx": "complaints",
}
UNPARSED = {  # cells that no honest reader can take ("14일"; ten rows of Songpa are torn into three each): every other file has none
    NAT + "전국도서관표준데이터.xls": {"loan_days": 3, "seats": 10, "periodicals": 10},
    "facilities/seoul/cool_shelters_seoul_2023.csv": {"season_to": 2},  # 99991231
}


@pytest.mark.parametrize("file", FILES)
def test_each_file_finds_its_standard_by_its_columns_and_name(inbox, file):
    assert match(list(published(inbox, file).columns), file=file)[0].id == FILES[file]


@pytest.mark.parametrize("file", FILES)
def test_each_file_conforms_without_losing_a_row_a_column_or_a_value_in_silence(inbox, file):
    frame, standard = published(inbox, file), load_standard(FILES[file])
    conformed = conform(frame, standard)
    assert conformed.rows_kept + len(conformed.set_aside) == len(frame)
    assert not [field.name for field in standard.fields if field.required and field.name in conformed.missing and field.name != "cctv_no"]
    unparsed = {repair.code.split(":")[1]: repair.count for repair in conformed.repairs if repair.code.startswith("unparsed")}
    assert unparsed == UNPARSED.get(file, {})
    if not standard.reshape:
        claimed = sum(len(columns) for columns in conformed.mapping.values())
        derived = [
            field.name
            for field in standard.fields
            if field.derive and field.name in conformed.frame and field.name not in conformed.mapping
        ]
        assert len(conformed.frame.columns) == len(conformed.mapping) + len(derived) + len(frame.columns) - claimed


def population(inbox, file="population/age.csv"):
    return conform(published(inbox, file), load_standard("population_age"))


def test_population_of_2020_12_is_the_sum_of_the_dongs(inbox):
    frame = population(inbox).frame
    for code, people, dongs in (("29200", 405_579, 21), ("11230", 342_837, 14), ("41590", 855_248, 28)):
        mine = frame[frame["dong_code"].str.startswith(code)]
        assert (mine["population"].sum(), mine["dong_code"].nunique()) == (people, dongs)
    assert frame["sex"].unique().tolist() == ["all"]
    assert sorted(set(zip(frame["age_from"], frame["age_to"], strict=True))) == [*((age, age + 9) for age in range(0, 100, 10)), (100, 999)]


def test_sixteen_branch_offices_have_no_residents_and_are_kept(inbox):
    conformed = population(inbox)
    (empty,) = [repair for repair in conformed.repairs if repair.code == "no_residents"]
    assert empty.count == 16
    assert conformed.set_aside.counts() == {"total_row": 278}
    nationwide = published(inbox, "population/age.csv")
    country = nationwide.loc[nationwide["행정구역"].str.contains(r"\(\d{2}0{8}\)"), "총인구수"].astype(int).sum()
    assert conformed.frame["population"].sum() == country  # all dongs together are the 17 provinces together


def test_the_table_of_2021_05_has_five_year_bands_by_sex_that_add_up(inbox):
    frame = population(inbox, "population/age2.csv").frame
    by_sex = frame[frame["dong_code"].str.startswith("29200")].groupby("sex")["population"].sum()
    assert by_sex["male"] + by_sex["female"] == by_sex["all"]
    assert frame["month"].unique().tolist() == ["2021-05"]
    assert frame.groupby("dong_code").size().unique().tolist() == [63]


def test_residents_over_65_of_dongdaemun_add_up_to_the_published_total(inbox):
    conformed = conform(
        published(inbox, "population/202503_202503_주민등록인구기타현황(고령 인구현황)_월간.csv"), load_standard("population_elderly")
    )
    assert (conformed.frame["population_65_over"].sum(), len(conformed.frame)) == (70_188, 14)


def test_hwaseong_with_foreigners_is_the_sum_of_its_dongs(inbox):
    table = published(inbox, "population/화성시 읍면동별 세대및인구.xlsx", header=[2, 3])
    table.columns = ["구분", "구분_2", *table.columns[2:]]
    conformed = conform(table, load_standard("households"))
    sums = conformed.frame[["population_all", "population_korean", "population_foreign", "households"]].sum()
    assert sums.tolist() == [798_100, 758_722, 39_378, 301_025]
    assert conformed.set_aside.counts()["total_row"] == 1


def test_commuters_without_margins_add_up_to_the_margin(inbox):
    table = published(inbox, "population/소요시간별_이용_교통수단별_통근_통학_인구_12세_이상_시군구.xlsx", header=[0, 1], sheet="데이터")
    conformed = conform(table, load_standard("commuting"))
    assert conformed.frame["persons"].sum() == 346_878
    assert conformed.frame["year"].unique().tolist() == [2015]
    assert set(conformed.frame["purpose"]) == {"통근", "통학"}


def test_ridership_by_weekday_has_seven_rows_a_stop_and_the_published_counts(inbox):
    table = published(inbox, "facilities/hwaseong/화성시 정류장별 이용인원.xls", header=[4, 5, 6])
    conformed = conform(table, load_standard("stop_ridership"))
    monday = conformed.frame[(conformed.frame["stop_name"] == "병점") & (conformed.frame["weekday"] == "월")].iloc[0]
    assert (monday["boardings"], monday["alightings"], monday["year"]) == (20_626, 20_640, 2018)
    assert len(conformed.frame) == 7 * len(table)


def test_each_published_pair_of_a_stop_is_a_position(inbox):
    conformed = conform(published(inbox, "facilities/hwaseong/화성시 정류장 좌표.xlsx"), load_standard("stop_positions"))
    assert conformed.rows_kept == 196
    assert conformed.frame["position_no"].max() <= 3


def test_weeks_of_the_influenza_seasons_begin_in_week_36(inbox):
    table = published(inbox, "timeseries/인플루엔자 선택됨.csv")
    whole = (
        table.T.reset_index().T.set_axis(range(1, len(table) + 2)).rename(columns=lambda number: f"열{number + 1}")
    )  # the reader's `header_rows: 0`
    whole.loc[1] = whole.loc[1].astype(str).str.replace(r"(\.\d+)\.\d+$|^Unnamed.*", r"\1", regex=True)
    frame = conform(whole, load_standard("influenza_weekly")).frame
    first = frame[frame["season"] == "2014-2015"].set_index("week")["cases_per_1000"]
    assert (first[36], first[52]) == (1.7, 8.9)
    assert frame["season"].nunique() == 12
    long_years = frame[(frame["week"] == 53) & frame["cases_per_1000"].notna()]["season"].tolist()
    assert "2016-2017" in long_years
    assert "2014-2015" not in long_years


def test_one_number_stands_as_hydrant_and_as_tower_in_dongdaemun(inbox):
    frame = conform(published(inbox, DDM + "firewater_동대문구.json"), load_standard("hydrants")).frame
    assert (len(frame), frame["facility_no"].nunique()) == (4_553, 2_702)
    assert not [problem for problem in check(frame, load_standard("hydrants")) if "기본 키" in problem]


def test_outlines_become_138_dongs_with_both_codes_and_short_names(inbox):
    standard = load_standard("dong_boundaries")
    frame = conform(outlines(inbox), standard).frame
    assert frame.loc[frame["dong_code"] == "2920063700", ["dong_name", "kostat_code", "sigungu_code"]].values.tolist() == [
        ["수완동", "2405075", "29200"]
    ]
    assert len(frame) == 138
    assert any("5179" in problem for problem in check(frame, standard))  # still in degrees: locating comes after
