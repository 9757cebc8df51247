"""Forecasts of the M4 competition's layout: sMAPE and MASE beside naive, seasonal naive and Theta, and what the intervals held.

    python benchmarks/forecasting.py [TRAIN.csv TEST.csv] [--season 24] [--long 168] [--first N] [--json]

One series a row, as long as each is; the first column is its name; quoted or not, with or without a header. The number of columns of TEST is the horizon.
Without files it takes M4 Hourly from GSAN_INBOX or ../shared/data (414 series, 48 hours; published: naive 43.003 / 11.608, seasonal naive 13.912 / 1.193,
Theta 18.138 / 2.455, the competition's winner 9.328 / 0.893).

Which models are used, and with which weights at each series, is decided by rolling origins inside TRAIN (`gsan_lib.analysis.selection`); TEST is read after the
forecasts are made. Seconds are those of forecasting with its trials, on one core; they stand in no result of the library.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

LEVELS = (0.8, 0.95)
PUBLISHED = {"naive": (43.003, 11.608), "seasonal_naive": (13.912, 1.193), "theta": (18.138, 2.455), "winner": (9.328, 0.893)}  # M4 Hourly
TEXT = ("place", "time", "step", "model")  # columns of a forecast that are no numbers
MOST_ROWS = 240_000  # training rows of the regression: more teach little and cost minutes


def read(path: Path) -> dict[str, np.ndarray]:
    """Series by name."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and len(rows[0]) > 1 and not _is_number(rows[0][1]):
        rows = rows[1:]
    series = {row[0]: np.array([float(cell) for cell in row[1:] if cell.strip()]) for row in rows}
    if not series or len(series) < len(rows):
        raise SystemExit(f"{path}: {len(rows)} rows, {len(series)} names; one series a row with a name of its own is needed.")
    return series


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def standard_files() -> tuple[Path, Path] | None:
    """M4 Hourly, where it is."""
    root = Path(__file__).resolve().parent.parent
    for folder in (os.environ.get("GSAN_INBOX"), root.parent / "shared" / "data"):
        pair = tuple(Path(folder) / "forecasting" / f"m4_hourly_{part}.csv" for part in ("train", "test")) if folder else ()
        if pair and all(path.is_file() for path in pair):
            return pair[0], pair[1]
    return None


