"""Belo Horizonte: access and its inequality as published with R's `accessibility` (its own tests, on the same two tables)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gsan_lib.analysis import access, catchments, decays, equity, inequality

FIRST, SECOND = "89a88cdb57bffff", "89a88cdb597ffff"
FIVE = [FIRST, SECOND, "89a88cdb5b3ffff", "89a88cdb5cfffff", "89a88cd909bffff"]

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def ways(inbox):
    return pd.read_parquet(inbox / "access_bho" / "travel_matrix.parquet").set_axis(["origin", "destination", "cost"], axis=1)


@pytest.fixture(scope="module")
def land(inbox):
    return pd.read_parquet(inbox / "access_bho" / "land_use_data.parquet").set_index("id")


@pytest.mark.parametrize(
    ("origins", "published"), [([FIRST, SECOND], {FIRST: 233, SECOND: 195}), ([SECOND], {SECOND: 372}), ([FIRST], {FIRST: 271})]
)
def test_only_the_origins_in_the_matrix_compete_for_jobs(ways, land, origins, published):
    found = access.two_step_floating_catchment(ways[ways["origin"].isin(origins)], land["jobs"], land["population"], catchment=45)
    assert found.astype(int).to_dict() == published


def test_two_step_and_balanced_catchments_of_five_places(ways, land):
    among = ways[ways["origin"].isin(FIVE) & ways["destination"].isin(FIVE)]
    two_step = access.two_step_floating_catchment(among, land["jobs"], land["population"], catchment=45)
    assert two_step[FIVE].round(4).tolist() == [0.0152, 0.1491, 0.1491, 0.1068, 0]
    balanced = catchments.balanced(among, land["jobs"], land["population"], decay=decays.binary(45, unit="min"))
    assert balanced.access[FIVE].round(4).tolist() == [0.0094, 0.1993, 0.1993, 0.1147, 0]


def test_jobs_within_half_an_hour_and_by_gravity(ways, land):
    from_two = ways[ways["origin"].isin([FIRST, SECOND])]
    assert access.cumulative_opportunities(from_two, land["jobs"], most=30).to_dict() == {FIRST: 22239, SECOND: 36567}
    steep = decays.exponential(np.log(2) / 0.5, reach=ways["cost"].max(), unit="min")  # exp(-0.5 c)
    assert access.gravity(from_two, land["jobs"], decay=steep).round(2).to_dict() == {FIRST: 14.11, SECOND: 28.02}


def test_gini_and_concentration_by_income(ways, land):
    jobs = access.cumulative_opportunities(ways[ways["origin"].isin(FIVE)], land["jobs"], most=30)
    of = land.reindex(jobs.index)
    assert round(equity.gini(jobs, of["population"]), 4) == 0.1386
    lived_in = of["population"] > 0
    rows = jobs[lived_in], of.loc[lived_in, "income_per_capita"], of.loc[lived_in, "population"]
    assert round(inequality.concentration_index(*rows), 4) == -0.0248
    assert round(inequality.concentration_index(*rows, bounds=(rows[0].min(), rows[0].max())), 4) == -0.1314


def test_theil_between_and_within_deciles_of_income(ways, land):
    five = ["89a88cd900bffff", *FIVE[:4]]
    jobs = access.cumulative_opportunities(ways[ways["origin"].isin(five)], land["jobs"], most=30)
    of = land.reindex(jobs.index)
    parts = inequality.theil_by_group(jobs, of["income_decile"].astype(int), of["population"])
    assert [round(number, 4) for number in (parts.total, parts.between, parts.within, parts.share_between)] == [
        0.0852,
        0.0515,
        0.0337,
        0.6044,
    ]
    assert parts.groups["part_within"].round(4).to_dict() == {1: 0, 3: 0, 6: 0, 10: 0.0337}
