"""The camera case on the sample: its sums, and what becomes of number, map and sentence when cameras change."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

NEEDED = ["dong_boundaries", "population_age", "cctv_police", "cctv_ansimi", "lights", "crossings", "junctions", "hydrants"]


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("cctv_siting", tmp_path / name, monkeypatch, **{"municipality": "sample", "new_cameras": 10} | how)

    return run


@pytest.fixture(scope="module")
def before(sample_bank, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The report on the sample as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("cctv_siting", tmp_path_factory.mktemp("cctv") / "before", patch, municipality="sample", new_cameras=10)


def test_the_report_adds_up_and_every_optimum_is_proven(before):
    chosen, proof, decision = before.table("chosen"), before.table("proof"), before.results["decision"]
    assert len(chosen) == 10
    assert chosen["people"].sum() == pytest.approx(before.number("added"))
    assert 405_579 * (before.number("after") - before.number("before")) / 100 == pytest.approx(before.number("added"))
    assert (proof["status"] == "증명됨").all()
    assert (proof["bound"] == proof["best"]).all()
    assert (proof["ours"] <= proof["best"] + 1e-9).all(), "other sites beat a proven optimum"
    assert (before.table("assumptions")["gap"] == 0).all()
    assert decision["stable"] == bool(chosen["in_both"].all())


def test_one_site_covers_many_demand_points(before):
    """With sites and demand both at centres of a 100 m grid a circle of 50 m holds one point, and the optimum is a sort."""
    chosen = before.table("chosen")
    assert chosen["points"].min() >= 5
    assert chosen["points"].max() <= 16, "50 m of radius hold about 12.6 cells of 25 m"


def test_cameras_at_the_chosen_sites_change_number_map_and_sentence_and_send_the_next_ones_elsewhere(report, before):
    taken = gpd.read_parquet(before.folder / "chosen.parquet").geometry

    def built(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "cctv_police":
            return frame
        more = frame.iloc[[0] * len(taken)].set_geometry(list(taken), crs=frame.crs)
        return pd.concat([frame, more], ignore_index=True)

    after = report("after", change=built)
    assert after.number("before") == pytest.approx(before.number("after"), abs=1e-6)
    assert after.number("added") < before.number("added")
    next_ones = gpd.read_parquet(after.folder / "chosen.parquet").geometry
    assert not set(next_ones.to_wkb()) & set(taken.to_wkb())
    assert after.results["decision"]["sentence"] != before.results["decision"]["sentence"]
    file = before.results["figures"][0]["file"]
    assert (after.folder / file).read_bytes() != (before.folder / file).read_bytes()


def test_a_second_camera_on_the_same_pole_changes_nothing(report, before):
    def again(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([frame, frame.iloc[:50]], ignore_index=True) if dataset in ("cctv_police", "hydrants") else frame

    twice = report("twice", change=again)
    assert [one["value"] for one in twice.results["numbers"]] == [one["value"] for one in before.results["numbers"]]
    assert twice.results["decision"] == before.results["decision"]


def test_a_scenario_is_the_report_on_such_a_population(report, before):
    """The first draw by hand: each dong's residents times its factor, and the whole case on them finds the scenario's best."""
    factors = None

    def other(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        nonlocal factors
        if dataset != "population_age":
            return frame
        codes = sorted(frame["dong_code"].unique())
        factors = np.exp(np.random.default_rng(20260101).normal(-0.02, 0.2, len(codes)))  # mean 1, as the draws of the case
        return frame.assign(population=frame["population"].astype(float) * frame["dong_code"].map(dict(zip(codes, factors, strict=True))))

    runs = before.table("runs").set_index("scenario")
    assert report("other", change=other).number("added") == pytest.approx(runs.loc["lognormal 001", "objective"], rel=1e-6)
    assert factors is not None
    assert factors.std() > 0.1


def test_scenarios_leave_sites_as_often_as_the_table_says_and_a_camera_more_holds_more(before):
    runs, chosen = before.table("runs"), before.table("chosen")
    assert chosen["share"].sum() / 100 * len(runs) == pytest.approx(runs["kept"].sum()), "sites kept, counted by site and by scenario"
    assert len(runs) == 32
    best = runs.set_index("scenario")["objective"]
    assert best["p=9"] < before.number("added") < best["p=11"]
    assert (runs["stay"].dropna() <= runs.loc[runs["stay"].notna(), "objective"] + 1e-6).all(), "sites that stay beat a proven optimum"
    assert runs["regret"].dropna().tolist() == pytest.approx((100 * (1 - runs["stay"] / runs["objective"])).dropna().tolist(), abs=1e-6)
