"""report.html: whole in itself, Korean without Korean fonts, accessible, and it asks nothing of anyone."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import made_editions
import nbformat
import pytest
from browser import opened
from fontTools.ttLib import TTFont

from gsan_lib.errors import CaseError
from gsan_lib.reports.pages import fetched, render

FACTS = made_editions.results("sample", "park_access", "도시공원을 누가 누리는가", simulated=True)
META = {"results": FACTS, "manifest": {"edition": "2026-11-23-1a2b3c4d", "created_at": "2026-11-23T08:00:00+00:00"}}


@pytest.fixture(scope="module")
def notebook():
    return made_editions.notebook(FACTS)[0]


@pytest.fixture(scope="module")
def page(notebook) -> str:
    return render(notebook, META)


def test_the_same_edition_gives_the_same_page_and_the_notebook_stays_as_it_was(notebook, page):
    before = nbformat.writes(notebook)
    assert render(notebook, META) == page
    assert nbformat.writes(notebook) == before


def test_the_page_asks_for_nothing(page):
    assert fetched(page) == []
    assert "<script" not in page


@pytest.mark.parametrize(
    "cell",
    [
        "![지도](https://example.org/a.png)",
        '<img src="//example.org/a.png">',
        '<script src="a.js"></script>',
        '<p style="background:url(https://example.org/a)">',
        "<link rel=x href=a.css>",
    ],
)
def test_what_would_be_fetched_is_refused_with_its_address(cell):
    output = nbformat.v4.new_output("display_data", data={"text/html": cell})
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(cell), nbformat.v4.new_code_cell("", outputs=[output])])
    with pytest.raises(CaseError, match="example.org|a.js|a.css"):
        render(made, META)


def test_addresses_in_words_and_code_are_no_requests():
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("[법령](https://law.go.kr)"), nbformat.v4.new_code_cell('src = "https://example.org/a.png"')]
    )
    assert "https://law.go.kr" in render(made, META)


class _Shown(HTMLParser):
    """The text of a page, without its style."""

    def __init__(self, page: str):
        super().__init__()
        self.text, self._style = "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._style = tag == "style"

    def handle_endtag(self, tag):
        self._style = False

    def handle_data(self, data):
        self.text += "" if self._style else data


def test_the_embedded_font_has_every_hangul_letter_of_the_page_in_both_weights(page):
    shown = {ord(sign) for sign in _Shown(page).text if "가" <= sign <= "힣"}
    fonts = re.findall(r"base64,([A-Za-z0-9+/=]+)\) format\('woff'\)", page)
    assert len(shown) > 100
    assert len(fonts) == 2
    for packed in fonts:
        with TTFont(BytesIO(base64.b64decode(packed))) as font:
            assert shown <= set(font.getBestCmap())


def test_code_stands_only_in_its_fold(page):
    outside = re.sub(r'<section class="gsan-code".*?</section>', "", page, flags=re.S)
    assert "secret_of_the_code" in page
    assert "secret_of_the_code" not in outside


def test_one_title_and_contents_that_lead_somewhere(page):
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["도시공원을 누가 누리는가"]
    links = re.findall(r'<li><a href="#([^"]+)">', page)
    assert len(links) == 2
    assert all(page.count(f'id="{link}"') == 1 for link in links)


def test_shared_letters_resolve_and_no_id_stands_twice(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_the_letters_of_a_second_map_cost_little(notebook, page):
    twice = nbformat.from_dict({**notebook, "cells": [*notebook.cells, *notebook.cells]})
    svg = made_editions.notebook(FACTS)[1]
    assert len(render(twice, META)) - len(page) < 0.5 * len(svg)


def test_only_simulated_data_carry_the_banner(notebook, page):
    real = made_editions.results("gwangsan", "park_access", "도시공원", simulated=False)
    assert "gsan-banner" in re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    assert "gsan-banner" not in re.sub(r"<style>.*?</style>", "", render(made_editions.notebook(real)[0], {"results": real}), flags=re.S)


def test_names_from_files_cannot_inject_markup(notebook):
    facts = {
        **FACTS,
        "title_ko": "<script>alert(1)</script>",
        "question": "<img src=x>",
        "decision": {"sentence": "<b>놓는다", "stable": True, "would_change": []},
    }
    page = render(notebook, {"results": facts})
    assert "<script>" not in page
    assert "<img src=x>" not in page
    assert "&lt;b&gt;놓는다" in page


def test_cover_says_question_decision_and_dates(page):
    cover = page[: page.index("<main")]
    for words in ("모의 광산구", "누가 <strong>걸어서</strong> 닿는가", "수완동에 먼저 놓는다.", "2020-12-31", "2026-11-23", "불안정"):
        assert words in cover, words


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_opens_from_a_folder_and_is_accessible(page, tmp_path, width):
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with opened(width) as seen:
        seen.page.goto((tmp_path / "report.html").as_uri())
        assert seen.page.evaluate("document.fonts.ready.then(() => document.fonts.check('16px gsan', '가'))")
        assert seen.elsewhere() == []
        assert seen.complaints == []
        assert not seen.wider_than_screen()
        assert seen.serious() == []


@pytest.mark.browser
def test_the_browser_s_checks_see_what_they_look_for(tmp_path):
    wide = '<p style="width:3000px">넓다</p><img src="https://example.org/a.png"><script>undefined_name()</script>'
    (tmp_path / "bad.html").write_text(f"<!doctype html><title>나쁜 쪽</title>{wide}", encoding="utf-8")
    with opened(360) as seen:
        seen.page.goto((tmp_path / "bad.html").as_uri())
        assert seen.elsewhere() == ["https://example.org/a.png"]
        assert any("undefined_name" in text for text in seen.complaints)
        assert seen.wider_than_screen()
        assert any(text.startswith("image-alt") for text in seen.serious())
