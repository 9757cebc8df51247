"""The hydrant case on the real lists: what stands twice, and the residents beyond 100 m by another road."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib import bank

pytestmark = [pytest.mark.real, pytest.mark.slow]

FILES = {"gwangsan": "gwangju/firewater_광산구.json", "dongdaemun": "dongdaemun/firewater_동대문구.json"}


@pytest.fixture(scope="module")
def real_bank(inbox, banked, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("real_bank")
    for municipality in FILES:
        banked(municipality, ["dong_boundaries", "population_age", "hydrants", "fires", "pharmacies"], place)
    return str(place)


@pytest.fixture
def raw(inbox):
    def rows(municipality: str) -> pd.DataFrame:
        told = json.loads((inbox / "facilities" / FILES[municipality]).read_text(encoding="utf-8"))
        while isinstance(told, dict):
            told = next(told[key] for key in ("response", "body", "items", "item") if key in told)
        return pd.DataFrame(told)

    return rows


@pytest.fixture
def report(real_bank, tmp_path, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)

    def run(municipality: str, **how) -> Played:
        return play("fire_water", tmp_path / municipality, monkeypatch, municipality=municipality, **{"most_candidates": 600} | how)

    return run


def test_dongdaemun_lists_most_facilities_twice(raw):
    rows = raw("dongdaemun")
    assert (len(rows), rows["fcltyNo"].nunique()) == (4553, 2702)
    times = rows.groupby("fcltyNo").size()
    assert (times == 2).sum() == 1851
    assert times.max() == 2


def test_gwangsan_repeats_points_and_has_one_a_degree_north(raw):
    rows = raw("gwangsan")
    assert len(rows) == 1772
    astray = pd.to_numeric(rows["latitude"]) > 36
    assert astray.sum() == 1
    assert rows[~astray].duplicated(["latitude", "longitude"]).sum() == 332


@pytest.mark.parametrize(("municipality", "cell_m", "rows", "total"), [("gwangsan", 50, 1771, 404_804), ("dongdaemun", 25, 4553, 338_233)])
def test_residents_beyond_by_the_land_outside_the_circles(report, municipality, cell_m, rows, total):
    one = report(municipality, cell_m=cell_m)
    dongs, water = bank.load(f"{municipality}/dong_boundaries"), bank.load(f"{municipality}/hydrants")
    assert len(water) == rows
    table = one.table("by_dong")
    assert table["population"].sum() == total
    counted = water[water["kind"] != "비상소화장치"].geometry.dropna()
    assert one.number("facilities") == counted.to_wkb().nunique()
    dry = dongs.geometry.difference(counted.buffer(100, quad_segs=32).union_all()).area / dongs.area
    table = table.merge(pd.DataFrame({"dong_name": dongs["dong_name"], "dry": dry}))
    assert (table["population"] * table["dry"]).sum() == pytest.approx(table["beyond_even"].sum(), rel=0.005)
    proof, chosen = one.table("proof"), one.table("chosen")
    assert (proof["gap"] == 0).all()
    assert len(chosen) == 20
    assert chosen["people"].sum() == pytest.approx(one.number("gained"))
    assert not chosen["in_both"].all()
    assert not one.results["decision"]["stable"], "sites that hang on the spread of residents were sold as certain"


def test_fires_are_counted_by_legal_dong_and_not_mixed_with_administrative_dongs(report):
    fires = report("gwangsan", cell_m=100).table("fires")
    assert fires["fires"].sum() == 270
    assert len(fires) == 57
    assert fires["facilities"].isna().sum() == 4
