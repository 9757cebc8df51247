"""The recorder of a case: what it shows can be read by anyone, what it writes is the same every time."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from shapely import Point

from gsan_lib.errors import CaseError
from gsan_lib.reports import displays, findings
from gsan_lib.reports.params import typed

FACTS = {
    "id": "sample/hydrants",
    "sha256": "0" * 64,
    "as_of": "2026-01-01",
    "known_at": "2026-01-02T00:00:00Z",
    "title_ko": "소화전",
    "source": "모의",
    "licence": "CC0",
    "rows": 2,
}


@pytest.fixture
def shown(monkeypatch):
    """Everything that was displayed, as HTML."""
    pages: list[str] = []
    monkeypatch.setattr(findings, "display", lambda page, **_: pages.append(page.data))
    return pages


def recorder(folder, municipality="sample", strict=True):
    cell = f'municipality: str = "{municipality}"  # 지자체\nradius_m: float = 140.0  # 거리, m, 50..500'
    return findings.Findings(
        typed({"In": [cell], "municipality": municipality, "radius_m": 140.0}), folder, strict=strict, case="toy", title="물음"
    )


FAR = pd.DataFrame({"dong_name": ["수완동", "첨단1동"], "far": [1200.25, 350.0], "year": [2020, 2021]})


def whole(out, frame=FAR):
    """A whole report."""
    loaded = pd.DataFrame({"a": [1]})
    loaded.attrs["gsan"] = FACTS
    out.question("누가 멀리 사는가?")
    out.data(loaded)
    out.number("far", frame["far"].sum(), "명", "멀리 사는 주민", estimate=True)
    out.table("by_dong", frame, "행정동별", units={"far": "명", "year": "년"}, labels={"far": "주민"})
    figure, axes = plt.subplots()
    axes.bar(range(len(frame)), frame["far"])
    out.figure("chart", figure, "행정동별 주민", "수완동이 가장 많다.", table="by_dong")
    out.sensitivity("by_detour", pd.DataFrame({"detour": [1.0, 1.4], "far": [1.0, 2.0]}), "우회 계수", labels={"far": "주민"})
    out.limits(["직선거리이다."])
    out.decision("수완동부터.", stable=np.bool_(False), would_change="우회 계수")
    out.provenance()
    out.close()
    return {path.name: path.read_bytes() for path in out.folder.iterdir()}


def test_two_reports_of_the_same_findings_are_equal_byte_for_byte(tmp_path, shown):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = whole(recorder(tmp_path / "a")), whole(recorder(tmp_path / "b"))
    assert set(first) == {"results.json", "by_dong.parquet", "by_detour.parquet", "chart.svg"}
    assert first == second


def test_results_hold_every_number_and_the_decision(tmp_path, shown):
    results = json.loads(whole(recorder(tmp_path))["results.json"])
    assert results["numbers"] == [
        {"key": "far", "value": 1550.25, "unit": "명", "label": "멀리 사는 주민", "digits": 0, "estimate": True, "note": ""}
    ]
    assert results["decision"] == {"sentence": "수완동부터.", "stable": False, "would_change": ["우회 계수"]}
    assert (results["tables"][0]["file"], results["tables"][0]["rows"], results["figures"][0]["table"]) == ("by_dong.parquet", 2, "by_dong")
    assert pd.read_parquet(tmp_path / "by_dong.parquet").equals(FAR)


def test_the_last_bit_of_a_sum_does_not_reach_the_results():
    assert findings.to_json({"x": 0.1 + 0.2}) == findings.to_json({"x": 0.3})
    assert findings.plain({"n": np.int64(3), "f": np.float64("nan"), "t": (pd.Timestamp("2020-12-01"),)}) == {
        "n": 3,
        "f": None,
        "t": ["2020-12-01"],
    }


def test_every_part_of_a_report_is_well_formed_markup(tmp_path, shown):
    whole(recorder(tmp_path))
    for page in shown:
        ET.fromstring(f"<all xmlns:xlink='x'>{page.replace('<br>', '<br/>')}</all>")


def test_simulated_data_are_stamped_on_tables_figures_and_decision_and_real_data_are_not(tmp_path, shown):
    whole(recorder(tmp_path))
    for part in ("<caption>행정동별 ", "<figure", "gs-decision"):
        (page,) = (page for page in shown if part in page and ("<figure" in page) == (part == "<figure"))
        assert displays.STAMP in page
    shown.clear()
    whole(recorder(tmp_path, "gwangsan"))
    assert not any(displays.STAMP in page for page in shown)


def test_an_unstable_decision_is_marked(tmp_path, shown):
    out = recorder(tmp_path)
    out.decision("가.", stable=False)
    out.decision("가.", stable=True)
    assert "불안정 (unstable)" in shown[0]
    assert "불안정" not in shown[1]


def test_a_figure_without_its_table_or_its_description_is_refused(tmp_path, shown):
    out = recorder(tmp_path)
    with pytest.raises(CaseError, match="`by_dong`"):
        out.figure("chart", "<svg/>", "제목", "설명", table="by_dong")
    out.table("by_dong", FAR, "표", labels={"far": "주민"}, show=False)
    with pytest.raises(CaseError, match="`alt`"):
        out.figure("chart", "<svg/>", "제목", " ", table="by_dong")


def test_a_figure_carries_its_table_in_a_fold(tmp_path, shown):
    out = recorder(tmp_path)
    out.table("by_dong", FAR, "표", units={"far": "명"}, labels={"far": "주민"}, show=False)
    assert shown == []
    out.figure("chart", b"\x89PNG", "제목", "설명 <b>", table="by_dong")
    figure = ET.fromstring(shown[0])
    assert figure.find(".//img").get("alt") == "설명 <b>"
    assert [cell.text for cell in figure.findall("./details//tbody/tr/td[@class='gs-right']")][:1] == ["1,200.2"]


def test_a_table_has_caption_scopes_units_and_numbers_to_the_right():
    table = ET.fromstring(displays.table(FAR, "행정동별", units={"far": "명", "year": "년"}, labels={"far": "주민"}))
    assert (table.get("role"), table.get("tabindex"), table.get("aria-label")) == ("region", "0", "행정동별")
    assert table.find(".//caption").text.strip() == "행정동별"
    assert [head.get("scope") for head in table.findall(".//thead//th")] == ["col"] * 3
    assert [head.get("scope") for head in table.findall(".//tbody//th")] == ["row"] * 2
    assert table.findall(".//thead//th")[1].find("span").text == "(명)"
    assert [(cell.get("class"), cell.text) for cell in table.findall(".//tbody/tr[1]/td")] == [
        ("gs-right", "1,200.2"),
        ("gs-right", "2020"),
    ]


def test_a_long_table_says_how_much_of_it_is_shown(tmp_path, shown):
    out = recorder(tmp_path)
    out.table("long", pd.DataFrame({"rank": range(100)}), "긴 표", rows=10)
    assert "100행 가운데 10행" in shown[0]
    assert shown[0].count("<tr>") == 11
    assert len(pd.read_parquet(tmp_path / "long.parquet")) == 100


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1234567, "명", "1,234,567"), (2026, "년", "2026"), (None, "", "–"), (pd.NA, "", "–"), (pd.NaT, "", "–"), (True, "", "예"), (-0.04, "", "0.0"), (-1234.56, "", "-1,234.6"), ("07", "", "07"),
     (pd.Timestamp("2020-12-01"), "", "2020-12-01"), (pd.Timestamp("2020-12-01 13:05"), "", "2020-12-01 13:05")],
)  # fmt: skip
def test_a_value_is_shown_as_a_reader_expects(value, unit, text):
    assert displays.shown(value, 1, unit) == text


def test_markup_in_data_is_shown_and_not_run(tmp_path, shown):
    out = recorder(tmp_path)
    out.table("evil", pd.DataFrame({"name": ["<script>alert(1)</script>"]}), "<b>표</b>")
    out.text("이름: <img src=x onerror=alert(1)> [a](javascript:alert(1))")
    out.limits(["<script>"])
    out.decision("<script>", stable=True)
    assert not any("<script" in page or "<img" in page or 'href="javascript' in page for page in shown)


def test_geometry_stays_in_the_file_and_out_of_the_page(tmp_path, shown):
    out = recorder(tmp_path)
    out.table("cells", gpd.GeoDataFrame({"population": [3.5]}, geometry=[Point(1, 2)], crs="EPSG:5179"), "격자")
    assert gpd.read_parquet(tmp_path / "cells.parquet").crs.to_epsg() == 5179
    assert "POINT" not in shown[0]


@pytest.mark.parametrize("value", [float("nan"), None, "5", True, float("inf")])
def test_a_number_that_is_none_is_refused(tmp_path, shown, value):
    with pytest.raises(CaseError, match="`far`"):
        recorder(tmp_path).number("far", value, "명", "주민")


def test_a_column_without_korean_name_and_a_unit_without_column_are_refused(tmp_path, shown):
    out = recorder(tmp_path)
    with pytest.raises(CaseError, match="`far`.*한국어"):
        out.table("by_dong", FAR, "표")
    with pytest.raises(CaseError, match="`fra`"):
        out.table("by_dong", FAR, "표", labels={"far": "주민"}, units={"fra": "명"})


def test_a_column_of_mixed_types_is_one_sentence(tmp_path, shown):
    with pytest.raises(CaseError, match="Parquet"):
        recorder(tmp_path).table("mixed", pd.DataFrame({"name": pd.Series([1, "a"], dtype=object)}), "표")


def test_the_same_key_twice_is_refused_in_a_run_and_replaces_by_hand(tmp_path, shown):
    out = recorder(tmp_path)
    out.number("far", 1, "명", "주민")
    with pytest.raises(CaseError, match="두 번"):
        out.number("far", 2, "명", "주민")
    by_hand = recorder(tmp_path, strict=False)
    by_hand.number("far", 1, "명", "주민")
    by_hand.number("far", 2, "명", "주민")
    assert [one["value"] for one in by_hand.results["numbers"]] == [2]


def test_a_title_that_is_not_korean_is_refused(tmp_path, shown):
    with pytest.raises(CaseError, match="한국어"):
        recorder(tmp_path).number("far", 1, "명", "people beyond")
    with pytest.raises(CaseError, match="`title`"):
        recorder(tmp_path).table("by_dong", FAR, "By dong", labels={"far": "주민"})


def test_a_drawing_too_heavy_for_a_page_becomes_a_picture(tmp_path, shown, monkeypatch):
    monkeypatch.setattr(findings, "SVG_LIMIT", 100)
    files = whole(recorder(tmp_path))
    assert files["chart.png"].startswith(b"\x89PNG")
    assert json.loads(files["results.json"])["figures"][0]["file"] == "chart.png"
    assert any('src="data:image/png' in page and displays.STAMP in page for page in shown)


def test_data_without_origin_are_refused(tmp_path, shown):
    with pytest.raises(CaseError, match=r"bank\.load"):
        recorder(tmp_path).data(pd.DataFrame({"a": [1]}))


def test_a_report_that_is_not_whole_names_every_missing_part(tmp_path, shown):
    out = recorder(tmp_path)
    out.question("?")
    with pytest.raises(CaseError, match="수치, 표, 그림, 데이터, 민감도, 한계, 결정"):
        out.close()
    assert not (tmp_path / "results.json").exists()
