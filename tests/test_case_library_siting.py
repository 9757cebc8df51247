"""The library case on the sample: its sums, and what becomes of number, map and sentence when the libraries change."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play, spaces

NEEDED = ["dong_boundaries", "population_age", "libraries", "school_zones", "pharmacies"]
COARSE = {"municipality": "sample", "candidate_m": 1000, "demand_m": 500, "alternatives": 1}


@pytest.fixture(scope="module")
def base(sample_bank, tmp_path_factory) -> Played:
    """The report on the list as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("library_siting", tmp_path_factory.mktemp("library") / "base", patch, **COARSE)


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("library_siting", tmp_path / name, monkeypatch, **COARSE | how)

    return run


def chosen(report: Played) -> gpd.GeoDataFrame:
    return gpd.read_parquet(report.folder / "chosen.parquet")


def test_dongs_add_up_to_the_whole_and_the_sentence_says_the_numbers(base):
    dongs = base.table("by_dong")
    assert dongs["population"].sum() == 405_579
    assert (dongs["population"] * dongs["mean_weighted"]).sum() / 405_579 == pytest.approx(base.number("mean_now"))
    assert (dongs["population"] * dongs["share_weighted"]).sum() / 405_579 == pytest.approx(base.number("share_now"))
    assert (dongs["population"] * dongs["after"]).sum() / 405_579 == pytest.approx(base.number("share_after"))
    assert base.number("mean_after") < base.number("mean_now")
    sentence = base.results["decision"]["sentence"]
    assert f"{base.number('mean_now'):,.0f} m에서 {base.number('mean_after'):,.0f} m로" in sentence
    assert chosen(base).loc[0, "dong_name"] in sentence
    assert "2020-08-17" in sentence, "the date of the list belongs to the decision"


