"""The casebook: complete, searchable in Korean, off-line, accessible, and never half built."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import made_editions
import pytest
from browser import opened
from toy_editions import toy  # noqa: F401

from gsan_lib import cli
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
        made_editions.write(
            place / "reports", "sample", "park_access", "도시공원을 누가 누리는가", simulated=True, people=1200, parameters={"detour": 1.4}
        )
        old, new = {"inputs": {"snapshots": "a", "lock": "c"}}, {"inputs": {"snapshots": "b", "lock": "c"}}
        made_editions.write(place / "reports", "gwangsan", "park_access", "옛 판", name="2026-01-01-00aa00aa", people=86000, **old)
        made_editions.write(place / "reports", "gwangsan", "park_access", "광산구의 도시공원", parameters={"detour": 1.0}, **new)
        made_editions.write(place / "reports", "gwangsan", "fire_water", "소방용수시설")
        return casebook.build(out=place / "site")


@pytest.fixture(scope="module")
def site(built) -> Path:
    return built.start.parent


def _text(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))


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
    assert len(list(site.rglob("*.html"))) > 30
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
    monkeypatch.setattr(casebook_pages, "lacking_cases", lambda place, known: [lack])
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    page = _text(casebook.build(out=tmp_path / "site").start.with_name("not_runnable.html"))
    for words in ("모의 광산구", "방범 카메라", "cctv", "purpose", "뱅크에 없습니다."):
        assert words in page, words


def test_datasets_are_named_in_korean_and_not_after_the_sample():
    from gsan_lib.reports import casebook_pages

    names = casebook_pages.dataset_names()
    assert names["parks"] == "도시공원"
    assert not [name for name in names.values() if "모의" in name]


def test_a_report_from_data_that_are_not_public_is_kept_back_unless_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GSAN_REPORTS", str(tmp_path / "reports"))
    made_editions.write(tmp_path / "reports", "gwangsan", "fire_water", "소방용수시설")
    folder = made_editions.write(tmp_path / "reports", "gwangsan", "park_access", "민원과 공원")
    told = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    told["data"] = [one | {"access": "internal"} for one in told["data"]]
    (folder / "results.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    assert cli.run(["casebook", "build", "--out", str(tmp_path / "site"), "--language", "ko"]) == cli.DONE
    assert "1편은 뺐습니다(gwangsan/park_access/default)" in capsys.readouterr().out
    assert not list((tmp_path / "site").rglob("*park_access*"))
    assert "민원과 공원" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    built = casebook.build(out=tmp_path / "inside", languages=("ko",), internal=True)
    assert built.editions == 2
    assert not built.kept_back


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


def test_every_picture_carries_the_hash_of_its_edition(site):
    for page in ("gwangsan/park_access.html", "sample/park_access.html", "gwangsan/index.html", "sample/index.html"):
        html = (site / page).read_text(encoding="utf-8")
        pictures = len(re.findall(r"<figure class=\"gs|<img [^>]*map\.svg", html))
        assert pictures > 0
        assert len(re.findall(r"class=\"[^\"]*(?:gs-edition|cb-hash)\">판 지문 1a2b3c4d<", html)) == pictures, page
    english = (site / "en" / "gwangsan" / "park_access.html").read_text(encoding="utf-8")
    assert english.count("Edition hash 1a2b3c4d") == english.count("map.svg") > 0
    for report in site.glob("files/*/*/*/2026-11-23*/report.html"):
        html = report.read_text(encoding="utf-8")
        assert html.count("판 지문 1a2b3c4d") == html.count("<figcaption>") > 0


def test_editions_of_a_report_stand_side_by_side_with_what_changed(built, site):
    assert built.histories == 1
    page = _text(site / "history" / "gwangsan--park_access.html")
    for words in ("86,501", "86,000", "+501", "2026-01-01", "판 지문 00aa00aa", "데이터", "gsan report diff 00aa00aa 1a2b3c4d"):
        assert words in page, words
    assert "환경" not in page  # the lock is the same
    link = re.search(
        r'href="([^"]*2026-01-01[^"]*report\.html)"', (site / "history" / "gwangsan--park_access.html").read_text(encoding="utf-8")
    )
    assert link
    assert (site / "history" / link[1]).resolve().is_file()
    assert "history/gwangsan--park_access.html" in (site / "gwangsan" / "park_access.html").read_text(encoding="utf-8")


def test_municipalities_stand_side_by_side_and_other_parameters_are_told(built, site):
    assert built.comparisons == 1
    page = _text(site / "compare" / "park_access.html")
    for words in (
        "86,501",
        "1,200",
        "모의 광산구",
        "광주광역시 광산구",
        "매개변수가 서로 다른 보고서",
        "detour",
        "1.4",
        "2020-12-31",
        "모의 데이터",
    ):
        assert words in page, words
    assert not (site / "compare" / "fire_water.html").exists()  # one municipality alone


def test_english_pages_show_a_summary_and_say_that_the_report_is_korean(site):
    html = (site / "en" / "gwangsan" / "park_access.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in html
    page = _text(site / "en" / "gwangsan" / "park_access.html")
    for words in (
        "Where do the residents live who have no park within walking distance?", "Gwangsan-gu, Gwangju", "Residents with a park within walking distance",
        "86,501 people", "(estimate)", "The report itself is in Korean", "unstable",
    ):  # fmt: skip
        assert words in page, words
    assert '<span lang="ko">수완동에 먼저 놓는다.</span>' in html
    assert '<html lang="ko"' in (site / "gwangsan" / "park_access.html").read_text(encoding="utf-8")


def test_no_shell_word_of_an_english_page_is_korean(site):
    for page in sorted((site / "en").rglob("*.html")):
        html = re.sub(r"<(script|style)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S)
        html = re.sub(r'<(\w+)[^>]*\blang="ko"[^>]*>(?:(?!</\1>).)*</\1>|<img[^>]*lang="ko"[^>]*>', "", html, flags=re.S)
        left = re.findall(r"[^<>]*[가-힣][^<>]*", html)
        assert [words for words in left if "simulated data" not in words] == [], page  # the stamp says it in both


def test_every_page_leads_to_itself_in_the_other_language(site):
    pages = [page for page in site.rglob("*.html") if "files" not in page.parts]
    for page in pages:
        link = re.search(r'class="cb-language[^"]*" href="([^"]+)" hreflang="(ko|en)"', page.read_text(encoding="utf-8"))
        assert link, page
        other = (page.parent / link[1]).resolve()
        assert other in pages
        assert other.name == page.name
        assert ("en" in other.relative_to(site).parts[:1]) == (link[2] == "en")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_site_of_one_language_has_no_switch_and_its_pages_at_the_root(language, tmp_path):
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    built = casebook.build(out=tmp_path / "site", languages=(language,))
    html = built.start.read_text(encoding="utf-8")
    assert f'<html lang="{language}"' in html
    assert "cb-language" not in html
    assert not (built.start.parent / "en").exists()
    page = built.start.parent / "sample" / "park_access.html"
    links = re.findall(r'href="([^"#?]+report\.html)"', page.read_text(encoding="utf-8"))
    assert links
    assert all((page.parent / link).resolve().is_file() for link in links)


def test_the_english_catalogue_has_every_word_of_the_templates_and_no_other():
    from babel.messages.pofile import read_po
    from jinja2.ext import babel_extract

    from gsan_lib.reports.casebook_language import ASSETS

    used = set()
    for template in Path(str(ASSETS / "casebook")).glob("*.j2"):
        with template.open("rb") as file:
            for _, _, words, _ in babel_extract(file, ["_", "ngettext"], [], {"encoding": "utf-8"}):
                used.add(words if isinstance(words, str) else words[0])
    with (ASSETS / "casebook" / "locale" / "en" / "LC_MESSAGES" / "casebook.po").open("rb") as file:
        known = {message.id if isinstance(message.id, str) else message.id[0]: message.string for message in read_po(file) if message.id}
    assert set(known) == used
    assert all(known.values())
    for words, english in known.items():
        for text in [english] if isinstance(english, str) else english:
            assert set(re.findall(r"%\((\w+)\)s", text)) == set(re.findall(r"%\((\w+)\)s", words)), words


def test_every_case_declares_theme_title_and_the_english_of_its_key_figures():
    import nbformat

    from gsan_lib.reports import cases
    from gsan_lib.reports.case_labels import OTHER, labels

    known = labels()
    assert set(known.cases) == set(cases.all_cases())
    for name in cases.all_cases():
        code = "\n".join(cell.source for cell in nbformat.read(cases.case(name).path, as_version=4).cells if cell.cell_type == "code")
        about = known.of(name)
        assert about.theme != OTHER
        assert about.title_en
        assert set(about.numbers) == set(re.findall(r'out\.number\(\s*"(\w+)"', code)), name
        defaults = {one.name: one.default for one in cases.case(name).parameters}
        assert all(about.number_en(key, defaults) for key in about.numbers), name


def test_a_broken_file_of_case_labels_is_told_with_every_problem(tmp_path, monkeypatch):
    from gsan_lib.reports import case_labels

    (tmp_path / "cases.yml").write_text("themes: {green: {ko: 공원}}\ncases: {parks: {theme: gren, titel: what}}\n", encoding="utf-8")
    monkeypatch.setattr(case_labels, "cases_dir", lambda: tmp_path)
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원", simulated=True)
    with pytest.raises(UsageError, match=r"cases\.yml.*green.*titel.*gren"):
        casebook.build(out=tmp_path / "site")


@pytest.mark.browser
def test_the_start_page_filters_by_keyboard_and_a_link_restores_it(site):
    with opened(1200) as seen:
        page = seen.page
        page.goto((site / "index.html").as_uri())
        entries = page.locator(".cb-entry")
        visible = lambda: [entry.get_attribute("data-town") for entry in entries.all() if entry.is_visible()]
        assert visible() == ["gwangsan", "gwangsan", "sample"]
        page.focus("#cb-theme")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        assert visible() == ["gwangsan", "sample"]
        assert "3편 가운데 2편" in page.inner_text(".cb-count")
        page.select_option("#cb-town", "sample")
        assert visible() == ["sample"]
        assert page.locator(".cb-town:visible").count() == 1
        address = page.url
        assert address.endswith("#town=sample&theme=green")
        page.select_option("#cb-theme", "safety")
        assert visible() == []
        assert page.locator(".cb-none").is_visible()
        page.click(".cb-filter button")
        page.wait_for_function("document.querySelectorAll('.cb-entry:not([hidden])').length === 3")
        assert "#" not in page.url
        page.goto("about:blank")
        page.goto(address)
        assert visible() == ["sample"]
        assert seen.serious() == []
        assert seen.complaints == []


@pytest.mark.browser
def test_without_javascript_every_report_and_column_is_shown(site):
    with opened(1200, scripts=False) as seen:
        seen.page.goto((site / "index.html").as_uri() + "#town=sample")
        assert seen.page.locator(".cb-entry:visible").count() == 3
        assert not seen.page.locator(".cb-filter").is_visible()
        seen.page.goto((site / "compare" / "park_access.html").as_uri() + "#towns=sample")
        assert seen.page.locator(".cb-figures thead th:visible").count() == 3


@pytest.mark.browser
def test_columns_of_a_comparison_are_chosen_by_a_link(site):
    with opened(1200) as seen:
        seen.page.goto((site / "compare" / "park_access.html").as_uri())
        assert seen.page.locator(".cb-warning").is_visible()
        seen.page.goto("about:blank")
        seen.page.goto((site / "compare" / "park_access.html").as_uri() + "#towns=gwangsan")
        assert seen.page.locator(".cb-figures thead th:visible").count() == 2
        assert not seen.page.locator(".cb-warning").is_visible()  # nothing differs among one


@pytest.mark.browser
def test_the_english_search_finds_stems_and_korean_names(site):
    with opened(1280) as seen:
        for question, page in (
            ("cosmodrome", ""),
            ("parked resident", "gwangsan/park_access.html"),
            ("공원을", "gwangsan/park_access.html"),
        ):
            seen.page.goto((site / "en" / "search.html").as_uri() + f"?q={question}")
            seen.page.wait_for_timeout(600)
            found = seen.page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.getAttribute('href'))")
            assert any(page in link for link in found) if page else not found, question
        assert seen.elsewhere() == []


PAGES = [
    "index.html",
    "comparisons.html",
    "compare/park_access.html",
    "history/gwangsan--park_access.html",
    "en/index.html",
    "en/sample/park_access.html",
    "en/history/gwangsan--park_access.html",
    "en/compare/park_access.html",
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
@pytest.mark.parametrize(("width", "dark", "every"), [(1280, False, 2), (360, False, 1), (1280, True, 2)])
def test_pages_open_without_complaint_request_or_barrier(site, width, dark, every):
    with opened(width, dark) as seen:
        for page in PAGES[dark::every]:
            seen.page.goto(f"{site.as_uri()}/{page}")
            seen.page.wait_for_load_state("load")
            seen.page.evaluate("document.fonts.ready")
            assert seen.complaints == [], page
            assert seen.elsewhere() == [], page
            assert not seen.wider_than_screen(), page
            assert seen.serious() == [], page


def _shown_publicly(reports: Path) -> None:
    """Editions whose data say that they may be shown."""
    for path in reports.glob("*/*/*/2*/results.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(told | {"data": [one | {"access": "public"} for one in told["data"]]}), encoding="utf-8")


def test_the_newest_two_editions_are_compared_in_full_once_and_only_where_the_data_are_public(toy, tmp_path, monkeypatch):  # noqa: F811
    reports = shutil.copytree(toy.home / "reports", tmp_path / "reports")
    monkeypatch.setenv("GSAN_REPORTS", str(reports))
    built = casebook.build(out=tmp_path / "site", languages=("ko",))
    assert built.histories == 1
    page = next((tmp_path / "site" / "history").glob("*.html"))
    assert "소화전" in _text(page)
    assert not list((tmp_path / "site" / "files").rglob("compare/*.html"))
    _shown_publicly(reports)
    casebook.build(out=tmp_path / "site", languages=("ko",))
    (whole,) = (tmp_path / "site" / "files").rglob("compare/*.html")
    link = re.search(r'href="([^"]*/compare/[^"]*\.html)"', page.read_text(encoding="utf-8"))
    assert link
    assert (page.parent / link[1]).resolve() == whole
    whole.write_text("made before", encoding="utf-8")
    casebook.build(out=tmp_path / "site", languages=("ko",))
    assert whole.read_text(encoding="utf-8") == "made before"  # editions do not change: the pair is not compared again
