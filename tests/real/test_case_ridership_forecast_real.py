"""The ridership case on the subway of Dongdaemun: errors, coverage and rules of one station counted again from the published file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib.analysis import forecast

pytestmark = [pytest.mark.real, pytest.mark.slow]

STATION, CROWD, HORIZON, TRIALS, UNJUDGED = "제기동", 40_000, 28, 104, 29  # 26 trials for calibration, 3 more whose horizon has not ended


@pytest.fixture(scope="module")
def raw(inbox) -> pd.Series:
    """Boardings and alightings of the station by day, from the file and without the library."""
    path = inbox / "timeseries" / "subway_dongdaemun_daily_201501_201906.csv"
    rows = pd.read_csv(path, encoding="utf-8-sig", dtype={"사용일자": str})
    rows = rows[rows["역명"] == STATION]
    total = rows.groupby(pd.to_datetime(rows["사용일자"]))[["승차총승객수", "하차총승객수"]].sum().sum(axis=1)
    assert len(total) == (total.index[-1] - total.index[0]).days + 1, "a day is missing"
    return total.astype(float)


@pytest.fixture(scope="module")
def told(inbox, banked, tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, forecast.Forecast]:
    place = tmp_path_factory.mktemp("ridership_real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", banked("dongdaemun", ["subway_ridership"]))
        computed, whole = [], forecast.forecast
        patch.setattr(forecast, "forecast", lambda *given, **how: computed.append(whole(*given, **how)) or computed[-1])

        def one(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
            return frame[frame["station"] == STATION].reset_index(drop=True)

        values = {"municipality": "dongdaemun", "crowd_riders": CROWD, "horizon_days": HORIZON, "trials": TRIALS}
        return play("ridership_forecast", place / "edition", patch, change=one, **values), computed[-1]


def _trials(raw: pd.Series) -> list[tuple[int, pd.Series]]:
    ends = [len(raw) - HORIZON - 7 * back for back in range(TRIALS)][::-1][UNJUDGED:]
    return [(end, raw.iloc[end : end + HORIZON]) for end in ends]


@pytest.mark.parametrize(("method", "season"), [("단순 예측: 어제와 같음", 1), ("단순 예측: 지난주 같은 요일", 7)])
def test_the_naive_rows_have_the_errors_of_the_published_file(told, raw, method, season):
    relative, scaled = [], []
    for end, actual in _trials(raw):
        said = np.resize(raw.iloc[end - season : end].to_numpy(), HORIZON)
        error = np.abs(actual.to_numpy() - said)
        relative.append(200 * error / (actual.to_numpy() + said))
        scaled.append(error / np.abs(raw.iloc[:end].diff(7)).mean())
    row = told[0].table("scores").set_index("method").loc[method]
    assert row["smape"] == pytest.approx(np.mean(relative))
    assert row["mase"] == pytest.approx(np.mean(scaled))


def test_the_forecast_has_smaller_errors_than_the_naive_rows_counted_from_the_file(told, raw):
    judged = told[1].judged.assign(known=lambda made: made["date"].map(raw))
    assert (judged["known"] == judged["actual"]).all()
    assert len(judged) == (TRIALS - UNJUDGED) * HORIZON
    error = {name: (judged[name] - judged["known"]).abs().mean() for name in ("forecast", "seasonal_naive", "naive")}
    assert error["forecast"] < 0.6 * error["seasonal_naive"] < error["naive"]
    row = told[0].table("scores").set_index("method").loc["이 보고서의 예측"]
    assert row["smape"] == pytest.approx(
        (200 * (judged["forecast"] - judged["known"]).abs() / (judged["forecast"] + judged["known"])).mean()
    )


@pytest.mark.parametrize("level", [80, 95])
def test_the_intervals_held_what_the_report_says_and_as_promised(told, raw, level):
    judged = told[1].judged.assign(known=lambda made: made["date"].map(raw))
    held = judged["known"].between(judged[f"lower_{level}"], judged[f"upper_{level}"])
    assert told[0].number(f"coverage_{level}") == pytest.approx(100 * held.mean())
    limits = told[1].coverage[level / 100]
    assert limits.low <= limits.share <= limits.high
    assert limits.low <= level / 100, "intervals wider than promised are not useful"
    assert limits.high >= level / 100, "intervals narrower than promised are not honest"


def test_the_rule_is_judged_on_the_days_that_the_file_says_were_crowded(told, raw):
    crowded = sum(int((actual >= CROWD).sum()) for _, actual in _trials(raw))
    called = sum(int((np.resize(raw.iloc[end - 7 : end].to_numpy(), HORIZON) >= CROWD).sum()) for end, _ in _trials(raw))
    rules = told[0].table("rules").set_index("rule")
    assert (rules["caught"] + rules["missed"] == crowded).all()
    assert rules.loc["지난주 같은 요일이 기준 이상", "called"] == called