def test_a_library_on_the_chosen_site_sends_the_next_one_where_the_report_said(base, report):
    spot = chosen(base).geometry.iloc[0]

    def opened(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "libraries":
            return frame
        new = frame.iloc[[0]].assign(name="새로 연 도서관", address=frame["address"].iloc[0] + " 새")
        return pd.concat([frame, new.set_geometry(gpd.GeoSeries([spot], index=new.index, crs=frame.crs))], ignore_index=True)

    after = report("after", change=opened)
    options = base.table("alternatives").set_index("sort")
    said = options.loc["뽑힌 곳에 이미 있다면", "dongs"]
    assert f"다음 후보는 {said}입니다" in base.results["decision"]["sentence"]
    assert list(chosen(after)["dong_name"]) == [said]
    assert said in after.results["decision"]["sentence"].split("다음 후보는")[0]
    assert after.number("mean_now") == pytest.approx(base.number("mean_after")), "the library that was proposed now stands"
    assert after.number("libraries_inside") == base.number("libraries_inside") + 1
    for name in (one["file"] for one in base.results["figures"]):
        assert (after.folder / name).read_bytes() != (base.folder / name).read_bytes()


def test_a_library_listed_twice_a_millimetre_apart_counts_once(base, report):
    def again(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "libraries":
            return frame
        twin = frame.iloc[[0]]
        return pd.concat([frame, twin.set_geometry(twin.geometry.translate(0.001))], ignore_index=True)

    after = report("twice", change=again)
    assert after.number("libraries_inside") == base.number("libraries_inside")
    assert after.number("mean_now") == pytest.approx(base.number("mean_now"))


def test_a_library_with_another_municipalitys_address_is_not_counted_and_named(base, report):
    def misplaced(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "libraries":
            return frame
        addresses = frame["address"].mask(frame.index == 0, "서울특별시 관악구 난곡로 67")
        return frame.assign(address=addresses)

    after = report("misplaced", change=misplaced)
    assert after.number("libraries_inside") == base.number("libraries_inside") - 1
    assert after.number("mean_now") > base.number("mean_now")
    assert any("서울특별시 관악구 난곡로 67" in one for one in after.results["texts"])


def test_fewer_libraries_and_longer_ways_never_bring_them_nearer(base):
    table = base.table("assumptions").set_index(["variant", "model", "spread"])
    values = table["value"].str.extract(r"([\d,.]+)")[0].str.replace(",", "").astype(float)
    here = table["here"].str.extract(r"([\d,.]+)")[0].str.replace(",", "").astype(float)
    assert (table["gap"] < 1e-6).all()
    for spread in ("면적에 고르게", "주소점 가중"):
        mean, share = values.xs(("평균 거리", spread), level=(1, 2)), values.xs(("포괄", spread), level=(1, 2))
        assert mean["우회 계수 1.4"] == pytest.approx(1.4 * mean["기본"], abs=1.5)
        assert mean["작은도서관 제외"] >= mean["기본"]
        assert share["우회 계수 1.4"] <= share["기본"] <= share["걷는 거리 1,000 m"]
        assert share["작은도서관 제외"] <= share["기본"]
    same_sites = table.index.get_level_values("variant") != "후보지를 초등학교 자리로"
    model = table.index.get_level_values("model")
    assert (here[same_sites & (model == "평균 거리")] >= values[same_sites & (model == "평균 거리")]).all(), "an optimum was beaten"
    assert (here[same_sites & (model == "포괄")] <= values[same_sites & (model == "포괄")]).all(), "an optimum was beaten"


def test_the_decision_is_called_stable_only_where_no_assumption_prefers_another_place(base):
    table, decision = base.table("assumptions"), base.results["decision"]
    numbers = {name: table[name].str.extract(r"([\d,.]+)")[0].str.replace(",", "").astype(float) for name in ("value", "here")}
    better = (numbers["here"] - numbers["value"]) * table["model"].map({"평균 거리": 1, "포괄": -1}) > 0
    assert decision["stable"] == (not (better & ~table["same"]).any())
    for row in table[better & ~table["same"]].head(3).itertuples():
        assert any(one.startswith(f"{row.variant}, {row.model}, {row.spread}: {row.dongs}(") for one in decision["would_change"])
    if not decision["stable"]:
        assert "아직 하나로 정하지 않습니다" in decision["sentence"]


def test_fairness_begins_at_the_shortest_mean_and_each_step_costs_mean_and_shortens_the_worst_way(base):
    table = base.table("fairness")
    now, front = table.iloc[0], table.iloc[1:]
    medians = base.table("assumptions").set_index(["variant", "model", "spread"])["value"].loc[("기본", "평균 거리", "주소점 가중")]
    assert front["mean"].iloc[0] == pytest.approx(float(re.sub(r"[^\d.]", "", medians)), abs=5), (
        "the p-median of the report is the first end"
    )
    assert front["mean"].is_monotonic_increasing
    assert front["worst"].is_monotonic_decreasing
    assert front["mean"].iloc[-1] <= now["mean"], "a library more never lengthens the mean way"
    assert front["kept"].tolist() == pytest.approx((100 * (now["mean"] - front["mean"]) / (now["mean"] - front["mean"].iloc[0])).tolist())
    if len(front) > 1:
        assert any(
            one.startswith(f"가장 먼 주민의 거리부터 줄이기로 하면 {front['dongs'].iloc[-1]}입니다")
            for one in base.results["decision"]["would_change"]
        )


def test_the_fairest_site_is_the_one_that_a_search_of_all_candidates_finds(sample_bank, tmp_path, monkeypatch):
    """Every candidate tried by hand on the demand of the report: none has a shorter worst way, and of those with its worst way none a shorter mean."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)
    space = spaces("library_siting", tmp_path / "space", monkeypatch, **COARSE)
    people, at = space["peopled"], space["lumps"]
    now = at.apply(lambda point: space["open_now"].distance(point).min())
    tried = {site: np.minimum(now, at.distance(point)) for site, point in space["candidates"].geometry.items()}
    both = pd.DataFrame(
        {site: [(people * way).sum() / people.sum(), way[people > 0].max()] for site, way in tried.items()}, index=["mean", "worst"]
    ).T
    table = pd.read_parquet(tmp_path / "space" / "fairness.parquet").iloc[1:]
    assert table["mean"].iloc[0] == pytest.approx(both["mean"].min())
    assert table["worst"].iloc[-1] == pytest.approx(both["worst"].min())
    for row in table.itertuples():
        assert both.loc[both["worst"] <= row.worst + 1e-6, "mean"].min() == pytest.approx(row.mean)
