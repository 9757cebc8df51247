"""What was registered on the subway to June 2019 and on the school zones of 2020, scored on later lists; every score counted again from the published files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from case_cells import Played, play

from gsan_lib.reports import decisions, scores

pytestmark = [pytest.mark.real, pytest.mark.slow]

STATION = "제기동"
MONTHS = {"2019-11": "CARD_SUBWAY_MONTH_201911.csv", "2020-05": "CARD_SUBWAY_MONTH_202005.csv"}


def registered(played: Played, municipality: str) -> decisions.Record:
    """What the runner would put into the register."""
    told = {
        "municipality": municipality,
        "case": played.results["case"],
        "variant": "default",
        "edition": "x",
        "content": "0" * 64,
        "created_at": "2026-01-01",
    }
    (record,) = decisions.register(played.folder, told, played.results)
    return record


@pytest.fixture(scope="module")
def subway(inbox: Path, banked, tmp_path_factory: pytest.TempPathFactory):
    """The scores of one station's year ahead, by the day of the snapshot, and the record."""
    folder = tmp_path_factory.mktemp("subway")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", banked("dongdaemun", ["subway_ridership", "subway_ridership_months"]))
        patch.setenv("GSAN_REPORTS", str(folder / "reports"))
        one = lambda dataset, frame: frame[frame["station"].str.startswith(STATION)].reset_index(drop=True)
        played = play(
            "ridership_forecast", folder / "edition", patch, change=one, municipality="dongdaemun", crowd_riders=40_000, trials=60
        )
        record = registered(played, "dongdaemun")
        return {one.as_of[:7]: one for one in scores.score(record)}, record


def came(inbox: Path, month: str) -> pd.Series:
    """Riders of the station by day, from the file and without the library."""
    lines = (inbox / "timeseries" / MONTHS[month]).read_bytes().decode("cp949").splitlines()
    rows = [line.replace('"', "").rstrip(",").split(",") for line in lines[1:]]
    rows = [row for row in rows if STATION in row[2:4]]
    numbers = [sum(map(int, row[row.index(STATION) + 1 : row.index(STATION) + 3])) for row in rows]
    return pd.Series(numbers, index=pd.to_datetime([row[0] for row in rows]), dtype=float)


@pytest.mark.parametrize("month", MONTHS)
def test_the_score_of_a_month_is_that_counted_from_the_file(subway, inbox, month):
    found, record = subway
    actual = came(inbox, month)
    table = record.table().set_index("date")
    rows = found[month].rows.set_index("method")
    assert found[month].counts["met"] == len(actual) == (30 if month == "2019-11" else 31)
    for method in ("predicted", "naive", "usual"):
        error = np.abs(table.loc[actual.index, method] - actual)
        assert rows.loc[method, "mae"] == pytest.approx(error.mean())
    inside = (table.loc[actual.index, "lower_80"] <= actual) & (actual <= table.loc[actual.index, "upper_80"])
    assert rows.loc["predicted", "coverage_80"] == pytest.approx(100 * inside.mean())


def test_the_prediction_used_nothing_after_june_2019_and_says_that_the_outcome_was_there(subway):
    _, record = subway
    assert record.content["until"] == "2019-06-30"
    assert record.table()["date"].min() == pd.Timestamp("2019-07-01")
    assert record.hindsight


def test_the_break_of_2020_shows_as_a_bias_that_november_2019_does_not_have(subway):
    found, _ = subway
    bias = {month: found[month].rows.set_index("method")["bias"] for month in MONTHS}
    assert abs(bias["2019-11"]["predicted"]) < 10
    assert (bias["2020-05"] > 20).all(), "fewer rode than anybody said, business as usual and the naive rule alike"


def zones(inbox: Path, year: int) -> pd.DataFrame:
    rows = pd.read_csv(inbox / f"facilities/national/전국어린이보호구역표준데이터_{year}.csv", encoding="cp949", dtype=str)
    return rows[rows["제공기관명"] == "광주광역시 광산구"]


@pytest.fixture(scope="module")
def cameras(inbox: Path, banked, tmp_path_factory: pytest.TempPathFactory):
    """The choice on what was known to the end of 2020, and its score on the list of 2026."""
    folder = tmp_path_factory.mktemp("cameras")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", banked("gwangsan", ["dong_boundaries", "population_age", "school_zones", "hydrants"]))
        patch.setenv("GSAN_REPORTS", str(folder / "reports"))
        played = play("zone_cameras", folder / "edition", patch, municipality="gwangsan", until_year=2020)
        (score,) = scores.score(registered(played, "gwangsan"))
        return played, score


