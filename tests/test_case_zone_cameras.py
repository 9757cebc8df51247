"""The camera case on the sample: options are the zones without a camera, the choice is proven, and the decision says the numbers that are recorded."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank

NEEDED = ["dong_boundaries", "population_age", "school_zones", "hydrants", "pharmacies"]
NEW, OLD = "2026-01-06", "2020-03-02"  # the two editions of the sample's list


@pytest.fixture(scope="module")
def report(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("zone_cameras", tmp_path_factory.mktemp("cameras") / "base", patch, municipality="sample", new_cameras=3)


@pytest.fixture(autouse=True)
def in_the_bank(sample_bank, monkeypatch):
    """Tests look into the same bank as the case."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Another run with three cameras; keywords go to `play`."""
    return lambda **how: play("zone_cameras", tmp_path / "edition", monkeypatch, municipality="sample", new_cameras=3, **how)


def without_camera(day: str) -> list[tuple[str, str]]:
    """Name and kind of the zones of one edition that lie inside and have no camera, in the order of the list."""
    zones = bank.load("sample/school_zones", as_of=day)
    listed = zip(zones["source_row"], zones["name"], zones["kind"], zones["place"], zones["has_cctv"], strict=True)
    return [(name, kind) for _, name, kind, place, camera in sorted(listed) if place == "inside" and not camera]


def test_options_are_the_zones_without_a_camera_in_the_list(report):
    ranked, expected = report.table("cameras"), without_camera(NEW)
    assert report.number("options") == len(expected) == len(ranked)
    in_order = ranked.sort_values("naive_rank")
    assert list(zip(in_order["name"], in_order["kind"], strict=True)) == expected
    counted = report.table("listed").set_index("edition")
    assert counted.loc[NEW, "without"].sum() == len(expected)
    assert counted.loc[OLD, "without"].sum() == len(without_camera(OLD))


def test_every_option_has_a_rank_the_chosen_first_then_by_what_each_is_worth(report):
    ranked, chosen = report.table("cameras"), report.table("chosen")
    for column in ("rank", "naive_rank"):
        assert sorted(ranked[column]) == list(range(1, len(ranked) + 1))
    assert ranked["rank"].is_monotonic_increasing
    assert chosen["name"].tolist() == ranked["name"].head(3).tolist()
    assert ranked["worth"].head(3).is_monotonic_decreasing
    assert ranked["worth"].iloc[3:].is_monotonic_decreasing
    (registered,) = report.results["registered"]
    assert (registered["rows"], registered["pick"], registered["until"]) == (len(ranked), 3, NEW)
    assert registered["outcome"]["field"] == "has_cctv"


def test_no_better_choice_is_possible(report):
    proof, chosen, ranked = report.table("proof"), report.table("chosen"), report.table("cameras")
    assert proof["best"].tolist() == pytest.approx(proof["bound"].tolist())
    assert (proof["gap"] == 0).all()
    added = report.number("added")
    assert chosen["gained"].sum() == pytest.approx(added)
    assert added == pytest.approx(proof["ours"].max())
    # three circles hold at most the sum of the three that are worth most alone; here none of them overlap, so that sum is the optimum
    assert added == pytest.approx(ranked["worth"].nlargest(3).sum())


def test_the_decision_says_the_numbers_that_are_recorded(report):
    sentence, chosen = report.results["decision"]["sentence"], report.table("chosen")
    said = re.search(r"적힌 (\d+)곳 가운데 (\d+)곳\((.*?)\)부터.* ([\d.]+) %에서 ([\d.]+) %로 ([\d,]+)명", sentence)
    assert said is not None, sentence
    assert int(said[1]) == report.number("options")
    assert int(said[2]) == len(chosen) == 3
    assert said[3] == ", ".join(f"{name}({dong})" for name, dong in zip(chosen["name"], chosen["dong_name"], strict=True))
    assert said[4] == f"{report.number('share_now'):.1f}"
    assert said[5] == f"{report.number('share_after'):.1f}"
    assert said[6] == f"{report.number('added'):,.0f}"
    assert report.results["decision"]["stable"] is bool(chosen["in_both"].all())


def test_children_spread_evenly_are_those_that_areas_of_circles_hold(run):
    even = run(spread="even")
    dongs, zones, people = (bank.load(f"sample/{name}") for name in ("dong_boundaries", "school_zones", "population_age"))
    young = people[(people["sex"] == "all") & (people["age_from"] < 10)].groupby("dong_code")["population"].sum()
    each = dongs["dong_code"].map(young) / dongs.area
    seen = zones[zones["has_cctv"].eq(True)].buffer(300, quad_segs=64).union_all()
    chosen = zones[zones["name"].isin(even.table("chosen")["name"]) & ~zones["has_cctv"].eq(True)]
    assert len(chosen) == 3
    circles = chosen.buffer(300, quad_segs=64).union_all().difference(seen)
    now = (dongs.intersection(seen).area * each).sum()
    assert even.number("share_now") == pytest.approx(100 * now / young.sum(), abs=0.5)  # cells of 100 m
    assert even.number("added") == pytest.approx((dongs.intersection(circles).area * each).sum(), rel=0.05)


def test_a_zone_that_gets_a_camera_is_no_option_any_more(run, report):
    first = report.table("cameras").iloc[0]

    def equipped(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "school_zones":
            return frame
        return frame.assign(has_cctv=frame["has_cctv"].mask(frame["name"].eq(first["name"]) & frame["kind"].eq(first["kind"]), True))

    after = run(change=equipped)
    assert after.number("options") == report.number("options") - 1
    assert first["name"] not in after.table("cameras")["name"].tolist()
    assert after.number("share_now") > report.number("share_now")
    assert after.number("added") < report.number("added")


def test_a_choice_of_2020_sees_the_list_of_2020_only(run):
    then = run(until_year=2020)
    assert then.results["registered"][0]["until"] == OLD
    assert then.number("options") == len(without_camera(OLD))
    assert then.table("listed")["edition"].unique().tolist() == [OLD]
