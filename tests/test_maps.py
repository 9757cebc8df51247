"""Figures: the same bytes, an exact legend, names that can be read, and no figure of simulated data without its stamp."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import warnings

import geopandas as gpd
import matplotlib
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gsan_lib import cartography, figures, maps, sample
from gsan_lib.errors import CrsError, DataError, InputError, UsageError


@pytest.fixture(scope="module")
def dongs() -> gpd.GeoDataFrame:
    return sample.district().set_index("dong_code")


@pytest.fixture(scope="module")
def places(dongs) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=dongs.representative_point(), crs=dongs.crs)


DRAW = """
import hashlib
from gsan_lib import maps, sample
dongs = sample.district().set_index("dong_code")
figure = maps.choropleth(dongs, dongs["population"], title="동별 인구", unit="명", simulated=True)
print(hashlib.sha256(maps.to_svg(figure, alt="동별 인구").encode()).hexdigest(), hashlib.sha256(maps.to_png(figure)).hexdigest())
"""


def test_a_figure_has_the_same_bytes_in_another_process_with_another_hash_seed(dongs):
    figure = maps.choropleth(dongs, dongs["population"], title="동별 인구", unit="명", simulated=True)
    here = [hashlib.sha256(content).hexdigest() for content in (maps.to_svg(figure, alt="동별 인구").encode(), maps.to_png(figure))]
    there = subprocess.run(
        [sys.executable, "-c", DRAW], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert there.stdout.split() == here


def test_a_frame_of_simulated_data_stamps_its_figure(dongs):
    marked = dongs.copy()
    marked.attrs["gsan"] = {"title_ko": "경계", "simulated": True}
    assert 'data-simulated="true"' in maps.to_svg(maps.choropleth(marked, marked["population"], title="인구", unit="명"))
    assert "simulated" not in maps.to_svg(maps.choropleth(dongs, dongs["population"], title="인구", unit="명", simulated=False))


def test_a_layer_of_simulated_data_stamps_the_map_of_real_areas(dongs, places):
    layer = places.copy()
    layer.attrs["gsan"] = {"title_ko": "시설", "simulated": True}
    assert figures.stamped(maps.point_map(dongs, [maps.Layer(layer, "시설")], title="시설"))


def test_the_stamp_is_set_once(dongs):
    figure = maps.choropleth(dongs, dongs["population"], title="인구", unit="명", simulated=True)
    assert maps.to_svg(maps.stamp(figure)) == maps.to_svg(figure)


def test_unit_source_and_date_stand_on_the_map(dongs):
    svg = maps.to_svg(
        maps.choropleth(
            dongs, dongs["population"], title="인구", unit="명", measure="주민등록 인구", source="행정안전부", date="2020-12-31"
        )
    )
    for words in ("주민등록 인구 (명)", "자료: 행정안전부", "기준일: 2020-12-31", "2 km", "북"):
        assert f"<!-- {words}" in svg or words in svg, words


def _bounds(label: str) -> tuple[float, float]:
    """The printed interval of a class; an open end is infinite."""
    numbers = [float(found.replace(",", "")) for found in re.findall(r"-?[\d,]+(?:\.\d+)?", label)]
    if label.endswith("이하"):
        return -np.inf, numbers[0]
    if label.endswith("초과"):
        return numbers[0], np.inf
    return numbers[0], numbers[-1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6, allow_nan=False), st.integers(-50, 50).map(float), st.none()), min_size=1, max_size=60),
    st.sampled_from(["quantiles", "equal", "breaks"]),
    st.integers(1, 7),
    st.integers(0, 2),
)
def test_every_value_lies_within_the_bounds_that_its_class_prints(values, scheme, k, digits):
    series = pd.Series(values, dtype=float)
    breaks = [-10.0, 0.0, 25.0] if scheme == "breaks" else None
    if not series.notna().any():
        with pytest.raises(DataError):
            cartography.grade(series, scheme=scheme, k=k, breaks=breaks, digits=digits)
        return
    grades = cartography.grade(series, scheme=scheme, k=k, breaks=breaks, digits=digits)
    assert ((grades.place == -1) == series.isna().to_numpy()).all()
    for value, place in zip(series, grades.place, strict=True):
        if place >= 0:
            low, high = _bounds(grades.labels[place])
            assert low - 1e-9 <= value <= high + 1e-9, (value, grades.labels[place])


def test_given_breaks_hold_their_upper_bound():
    grades = cartography.grade(pd.Series([10.0, 10.1, 140.0, 141.0]), scheme="breaks", breaks=[10, 140], digits=1)
    assert list(grades.place) == [0, 1, 1, 2]
    assert grades.labels == ["10.0 이하", "10.0 ~ 140.0", "140.0 초과"]


def test_every_area_has_its_name_or_an_explained_letter_and_no_two_overlap(dongs):
    seen = cartography.view(dongs)
    placed, key = cartography.place_names(dongs, dongs["dong_name"], seen)
    names = {mark.text for mark in placed}
    explained = dict(part.split(" ", 1) for part in key.split(", ")) if key else {}
    assert len(placed) == len(dongs)
    assert (names - set(explained)) | set(explained.values()) == set(dongs["dong_name"])
    boxes = [cartography._box(mark, seen) for mark in placed]
    assert not any(cartography._overlap(one, other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_badges_of_sites_at_one_place_stand_apart(dongs):
    seen = cartography.view(dongs)
    point = dongs.union_all().representative_point()
    centres = np.array(maps._badges(gpd.GeoDataFrame(geometry=[point] * 9, crs=dongs.crs), seen))
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    assert apart[np.triu_indices(9, 1)].min() >= 2 * maps._BADGE


def test_badges_near_the_rim_stay_on_the_paper(dongs):
    seen = cartography.view(dongs)
    corner = shapely.Point(seen.bounds[2] - 1, seen.bounds[3] - 1)
    centres = np.array(maps._badges(gpd.GeoDataFrame(geometry=[corner] * 4, crs=dongs.crs), seen))
    assert (centres >= maps._BADGE).all()
    assert (centres <= np.array(seen.size) - maps._BADGE).all()


def test_places_that_cannot_be_seen_are_counted(dongs, places):
    far = places.copy()
    far.iloc[0, 0] = shapely.Point(dongs.total_bounds[2] + 50_000, dongs.total_bounds[1])
    far.iloc[1, 0] = None
    svg = maps.to_svg(maps.point_map(dongs, [maps.Layer(far, "쉼터")], title="쉼터"))
    assert "보이지 않는 곳: 쉼터 1곳" in svg
    assert "그리지 못한 곳: 쉼터 1곳" in svg


def test_seventy_thousand_cells_make_a_small_picture(dongs):
    west, south, east, north = dongs.total_bounds
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(west, east, 265), np.linspace(south, north, 265)))
    cells = gpd.GeoDataFrame(geometry=shapely.box(x, y, x + 100, y + 100), crs=dongs.crs)
    svg = maps.to_svg(maps.cell_map(cells, pd.Series(np.arange(len(cells)) % 977, cells.index), areas=dongs, title="격자", unit="m"))
    assert len(cells) > 70_000
    assert len(svg) < 600_000  # random colours; distances and residents compress better


def test_degrees_and_missing_crs_are_refused(dongs, places):
    for wrong in (dongs.to_crs(4326), dongs.set_crs(None, allow_override=True)):
        with pytest.raises(CrsError):
            maps.choropleth(wrong, wrong["population"], title="인구", unit="명")
    with pytest.raises(CrsError, match="쉼터"):
        maps.point_map(dongs, [maps.Layer(places.to_crs(4326), "쉼터")], title="쉼터")


def test_a_layer_of_lines_is_refused(dongs):
    with pytest.raises(InputError, match="점이어야"):
        maps.point_map(dongs, [maps.Layer(dongs, "동")], title="동")


def test_values_of_unknown_areas_and_unknown_categories_are_refused(dongs):
    with pytest.raises(DataError, match="지도에 없는"):
        maps.choropleth(dongs, pd.Series({"9999999999": 1.0}), title="인구", unit="명")
    with pytest.raises(DataError, match="범주"):
        maps.category_map(dongs, pd.Series("높음", dongs.index), colors={"낮음": "#000000"}, title="범주")


def test_a_palette_that_misleads_is_refused(dongs):
    with pytest.raises(UsageError, match="jet"):
        maps.choropleth(dongs, dongs["population"], title="인구", unit="명", colors="jet")


def test_drawing_changes_nothing_of_matplotlib_and_warns_of_nothing(dongs):
    before = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps.to_svg(maps.choropleth(dongs, dongs["population"] - 20_000, title="인구 − 20,000", unit="명 µ ㎢", subtitle="가나다라 「」 ①"))
        maps.to_svg(maps.bar_chart(pd.Series({"가": -1.5, "나": 2.0, "다": None}), title="변화", unit="%", digits=1))
    assert dict(matplotlib.rcParams) == before


def test_negative_numbers_carry_a_sign_that_the_font_has():
    svg = maps.to_svg(maps.bar_chart(pd.Series({"가": -1.5, "나": 2.0}), title="변화", unit="%", digits=1))
    assert "−" not in svg
    assert "-1.5" in svg


def test_two_figures_on_a_page_share_no_id(dongs, places):
    one, other = (maps.to_svg(maps.point_map(dongs, [maps.Layer(places, name)], title=name)) for name in ("쉼터", "약국"))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip((one, other), ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= known


def test_bars_name_their_highest_first_and_count_what_is_not_shown():
    svg = maps.to_svg(maps.bar_chart(pd.Series(range(40), [f"동{n}" for n in range(40)]), title="동", unit="명", limit=10))
    assert "<!-- 동39 -->" in svg
    assert "<!-- 동5 -->" not in svg
    assert "30개는 표에" in svg


def test_a_forecast_shows_its_intervals_and_the_naive_row():
    days = pd.date_range("2021-01-01", periods=40)
    past = pd.Series(np.arange(40.0), days)
    ahead = pd.DataFrame({"point": 40.0, "low": 30.0, "high": 50.0}, index=pd.date_range("2021-02-10", periods=7))
    figure = maps.interval_chart(past, ahead, title="예측", unit="명", columns={"point": "point", "lower_80": "low", "upper_80": "high"})
    svg = maps.to_svg(figure)
    assert "80 % 구간" in svg
    assert "95 % 구간" not in svg
    assert "단순 예측" not in svg
