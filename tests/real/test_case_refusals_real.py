"""A published file whose deciding field was blanked or made constant: the case is refused with dataset and field, and the untouched file is not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gsan_lib.bank.building import build
from gsan_lib.reports import cases, needs


def spoiled(source: Path, target: Path, encoding: str, column: int, value: str | None) -> None:
    """The file with one column (all columns from it on where it is negative) set to `value`; None leaves it as it is."""
    with open(source, encoding=encoding, newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1:] if column >= 0 else rows:
        for place in [column] if column >= 0 else range(1, len(row)):
            if value is not None and row[place]:
                row[place] = value
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)


FILES = {
    "bicycle_demand": ("dongdaemun", "bike_hourly", "rentals", [("timeseries/SeoulBikeData.csv", "ascii", 1, "254")]),
    "influenza_weeks": ("gwangsan", "influenza_weekly", "cases_per_1000", [("timeseries/인플루엔자 선택됨.csv", "cp949", -1, "5.0")]),
    "report_hotspots": ("baltimore", "resident_reports", "due_at", [("reports/baltimore_311_sample_part1.csv", "utf-8", 7, "")]),
    "air_quality": (
        "dongdaemun", "air_quality_daily", "pm25_ug_m3",
        [(f"timeseries/일별평균대기오염도_{year}.csv", code, 7, "") for year, code in ((2018, "cp949"), (2021, "cp949"), (2024, "utf-8-sig"))],
    ),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("case", FILES)
def test_a_blank_or_constant_deciding_field_refuses_the_case(case, inbox, tmp_path, monkeypatch):
    place, dataset, field, files = FILES[case]
    said = {}
    for state in ("untouched", "spoiled"):
        for name, encoding, column, value in files:
            spoiled(inbox / name, tmp_path / state / "inbox" / name, encoding, column, value if state == "spoiled" else None)
        monkeypatch.setenv("GSAN_INBOX", str(tmp_path / state / "inbox"))
        monkeypatch.setenv("GSAN_BANK", str(tmp_path / state / "bank"))
        build(place, [dataset])
        said[state] = [(lack.dataset, lack.field) for lack in needs.lacking(place, cases.case(case))]
    assert said["untouched"] == []
    assert set(said["spoiled"]) == {(dataset, field)}
