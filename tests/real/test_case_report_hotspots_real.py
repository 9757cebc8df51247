"""The case of residents' requests on Baltimore's stream: places, held-out capture and service levels counted again from the published file."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime

import numpy as np
import pytest
import yaml
from case_cells import Played, play
from pyproj import Geod, Transformer

from gsan_lib import bank, settings
from gsan_lib.bank.snapshots import open_bank
from gsan_lib.bank.store import Writer

pytestmark = [pytest.mark.real, pytest.mark.slow]

SIDE = 500


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p")


@pytest.fixture(scope="module")
def raw(inbox) -> list[dict[str, str]]:
    with open(inbox / "reports" / "baltimore_311_sample_part1.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def asked(raw) -> list[dict[str, str]]:
    """Requests of residents: what the city filed itself is left out."""
    return [row for row in raw if row["MethodReceived"] not in ("Internal", "System")]


@pytest.fixture(scope="module")
def choice() -> dict:
    path = settings.municipality("baltimore").folder / "cases" / "report_hotspots.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["variants"]["default"]


@pytest.fixture(scope="module")
def real_bank(inbox, banked) -> str:
    return banked("baltimore", ["resident_reports"])


@pytest.fixture(scope="module")
def told(real_bank, choice, tmp_path_factory: pytest.TempPathFactory) -> Played:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        return play("report_hotspots", tmp_path_factory.mktemp("reports") / "edition", patch, municipality="baltimore", **choice)


def test_a_place_outside_korea_keeps_true_distances_in_its_own_crs(real_bank, raw, monkeypatch):
    monkeypatch.setenv("GSAN_BANK", real_bank)
    frame = bank.load("baltimore/resident_reports")
    assert frame.crs == "EPSG:26918"
    assert bank.manifest("baltimore/resident_reports")["rows_set_aside"] == 0
    assert frame.geometry.isna().sum() == 977  # 386 blank, 591 whole degrees
    placed = frame[frame.geometry.notna()].iloc[:400:8]
    degrees = [(float(raw[row - 1]["Longitude"]), float(raw[row - 1]["Latitude"])) for row in placed["source_row"]]
    for place, (one, other) in enumerate(zip(degrees, degrees[1:], strict=False)):
        metres = placed.geometry.iloc[place].distance(placed.geometry.iloc[place + 1])
        assert metres == pytest.approx(Geod(ellps="WGS84").inv(*one, *other)[2], rel=6e-4)


def test_cells_and_what_they_caught_later_are_counted_from_the_file(told, asked, raw, choice):
    to_metres = Transformer.from_crs(4326, 26918, always_xy=True)
    points, everyone = {}, []
    for row in raw:
        if row["Latitude"] and not (float(row["Latitude"]).is_integer() and float(row["Longitude"]).is_integer()):
            points[row["SRRecordID"]] = to_metres.transform(float(row["Longitude"]), float(row["Latitude"]))
            everyone.append(points[row["SRRecordID"]])
    crowd, cloud = Counter(everyone), np.array(everyone)
    cut = max(moment(row["CreatedDate"]) for row in raw)
    cut = cut.replace(year=cut.year - 2)
    before, after = Counter(), Counter()
    for row in asked:
        point = points.get(row["SRRecordID"])
        if row["SRType"] in choice["focus"] and point and crowd[point] < 10 and np.sort(np.hypot(*(cloud - point).T))[2] <= 1000:
            late = moment(row["CreatedDate"]) >= cut
            (after if late else before)[int(point[0] // SIDE), int(point[1] // SIDE)] += 1
    best = sorted(before, key=lambda cell: (-before[cell], cell))[:30]  # the case breaks ties by column and row as well
    caught = sum(after[cell] for cell in best)
    row = told.table("ways").set_index("way").loc["건수가 많은 칸"]
    assert row["caught"] == caught
    assert row["share"] == pytest.approx(100 * caught / after.total())
    best_way = told.table("ways")["share"].max()
    assert told.number("ahead") == pytest.approx(best_way)
    assert best_way > 4 * 100 * 30 / 707, "four times what cells taken at random would hold"
    patrol = told.table("patrol")
    assert len(patrol) == told.number("cells") == 30
    assert patrol["reports"].sum() == sum(sorted((before + after).values())[-30:])


def test_share_within_the_due_date_is_that_of_the_file(told, asked, raw, choice):
    last = max(moment(row["CreatedDate"]) for row in raw)
    owed = [
        row
        for row in asked
        if row["SRType"] in choice["focus"] and row["DueDate"] and moment(row["DueDate"]) <= last
        and "Duplicate" not in row["SRStatus"] and "Transferred" not in row["SRStatus"]
    ]  # fmt: skip
    kept = [row for row in owed if row["CloseDate"] and moment(row["CloseDate"]) <= moment(row["DueDate"])]
    assert told.number("kept") == pytest.approx(100 * len(kept) / len(owed))
    service = told.table("service")
    assert service["kept"].is_monotonic_increasing
    assert "웃자란 풀" in told.results["decision"]["sentence"]


def test_repeats_are_pairs_of_one_kind_nearby_within_two_weeks(told, asked):
    marked = sum("Duplicate" in row["SRStatus"] for row in asked)
    said = next(text for text in told.results["texts"] if "다시 접수된" in text)
    assert f"중복이라고 적은 민원은 {marked}건" in said
    assert "표본" in said


def test_the_report_says_that_it_is_not_of_korea_and_what_is_missing(told, asked):
    limits = " ".join(told.results["limits"])
    assert "한국 지자체의 자료가 아닙니다" in limits
    blank = sum(not row["Latitude"] or (float(row["Latitude"]).is_integer() and float(row["Longitude"]).is_integer()) for row in asked)
    assert f"{blank:,}건" in limits
    assert "볼티모어" in told.results["question"]


def test_with_outlines_the_cells_are_those_of_the_municipality_and_named_by_dong(told, real_bank, banked, choice, tmp_path_factory):
    """The same stream, moved in metres and without turning onto Gwangsan: every place inside gets the name of its dong, the rest is left out and told."""
    place = tmp_path_factory.mktemp("moved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_BANK", real_bank)
        stream = bank.load("baltimore/resident_reports")
        patch.setenv("GSAN_BANK", banked("gwangsan", ["dong_boundaries"], place / "bank"))
        dongs = bank.load("gwangsan/dong_boundaries")
        middle, here = dongs.union_all().centroid, stream.union_all().centroid
        moved = stream.set_geometry(stream.geometry.translate(middle.x - here.x, middle.y - here.y).set_crs(5179, allow_override=True))
        with Writer("gwangsan/resident_reports", crs="EPSG:5179", bank=open_bank(str(place / "bank"))) as writer:
            writer.write(moved)
            writer.publish(
                {
                    "as_of": "2019-02-13",
                    "title_ko": "옮긴 민원",
                    "source": "시험",
                    "licence": "-",
                    "attribution": "시험",
                    "note": "시험",
                    "published": True,
                }
            )
        there = play("report_hotspots", place / "edition", patch, municipality="gwangsan", **choice)
    patrol = there.table("patrol")
    assert set(patrol["where"]) <= set(dongs["dong_name"])
    assert len(patrol) == 30
    assert "경계 밖의" in there.results["texts"][1]
    assert "한국 지자체의 자료가 아닙니다" not in " ".join(there.results["limits"])
    assert patrol["reports"].max() <= told.table("patrol")["reports"].max() + 10, (
        "cells are cut elsewhere, their counts are of the same size"
    )
    assert there.number("kept") == told.number("kept"), "what needs no place does not change"
