"""`gsan report pdf`: an edition on A4, through a Chromium that is on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console


def print_edition(
    edition: str = typer.Argument(
        help="판: 폴더, 지자체/사례[/변형[/판]], 판 지문 / edition: folder, municipality/case[/variant[/edition]], hash"
    ),
    out: Path | None = typer.Option(None, "--out", help="PDF 파일이나 폴더, 없으면 현재 폴더 / file or folder, default the current folder"),
    browser: str | None = typer.Option(None, "--browser", help="Chromium이나 Chrome의 경로 / path of a Chromium or Chrome"),
    as_json: bool = typer.Option(False, "--json", help="JSON으로 / as JSON"),
) -> None:
    """보고서 한 판을 쪽 번호가 있는 A4 PDF로 찍습니다 / print an edition as a PDF with page numbers."""
    from gsan_lib.reports import addresses, printing  # the bank and its libraries, which `--help` need not wait for

    with Console(stderr=True).status("PDF를 찍는 중"):
        printed = printing.print_pdf(addresses.find_edition(edition), out, program=browser)
    if as_json:
        told = {"file": str(printed.file), "pages": printed.pages, "edition": str(printed.edition.folder)}
        typer.echo(json.dumps({**told, "hash": addresses.edition_hash(printed.edition.manifest)}, ensure_ascii=False, indent=1))
        return
    typer.echo(f"{printed.file} ({printed.pages}쪽, {printed.file.stat().st_size / 1e6:.1f} MB)")
