"""`gsan report diff` and `gsan report verify`: two editions side by side, and an edition made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from gsan_lib.reports.comparison import Comparison
    from gsan_lib.reports.findings_changes import TextChange
    from gsan_lib.reports.table_changes import TableChange

EDITION = "판: 폴더, 지자체/사례[/변형[/판]], 판 지문의 앞 여섯 자 이상 / edition: folder, municipality/case[/variant[/edition]], hash"
AS_JSON = typer.Option(False, "--json", help="JSON으로 / as JSON")
ENVIRONMENTS = typer.Option(
    False, "--environments", help="잠금 파일이 다르면 그때의 환경을 만들어 돌림 / build environments from recorded locks"
)
WIDE = 150  # columns of what goes to a file or a pipe


def _console() -> Console:
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=WIDE)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in columns:
        table.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    return table


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """How many reports have been made again; silent where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:  # a bar that is not shown still ends with an empty line
        yield lambda done, every: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("하나씩 바꾸어 다시 만드는 중", total=None)
        yield lambda done, every: bar.update(task, completed=done, total=every)


def diff_editions(
    before: str = typer.Argument(help=f"앞 {EDITION}"),
    after: str = typer.Argument(help="뒤 판 / later edition"),
    attribute: bool = typer.Option(
        False, "--attribute", help="입력을 하나씩 바꾸어 다시 돌려 까닭을 가림 / run again with one input exchanged at a time"
    ),
    environments: bool = ENVIRONMENTS,
    tolerance: float = typer.Option(0.0, "--tolerance", help="이 비율까지의 차이는 같은 것으로 봄(0.01은 1 %) / relative tolerance"),
    html: Path | None = typer.Option(None, "--html", help="의원도 읽을 수 있는 한 쪽을 이 파일에 씀 / write a page"),
    as_json: bool = AS_JSON,
) -> None:
    """두 판에서 무엇이 왜 달라졌는지 보입니다 / what changed between two editions, and why."""
    from gsan_lib.reports import addresses, comparison  # the bank and its libraries, which `--help` need not wait for
    from gsan_lib.reports.table_changes import TOLERANCE

    first, second = addresses.find_edition(before), addresses.find_edition(after)
    with _progress() as progress:
        made = comparison.compare(
            first, second, tolerance=tolerance or TOLERANCE, attribute=attribute, environments=environments, progress=progress
        )
    if html is not None:
        _write_page(made, html)
    if as_json:
        typer.echo(json.dumps({**made.to_dict(), "html": str(html) if html else None}, ensure_ascii=False, indent=1))
    else:
        _show(made)
        if html is not None:
            typer.echo(f"✓ {html}")


def _write_page(made: Comparison, html: Path) -> None:
    from gsan_lib.reports import comparison_page
    from gsan_lib.reports.work import writing

    page = comparison_page.render(made)
    with writing(html.parent):
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page, encoding="utf-8")


def _show(made: Comparison) -> None:
    """A comparison as text: decision and why first, then causes, figures, tables, places and words."""
    from gsan_lib.reports.comparison import summary

    console = _console()
    for role, one in (("앞", made.before), ("뒤", made.after)):
        console.print(f"{role}: {one.municipality}/{one.case}/{one.variant}/{one.name}", markup=False, soft_wrap=True)
    console.print(Text("\n" + summary(made), style="bold"), soft_wrap=True)
    found = made.findings
    if found.decision.before != found.decision.after:
        console.print("\n결정")
        console.print(_words(found.decision), soft_wrap=True)
    _show_causes(made, console)
    _show_numbers(made, console)
    entries = made.sides[0].tables | made.sides[1].tables
    for key, change in found.tables.items():
        if change.moved:
            _show_table(found.titles[key], change, entries[key].get("labels") or {}, console)
    for key in (*found.only[0], *found.only[1]):
        console.print(f"\n표 {found.titles[key]}: {'없어진 표' if key in found.only[0] else '새 표'}", markup=False)
    for places in made.sites:
        if places.moved:
            console.print(f"\n자리 {places.title}: {places.sentence()}", markup=False, soft_wrap=True)
    for text in found.texts:
        console.print(f"\n{text.place}")
        console.print(_words(text), soft_wrap=True)