def candidates(season: int, long: int, horizon: int, count: int) -> dict:
    """What is tried; hourly series have a day and a week."""
    from gsan_lib.analysis.lags import LagModel
    from gsan_lib.analysis.smoothing import DoubleSeasonal, Theta, Usual

    seasons = (season, long) if long else ((1, season) if season > 1 else (1,))
    trials = int(np.clip(MOST_ROWS // max(1, count * horizon), 4, 25))
    shared = {"seasons": seasons, "trained_for": horizon, "trials": trials, "stride": max(season, horizon), "cycles": 3 if long else 6}
    made = {
        "lags": LagModel(calendar="none", by_place=False, iterations=300, **shared),
        "lags_level": LagModel(name="lags_level", log=False, calendar="none", by_place=False, iterations=150, **shared),
    }
    if long:
        return made | {
            "double_seasonal": DoubleSeasonal((season, long)),
            "double_seasonal_level": DoubleSeasonal((season, long), log=False, name="double_seasonal_level"),
            "week_ago": Usual(long, 1, "week_ago"),
        }
    return made | {"theta": Theta(season)}


def run(train: dict[str, np.ndarray], horizon: int, season: int, long: int) -> dict:
    """Forecasts, intervals and naive rows, series x step, from TRAIN alone. Series too short for trials of their own get Theta, or naive where that needs more."""
    from gsan_lib.analysis.panel import ragged_cube
    from gsan_lib.analysis.selection import select

    least = 2 * season + (2 * long if long else 0) + 4 * horizon
    whole = {name: values for name, values in train.items() if len(values) >= least}
    if not whole:
        raise SystemExit(f"no series has {least} values, which trials need (two seasons and four horizons); nothing was measured.")
    shortest = min(len(values) for values in whole.values())
    origins = int(np.clip((shortest - 2 * max(season, long) - season) // horizon, 3, 6))
    found = select(
        ragged_cube(whole), candidates(season, long, horizon, len(whole)), horizon=horizon, season=season, origins=origins, how="blend", warmup=1, calibration=2,
        levels=LEVELS, band=min(season, horizon) if season > 1 else None,
    )  # fmt: skip
    wide = {
        name: dict(zip(whole, found.table[name].to_numpy().reshape(-1, horizon), strict=True)) for name in found.table if name not in TEXT
    }
    for name in (name for name in train if name not in whole):
        made = untried(train[name], horizon, season)
        for column in wide:
            wide[column][name] = made.get(column, np.full(horizon, np.nan))  # no interval: nothing was learned about its errors
    return {
        "wide": {column: np.stack([rows[name] for name in train]) for column, rows in wide.items()},
        "found": found,
        "origins": origins,
        "untried": len(train) - len(whole),
    }


def untried(values: np.ndarray, horizon: int, season: int) -> dict[str, np.ndarray]:
    """Theta and the naive rows of one series."""
    from gsan_lib.errors import DataError

    cycle = min(season, len(values))
    rows = {"naive": np.full(horizon, values[-1]), "seasonal_naive": np.tile(values[-cycle:], -(-horizon // cycle))[:horizon]}
    try:
        return rows | {"forecast": theta(values, horizon, season)}
    except DataError:
        return rows | {"forecast": rows["seasonal_naive"]}


def theta(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The yardstick of one series."""
    from gsan_lib.analysis.panel import ragged_cube
    from gsan_lib.analysis.smoothing import Theta

    return Theta(season).predict(ragged_cube({"": values}), horizon).to_numpy()[0]


def errors(actual: np.ndarray, made: np.ndarray, scale: np.ndarray) -> dict[str, float]:
    """The competition's measures: the mean over series of each series' own error."""
    from gsan_lib.analysis.backtest import mase, smape

    rows = [(smape(a, m), mase(a, m, s)) for a, m, s in zip(actual, made, scale, strict=True)]
    return {"smape": round(float(np.mean([row[0] for row in rows])), 3), "mase": round(float(np.mean([row[1] for row in rows])), 3)}


def held(actual: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of the test inside the intervals, where there are any."""
    known = np.isfinite(low)
    return round(float(((actual >= low) & (actual <= high))[known].mean()), 4)


def measured(train: dict, test: dict, season: int, long: int) -> dict:
    """Everything that is printed."""
    from gsan_lib.analysis.backtest import seasonal_scale

    if list(train) != list(test):
        raise SystemExit("TRAIN and TEST name different series, or in another order.")
    horizons = {len(values) for values in test.values()}
    if len(horizons) != 1:
        raise SystemExit(f"TEST has rows of {sorted(horizons)} values; one horizon is needed.")
    horizon = horizons.pop()
    start, spent = time.perf_counter(), time.process_time()
    made = run(train, horizon, season, long)
    seconds, processor = time.perf_counter() - start, time.process_time() - spent
    actual = np.stack(list(test.values()))
    scale = np.array([seasonal_scale(values, season) for values in train.values()])
    wide, found = made["wide"], made["found"]
    yardstick = np.stack([untried(values, horizon, season)["forecast"] for values in train.values()])
    return {
        **errors(actual, wide["forecast"], scale),
        "series": len(train),
        "horizon": horizon,
        "season": season,
        "rows": {
            "naive": errors(actual, wide["naive"], scale),
            "seasonal_naive": errors(actual, wide["seasonal_naive"], scale),
            "theta": errors(actual, yardstick, scale),
        },
        "inside_train": {name: {key: round(float(row[key]), 3) for key in ("smape", "mase")} for name, row in found.scores.iterrows()},
        "origins": made["origins"],
        "untried": made["untried"],
        "mean_weights": found.weights.mean().round(3).to_dict(),
        "refused": found.refused,
        "coverage": {f"{level * 100:g}": held(actual, wide[f"lower_{level * 100:g}"], wide[f"upper_{level * 100:g}"]) for level in LEVELS},
        "coverage_inside_train": {f"{level * 100:g}": found.coverage[level].sentence() for level in found.coverage},
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("numpy", "scikit-learn", "statsmodels")},
    }  # fmt: skip


def show(result: dict, hourly: bool) -> None:
    """The table for people."""
    print(
        f"{result['series']} series, {result['horizon']} steps, season {result['season']}: {result['seconds']} s (one core: {result['processor_seconds']} s)"
    )
    print(f"{'':24}{'sMAPE':>9}{'MASE':>9}   published")
    for name, row in {"gsan": result, **result["rows"]}.items():
        known = PUBLISHED.get(name) if hourly else None
        print(f"{name:24}{row['smape']:9.3f}{row['mase']:9.3f}   {'{:.3f} / {:.3f}'.format(*known) if known else ''}")
    if hourly:
        print(f"{'winner of M4':24}{'':18}   {'{:.3f} / {:.3f}'.format(*PUBLISHED['winner'])}")
    for level, share in result["coverage"].items():
        print(f"{level} % intervals held {share:.1%} of the test")
    for sentence in result["coverage_inside_train"].values():
        print(f"  inside TRAIN: {sentence}")
    if result["untried"]:
        print(f"{result['untried']} series are too short for trials: Theta, without intervals")
    print("weights:", ", ".join(f"{name} {share:.2f}" for name, share in result["mean_weights"].items() if share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", nargs="?", type=Path)
    parser.add_argument("test", nargs="?", type=Path)
    parser.add_argument("--season", type=int, default=24, help="steps of the season of MASE (hourly 24, monthly 12, quarterly 4, yearly 1)")
    parser.add_argument(
        "--long", type=int, default=None, help="steps of a second, longer season; default: 168 where the season is 24, else none (0)"
    )
    parser.add_argument("--first", type=int, default=0, help="only the first N series")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if (given.train is None) != (given.test is None):
        parser.error("TRAIN and TEST go together")
    pair = (given.train, given.test) if given.train else standard_files()
    if pair is None:
        print("M4 Hourly was not found: set GSAN_INBOX, or name TRAIN.csv and TEST.csv. Nothing was measured.", file=sys.stderr)
        return
    train, test = read(pair[0]), read(pair[1])
    if given.first:
        train, test = ({name: series[name] for name in list(series)[: given.first]} for series in (train, test))
    long = given.long if given.long is not None else (168 if given.season == 24 else 0)
    result = measured(train, test, given.season, long)
    if given.json:
        print(json.dumps(result, indent=1))
    else:
        show(result, hourly=given.train is None and not given.first)


if __name__ == "__main__":
    main()
