"""The pediatric case on the real files of Hwaseong: hours that are given and hours that are not, and the site that reaches most children."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank
from gsan_lib.reports import cases, needs

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    needed = ["dong_boundaries", "population_age", "clinics", "pharmacies", "school_zones"]
    return banked("dongdaemun", ["clinics"], Path(banked("hwaseong", needed)))


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("care_access", tmp_path_factory.mktemp("run") / "edition", patch, municipality="hwaseong", spread="even")


def test_known_and_unknown_hours_are_those_of_the_file(report, inbox):
    listed = json.loads((Path(inbox) / "facilities" / "hwaseong" / "clinics-cache.json").read_text(encoding="utf-8"))
    rows = next(value for value in listed.values() if isinstance(value, list) and len(value) == 124) if isinstance(listed, dict) else listed
    silent = sum(not (row.get("hours") or {}) for row in rows)
    assert silent == 87
    assert report.number("unknown") == 87
    table = report.table("hours").set_index("what")
    assert (table[["open", "closed", "unknown"]].sum(axis=1) == 124).all()
    assert table.loc["평일마다 23시까지", "open"] == 1, "베스트아이들병원"
    assert table.loc["공휴일 낮 12시", "unknown"] == 124, "no clinic gives holidays: unknown is not closed"


def test_the_list_of_clinics_breaks_off_in_the_alphabet_and_the_decision_says_so(report, inbox):
    listed = json.loads((Path(inbox) / "facilities" / "hwaseong" / "clinics-cache.json").read_text(encoding="utf-8"))
    assert listed["scan"]["pagesScanned"] < listed["scan"]["totalPages"], (
        "the publisher's own log: 22 of 91 pages of the province were read"
    )
    surgeries = [row["name"] for row in listed["clinics"] if row["name"].endswith("의원")]
    assert surgeries == sorted(surgeries)
    shops = pd.read_csv(Path(inbox) / "facilities" / "pharmacies_hira_subset.csv", dtype=str)
    own = shops.loc[shops["시군구코드명"] == "화성시", "요양기관명"]
    assert report.number("cut") == pytest.approx(100 * (own > max(surgeries)).mean(), abs=1.5)
    assert report.number("cut") > 50
    assert max(surgeries) in report.results["decision"]["sentence"]


def test_the_place_that_reaches_most_children_is_found_again_by_circles_cut_with_the_dongs(report, real_bank, monkeypatch):
    # a second way, without grid and solver: children even over each dong
    monkeypatch.setenv("GSAN_BANK", real_bank)
    dongs, people, clinics = (bank.load(f"hwaseong/{name}") for name in ("dong_boundaries", "population_age", "clinics"))
    children = people[(people["sex"] == "all") & (people["age_to"] <= 14)].groupby("dong_code")["population"].sum()
    dongs = dongs.set_index("dong_code")
    per_m2 = children.reindex(dongs.index) / dongs.area
    reach = 8000 / 1.3
    seen = clinics[clinics["name"] == "베스트아이들병원"].geometry.iloc[0].buffer(reach, quad_segs=64)
    candidates = gpd.read_parquet(report.folder / "candidates.parquet")
    tried = candidates.iloc[[*range(0, 10), *range(10, len(candidates), 6)]]
    again = [float((dongs.intersection(one.buffer(reach, quad_segs=64).difference(seen)).area * per_m2).sum()) for one in tried.geometry]
    assert np.allclose(again, tried["gained"], rtol=0.02, atol=150)
    assert max(again) <= candidates["gained"].iloc[0] * 1.01, "no other place reaches more"
    assert report.number("gained") == pytest.approx(candidates["gained"].iloc[0])
    assert candidates["dong_name"].iloc[0] in report.results["decision"]["sentence"]


def test_supply_per_child_is_kept_by_the_catchments(report):
    # each clinic is divided among those who reach it, so what all children hold together is the number of clinics
    measures = report.table("measures")
    total = report.table("by_dong")["children"].sum()
    held = measures["mean"] * total / 1000
    named, everyone = (measures["supply"] == kind for kind in ("이름에 소아 진료를 건 곳", "목록의 모든 병의원"))
    assert np.allclose(held[named], held[named].iloc[0], rtol=1e-6)
    assert held[everyone].iloc[0] == pytest.approx(124, rel=1e-6)
    assert (measures["gini"].between(0, 1)).all()


def test_clinics_without_name_and_department_are_refused_with_the_fields(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    case = cases.case("care_access")
    assert needs.lacking("hwaseong", case) == []
    lacks = {(one.dataset, one.field) for one in needs.lacking("dongdaemun", case)}
    assert {one for one in lacks if one[0] == "clinics"} == {("clinics", "name"), ("clinics", "departments")}
    assert "clinics" in {one.dataset for one in needs.lacking("gwangsan", case)}
