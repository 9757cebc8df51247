"""Privacy: what is withheld cannot be computed from what is published; what is masked is gone; what is guarded does not run."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib import privacy
from gsan_lib.errors import DataError, InputError

K = privacy.SMALLEST


def tables(rows: tuple[int, int], columns: tuple[int, int], most: int) -> st.SearchStrategy[pd.DataFrame]:
    def fill(shape: tuple[int, int]) -> st.SearchStrategy[pd.DataFrame]:
        cells = st.lists(st.lists(st.integers(0, most), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0])
        return cells.map(
            lambda values: pd.DataFrame(values, index=[f"r{i}" for i in range(shape[0])], columns=[f"c{i}" for i in range(shape[1])])
        )

    return st.tuples(st.integers(*rows), st.integers(*columns)).flatmap(fill)


def complete(counts: pd.DataFrame) -> np.ndarray:
    """The table with its totals, by numpy alone."""
    inner = counts.to_numpy()
    wide = np.column_stack([inner, inner.sum(axis=1)])
    return np.vstack([wide, wide.sum(axis=0)])


@given(tables((1, 6), (1, 5), 30))
@settings(max_examples=60, deadline=None)
def test_no_suppressed_count_follows_from_the_totals(counts: pd.DataFrame) -> None:
    """Linear algebra: a withheld small count is fixed by the sums exactly when no solution of the homogeneous sums moves it."""
    released, truth = privacy.suppress(counts), complete(counts)
    hidden = released.table.isna().to_numpy()
    assert hidden[(truth > 0) & (truth < K)].all()
    assert (released.table.to_numpy(dtype=float, na_value=-1)[~hidden] == truth[~hidden]).all()
    rows, columns = truth.shape
    sums = []
    for row in range(rows):
        line = np.zeros(truth.shape)
        line[row], line[row, -1] = 1, -1
        sums.append(line[hidden])
    for column in range(columns):
        line = np.zeros(truth.shape)
        line[:, column], line[-1, column] = 1, -1
        sums.append(line[hidden])
    if hidden.any():
        _, size, right = np.linalg.svd(np.array(sums))
        free = right[np.count_nonzero(size > 1e-9) :]
        small = ((truth > 0) & (truth < K))[hidden]
        assert (np.abs(free[:, small]).max(axis=0, initial=0) > 1e-9).all()


@given(tables((2, 2), (2, 2), 9))
@settings(max_examples=40, deadline=None)
def test_at_least_k_values_remain_possible_for_each_small_count(counts: pd.DataFrame) -> None:
    """By enumeration: every table of non-negative counts that would have been published the same way."""
    released, truth = privacy.suppress(counts), complete(counts)
    hidden = released.table.isna().to_numpy()
    ranges = [range(26) if hidden[cell] else [truth[cell]] for cell in itertools.product(range(2), range(2))]
    a, b, c, d = (axis.ravel() for axis in np.meshgrid(*ranges, indexing="ij"))
    every = {(0, 0): a, (0, 1): b, (1, 0): c, (1, 1): d, (0, 2): a + b, (1, 2): c + d, (2, 0): a + c, (2, 1): b + d, (2, 2): a + b + c + d}
    fits = np.logical_and.reduce(
        [values == truth[cell] for cell, values in every.items() if not hidden[cell]] or [np.ones(len(a), dtype=bool)]
    )
    for cell, values in every.items():
        if 0 < truth[cell] < K:
            assert len(set(values[fits].tolist())) >= K, (cell, truth, hidden)


def test_two_small_counts_do_not_protect_each_other() -> None:
    """1 + 1 beside a published 20 of 22: both would be known to be 0, 1 or 2, so the 20 has to go as well (or the 22)."""
    table = privacy.suppress(pd.DataFrame([[1, 1, 20], [30, 40, 50]])).table
    assert table.iloc[0].isna().sum() >= 3


def test_a_table_without_small_counts_is_published_whole() -> None:
    released = privacy.suppress(pd.DataFrame({"a": [5, 0], "b": [0, 100]}))
    assert (released.primary, released.complementary, int(released.table.isna().to_numpy().sum())) == (0, 0, 0)


def test_a_small_total_is_withheld_like_any_other_count() -> None:
    released = privacy.suppress(pd.DataFrame({"a": [1, 40], "b": [2, 50]}, index=["작은동", "큰동"]))
    assert pd.isna(released.table.loc["작은동", "합계"])
    assert "3칸" in released.note


@pytest.mark.parametrize("cell", [-1, 2.5, np.nan])
def test_cells_that_are_no_counts_are_named(cell: float) -> None:
    with pytest.raises(DataError, match="r1/b"):
        privacy.suppress(pd.DataFrame({"a": [7, 8], "b": [9, cell]}, index=["r0", "r1"]))


def test_a_threshold_below_two_and_an_empty_table_are_refused() -> None:
    with pytest.raises(InputError, match="`k`"):
        privacy.suppress(pd.DataFrame({"a": [1]}), k=1)
    with pytest.raises(InputError, match="합계"):
        privacy.suppress(pd.DataFrame())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("880229-1012345", "주민등록번호"),
        ("8802291012345", "주민등록번호"),
        ("010630 - 4012345", "주민등록번호"),
        ("990101-5123456", "주민등록번호"),
        ("010-1234-5678", "전화번호"),
        ("01012345678", "전화번호"),
        ("+82 10-1234-5678", "전화번호"),
        ("02)123-4567", "전화번호"),
        ("(062) 960-8713", "전화번호"),
        ("070.1234.5678", "전화번호"),
        ("０１０－１２３４－５６７８", "전화번호"),
        ("hong.gil-dong@mail.example.co.kr", "전자우편"),
    ],
)
def test_personal_numbers_are_masked_in_each_way_of_writing_them(text: str, kind: str) -> None:
    masked = privacy.mask_personal(f"연락처:{text}입니다")
    assert masked.text == f"연락처:[{kind}]입니다"
    assert masked.counts == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "881329-1012345",
        "880229-9012345",
        "126.8050829011",
        "35.01012345678",
        "2023363000001001633",
        "1,234,567,890",
        "@수완동",
        "2920063700",
    ],
)
def test_other_numbers_stay_as_they_are(text: str) -> None:
    assert privacy.mask_personal(text) == privacy.Masked(text, {})


@given(st.lists(st.sampled_from(["880229-1012345", "010-1234-5678", "a@b.kr", " 민원 ", "\n", "수완동 1234"]), max_size=8))
def test_masking_twice_changes_nothing_more(parts: list[str]) -> None:
    once = privacy.mask_personal(" ".join(parts))
    assert privacy.mask_personal(once.text) == privacy.Masked(once.text, {})
    assert sum(once.counts.values()) == sum(part in ("880229-1012345", "010-1234-5678", "a@b.kr") for part in parts)


@given(st.lists(st.text(alphabet="=+-@\t\r\n＝1.,aA가 '", max_size=6), min_size=1, max_size=20))
def test_no_guarded_cell_begins_a_formula(cells: list[str]) -> None:
    safe, _ = privacy.guard_formulas(pd.DataFrame({"text": cells}))
    for before, after in zip(cells, safe["text"], strict=True):
        assert after in (before, "'" + before)
        if after == before and before[:1] in tuple("=@\t\r\n＝＋－＠"):
            pytest.fail(repr(before))
        if after == before and before[:1] in ("+", "-") and set(before) != {"-"}:
            float(before.replace(",", ""))


def test_numbers_missing_cells_and_other_types_stay_and_headings_are_guarded_too() -> None:
    frame = pd.DataFrame({"=a": ["-1,234.5", None, "+3", "-"], "n": [-1, 2, 3, 4], "mixed": [-5, "=1+1", None, 2.5]})
    safe, changed = privacy.guard_formulas(frame)
    assert changed == 2
    assert safe.columns.tolist() == ["'=a", "n", "mixed"]
    assert safe["mixed"].tolist()[:2] == [-5, "'=1+1"]
    assert safe["'=a"].tolist()[0] == "-1,234.5"
    assert frame.columns[0] == "=a"
