"""`gsan decision`: the register of predictions and choices, and how they turned out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from gsan_lib.reports.scores import Score

app = typer.Typer(no_args_is_help=True)

AS_JSON = typer.Option(False, "--json", help="JSON으로 / as JSON")
KIND = {"forecast": "예측", "choice": "선택"}
STATUS = {"scored": "[green]채점함[/]", "waiting": "기다림", "unscorable": "[yellow]채점할 수 없음[/]"}
METHOD = {"predicted": "이 보고서", "naive": "단순 예측", "usual": "늘 하던 대로"}
WIDE = 160  # columns of what goes to a file or a pipe
HINDSIGHT = "되짚음"  # the bank held the outcome when it was registered


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=WIDE)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in columns:
        table.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    return table


@app.command("list")
def list_decisions(
    municipality: str | None = typer.Argument(None, help="지자체, 없으면 모두 / municipality, default all"),
    as_json: bool = AS_JSON,
) -> int:
    """등록한 예측과 선택을 보입니다 / registered predictions and choices."""
    from gsan_lib.reports import decisions  # the bank and its libraries, which `--help` need not wait for

    found, broken = decisions.records(municipality)
    old = decisions.superseded(found)
    if as_json:
        typer.echo(
            json.dumps(
                {"records": [one.content | {"superseded": one.id in old} for one in found], "broken": broken}, ensure_ascii=False, indent=1
            )
        )
        return 1 if broken else 0
    table = _table("기록", "지자체/사례/변형", "무엇을", "종류", "자료의 끝", "등록한 때", "")
    for one in found:
        said = one.content
        marks = [HINDSIGHT] * one.hindsight + ["뒤에 다시 등록함"] * (one.id in old)
        table.add_row(
            one.id,
            one.label.rsplit("/", 1)[0],
            said["title"],
            KIND[said["kind"]],
            said["until"],
            said["registered_at"][:16].replace("T", " "),
            ", ".join(marks),
        )
    if found:
        _console().print(table)
        if any(one.hindsight for one in found):
            typer.echo(f"{HINDSIGHT}: 등록할 때 그 뒤의 자료가 이미 뱅크에 있었습니다. 사례는 읽지 않았지만 사람은 보았을 수 있습니다.")
    elif not broken:
        typer.echo("등록한 예측이나 선택이 없습니다. 사례가 `out.register(...)`로 등록하면 `gsan report run`이 올립니다.")
    for complaint in broken:
        typer.echo(f"✗ {complaint}")
    return 1 if broken else 0


@app.command("score")
def score_decisions(
    municipality: str = typer.Argument(help="지자체 / municipality"),
    case: str | None = typer.Argument(None, help="사례, 없으면 모두 / case, default all"),
    every: bool = typer.Option(False, "--all", help="뒤에 다시 등록한 것도 / also superseded records"),
    as_json: bool = AS_JSON,
) -> int:
    """예측과 선택을 그 뒤의 자료로 채점합니다 / score them on later snapshots, beside naive and business as usual."""
    from gsan_lib.reports import decisions

    found, broken = decisions.records(municipality, case)
    old = set() if every else decisions.superseded(found)
    kept = [one for one in found if one.id not in old]
    scored, failed = _scored(kept)
    complaints = [*broken, *failed]
    if as_json:
        typer.echo(json.dumps({"scores": [one.to_dict() for one in scored], "broken": complaints}, ensure_ascii=False, indent=1))
        return 1 if complaints else 0
    for one in scored:
        _show(one)
    if not kept and not complaints:
        typer.echo(f"`{municipality}`에 등록한 예측이나 선택이 없습니다. `gsan report run {municipality}`가 사례가 등록한 것을 올립니다.")
    if old:
        typer.echo(f"뒤에 다시 등록한 {len(old)}건은 뺐습니다. `--all`로 함께 봅니다.")
    for complaint in complaints:
        typer.echo(f"✗ {complaint}")
    return 1 if complaints else 0


def _scored(kept: list) -> tuple[list[Score], list[str]]:
    """Every record's scores, and what was wrong with those that have none."""
    from gsan_lib.errors import StoreError
    from gsan_lib.reports.scores import score

    scored, failed = [], []
    console = Console(stderr=True)
    with Progress(
        TextColumn("채점"), BarColumn(), MofNCompleteColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        for one in bar.track(kept):
            try:
                scored += score(one)
            except StoreError as error:
                failed.append(str(error))
    return scored, failed


def _number(value: object, digits: int = 0) -> str:
    return "-" if value is None or value != value else f"{value:,.{digits}f}"


def _show(one: Score) -> None:
    """A score: what it is of, the sentence, and the three methods side by side."""
    console, said = _console(), one.record.content
    mark = f" ({HINDSIGHT})" if one.record.hindsight else ""
    console.print(f"\n[bold]{one.record.label}[/] {one.record.id}{mark}: {said['title']}", soft_wrap=True)
    console.print(f"{STATUS[one.status]} 자료 {said['until']}까지" + (f" → {one.as_of}" if one.as_of else ""), soft_wrap=True)
    console.print(one.sentence, markup=False, soft_wrap=True)
    if one.rows.empty:
        return
    unit = said["unit"]
    if said["kind"] == "forecast":
        held = [name for name in one.rows.columns if name.startswith("coverage_")]
        heads = ("행", f"평균 오차({unit})", "sMAPE(%)", "치우침(%)", *(f"{name[9:]} % 구간이 담음(%)" for name in held))
        table = _table("방법", *heads, right=heads)
        for row in one.rows.to_dict("records"):
            table.add_row(
                METHOD[row["method"]],
                _number(row["rows"]),
                _number(row["mae"]),
                *(_number(row[name], 1) for name in ("smape", "bias", *held)),
            )
    else:
        heads = ("고른 곳", "뒤에서 찾음", "된 곳", f"값어치({unit})", f"한 곳의 값어치({unit})")
        table = _table("방법", *heads, right=heads)
        for row in one.rows.to_dict("records"):
            table.add_row(METHOD[row["method"]], *(_number(row[name]) for name in ("picked", "known", "done", "worth", "worth_each")))
    console.print(table)
