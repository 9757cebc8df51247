"""The park case on the real files of Gwangsan: which parks are published twice, and where they stand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from case_cells import Played, play

from gsan_lib import bank
from gsan_lib.analysis import twins

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("gwangsan", ["dong_boundaries", "population_age", "parks", "hydrants"])


@pytest.fixture
def parks(real_bank, monkeypatch) -> gpd.GeoDataFrame:
    monkeypatch.setenv("GSAN_BANK", real_bank)
    return bank.load("gwangsan/parks")


def test_the_gu_and_the_city_publish_the_same_parks(parks):
    inside = parks[parks["place"] == "inside"]
    assert inside["provider"].value_counts().to_dict() == {"광주광역시 광산구": 220, "광주광역시": 152}
    merged = twins.merge_twins(parks, twins.find_twins(parks))
    left = merged.rows[merged.rows["place"] == "inside"]
    # a search of the gu's list finds none of these names; 송정주공 has the area of the gu's 송정소공원 to the digit, but another lot 1.8 km away
    assert set(left.loc[left["provider"] == "광주광역시", "name"]) == {"송정주공", "한밭", "검바우", "빛그린산단체육"}
    assert len(left) == 224
    assert (left["provider"] == "광주광역시 광산구").sum() == 220, "the gu's rows are the later ones and stay"


def test_parks_that_the_gu_placed_on_another_park_go_to_the_citys_position(parks):
    gu = parks[(parks["provider"] == "광주광역시 광산구") & (parks["name"] == "장덕")]
    city = parks[(parks["provider"] == "광주광역시") & (parks["name"] == "장덕") & (parks["kind"] == "어린이공원")]
    assert gu.geometry.to_wkb().nunique() == 1
    assert len(gu) == 2
    rows = twins.merge_twins(parks, twins.find_twins(parks)).rows
    moved = rows.loc[gu.index[gu["kind"] == "어린이공원"][0]].geometry
    assert moved.distance(city.geometry.iloc[0]) == 0
    assert 240 < moved.distance(gu.geometry.iloc[0]) < 255


def test_the_share_of_residents_within_reach_is_that_of_circles_laid_over_the_dongs(real_bank, parks, tmp_path, monkeypatch):
    # a second way, without grid: each park a circle of its area and its reach, their union cut with each dong, residents spread evenly
    rows = twins.merge_twins(parks, twins.find_twins(parks)).rows
    rows = rows[rows["kind"] != "묘지공원"]
    area, child, near = rows["area_m2"], rows["kind"] == "어린이공원", rows["kind"] == "근린공원"
    reach = np.select([child, area >= 30_000, near | (area >= 10_000)], [250, 1000, 500], 250)
    circles = rows.geometry.buffer(reach + np.sqrt(area / np.pi), quad_segs=64).union_all()
    dongs, people = bank.load("gwangsan/dong_boundaries").set_index("dong_code"), bank.load("gwangsan/population_age")
    residents = people[people["sex"] == "all"].groupby("dong_code")["population"].sum().reindex(dongs.index)
    served = (residents * dongs.intersection(circles).area / dongs.area).sum() / residents.sum()
    report: Played = play("park_access", tmp_path / "edition", monkeypatch, municipality="gwangsan", cell_m=50)
    by_trial = report.table("assumptions").set_index(["trial", "spread"])["served"]
    assert by_trial.loc[("기본(우회 계수 1.0)", "면적에 고르게")] == pytest.approx(100 * served, abs=0.1)


def test_the_report_counts_each_resident_and_each_park_once(real_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    report: Played = play("park_access", tmp_path / "edition", monkeypatch, municipality="gwangsan", cell_m=100)
    assert report.table("by_dong")["population"].sum() == 404_804  # 2021-05, both sexes, published total
    assert report.number("parks") == 224
    by_trial = report.table("assumptions").set_index(["trial", "spread"])["served"]
    assert by_trial.max() <= 100
    assert by_trial.loc[("우회 계수 1.4", "주소점 가중")] < by_trial.loc[("기본(우회 계수 1.0)", "주소점 가중")]
