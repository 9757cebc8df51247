"""`gsan casebook`: the newest editions as a static site."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True)


class Language(StrEnum):
    """Languages of the site: Korean at the root, English in the folder `en`."""

    KO = "ko"
    EN = "en"
    BOTH = "both"


@app.callback()
def _group() -> None:
    """사례집 / casebook."""


@app.command("build")
def build_site(
    municipalities: list[str] | None = typer.Argument(
        None, metavar="[MUNICIPALITY]...", help="지자체, 없으면 보고서가 있는 모두 / default all with editions"
    ),
    out: Path | None = typer.Option(None, "--out", help="만들 폴더 / folder of the site"),
    language: Language = typer.Option(Language.BOTH, "--language", help="쪽의 언어 / language of the pages"),
    internal: bool = typer.Option(
        False, "--internal", help="공개하지 않는 자료로 만든 보고서도(청사 안에서 볼 사례집) / also editions from data that are not public"
    ),
    as_json: bool = typer.Option(False, "--json", help="JSON으로 / as JSON"),
) -> None:
    """최신 보고서로 사례집을 만듭니다 / build the casebook from the newest editions."""
    from gsan_lib.reports import casebook  # Sphinx and the bank, which `--help` need not wait for

    languages = ("ko", "en") if language is Language.BOTH else (language.value,)
    with Console(stderr=True).status("사례집을 만드는 중"):
        built = casebook.build(list(municipalities or []), out, languages, internal=internal)
    if as_json:
        typer.echo(json.dumps({**vars(built), "start": str(built.start)}, ensure_ascii=False, indent=1))
        return
    for warning in built.warnings:
        typer.echo(f"주의: {warning}", err=True)
    lacking = f", 실행할 수 없는 사례 {built.lacking}건" if built.lacking else ""
    compared = f", 견주기 {built.comparisons + built.histories}쪽" if built.comparisons + built.histories else ""
    typer.echo(f"사례집: 지자체 {len(built.towns)}곳({', '.join(built.towns)}), 보고서 {built.editions}편{compared}{lacking}")
    if built.kept_back:
        typer.echo(
            f"공개하지 않는 자료로 만든 보고서 {len(built.kept_back)}편은 뺐습니다({', '.join(built.kept_back)}). `--internal`로 싣습니다."
        )
    typer.echo(f"{built.start}")
