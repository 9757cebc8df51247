"""The forecasting benchmark reads anyone's files in the competition's layout and says when it has none."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "forecasting.py"
SEASON, HORIZON = 4, 4


def run(*words, script=SCRIPT, **environment):
    kept = {key: value for key, value in os.environ.items() if key != "GSAN_INBOX"}
    return subprocess.run(
        [sys.executable, str(script), *map(str, words)], capture_output=True, text=True, env=kept | environment, timeout=300
    )


def write(path, rows, quoted, header):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
        longest = max(len(row) for row in rows)
        if header:
            writer.writerow([f"V{k}" for k in range(1, longest + 1)])
        writer.writerows([row + [""] * (longest - len(row)) for row in rows])


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    return {f"Q{k}": 100 * (1 + 0.3 * np.sin(np.arange(60 + 8 * k) * np.pi / 2)) * rng.lognormal(0, 0.05, 60 + 8 * k) for k in range(3)}


@pytest.fixture(scope="module")
def found(series, tmp_path_factory):
    told = []
    for quoted in (True, False):
        folder = tmp_path_factory.mktemp("m4")
        write(folder / "train.csv", [[name, *map(str, values[:-HORIZON])] for name, values in series.items()], quoted, header=quoted)
        write(folder / "test.csv", [[name, *map(str, values[-HORIZON:])] for name, values in series.items()], quoted, header=quoted)
        done = run(folder / "train.csv", folder / "test.csv", "--season", SEASON, "--json")
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    return told


def test_quoted_or_not_with_or_without_a_header_it_is_the_same(found):
    timeless = [{key: value for key, value in told.items() if "seconds" not in key} for told in found]
    assert timeless[0] == timeless[1]


def test_naive_rows_theta_coverage_seconds_and_versions_stand_beside_the_errors(found, series):
    told = found[0]
    assert (told["series"], told["horizon"], told["season"]) == (3, HORIZON, SEASON)
    assert set(told["rows"]) == {"naive", "seasonal_naive", "theta"}
    assert set(told["coverage"]) == {"80", "95"}
    assert {"seconds", "processor_seconds", "versions", "smape", "mase"} <= set(told)
    by_hand = np.mean(
        [
            np.mean(np.abs(values[-4:] - values[-8:-4])) / np.mean(np.abs(values[SEASON:-HORIZON] - values[: -SEASON - HORIZON]))
            for values in series.values()
        ]
    )
    assert told["rows"]["seasonal_naive"]["mase"] == pytest.approx(by_hand, abs=6e-4)
    assert told["mase"] < told["rows"]["naive"]["mase"]


def test_a_series_too_short_for_trials_is_counted_and_still_forecast(series, tmp_path):
    short = {"S": np.array([5.0, 6, 5, 7, 5, 6, 5])} | series
    write(tmp_path / "train.csv", [[name, *map(str, values[:-HORIZON])] for name, values in short.items()], False, False)
    write(tmp_path / "test.csv", [[name, *map(str, values[-HORIZON:])] for name, values in short.items()], False, False)
    told = json.loads(run(tmp_path / "train.csv", tmp_path / "test.csv", "--season", 1, "--json").stdout)
    assert (told["series"], told["untried"]) == (4, 1)
    assert np.isfinite([told["smape"], told["mase"], *told["coverage"].values()]).all()


def test_without_files_it_says_so_and_is_no_failure(tmp_path):
    alone = tmp_path / "checkout" / "benchmarks" / "forecasting.py"
    alone.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, alone)
    done = run(script=alone, GSAN_INBOX=str(tmp_path))
    assert done.returncode == 0
    assert "set GSAN_INBOX, or name TRAIN.csv and TEST.csv" in done.stderr


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    write(tmp_path / "train.csv", [["A", *"123456789"]], False, False)
    write(tmp_path / "test.csv", [["B", "1", "2"]], False, False)
    done = run(tmp_path / "train.csv", tmp_path / "test.csv", "--season", 1)
    assert done.returncode == 1
    assert "different series" in done.stderr
    assert run(tmp_path / "train.csv").returncode == 2
