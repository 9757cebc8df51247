"""A printed edition: every page with head and number, Korean letters inside, folds opened, nothing of the machine, and errors in one sentence."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import made_editions
import pytest
from browser import opened

from gsan_lib import cli
from gsan_lib.errors import CaseError, MissingData, StoreError, UsageError
from gsan_lib.reports import printing
from gsan_lib.reports.addresses import edition_hash, find_edition
from gsan_lib.reports.editions import Edition, file_hashes

MARGINS_MM = 32  # of a printed page, left and right together


@pytest.fixture
def edition(tmp_path) -> Edition:
    made_editions.write(tmp_path / "reports", "sample", "park_access", "도시공원을 누가 누리는가", simulated=True)
    return find_edition("sample/park_access")


def _program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _streams(pdf: bytes) -> bytes:
    """Everything in a PDF, its packed streams unpacked."""
    found = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.mark.browser
def test_a_printed_edition_is_a_tagged_a4_pdf_with_korean_letters_inside(edition, tmp_path):
    printed = printing.print_pdf(edition, tmp_path)
    assert printed.file == tmp_path / "sample-park_access-2026-11-23-1a2b3c4d.pdf"
    pdf = printed.file.read_bytes()
    assert printed.pages == len(re.findall(rb"/Type /Page\b", pdf)) >= 2
    boxes = {tuple(round(float(side)) for side in box.split()) for box in re.findall(rb"/MediaBox \[([^]]+)\]", pdf)}
    assert boxes == {(0, 0, 595, 842)}
    assert b"NanumGothic" in pdf
    assert len(re.findall(rb"/FontFile2", pdf)) >= 2  # regular and bold
    assert b"/StructTreeRoot" in pdf
    assert b"/Outlines" in pdf
    assert b"file:" not in _streams(pdf)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports", printed.file.name]


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")
def test_every_page_has_the_running_head_the_hash_and_its_number(edition, tmp_path):
    printed = printing.print_pdf(edition, tmp_path / "a.pdf")
    pages = subprocess.run(["pdftotext", "-layout", printed.file, "-"], capture_output=True, text=True, check=True).stdout.split("\f")[:-1]
    assert len(pages) == printed.pages
    for number, page in enumerate(pages, 1):
        assert re.search(rf"(?m) {number} ?/ ?{printed.pages}$", page)
        assert "모의 광산구 · 도시공원을 누가 누리는가" in page
        assert f"판 지문 {edition_hash(edition.manifest)}" in page
    fonts = subprocess.run(["pdffonts", printed.file], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0].partition("+")[2] for line in fonts.splitlines()[2:] if "Mono" not in line and "Nanum" not in line] == []
    assert any("수완동" in page and "행정동" in page for page in pages)  # the table in the fold


@pytest.mark.browser
def test_on_paper_folds_are_open_and_no_table_is_wider_than_the_page(edition, tmp_path):
    many = "".join(f'<th scope="col">이름이 긴 열 {number}</th>' for number in range(11))
    cells = "".join(f"<td>{number * 1_234_567:,}</td>" for number in range(11))
    page = (edition.folder / "report.html").read_text(encoding="utf-8")
    table = f'<div class="gs gs-scroll"><table><thead><tr>{many}</tr></thead><tbody><tr>{cells}</tr></tbody></table></div>'
    made = tmp_path / "paper.html"
    made.write_text(printing.printable(page.replace("</main>", f"{table}</main>"), edition), encoding="utf-8")
    with opened(round((210 - MARGINS_MM) / 25.4 * 96)) as seen:
        seen.page.emulate_media(media="print")
        seen.page.goto(made.as_uri())
        assert seen.page.locator("table:visible").count() == seen.page.locator("table").count() >= 2
        assert not seen.wider_than_screen()
        assert seen.complaints == []


def test_a_title_cannot_leave_its_string_in_the_style_sheet(edition):
    page = '<html><head></head><body><h1>a"; } body { display: none } &lt;/style&gt;</h1></body></html>'
    head = re.search(r"@top-left \{ content: (\"[^\"]*\");", printing.printable(page, edition))
    assert head
    assert "display: none }" in head[1]
    assert "</style>" not in head[1]


def test_an_edition_that_is_broken_or_unknown_is_named(edition, tmp_path, capsys):
    assert cli.run(["report", "pdf", "sample/no_such_case"]) == cli.WRONG_CALL
    assert "sample/park_access/default/2026-11-23-1a2b3c4d" in capsys.readouterr().err
    page = (edition.folder / "report.html").read_text(encoding="utf-8")
    (edition.folder / "report.html").write_text(page[: len(page) // 2], encoding="utf-8")
    with pytest.raises(StoreError, match=r"report\.html.*온전하지"):
        printing.print_pdf(edition, tmp_path)
    (edition.folder / "report.html").unlink()
    with pytest.raises(StoreError, match=r"report\.html.*--force"):
        printing.print_pdf(edition, tmp_path)
    (edition.folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json"):
        find_edition("sample/park_access")
    assert cli.run(["report", "pdf", str(edition.folder)]) == cli.FAILED
    told = capsys.readouterr()
    assert str(edition.folder) in told.err
    assert "Traceback" not in told.err


def test_an_edition_that_was_changed_since_is_not_printed_under_its_hash(edition, tmp_path):
    files = file_hashes(edition.folder) | {"results.json": "0" * 64}
    changed = replace(edition, manifest=edition.manifest | {"files": files})
    with pytest.raises(StoreError, match=r"results\.json.*--force"):
        printing.print_pdf(changed, tmp_path)


def test_without_a_fit_browser_the_user_is_told_what_to_do(edition, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no-such-browser"):
        printing.print_pdf(edition, tmp_path, program="no-such-browser")
    old = _program(tmp_path / "old", "echo Chromium 96.0.4664.110")
    with pytest.raises(MissingData, match="96판.*131판"):
        printing.print_pdf(edition, tmp_path, program=old)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(MissingData, match="apt install chromium"):
        printing.print_pdf(edition, tmp_path)


def test_a_browser_that_fails_or_hangs_leaves_nothing(edition, tmp_path):
    fails = _program(tmp_path / "fails", '[ "$1" = --version ] && echo Chromium 140.0.1.2 && exit 0\necho "no display" >&2; exit 3')
    with pytest.raises(CaseError, match="no display"):
        printing.print_pdf(edition, tmp_path / "a.pdf", program=fails)
    hangs = _program(tmp_path / "hangs", '[ "$1" = --version ] && echo Chromium 140.0.1.2 && exit 0\nsleep 60')
    with pytest.raises(CaseError, match="1초"):
        printing.print_pdf(edition, tmp_path / "a.pdf", program=hangs, patience=1)
    assert not list(tmp_path.glob("*.pdf*"))


@pytest.mark.browser
def test_a_place_that_cannot_be_written_is_named(edition, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/a\.pdf"):
        printing.print_pdf(edition, tmp_path / "file" / "a.pdf")


def test_editions_are_found_by_words_folder_and_hash(tmp_path):
    old = made_editions.write(tmp_path / "reports", "sample", "park_access", "공원", name="2026-11-01-aaaa1111")
    new = made_editions.write(tmp_path / "reports", "sample", "park_access", "공원", name="2026-11-02-bbbb2222")
    (old / "manifest.json").write_text(
        '{"status": "done", "key": "aaaa1111", "content": "cccc3333", "created_at": "2026-11-01T00:00:00+00:00"}'
    )
    for words in (
        "sample/park_access",
        "sample/park_access/default",
        str(new),
        f"{new}/report.html",
        "sample/park_access/default/2026-11-02",
    ):
        assert find_edition(words).folder == new
    for words in ("cccc3333", "aaaa11", "sample/park_access/default/cccc3333", "sample/park_access/default/2026-11-01-aaaa1111"):
        assert find_edition(words).folder == old
    with pytest.raises(UsageError, match="2개"):
        find_edition("sample/park_access/default/2026-11")
    copied = shutil.copytree(old, tmp_path / "stick" / "copy")
    assert find_edition(str(copied)).folder == copied
