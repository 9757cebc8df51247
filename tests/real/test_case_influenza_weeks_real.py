"""The influenza case on the sentinel statistics: onsets against the published advisories, the choice of week by counting, nothing known ahead."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from case_cells import Change, Played, play

pytestmark = [pytest.mark.real, pytest.mark.slow]

# 인플루엔자 유행주의보, as the KDCA announced them
ADVISORIES = {
    2014: date(2015, 1, 22), 2015: date(2016, 1, 14), 2016: date(2016, 12, 8), 2017: date(2017, 12, 1), 2018: date(2018, 11, 16),
    2019: date(2019, 11, 15), 2022: date(2022, 9, 16), 2023: date(2023, 9, 15), 2024: date(2024, 12, 20), 2025: date(2025, 10, 17),
}  # fmt: skip
LIMITS = dict(zip(range(2014, 2026), [12.2, 11.3, 8.9, 6.6, 6.3, 5.9, 5.8, 5.8, 4.9, 6.5, 8.6, 9.1], strict=True))


@pytest.fixture(scope="module")
def raw(inbox) -> dict[int, list[float]]:
    """Year in which the season began -> its weeks in order, from the published file."""
    with open(inbox / "timeseries" / "인플루엔자 선택됨.csv", encoding="cp949", newline="") as file:
        return {int(row[0][:4]): [float(cell) for cell in row[1:] if cell[:1].isdigit()] for row in csv.reader(file)}


@pytest.fixture(scope="module")
def run(banked, tmp_path_factory: pytest.TempPathFactory):
    place, bank = tmp_path_factory.mktemp("flu"), banked("hwaseong", ["influenza_weekly"])

    def runner(name: str, change: Change = lambda dataset, frame: frame) -> Played:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GSAN_BANK", bank)
            return play("influenza_weeks", place / name, patch, change=change, municipality="hwaseong")

    return runner


@pytest.fixture(scope="module")
def told(run) -> Played:
    return run("plain")


def test_an_epidemic_begins_in_the_week_before_its_published_advisory(told):
    history = told.table("history").set_index("season")
    for year, announced in ADVISORIES.items():
        ended = date.fromisoformat(history.loc[f"{year}-{year + 1}", "onset"]) + timedelta(6)
        assert timedelta(3) <= announced - ended <= timedelta(13), year
    assert history.loc[["2020-2021", "2021-2022"], "onset_week"].isna().all()
    assert history.loc[["2020-2021", "2021-2022"], "flag"].str.startswith("단절").all()


def share(weeks: list[float], limit: float, start: int) -> float:
    """Patients of weeks over the limit who fell into the 26 weeks of protection, counted dose by dose."""
    met = total = 0.0
    for week, value in enumerate(weeks):
        if value > limit:
            total += value
            met += value * sum(dose + 2 <= week < dose + 28 for dose in range(start, start + 4)) / 4
    return 100 * met / total


def test_the_chosen_week_is_the_best_by_counting_doses_in_the_published_file(told, raw):
    seasons = [year for year in raw if year not in (2020, 2021)]
    means = {start + 36: np.mean([share(raw[year], LIMITS[year], start) for year in seasons]) for start in range(17)}
    table = told.table("starts").set_index("week")
    for week, mean in means.items():
        assert table.loc[week, "mean"] == pytest.approx(mean)
    best = max((week for week in means if week >= 38), key=means.__getitem__)
    assert told.number("start_week") == best == 42
    assert told.number("met") == pytest.approx(means[best])
    worst = min(share(raw[year], LIMITS[year], best - 36) for year in seasons)
    assert table.loc[best, "worst"] == pytest.approx(worst)
    assert "42주(2026-10-11)" in told.results["decision"]["sentence"]


def test_errors_of_the_naive_row_are_those_of_the_published_file(told, raw):
    series = np.log([value for year in raw for value in raw[year]])
    season = np.array([year for year in raw for _ in raw[year]])
    begin = int(np.flatnonzero(season == 2017)[0])
    for step in range(1, 5):
        gone = [abs(series[t + step] - series[t]) for t in range(begin, len(series) - step) if season[t + step] not in (2020, 2021)]
        row = told.table("errors").set_index("step").loc[step]
        assert row["error_naive"] == pytest.approx(100 * np.expm1(np.mean(gone)))
        assert row["error_said"] < row["error_naive"] < row["error_usual"]
        assert row["gain_break"] < 0, "in the seasons without an epidemic the forecast was worse, and the report says so"


def test_forecasts_know_nothing_of_later_weeks(run, told):
    def changed(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
        late = frame["season"].str[:4].astype(int) >= 2024
        return frame.assign(cases_per_1000=frame["cases_per_1000"].where(~late, frame["cases_per_1000"] * 3 + 1))

    said = ["start", "step", "said", "naive"]
    plain, other = (one.table("trials") for one in (told, run("changed", changed)))
    before = plain["start"] < "2024-09-01"
    assert before.sum() > 1000
    pd.testing.assert_frame_equal(plain.loc[before, said], other.loc[other["start"] < "2024-09-01", said], check_exact=True)
    assert not plain["said"].equals(other["said"])


def test_intervals_are_judged_with_their_limits(told):
    assert 60 <= told.number("coverage_80") <= 90
    assert any("95 % 한계" in text for text in told.results["texts"])
    assert "전국 표본감시" in told.results["limits"][0]
