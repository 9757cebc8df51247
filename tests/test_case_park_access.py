"""The park case on the sample: its sums, and what becomes of number, table and sentence when the parks change."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

NEEDED = ["dong_boundaries", "population_age", "parks", "hydrants", "pharmacies", "school_zones", "bus_stops"]


@pytest.fixture
def report(sample_bank, tmp_path, monkeypatch):
    """Runs the case on the sample; keywords go to `play`."""
    monkeypatch.setenv("GSAN_BANK", sample_bank)

    def run(name: str, **how) -> Played:
        return play("park_access", tmp_path / name, monkeypatch, **{"municipality": "sample", "cell_m": 100} | how)

    return run


def test_the_report_adds_up_and_is_the_same_twice(report):
    one, two = report("one"), report("two")
    dongs, ages = one.table("by_dong"), one.table("by_age")
    total = dongs["population"].sum()
    assert total == ages["people"].sum() == 405_579
    assert 100 * (1 - dongs["unserved"].sum() / total) == pytest.approx(one.number("served"))
    assert (ages["people"] * ages["rate"]).sum() / total == pytest.approx(one.number("served")), "age bands give another whole than dongs"
    held = (dongs["population"] * dongs["m2"]).sum()
    assert 0 < held <= one.number("per_head") * total * (1 + 1e-9), "more park was shared out than there is"
    # the same two numbers from sums of pairs: covariance with the rank as half the mean sign over all pairs of dongs, and Theil's T between dongs
    people, mean = dongs["population"] / total, held / total
    old = dongs["old"].to_numpy()
    ranks = (people.to_numpy() * (np.sign(np.subtract.outer(old, old)))).sum(axis=1)
    assert (people * dongs["m2"] * ranks).sum() / mean == pytest.approx(one.number("old_concentration"), abs=1e-6)
    relative = (dongs["m2"] / mean).to_numpy()
    between = (people.to_numpy() * relative * np.log(np.where(relative > 0, relative, 1.0))).sum()
    index = float(re.search(r"타일 지수 ([\d.]+)", next(n["note"] for n in one.results["numbers"] if n["key"] == "between_dongs"))[1])
    assert 100 * between / index == pytest.approx(one.number("between_dongs"), rel=0.02)
    assert one.number("parks") == 110, "the sample holds 110 parks, 59 of them published twice"
    files = sorted(path.name for path in one.folder.iterdir() if path.suffix in (".json", ".parquet", ".svg"))
    assert [name for name in files if (one.folder / name).read_bytes() != (two.folder / name).read_bytes()] == []


def test_a_dong_that_loses_its_parks_leads_number_table_and_sentence(report):
    def without(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "parks":
            return frame
        homes = frame.loc[frame["dong_code"] == "2920063700", "geometry"].union_all().convex_hull.buffer(1500)
        return frame[~frame.within(homes)].reset_index(drop=True)

    before, after = report("before"), report("after", change=without)
    assert "수완동" not in before.results["decision"]["sentence"]
    assert after.table("by_dong").loc[0, "dong_name"] == "수완동"
    assert after.results["decision"]["sentence"].split("(추정)이 ")[1].startswith("수완동(")
    assert after.number("served") < before.number("served") - 10
    maps = [one["file"] for one in after.results["figures"]]
    assert all((after.folder / name).read_bytes() != (before.folder / name).read_bytes() for name in maps)


def test_a_park_published_twice_counts_once_and_a_new_one_counts(report):
    def again(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "parks":
            return frame
        twin = frame[frame["kind"] == "근린공원"].iloc[[0]].assign(provider="광주광역시청", park_no="x-1", data_date=pd.NaT)
        return pd.concat([frame, twin], ignore_index=True)

    def another(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        more = again(dataset, frame)
        if dataset == "parks":
            more.loc[more.index[-1], ["name", "area_m2", "address"]] = ["새로운공원", 99999.0, "새로운 곳 1"]
        return more

    before, twice, more = report("before"), report("twice", change=again), report("more", change=another)
    assert twice.number("parks") == before.number("parks")
    assert twice.number("per_head") == before.number("per_head")
    assert more.number("parks") == before.number("parks") + 1
    assert more.number("per_head") == pytest.approx(before.number("per_head") + 99999 / 405_579)


def test_male_and_female_rows_are_not_added_to_the_total(report):
    def by_sex(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        if dataset != "population_age":
            return frame
        men = frame.assign(sex="male", population=frame["population"] // 2)
        return pd.concat([frame, men, frame.assign(sex="female", population=frame["population"] - men["population"])], ignore_index=True)

    assert report("split", change=by_sex).table("by_dong")["population"].sum() == 405_579


def test_a_longer_way_and_fewer_parks_never_serve_more(report):
    table = report("one").table("assumptions").set_index(["trial", "spread"])["served"].unstack("spread")
    base = table.loc[[name for name in table.index if name.startswith("기본")]].iloc[0]
    for name in ("우회 계수 1.4", "경계 밖 공원 제외", "법에 거리가 있는 공원만", "법의 규모보다 작은 공원 제외", "공원을 점으로 봄"):
        assert (table.loc[name] <= base + 1e-9).all(), name