def _words(change: TextChange) -> Text:
    """A text in two editions; in a pipe what went stands in [- -], what came in {+ +}."""
    plain, text = not Console().is_terminal, Text()
    for what, words in change.words:
        space = words[len(words.rstrip()) :] and " "
        if what == "same":
            text.append(words)
        elif what == "went":
            text.append(f"[-{words.rstrip()}-]{space}" if plain else words, style="red strike")
        else:
            text.append(f"{{+{words.rstrip()}+}}{space}" if plain else words, style="green underline")
    return text


def _show_causes(made: Comparison, console: Console) -> None:
    from gsan_lib.reports.attribution import rest_sentence
    from gsan_lib.reports.comparison import cause_rows, share_rows

    rows = cause_rows(made)
    if rows:
        console.print("\n까닭")
    for row in rows:
        name = f"{row['kind']}{' ' + row['what'] if row['what'] else ''}"
        console.print(f"- {name}: {row['how']}" + (f"\n  → {row['does']}" if row["does"] else ""), markup=False, soft_wrap=True)
    if made.attribution is not None:
        heads, shares = share_rows(made)
        if shares:
            table = _table(*heads, right=tuple(heads[1:]))
            for line in shares:
                table.add_row(*map(Text, line))
            console.print(table)
        for said in (rest_sentence(made.attribution), *made.attribution.notes):
            console.print(f"· {said}", markup=False, soft_wrap=True)


def _show_numbers(made: Comparison, console: Console) -> None:
    moved = made.findings.moved_numbers
    if not moved:
        return
    table = _table("수치", "앞", "뒤", "변화", right=("앞", "뒤", "변화"))
    for one in moved:
        table.add_row(*map(Text, (one.label, one.text(one.before), one.text(one.after), one.changed_text())))
    console.print()
    console.print(table)
    if rest := len(made.findings.numbers) - len(moved):
        console.print(f"나머지 수치 {rest}개는 같습니다.")


def _show_table(title: str, change: TableChange, labels: dict[str, str], console: Console, most: int = 5) -> None:
    from gsan_lib.reports.displays import LABELS, shown
    from gsan_lib.reports.table_changes import counted

    console.print(f"\n표 {title}: {counted(change)}", markup=False, soft_wrap=True)
    name = lambda row: " · ".join(shown(row[key]) for key in change.key) or "행"
    for row in change.ranks.head(most).to_dict("records"):
        console.print(f"  {name(row)}: {row['before']}위 → {row['after']}위", markup=False)
    for row in change.changed.head(most).to_dict("records"):
        console.print(
            f"  {name(row)}: {labels.get(row['column']) or LABELS.get(row['column'], row['column'])} {shown(row['before'])} → {shown(row['after'])}",
            markup=False,
        )
    for said, frame in (("새 행", change.added), ("사라진 행", change.removed)):
        names = [name(row) for row in frame.head(most).to_dict("records")] if change.key else []
        if names:
            console.print(f"  {said}: {', '.join(names)}{' 등' if len(frame) > most else ''}", markup=False, soft_wrap=True)


def verify_edition(
    edition: str = typer.Argument(help=EDITION),
    environments: bool = ENVIRONMENTS,
    as_json: bool = AS_JSON,
) -> int:
    """한 판을 적힌 입력으로 다시 만들어 같은지 봅니다 / make an edition again from its manifest and compare."""
    from gsan_lib.reports import addresses, verification

    with Console(stderr=True).status("다시 만드는 중"):
        found = verification.verify(addresses.find_edition(edition), environments=environments)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1))
        return 0 if found.equal else 1
    typer.echo(f"{'✓' if found.equal else '✗'} {found.sentence()}")
    for line in (*found.told, *(found.crate if not found.equal else ())):
        typer.echo(f"  {line}")
    for note in found.notes:
        typer.echo(f"· {note}")
    return 0 if found.equal else 1
