"""One facility in the lists of two publishers."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from gsan_lib.analysis import twins


def listing(*rows: tuple) -> gpd.GeoDataFrame:
    """Parks: provider, name, kind, area, x, address, date."""
    frame = pd.DataFrame(rows, columns=["provider", "name", "kind", "area_m2", "x", "address", "data_date"])
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["x"], np.zeros(len(frame))), crs="EPSG:5179")


def merged(frame: gpd.GeoDataFrame, **how: float) -> twins.Merged:
    return twins.merge_twins(frame, twins.find_twins(frame, **how))


def test_two_rows_of_one_publisher_are_two_things():
    found = merged(listing(("gu", "새빛", "소공원", 500.0, 0, "1", "2023-01-01"), ("gu", "새빛", "소공원", 500.0, 0, "1", "2023-01-01")))
    assert len(found.rows) == 2
    assert list(found.shared) == [0, 1]


def test_a_park_and_a_childrens_park_of_one_name_far_apart_stay_two():
    far = listing(("gu", "장덕", "근린공원", 37644.8, 0, "1", "2023-01-01"), ("city", "장덕", "어린이공원", 1554.3, 40, "2", "2022-01-01"))
    assert len(merged(far).rows) == 2


def test_equal_areas_of_another_kind_far_apart_are_no_evidence():
    far = listing(("gu", "장덕", "소공원", 1500.0, 0, "1", "2023-01-01"), ("city", "장덕", "어린이공원", 1500.0, 900, "2", "2022-01-01"))
    assert len(merged(far).rows) == 2
    assert len(merged(far.assign(kind="어린이공원")).rows) == 1


def test_what_only_the_place_suggests_is_reported_and_not_merged():
    found = merged(
        listing(
            ("gu", "빛고을", "체육공원", 21629.0, 0, "676", "2023-01-01"), ("city", "빛그린", "체육공원", 15768.4, 52, "32-7", "2022-01-01")
        )
    )
    assert len(found.rows) == 2
    assert found.doubtful["distance_m"].tolist() == [52.0]


def test_the_lot_joins_a_row_whose_position_and_area_are_wrong():
    pair = listing(
        ("gu", "빛그린", "근린공원", 49186.9, 0, "덕림동 1154", "2023-01-01"),
        ("city", "빛그린", "근린공원", 10325.6, 10401, "덕림동  1154", "2022-01-01"),
    )
    found = merged(pair)
    assert found.pairs["evidence"].tolist() == ["address"]
    assert found.rows["area_m2"].tolist() == [49186.9]
    assert len(merged(pair.assign(address=None)).rows) == 2


def test_the_later_row_is_kept_and_the_first_where_dates_are_missing():
    old_first = listing(("city", "새빛", "소공원", 500.0, 0, "1", "2022-01-01"), ("gu", "새빛공원", "소공원", 500.0, 5, "1", "2023-01-01"))
    assert merged(old_first).rows.index.tolist() == [1]
    assert merged(old_first.assign(data_date=None)).rows.index.tolist() == [0]
    assert merged(old_first.assign(data_date=[None, "2019-01-01"])).rows.index.tolist() == [1]


def test_only_a_row_on_anothers_position_moves_to_its_twin():
    rows = listing(
        ("gu", "장덕", "근린공원", 37644.8, 0, "1", "2023-01-01"), ("gu", "장덕", "어린이공원", 1554.3, 0, "2", "2023-01-01"), ("gu", "용아", "어린이공원", 1689.8, 5000, "3", "2023-01-01"),
        ("city", "장덕", "어린이공원", 1554.3, 247, "2", "2022-01-01"), ("city", "용아", "어린이공원", 1689.8, 5826, "4", "2022-01-01"),
    )  # fmt: skip
    found = merged(rows)
    assert found.rows.geometry.x.to_dict() == {0: 0.0, 1: 247.0, 2: 5000.0}
    assert rows.geometry.x.tolist() == [0, 0, 5000, 247, 5826], "the given frame was changed"


def test_rows_kept_and_dropped_add_up_in_any_order_of_rows():
    dice = np.random.default_rng(3)
    gu = pd.DataFrame(
        {
            "provider": "gu",
            "name": [f"공원{i}" for i in range(60)],
            "kind": "소공원",
            "area_m2": dice.uniform(300, 3000, 60),
            "x": dice.uniform(0, 9000, 60),
            "address": "",
            "data_date": "2023-01-01",
        }
    )
    city = gu.iloc[:40].assign(provider="city", data_date="2022-01-01", x=lambda f: f["x"] + dice.uniform(-30, 30, 40))
    rows = listing(*pd.concat([gu, city]).itertuples(index=False))
    kept = [set(merged(rows.sample(frac=1, random_state=seed)).rows.index) for seed in range(4)]
    assert all(one == set(range(60)) for one in kept)
