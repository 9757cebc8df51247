"""The senior outlook on the published ages of Dongdaemun: what ageing alone gives, how deaths are taken off, and how the forecast turned out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib.reports import cases, needs

pytestmark = pytest.mark.real

SURVIVE, GROWTH = {"male": 0.70, "female": 0.85}, 0.13


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    place = banked("dongdaemun", ["dong_boundaries", "population_age", "population_elderly", "welfare_home_care"])
    return banked("sample", ["dong_boundaries", "population_age"], Path(place))


@pytest.fixture(scope="module")
def report(real_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("senior_outlook", tmp_path_factory.mktemp("run") / "edition", patch, municipality="dongdaemun")


@pytest.fixture(scope="module")
def published(inbox) -> dict[str, dict[str, list[int]]]:
    """Dong -> sex -> 21 five-year bands, read with the csv module alone."""
    rows = list(csv.reader((Path(inbox) / "population" / "age2.csv").read_text(encoding="cp949").splitlines()))
    columns = {
        sex: [n for n, name in enumerate(rows[0]) if f"_{word}_" in name and "세" in name]
        for sex, word in (("male", "남"), ("female", "여"))
    }
    found = {}
    for row in rows[1:]:
        code = row[0].strip().rpartition("(")[2].rstrip(") ")  # some rows of the file hold no place
        if code.startswith("11230") and not code.endswith("00000"):
            found[code] = {sex: [int(row[n].strip().replace(",", "")) for n in places] for sex, places in columns.items()}
    return found


def test_without_deaths_those_of_65_today_are_those_of_75_in_ten_years(report, published):
    assert {len(bands) for dong in published.values() for bands in dong.values()} == {21}
    now65, now75 = (sum(sum(bands[start:]) for dong in published.values() for bands in dong.values()) for start in (13, 15))
    assert (now65, now75) == (60_917, 25_321)
    assert report.table("by_dong")["upper"].sum() == pytest.approx(now65 - now75)


def test_deaths_are_those_of_a_year_by_year_walk_with_the_assumed_mortality(report, published):
    # a second way: every single year of age walks ten years in steps of a hundredth, dying at the hazard of the moment
    left = {}
    for code, dong in published.items():
        left[code] = 0.0
        for sex, bands in dong.items():
            at65 = -np.log(SURVIVE[sex]) * GROWTH / (np.exp(15 * GROWTH) - 1)
            people, age = np.repeat(np.array(bands) / 5, 5), np.arange(105) + 0.5
            for _ in range(1000):
                people, age = people * np.exp(-at65 * np.exp(GROWTH * (age + 0.005 - 65)) * 0.01), age + 0.01
            left[code] += people[age > 75].sum()
    by_dong = report.table("by_dong").set_index("dong_name")["old_10"]
    assert by_dong.sum() == pytest.approx(sum(left.values()), rel=1e-3)
    assert by_dong["회기동"] == pytest.approx(left["1123071000"], rel=1e-3)


def test_the_forecast_is_scored_against_the_count_of_2025_and_beats_doing_nothing(report, inbox):
    counted = pd.read_csv(next((Path(inbox) / "population").glob("202503*고령*.csv")), encoding="cp949")
    seen = counted.iloc[1:, 1].astype(str).str.replace(",", "").astype(int)  # the first row is the gu
    assert seen.sum() == 70_188
    scores = report.table("scores").set_index("method")
    assert (scores["observed"] == 70_188).all()
    assert scores.loc["그대로(단순 예측)", "whole"] == pytest.approx(100 * (60_917 / 70_188 - 1))
    assert scores.loc["가정한 생존율", "mean_people"] < scores.loc["그대로(단순 예측)", "mean_people"]
    assert scores.loc["사망 없음", "mean_people"] > scores.loc["그대로(단순 예측)", "mean_people"], (
        "ageing without deaths is worse than doing nothing"
    )
    assert "%, 동마다 많게는" in report.results["decision"]["sentence"]


def test_what_is_registered_for_later_adds_up_to_what_is_decided(report):
    ahead = report.table("bands_ahead")
    old = ahead[(ahead["month"] == "2031-05") & (ahead["age_from"] >= 75)]
    assert old["predicted"].sum() == pytest.approx(report.table("by_dong")["old_10"].sum())
    assert old["usual"].sum() == pytest.approx(60_917), "nobody dies: all of 65 and older in 2021"
    assert ahead.loc[ahead["month"] == "2026-05", "naive"].sum() == 60_917
    assert report.results["registered"][0]["until"] == "2021-05-31"


def test_ten_year_bands_are_refused_with_dataset_and_field(real_bank, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    lacks = needs.lacking("sample", cases.case("senior_outlook"))
    assert ("population_age", "age_from") in {(one.dataset, one.field) for one in lacks}
    assert any("65, 75, 85 값이 없습니다" in one.reason for one in lacks)
    assert needs.lacking("dongdaemun", cases.case("senior_outlook")) == []
