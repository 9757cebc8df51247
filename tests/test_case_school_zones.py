"""The school zone case on the sample: every row is accounted for, and one changed row changes number, map and sentence."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from case_cells import Played, play
from scipy.optimize import brentq
from scipy.stats import poisson

NEEDED = ["dong_boundaries", "school_zones", "accidents"]
NEW = "2026-01-06"  # the later of the two editions of the sample


@pytest.fixture(scope="module")
def base(sample_bank, tmp_path_factory) -> Played:
    """The report on the lists as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", sample_bank)
        return play("school_zones", tmp_path_factory.mktemp("zones") / "base", patch, municipality="sample")


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("school_zones", tmp_path / name, monkeypatch, municipality="sample", **how)

    return run


def in_new_edition(dataset: str, frame: pd.DataFrame) -> bool:
    return dataset == "school_zones" and len(frame) > 0 and f"{frame['data_date'].max():%Y-%m-%d}" == NEW


def kept_school(base: Played) -> str:
    """A primary school that stands in both editions, unlike every other name."""
    zones = base.table("zones")
    return str(zones[(zones["said"] == "그대로") & (zones["kind"] == "초등학교")]["name"].sort_values().iloc[0])


def exact(count: int) -> tuple[float, float]:
    """The 95 % limits of a Poisson mean by turning its distribution around (Garwood 1936), not by chi-square."""
    low = brentq(lambda mean: poisson.sf(count - 1, mean) - 0.025, 1e-9, 100) if count else 0.0
    return low, brentq(lambda mean: poisson.cdf(count, mean) - 0.025, 1e-9, 100)


def test_every_row_of_both_editions_is_in_one_class(base):
    changes = base.table("changes").set_index("said")
    kinds = base.table("by_kind")
    assert changes["before"].sum() == kinds["before"].sum()
    assert changes["after"].sum() == kinds["after"].sum()
    assert changes.loc["목록에서 사라짐", "before"] == base.number("vanished") == kinds["vanished"].sum()
    assert changes.loc["목록에 새로 생김", "after"] == base.number("gained") == kinds["gained"].sum()
    both = ["그대로", "좌표만 다름", "옮김", "이름이 바뀜", "종류가 바뀜"]
    linked = changes[changes.index.isin(both)]
    assert (linked["before"] == linked["after"]).all()
    assert linked["before"].sum() == base.number("linked")
    asked = base.table("to_check")
    assert list(asked["rank"]) == list(range(1, len(asked) + 1))
    assert asked["step"].isin(list("가나라바")).sum() >= base.number("vanished")


def test_a_primary_school_that_leaves_the_list_is_asked_about_first_and_not_called_closed(base, report):
    name = kept_school(base)
    stem = name.removesuffix("초등학교")  # the earlier edition may write 초교

    def without(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["name"] != name] if in_new_edition(dataset, frame) else frame

    after = report("after", change=without)
    sentence = after.results["decision"]["sentence"]
    assert after.number("vanished") == base.number("vanished") + 1
    assert after.number("linked") == base.number("linked") - 1
    assert stem not in base.results["decision"]["sentence"]
    assert stem in sentence
    first = after.table("to_check")
    assert first.loc[first["name"].str.startswith(stem) & (first["step"] == "가"), "rank"].tolist() == [1]
    assert (after.folder / "map.svg").read_bytes() != (base.folder / "map.svg").read_bytes()
    assert sentence.endswith("답을 듣기 전에는 어느 곳도 해제되었다고 보지 않습니다.")
    assert any("해제되었거나 시설이 문을 닫았다는 뜻이 아닙니다" in one for one in after.results["limits"])


def test_a_school_written_otherwise_or_placed_anew_does_not_vanish(base, report):
    name = kept_school(base)

    def rewritten(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if not in_new_edition(dataset, frame):
            return frame
        its = frame["name"] == name
        moved = frame.geometry.where(~its, frame.geometry.translate(40, 30))
        return frame.assign(name=frame["name"].mask(its, name.replace("초등학교", "초교"))).set_geometry(moved)

    after = report("after", change=rewritten)
    for key in ("vanished", "gained", "linked"):
        assert after.number(key) == base.number(key)


def test_an_accident_beside_a_zone_is_counted_with_an_exact_interval_and_named(base, report):
    name = kept_school(base)
    zones = gpd.read_parquet(base.folder / "zones.parquet")
    spot = zones[zones["name"] == name].geometry.iloc[0]
    crashes = gpd.read_parquet(base.folder / "crashes.parquet")
    lone = crashes.loc[crashes["before_m"].idxmax()].geometry
    assert crashes["before_m"].max() > 300, "the sample has a pedestrian accident outside every zone"

    def nearer(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "accidents":
            return frame
        return frame.set_geometry(frame.geometry.where(~frame.geom_equals(lone), spot.buffer(20).exterior.interpolate(0)))

    after = report("after", change=nearer)
    for played in (base, after):
        row = played.table("around").iloc[0]
        for count, told in ((row["near"], row["near_span"]), (row["far"], row["far_span"])):
            assert told == "{:.1f}~{:.1f}".format(*exact(int(count)))
        assert row["near"] + row["far"] == len(played.table("crashes"))
        assert row["near"] == (played.table("crashes")["before_m"] <= 300).sum()
    assert after.number("near") == base.number("near") + 1
    assert after.table("to_check").set_index("name").loc[name, "step"] == "다"
    assert after.results["decision"]["sentence"] != base.results["decision"]["sentence"]
    assert (after.folder / "crash_map.svg").read_bytes() != (base.folder / "crash_map.svg").read_bytes()


def test_only_accidents_with_pedestrians_count_and_nothing_is_said_of_children(base, report):
    def cars(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(kind="차대차") if dataset == "accidents" else frame

    assert any("어린이 사고의 수가 아닙니다" in one for one in base.results["texts"])
    assert any("어린이에 대해서는 아무 말도 할 수 없습니다" in one for one in base.results["texts"])
    none = report("none", change=cars)
    assert none.number("near") == 0
    assert "보행자 사망사고" not in none.results["decision"]["sentence"]
    assert none.table("around").loc[0, "near_span"] == "0.0~3.7"