def test_what_can_be_chosen_are_the_zones_that_the_list_of_2020_gives_no_camera(cameras, inbox):
    played, _ = cameras
    without = zones(inbox, 2020).query("CCTV설치여부 == 'N'")
    options = played.table("cameras")
    assert set(options["name"]) == set(without["대상시설명"])
    assert played.number("options") == len(options) == len(without.drop_duplicates(["대상시설명", "시설종류", "위도", "경도"]))


def test_the_choice_is_worth_what_a_count_on_the_circles_says(cameras, banked, monkeypatch):
    """Even spread, exact areas: children of each dong by the share of its land in the circles of the chosen zones and outside those of zones with cameras."""
    from gsan_lib import bank

    played, _ = cameras
    monkeypatch.setenv("GSAN_BANK", banked("gwangsan", ["dong_boundaries", "population_age", "school_zones", "hydrants"]))
    listed = bank.load("gwangsan/school_zones", as_of="2020-12-31")
    people = bank.load("gwangsan/population_age", as_of="2020-12-31")
    dongs = bank.load("gwangsan/dong_boundaries").set_index("dong_code")
    children = people[(people["sex"] == "all") & (people["age_from"] < 10)].groupby("dong_code")["population"].sum().reindex(dongs.index)
    equipped = listed[listed["has_cctv"].eq(True)].geometry.buffer(300, quad_segs=32).union_all()
    new = played.table("chosen")
    import shapely

    circles = shapely.union_all(shapely.buffer(shapely.from_wkb(new["geometry"].to_numpy()), 300, quad_segs=32)).difference(equipped)
    exact = (children * dongs.intersection(circles).area / dongs.area).sum()
    table = played.table("proof").set_index("spread")
    assert table.loc["면적에 고르게", "ours"] == pytest.approx(exact, rel=0.05)  # the case counts on cells of 100 m


def test_the_fate_of_the_chosen_zones_is_that_of_the_list_of_2026(cameras, inbox):
    """By name and kind in the published files; the score also finds zones that were renamed, so it may know more of them and never says otherwise."""
    played, score = cameras
    then, now = zones(inbox, 2020), zones(inbox, 2026)
    plain = lambda names: names.str.replace(r"\s|어린이집|유치원", "", regex=True)
    given = dict(zip(plain(now["대상시설명"]) + now["시설종류"], now["CCTV설치여부"], strict=True))
    options = then[then["CCTV설치여부"] == "N"]
    fates = (plain(options["대상시설명"]) + options["시설종류"]).map(given)
    assert score.status == "scored"
    assert score.as_of == "2026-05-18"
    assert abs(score.counts["found"] - fates.notna().sum()) <= 0.1 * len(options)
    assert abs(score.counts["done"] - (fates == "Y").sum()) <= 3
    rows = score.rows.set_index("method")
    assert rows.loc["predicted", "picked"] == rows.loc["naive", "picked"] == 10
    assert rows.loc["usual", "done"] == score.counts["done"]
    assert rows.loc["predicted", "worth_each"] > rows.loc["naive", "worth_each"]


def test_a_list_that_says_no_everywhere_cannot_judge(inbox, banked, tmp_path, monkeypatch):
    """Hwaseong's list of 2026 gives no camera to any of its zones, although the one of 2020 does."""
    monkeypatch.setenv("GSAN_BANK", banked("hwaseong", ["school_zones"]))
    monkeypatch.setenv("GSAN_REPORTS", str(tmp_path / "reports"))
    from gsan_lib import bank

    before = bank.load("hwaseong/school_zones", as_of="2020-12-31", place="inside")
    options = before[before["has_cctv"].eq(False)].reset_index(drop=True)
    table = options[["name", "kind", "address", "geometry"]].assign(rank=options.index + 1, naive_rank=options.index + 1, worth=1.0)
    from gsan_lib.reports.registrations import Fate, registration

    table.to_parquet(tmp_path / "cameras.parquet", index=False)
    entry = registration(
        "cameras",
        table,
        Fate(("school_zones",), "has_cctv", True, "있습니다"),
        until="2020-12-08",
        unit="명",
        naive_is="차례",
        usual_is="실제",
        pick=5,
    )
    entry |= {"key": "cameras", "file": "cameras.parquet", "title": "카메라", "units": {}, "labels": {}, "digits": {}, "rows": len(table)}
    told = {
        "municipality": "hwaseong",
        "case": "zone_cameras",
        "variant": "x",
        "edition": "x",
        "content": "0" * 64,
        "created_at": "2026-01-01",
    }
    (record,) = decisions.register(tmp_path, told, {"registered": [entry]})
    (score,) = scores.score(record)
    assert score.status == "unscorable"
    assert "모두 `False`" in score.sentence
