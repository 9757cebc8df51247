"""Dongs through time on the real lists: Hwaseong's 23, 26 and 28 dongs, Dongdaemun's mergers, legal dongs with their days."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from gsan_lib import geo
from gsan_lib.analysis import histories

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def units(inbox: Path) -> gpd.GeoDataFrame:
    """The undated list of all units 2001-2023."""
    table = pd.read_csv(inbox / "codes" / "coordinate_UTMK_이름포함.tsv", sep="\t", dtype={"ADMCD": "str"}).rename(
        columns={"ADMCD": "dong_code"}
    )
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["X"], table["Y"], crs=geo.WORK_CRS))


@pytest.fixture(scope="module")
def hwaseong(inbox: Path) -> dict[str, gpd.GeoDataFrame]:
    """Outlines of 2013 (KOSTAT codes) and of 2021 (MOIS codes, the swap of 동탄6동 and 동탄7동 put right)."""
    old = gpd.read_file(inbox / "boundaries" / "kostat2013_dong_simple_subset.geojson").to_crs(geo.WORK_CRS)
    new = gpd.read_file(inbox / "boundaries" / "admdong_2021_41590_hwaseong.geojson").to_crs(geo.WORK_CRS)
    swapped = {"4159060000": "4159061000", "4159061000": "4159060000"}
    new["dong_code"] = new["adm_cd2"].replace(swapped)
    return {"2013": geo.repair(old[old["code"].str.startswith("31240")])[0], "2021": geo.repair(new)[0]}


@pytest.fixture(scope="module")
def residents(inbox: Path) -> pd.Series:
    """Registered residents of Hwaseong by code: 2018-12 (26 dongs, Koreans of the city's table), 2020-12 and 2021-05 (28)."""
    city = pd.read_excel(inbox / "population" / "화성시 읍면동별 세대및인구.xlsx", header=None)
    city = city.iloc[5:].dropna(subset=[1]).set_index(1)[6]  # name of the dong; Koreans, both sexes
    table = pd.read_csv(inbox / "codes" / "coordinate_UTMK_이름포함.tsv", sep="\t", dtype={"ADMCD": "str"})
    code_of = {name.split()[-1]: code for code, name in zip(table["ADMCD"], table["ADMNM"], strict=True) if code.startswith("41590")}
    parts = {"2018-12": pd.to_numeric(city).rename(code_of)}
    for label, file, column in (("2020-12", "age.csv", "총인구수"), ("2021-05", "age2.csv", "2021년05월_계_총인구수")):
        table = pd.read_csv(inbox / "population" / file, encoding="cp949", thousands=",")
        code = table["행정구역"].str.extract(r"\((\d{10})\)")[0]
        count = pd.to_numeric(table[column].astype("str").str.replace(",", "").str.strip()).set_axis(code)
        mine = count[count.index.str.startswith("41590") & ~count.index.str.endswith("00000")]
        parts[label] = mine[mine > 0]
    return pd.concat(parts).swaplevel()


@pytest.fixture(scope="module")
def links(hwaseong: dict[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """KOSTAT codes that stayed, and the outlines of 2013 over those of 2021; the former are off by 500 m."""
    new = hwaseong["2021"]
    stayed = histories.declare(zip(new["adm_cd"], new["dong_code"], strict=True), "KOSTAT code and MOIS code of one outline, 2021")
    return pd.concat(
        [stayed, histories.links_of_outlines(hwaseong["2013"], new, keys=("code", "dong_code"), border_m=600)], ignore_index=True
    )


def test_hwaseongs_23_dongs_of_2013_and_28_of_2021_have_24_stable_units(hwaseong: dict[str, gpd.GeoDataFrame], links: pd.DataFrame) -> None:
    old, new = hwaseong["2013"], hwaseong["2021"]
    assert (len(old), len(new)) == (23, 28)
    unit = histories.stable_units([*old["code"], *new["dong_code"]], links)
    names = dict(zip([*old["code"], *new["dong_code"]], [*old["name"], *new["adm_nm"].str.split().str[-1]], strict=True))
    together = {frozenset(names[code] for code in group.index) for _, group in unit.groupby(unit)}
    assert len(together) == 24
    assert frozenset({"동탄면", "동탄4동", "동탄5동", "동탄6동", "동탄7동", "동탄8동"}) in together
    assert frozenset({"남양동", "남양읍"}) in together
    assert frozenset({"새솔동"}) in together  # built on land that was sea in 2013: it comes out of nothing, and is told below
    assert sum(len(group) == 1 for group in together) == 22  # the others are one dong under one name


def test_hwaseongs_residents_of_2018_to_2021_do_not_jump(
    hwaseong: dict[str, gpd.GeoDataFrame], links: pd.DataFrame, residents: pd.Series, units: gpd.GeoDataFrame
) -> None:
    names = {
        code: name for code, name in zip(units["dong_code"], units["ADMNM"].str.split().str[-1], strict=True) if code.startswith("41590")
    }
    assert residents.groupby(level=1).size().tolist() == [26, 28, 28]
    found = histories.comparable(residents, links, names=names, known=units["dong_code"])
    assert found.values.sum().tolist() == [758_722, 855_248, residents.xs("2021-05", level=1).sum()]
    assert len(found.values) == 24
    assert found.unexplained.empty
    assert found.unknown == ()
    east = found.units.index[found.units["changed"]]
    assert found.units.loc[east, "name"].tolist() == ["동탄4동+동탄5동+동탄6동+동탄7동+동탄8동"]
    assert found.values.loc[east[0]].is_monotonic_increasing
    single = residents.unstack()
    assert single.loc["4159060000", "2020-12"] < 0.6 * single.loc["4159060000", "2018-12"]  # 동탄6동 by itself seems to lose half


def test_the_heirs_of_dongtan_6_are_apportioned_without_losing_anybody(residents: pd.Series) -> None:
    heirs = ["4159060000", "4159061000", "4159062000"]
    shares = histories.shares_of(
        histories.declare([("4159060000", heirs[1]), ("4159060000", heirs[2])], "동탄6동에서 나뉨").pipe(
            lambda t: pd.concat([t, t.iloc[:1].assign(other=heirs[0])])
        ),
        residents.xs("2020-12", level=1),
    )
    found = histories.apportion(residents, shares)
    assert found.values.sum().round(6).tolist() == residents.groupby(level=1).sum().tolist()
    assert found.estimated.sum().tolist() == [3, 0, 0]
    assert len(found.values) == 28


def test_dongdaemuns_mergers_are_found_in_the_undated_list_but_for_one(units: gpd.GeoDataFrame) -> None:
    mine = units[units["dong_code"].str.startswith("11230")]
    points, dongs = histories.links_of_points(mine), mine.loc[~mine["dong_code"].str.endswith("00000"), "dong_code"]
    unit = histories.stable_units(dongs, points)
    names = mine.set_index("dong_code")["ADMNM"].str.split().str[-1]
    together = {frozenset(names[code] for code in group.index) for _, group in unit.groupby(unit)}
    assert frozenset({"신설동", "용두제1동", "용두제2동", "용두동", "용신동"}) in together
    assert len(together) == 15  # the list gives 장안제3동 a point of its own; the gu has had 14 dongs since it went into 장안제1동
    known = histories.declare([("1123067000", "1123065000")], "장안3동 -> 장안1동")
    assert histories.stable_units(dongs, pd.concat([points, known])).nunique() == 14


def test_legal_dongs_say_when_dongtan_myeon_became_dongs(inbox: Path) -> None:
    table = pd.read_csv(inbox / "codes" / "legaldong_history_subset.csv", dtype="str")
    history = table.rename(columns={"법정동코드": "legal_dong_code", "과거법정동코드": "former_code", "생성일자": "created_on"})
    links = histories.links_of_legal(history)
    sancheok = links[links["other"] == "4159013500"].iloc[0]
    assert (sancheok["one"], sancheok["date"]) == ("4159042029", pd.Timestamp("2018-01-19"))
    assert links.attrs["unusable"] > 0
