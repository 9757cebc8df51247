"""The casebook: complete, searchable in Korean, off-line, accessible, and never half built."""

from __future__ import annotations

import re
from pathlib import Path

import made_editions
import pytest
from browser import opened

from gsan_lib.errors import CaseError, MissingData, StoreError, UsageError
from gsan_lib.reports import casebook
from gsan_lib.reports.korean_search import KoreanPairs, index_terms, query_terms
from gsan_lib.reports.pages import fetched


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> casebook.Built:
    place = tmp_path_factory.mktemp("casebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GSAN_REPORTS", str(place / "reports"))
        patch.setenv("GSAN_BANK", str(place / "bank"))
        made_editions.write(place / "reports", "sample", "park_access", "도시공원을 누가 누리는가", simulated=True)
        made_editions.write(place / "reports", "gwangsan", "park_access", "옛 판", name="2026-01-01-00000000").joinpath(
            "manifest.json"
        ).write_text(
            '{"edition": "2026-01-01-00000000", "created_at": "2026-01-01T00:00:00+00:00", "status": "done", "key": "old"}',
            encoding="utf-8",
        )
        made_editions.write(place / "reports", "gwangsan", "park_access", "광산구의 도시공원")
        made_editions.write(place / "reports", "gwangsan", "fire_water", "소방용수시설")
        return casebook.build(out=place / "site")


@pytest.fixture(scope="module")
def site(built) -> Path:
    return built.start.parent


def _text(page: Path) -> str:
    return re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))


def test_every_municipality_and_its_newest_editions_have_pages(built, site):
    assert built.towns == ("gwangsan", "sample")
    assert built.editions == 3
    assert built.warnings == ()
    town = _text(site / "gwangsan" / "index.html")
    assert "광산구의 도시공원" in town
    assert "옛 판" not in town
    for words in ("86,501", "걸어서 닿는 주민", "(추정)", "수완동에 먼저 놓는다.", "2020-12-31", "불안정"):
        assert words in town, words


def test_the_edition_page_shows_the_findings_and_links_to_its_files(site):
    page = (site / "gwangsan" / "park_access.html").read_text(encoding="utf-8")
    assert "누리는가" in page
    assert "secret_of_the_code" not in page
    for file in ("report.html", "results.json", "by_dong.parquet"):
        link = next(href for href in re.findall(r'href="([^"]+)"', page) if href.endswith(file))
        assert (site / "gwangsan" / link).resolve().is_file()


def test_simulated_editions_are_stamped_on_cards_thumbnails_and_pages(site):
    stamp = "모의 데이터"
    card = (site / "sample" / "index.html").read_text(encoding="utf-8")
    assert card.count(stamp) >= 2
    assert re.search(r"<img[^>]*map\.svg[^>]*>\s*<span class=\"cb-stamp\">", card)
    assert stamp in _text(site / "sample" / "park_access.html")
    assert stamp not in _text(site / "gwangsan" / "index.html")
    assert stamp not in _text(site / "gwangsan" / "park_access.html")


