"""Two states of a table, with columns of every kind that a report may hold."""

from __future__ import annotations

import pandas as pd
import pytest

from gsan_lib.reports.table_changes import compare_tables

KINDS = {
    "whole": ([1, 2, 3], [1, 5, 3]),
    "gaps": (pd.array([1, None, 3], dtype="Int64"), pd.array([1, 2, None], dtype="Int64")),
    "real": ([1.0, 2.0, float("nan")], [1.0, 2.5, float("nan")]),
    "truth": ([True, False, True], [True, True, True]),
    "perhaps": (pd.array([True, None, False], dtype="boolean"), pd.array([True, False, None], dtype="boolean")),
    "words": (["가", "나", None], ["가", "다", None]),
    "days": (pd.to_datetime(["2020-01-01", "2020-01-02", None]), pd.to_datetime(["2020-01-01", "2021-01-02", None])),
    "classes": (pd.Categorical(["a", "b", "a"]), pd.Categorical(["a", "a", "a"])),
    "kind_changes": ([1, 2, 3], ["1", "2", "셋"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_cells_that_differ_are_found_in_columns_of_every_kind(kind):
    was, now = (pd.DataFrame({"place": ["서", "동", "남"], "value": values}) for values in KINDS[kind])
    told = compare_tables(was, now)
    assert (len(told.added), len(told.removed)) == (0, 0)
    expected = {
        place
        for place, before, after in zip(was["place"], was["value"].astype(object), now["value"].astype(object), strict=True)
        if not ((pd.isna(before) and pd.isna(after)) or str(before) == str(after))
    }
    assert set(told.changed["place"]) == expected
