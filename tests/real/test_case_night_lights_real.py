"""The street-light case on the real files of Gwangsan: counts and allotment a second way, and the list that it refuses."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play
from scipy.optimize import brentq

from gsan_lib.reports import cases, needs

pytestmark = [pytest.mark.real, pytest.mark.slow]

DATASETS = ["dong_boundaries", "population_age", "lights", "hydrants", "pharmacies", "school_zones", "parks", "legal_dong_history", "lights_bukgu", "lights_seogu"]  # fmt: skip
NO_LIGHT = {
    "덕림동",
    "명화동",
    "명도동",
    "등임동",
    "두정동",
    "동호동",
    "동산동",
    "동림동",
    "삼도동",
    "산막동",
    "양산동",
    "양동",
    "왕동",
    "신룡동",
}


@pytest.fixture(scope="module")
def real_bank(inbox, banked, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("real_bank")
    banked("gwangsan", DATASETS, place)
    return banked("dongdaemun", ["dong_boundaries", "population_age", "lights", "hydrants"], place)


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("night_lights", tmp_path_factory.mktemp("lights") / "edition", patch, municipality="gwangsan")


def test_lights_by_legal_dong_are_those_of_the_file(report, inbox):
    with (inbox / "facilities" / "gwangju" / "광주_광산구_가로등현황.csv").open(encoding="cp949", newline="") as file:
        addresses = [row[2].split() for row in list(csv.reader(file))[1:]]
    ours = pd.Series([words[2] for words in addresses if words[1] == "광산구"]).value_counts()
    table = report.table("by_legal").set_index("legal_dong")["lamps"]
    assert len(addresses) == 21_088
    assert report.number("lamps") == ours.sum() == 20_810  # the other 278 have addresses in 장성군 남면
    assert table[table > 0].to_dict() == ours.to_dict()


def test_legal_dongs_without_a_listed_light(report):
    # a search of the file finds none of these names; two more of the 79 legal dongs have no addressed point either
    table = report.table("by_legal")
    assert set(table.loc[table["standing"] == "한 등도 없음", "legal_dong"]) == NO_LIGHT
    assert report.number("none") == 14
    assert len(table) == 79


def test_residents_are_kept_when_they_go_from_administrative_to_legal_dongs(report):
    assert report.table("by_legal")["people"].sum() == pytest.approx(404_804)  # 2021-05, both sexes, published total


def test_new_lights_are_shared_in_proportion_to_people_and_lack_and_never_beyond_the_lack(report):
    table = report.table("by_legal")
    asked = table[(table["standing"] == "어두운 편") & (table["people"] >= 1000)]
    limit = float(
        (asked["per_ha"] * asked["town_ha"] + asked["short"]).sum() / asked["town_ha"].sum()
    )  # short is rounded up: a little above
    burden = asked["people"] * (1 - asked["per_ha"] / limit)
    scale = brentq(lambda t: float(np.minimum(asked["short"], t * burden).sum()) - 200, 0, 1e3)
    assert (asked["given"] - np.minimum(asked["short"], scale * burden)).abs().max() < 1.5
    assert table["given"].sum() == asked["given"].sum() == 200
    assert (table["given"] <= table["short"]).all()
    assert report.number("short") == asked["short"].sum()


def test_lights_of_one_lot_stand_far_apart_where_a_neighbour_gives_both(report):
    lists = report.table("lists").set_index("list")
    seogu = lists.loc["가로등(이웃 서구)"]
    assert 50 < seogu["off_m"] < 70  # metres from the middle of their lot, half of the lights that share one
    assert seogu["off_most_m"] > 500
    assert lists.loc["가로등", "placed"] == "없음"


def test_a_list_of_motorway_and_bridge_lights_without_addresses_is_refused(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    lacks = needs.lacking("dongdaemun", cases.case("night_lights"))
    assert [(one.dataset, one.field) for one in lacks if one.dataset == "lights"] == [("lights", "legal_dong")]
