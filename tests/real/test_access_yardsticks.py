"""Belo Horizonte: jobs over population by 2SFCA, 45 minutes, as published with R's `accessibility`."""

from __future__ import annotations

import pandas as pd
import pytest

from gsan_lib.analysis import access

FIRST, SECOND = "89a88cdb57bffff", "89a88cdb597ffff"


@pytest.mark.real
@pytest.mark.parametrize(
    ("origins", "published"), [([FIRST, SECOND], {FIRST: 233, SECOND: 195}), ([SECOND], {SECOND: 372}), ([FIRST], {FIRST: 271})]
)
def test_only_the_origins_in_the_matrix_compete_for_jobs(inbox, origins, published):
    ways = pd.read_parquet(inbox / "access_bho" / "travel_matrix.parquet").set_axis(["origin", "destination", "cost"], axis=1)
    land = pd.read_parquet(inbox / "access_bho" / "land_use_data.parquet").set_index("id")
    found = access.two_step_floating_catchment(ways[ways["origin"].isin(origins)], land["jobs"], land["population"], catchment=45)
    assert found.astype(int).to_dict() == published
