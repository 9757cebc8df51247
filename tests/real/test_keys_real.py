"""Keys on the real files: the swap of 동탄6동 and 동탄7동, codes that came and went, legal dongs of Gwangsan."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from published import outlines, published

from gsan_lib import geo, settings
from gsan_lib.bank.coordinates import find_crs
from gsan_lib.bank.dongs import code_history, legal_shares, spread, validity
from gsan_lib.bank.keys import code_system, compare_names, crosswalk, mend_swapped
from gsan_lib.bank.positions import locate
from gsan_lib.bank.schemas import load_standard
from gsan_lib.bank.standards import conform
from gsan_lib.errors import DataError

pytestmark = pytest.mark.real


def areas(inbox) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(conform(outlines(inbox), load_standard("dong_boundaries")).frame, geometry="geometry").to_crs(5179)


def residents(inbox) -> pd.DataFrame:
    return conform(published(inbox, "population/age.csv"), load_standard("population_age")).frame


def conformed(inbox, file: str, standard: str) -> pd.DataFrame:
    return conform(published(inbox, file), load_standard(standard)).frame


def test_of_138_dongs_only_two_contradict_their_code_and_both_are_named(inbox):
    (conflict,) = compare_names(areas(inbox), residents(inbox))
    assert conflict.kind == "swapped"
    assert set(conflict.names) == {"동탄6동", "동탄7동"}
    assert set(conflict.codes) == {"4159060000", "4159061000"}


def test_clinics_in_three_legal_dongs_confirm_what_the_population_table_says(inbox):
    published_areas = areas(inbox)
    mended = mend_swapped(published_areas, compare_names(published_areas, residents(inbox))).frame
    clinics = conformed(inbox, "facilities/hwaseong/clinics-cache.json", "clinics")
    here = clinics[clinics["legal_dong"].isin(["산척동", "송동", "목동"])]
    points = locate(here, find_crs(here)).geometry
    assert len(points) == 18
    right = geo.points_in_areas(points, gpd.GeoDataFrame(mended, geometry="geometry", crs=5179), "dong_code")
    names = residents(inbox).drop_duplicates("dong_code").set_index("dong_code")["dong_name"]
    assert right.map(names).value_counts().index[0] == "동탄7동"
    wrong = geo.points_in_areas(points, published_areas, "dong_code")
    assert (right.map(names) == "동탄7동").sum() == (wrong.map(names) == "동탄6동").sum() > 9


def test_mending_gives_dongtan_6_its_own_people(inbox):
    people = residents(inbox).groupby("dong_code")["population"].sum()
    published_areas = areas(inbox)
    mended = mend_swapped(published_areas, compare_names(published_areas, residents(inbox))).frame
    before, after = (
        people.reindex(one.set_index("dong_name")["dong_code"]).set_axis(one["dong_name"]) for one in (published_areas, mended)
    )
    assert before["동탄6동"] == after["동탄7동"] > before["동탄7동"] == after["동탄6동"]
    assert before.sum() == after.sum()


def test_the_crosswalk_carries_the_same_swap_and_is_mended_alike(inbox):
    table = conformed(inbox, "codes/crosswalk_mois_kostat_2021.csv", "crosswalk")
    table = table.assign(dong_name=table["full_name"].str.split().str[-1])
    conflicts = compare_names(table, residents(inbox))
    assert [one.kind for one in conflicts] == ["swapped"]
    both = crosswalk(mend_swapped(table, conflicts).frame, "2021-04")
    assert both.to_mois(pd.Series(["3124069", "3124070", "2405075"])).tolist() == ["4159061000", "4159060000", "2920063700"]


def test_11230_is_dongdaemun_and_gangnam(inbox):
    kostat = set(gpd.read_file(inbox / "boundaries" / "skorea-municipalities-2018-topo-simple.json")["code"])
    mois = set(conformed(inbox, "codes/coordinate_UTMK_이름포함.tsv", "unit_centroids")["dong_code"].str.slice(0, 5))
    with pytest.raises(DataError, match="11230"):
        code_system("11230", known={"MOIS": mois, "KOSTAT": kostat})
    assert code_system("11060", known={"MOIS": mois, "KOSTAT": kostat}) == "KOSTAT"
    assert code_system("29200", known={"MOIS": mois, "KOSTAT": kostat}) == "MOIS"


def test_72_legal_dongs_of_gwangsan_have_hydrants_and_15_of_them_are_split(inbox):
    hydrants = conformed(inbox, "facilities/gwangju/firewater_광산구.json", "hydrants")
    mine = areas(inbox)
    mine = mine[mine["dong_code"].str.startswith("29200")]
    points = hydrants.assign(dong_code=geo.points_in_areas(locate(hydrants, find_crs(hydrants)).geometry, mine, "dong_code"))
    history = conformed(inbox, "codes/legaldong_history_subset.csv", "legal_dong_history")
    existing = set(history.loc[(history["sigungu"] == "광산구") & history["abolished_on"].isna(), "legal_dong"].dropna())
    shares = legal_shares(points, existing=existing)
    assert (shares["legal_dong"].nunique(), shares.loc[shares["split"], "legal_dong"].nunique()) == (72, 15)
    assert shares.attrs["unknown"] == {"월게동": 1}
    fires = conformed(inbox, "events/fires_nfa_subset.csv", "fires")
    burnt = fires[fires["sigungu"] == "광산구"].groupby("legal_dong").size()
    by_dong, left = spread(burnt, shares)
    assert (len(burnt), len(left)) == (57, 4)
    assert by_dong.sum() + left.sum() == pytest.approx(burnt.sum())


def test_codes_that_gwangsan_once_had_are_told_from_its_21(inbox):
    units = conformed(inbox, "codes/coordinate_UTMK_이름포함.tsv", "unit_centroids")
    editions = {"2020-12": residents(inbox), "2021-04": areas(inbox)}
    table = code_history(units, editions, "29200", settings.municipality("gwangsan").history)
    assert table["status"].value_counts().to_dict() == {"seen": 21, "not_seen": 2}
    assert set(table.loc[table["status"] == "not_seen", "dong_name"]) == {"비아첨단지소", "첨단동"}
    assert table.attrs["history"][0]["date"] == "2023-02-24"


def test_dongs_of_hwaseong_come_and_go_between_the_editions_seen(inbox):
    old = gpd.read_file(inbox / "boundaries" / "kostat2013_dong_simple_subset.geojson")
    boundaries = conform(old.set_index(pd.RangeIndex(1, len(old) + 1)), load_standard("dong_boundaries_kostat")).frame
    then = boundaries[boundaries["kostat_code"].str.startswith("31240")].rename(columns={"kostat_code": "dong_code"})
    now = areas(inbox)
    now = now[now["kostat_code"].str.startswith("31240")].drop(columns="dong_code").rename(columns={"kostat_code": "dong_code"})
    seen = validity({"2013": then, "2021-04": now})
    assert (len(then), len(now)) == (23, 28)
    assert (seen["first_seen"] == "2021-04").sum() >= 5