def test_every_link_and_file_of_the_site_is_there_and_none_is_elsewhere(site):
    for page in site.rglob("*.html"):
        html = re.sub(r"<script.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.S)
        for address in [*re.findall(r'(?:href|src)="([^"#?]+)[^"]*"', html), *fetched(html)]:
            if address.startswith(("data:", "mailto:")):
                continue
            assert not re.match(r"(?:https?:)?//", address) or f'<a href="{address}' in html or "external" in html, (page.name, address)
            assert re.match(r"https?://", address) or (page.parent / address.split("?")[0]).resolve().exists(), (page.name, address)


def test_datasets_are_listed_with_dates_licence_and_where_they_are_used(site):
    page = _text(site / "datasets.html")
    for words in ("gwangsan/parks", "2020-12-31", "2026-11-01", "KOGL-1", "광산구의 도시공원", "소방용수시설"):
        assert words in page, words


def test_cases_that_cannot_be_run_are_listed_with_dataset_field_and_reason(tmp_path, monkeypatch):
    from gsan_lib.reports import casebook_pages, needs

    lack = casebook_pages.Lacking("cctv_siting", "방범 카메라", [needs.Lack("cctv", "purpose", "뱅크에 없습니다.")])
    monkeypatch.setattr(casebook_pages, "lacking_cases", lambda place: [lack])
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    page = _text(casebook.build(out=tmp_path / "site").start.with_name("not_runnable.html"))
    for words in ("모의 광산구", "방범 카메라", "cctv", "purpose", "뱅크에 없습니다."):
        assert words in page, words


def test_datasets_are_named_in_korean_and_not_after_the_sample():
    from gsan_lib.reports import casebook_pages

    names = casebook_pages.dataset_names()
    assert names["parks"] == "도시공원"
    assert not [name for name in names.values() if "모의" in name]


def test_a_build_that_fails_leaves_the_last_site_and_nothing_else(tmp_path, monkeypatch):
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    site = tmp_path / "site"
    site.mkdir()
    (site / ".gsan-casebook").touch()
    (site / "index.html").write_text("the last one", encoding="utf-8")

    def broken(*_, **__):
        raise CaseError("no")

    monkeypatch.setattr(casebook, "_sphinx", broken)
    with pytest.raises(CaseError):
        casebook.build(out=site)
    assert (site / "index.html").read_text(encoding="utf-8") == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports", "site"]


def test_a_folder_that_is_something_else_is_left_alone(tmp_path):
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    with pytest.raises(UsageError, match="thesis"):
        casebook.build(out=tmp_path / "thesis")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        casebook.build(out=tmp_path / "file")


def test_nothing_to_show_unknown_places_and_broken_results_are_one_sentence(tmp_path):
    with pytest.raises(MissingData, match="gsan report run"):
        casebook.build(out=tmp_path / "site")
    with pytest.raises(UsageError, match="atlantis"):
        casebook.build(["atlantis"], out=tmp_path / "site")
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원").joinpath("results.json").write_text(
        "{", encoding="utf-8"
    )
    with pytest.raises(StoreError, match=r"results\.json"):
        casebook.build(out=tmp_path / "site")


QUESTIONS = [
    "공원",
    "공원을",
    "도시공원에서",
    "CCTV",
    "소방용수시설의 위치",
    "도로",
    "역",
    "2SFCA 접근성",
    "어린이가",
    "a_b 나",
    "",
    "…",
    "65세",
]


@pytest.mark.parametrize(
    ("question", "text"),
    [("공원", "도시공원을"), ("공원을", "어린이공원 372곳"), ("소화전에서", "소화전"), ("역", "청량리역의"), ("cctv", "방범CCTV를")],
)
def test_a_word_is_found_inside_a_longer_one(question, text):
    index = {term.lower() for term in KoreanPairs({}).split(text)}
    assert {term.lower() for term in query_terms(question)} <= index


def test_another_word_is_not_found():
    assert not set(query_terms("공항")) <= set(index_terms("도시공원을"))


@pytest.mark.browser
def test_the_browser_cuts_a_question_as_python_does(site):
    with opened(800) as seen:
        seen.page.goto((site / "search.html").as_uri())
        assert [seen.page.evaluate("(text) => splitQuery(text)", question) for question in QUESTIONS] == [
            query_terms(question) for question in QUESTIONS
        ]


@pytest.mark.browser
def test_a_reader_finds_공원_inside_도시공원을(site):
    with opened(1280) as seen:
        seen.page.goto((site / "index.html").as_uri())
        seen.page.fill("#cb-q", "공원을")
        seen.page.click(".cb-search button")
        seen.page.wait_for_selector("#search-results li a")
        found = seen.page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.getAttribute('href'))")
        assert any("sample/park_access.html" in link for link in found)
        seen.page.goto((site / "search.html").as_uri() + "?q=우주정거장")
        seen.page.wait_for_timeout(800)
        assert seen.page.locator("#search-results li a").count() == 0
        assert seen.elsewhere() == []
        assert seen.complaints == []


PAGES = [
    "index.html",
    "gwangsan/index.html",
    "sample/index.html",
    "sample/park_access.html",
    "datasets.html",
    "not_runnable.html",
    "methods.html",
    "accessibility.html",
    "search.html?q=공원",
]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, False), (1280, True)])
def test_pages_open_without_complaint_request_or_barrier(site, width, dark):
    with opened(width, dark) as seen:
        for page in PAGES:
            seen.page.goto(f"{site.as_uri()}/{page}")
            seen.page.wait_for_load_state("networkidle")
            seen.page.evaluate("document.fonts.ready")
            assert seen.complaints == [], page
            assert seen.elsewhere() == [], page
            assert not seen.wider_than_screen(), page
            assert seen.serious() == [], page
