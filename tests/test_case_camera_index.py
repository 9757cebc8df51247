"""The camera index on the sample: its parts add up, and what becomes of ranks and sentence when cameras, weights or recipe change."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank
from gsan_lib.errors import CaseError

NEEDED = ["dong_boundaries", "population_age", "cctv_police", "cctv_ansimi", "bus_stops", "stations", "hydrants"]
PARTS = ["unseen", "few", "density", "children", "old", "night"]


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("camera_index", tmp_path / name, monkeypatch, **{"municipality": "sample", "cell_m": 50} | how)

    return run


@pytest.fixture(scope="module")
def before(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The report on the sample as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("camera_index", tmp_path_factory.mktemp("index") / "before", patch, municipality="sample", cell_m=50)


def test_parts_sum_to_the_index_and_ranks_follow_it(before):
    parts, table = before.table("contributions"), before.table("index_by_dong")
    assert len(table) == 21
    assert parts[PARTS].sum(axis=1).to_numpy() == pytest.approx(parts["index"].to_numpy())
    assert parts[PARTS].max().to_numpy() == pytest.approx([30, 20, 10, 10, 10, 20]), "min-max gives the highest dong the whole weight"
    assert parts[PARTS].min().to_numpy() == pytest.approx([0] * 6)
    assert table["rank"].tolist() == table["index"].rank(ascending=False, method="min").tolist()
    assert ((table["low"] <= table["rank"]) & (table["rank"] <= table["high"])).all()
    assert table["top_share"].sum() >= 300 - 1e-9, "every draw has at least three dongs in the first three"


def test_the_dong_with_most_cameras_per_head_gets_nothing_for_few_cameras(before):
    raw, parts = before.table("indicators").set_index("dong_code"), before.table("contributions").set_index("dong_code")
    assert parts.loc[raw["few"].idxmax(), "few"] == pytest.approx(0)
    assert parts.loc[raw["few"].idxmin(), "few"] == pytest.approx(20)


def test_firmness_of_the_sentence_is_that_of_the_table(before):
    table, trials, decision = before.table("index_by_dong"), before.table("assumptions"), before.results["decision"]
    first = set(table["dong_name"].head(3))
    kept = first.intersection(*(set(row.split(", ")) for row in trials["first"]))
    assert before.number("always") == len(kept)
    assert decision["stable"] == (len(kept) == 3 and table["top_share"].head(3).min() >= 90)
    assert all(name in decision["sentence"] for name in first)
    assert "범죄 자료가 없어" in decision["sentence"]


def test_a_pair_that_says_the_same_is_named_as_counted_twice(before):
    pairs = before.table("pairs")
    assert len(pairs) == 15
    top = pairs.iloc[0]
    assert {top["one"], top["other"]} == {"인구 밀도", "밤에 사람이 모이는 곳"}
    assert top["rho"] > 0.9
    assert bool(top["close"])
    assert "겹치는 지표의 무게를 절반으로" in set(before.table("assumptions")["assumption"])


def test_cameras_for_the_first_dong_lower_its_index_and_change_the_sentence(report, before):
    first, places = before.table("index_by_dong").iloc[0], bank.load("sample/hydrants")

    def built(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "cctv_police":
            return frame
        hydrants = gpd.GeoSeries(places[places["dong_code"] == first["dong_code"]].geometry.to_list(), crs=frame.crs)
        more = frame.iloc[[0] * len(hydrants)].set_geometry(hydrants.to_list(), crs=frame.crs)
        return pd.concat([frame, more], ignore_index=True)

    after = report("after", change=built)
    now, then = (one.table("contributions").set_index("dong_code").loc[first["dong_code"]] for one in (after, before))
    assert now["index"] < then["index"]
    assert now["few"] == pytest.approx(0), "it now has most cameras for its residents"
    assert after.number("unseen") < before.number("unseen")
    assert after.results["decision"]["sentence"] != before.results["decision"]["sentence"]


def test_one_weight_alone_ranks_by_that_indicator(report):
    zero = dict.fromkeys(["w_few", "w_density", "w_children", "w_night"], 0.0)
    two = report("two", **zero, w_unseen=100.0, w_old=0.001)
    raw = two.table("indicators")
    assert raw["unseen"].is_monotonic_decreasing
    assert two.table("index_by_dong")["top_share"].head(3).min() > 99


def test_a_column_without_weight_is_in_no_part_and_no_trial(report):
    without = report("without", w_unseen=0.0)
    assert "unseen" not in without.table("contributions").columns
    assert not [one for one in without.table("assumptions")["assumption"] if "반경" in one or "주민을" in one]


def test_multiplied_parts_are_factors_of_the_index(report):
    parts = report("product", aggregate="geometric", normalise="rank").table("contributions")
    assert (100 * parts[PARTS].prod(axis=1)).to_numpy() == pytest.approx(parts["index"].to_numpy())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"normalise": "z-score", "aggregate": "geometric"}, "곱할 수 없습니다"),
        ({"old_from": 65}, "65세\\(`old_from`\\)"),
        (dict.fromkeys(["w_few", "w_density", "w_children", "w_old", "w_night"], 0.0), "지표가 1개"),
    ],
)
def test_what_makes_no_index_is_refused_with_what_to_do(report, how, said):
    with pytest.raises(CaseError, match=said):
        report("refused", **how)
