"""`gsan report`: run cases into editions, and list what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gsan_lib.cli.report_compare import diff_editions, verify_edition
from gsan_lib.cli.report_print import print_edition

if TYPE_CHECKING:
    from gsan_lib.reports.runs import Outcome, Run

app = typer.Typer(no_args_is_help=True)
app.command("pdf")(print_edition)
app.command("diff")(diff_editions)
app.command("verify")(verify_edition)

STATUS = {
    "failed": "[bold red]실패[/]",
    "done": "[green]새로 만듦[/]",
    "same": "[green]다시 해도 같음[/]",
    "planned": "[blue]실행할 것[/]",
    "unchanged": "변한 것 없음",
    "not_runnable": "[yellow]실행할 수 없음[/]",
}
MOST_SHOWN = 60  # variants that are named one by one; failures come first
STATE = {"done": "완료", "failed": "[red]실패[/]", "damaged": "[red]손상[/]"}


@app.command("run")
def run_cases(
    municipality: str = typer.Argument(help="지자체 / municipality"),
    cases: Annotated[list[str] | None, typer.Argument(metavar="[CASE]...", help="사례, 없으면 모두 / cases, default all")] = None,
    jobs: int = typer.Option(2, "--jobs", min=1, help="동시에 만들 보고서 수 / reports at a time"),
    scheduler: str | None = typer.Option(
        None, "--scheduler", metavar="tcp://HOST:PORT", help="Dask 스케줄러에 맡김 / hand the work to a Dask scheduler"
    ),
    retries: int = typer.Option(1, "--retries", min=0, help="갑자기 끝난 커널을 다시 돌릴 횟수 / how often a lost kernel is tried again"),
    dry_run: bool = typer.Option(False, "--dry-run", help="무엇을 왜 돌릴지만 보임 / only say what would run"),
    force: bool = typer.Option(False, "--force", help="변한 것이 없어도 다시 / run again what has not changed"),
    as_json: bool = typer.Option(False, "--json", help="JSON으로 / as JSON"),
) -> int:
    """사례를 돌려 보고서를 만듭니다 / run cases into report editions."""
    from gsan_lib.reports import runs  # the bank and its libraries, which `--help` need not wait for

    named = list(cases or [])
    how: dict[str, Any] = {"jobs": jobs, "scheduler": scheduler, "retries": retries, "force": force, "dry_run": dry_run}
    if as_json:
        result = runs.run(municipality, named, **how)
        same = lambda one: [
            found.sentence for found in result.alike if found.case == one.planned.case.name and one.planned.variant in found.variants
        ]
        typer.echo(json.dumps([one.to_dict() | {"alike": same(one)} for one in result.outcomes], ensure_ascii=False, indent=1))
    else:
        result = _with_progress(municipality, named, how)
        _show(result)
    return 1 if result.failed or (named and result.counted("not_runnable")) else 0


def _with_progress(municipality: str, cases: list[str], how: dict[str, Any]) -> Run:
    from gsan_lib.reports import runs

    console = Console(stderr=True)
    if not console.is_terminal:  # a bar that is not shown still ends with an empty line
        return runs.run(municipality, cases, **how)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("남은 시간"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("보고서", total=None)

        def told(outcome: Outcome) -> None:
            bar.update(task, advance=outcome.ran, description=outcome.planned.label)
            if outcome.status == "failed":  # not only at the end of a long run
                bar.console.print(f"✗ {outcome.planned.label}: {outcome.reason}", markup=False, highlight=False)

        return runs.run(municipality, cases, **how, started=lambda todo: bar.update(task, total=todo), progress=told)


def _console() -> Console:
    """A console that does not cut long names where nobody watches: in a log or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in columns:
        table.add_column(heading, overflow="fold")
    return table


def _show(result: Run) -> None:
    """The outcomes, failures first; then why, and where to look."""
    console = _console()
    table = _table("상태", "사례", "변형", "물음")
    rank = {status: place for place, status in enumerate(STATUS)}
    ordered = sorted(result.outcomes, key=lambda outcome: rank[outcome.status])
    for one in ordered[:MOST_SHOWN]:
        table.add_row(STATUS[one.status], one.planned.case.name, one.planned.variant, Text(one.planned.case.title))
    console.print(table)
    for one in ordered[:MOST_SHOWN]:  # beside the table, where a long path or reason stays on one line
        _explain(one)
    if len(ordered) > MOST_SHOWN:
        typer.echo(f"… 나머지 {len(ordered) - MOST_SHOWN:,}개는 `--json`이나 `gsan report list {result.municipality}`로 보십시오.")
    for found in result.alike:
        typer.echo(f"✗ {found.sentence}")
    counted = {status: result.counted(status) for status in STATUS}
    console.print(
        f"{result.municipality}: "
        + (", ".join(f"{STATUS[status]} {count}" for status, count in counted.items() if count) or "사례가 없습니다.")
    )
    if result.outcomes and not any(one.ran or one.status == "planned" for one in result.outcomes):
        console.print("변한 것이 없습니다.")


def _explain(one: Outcome) -> None:
    """What a user should know of one variant beyond its status."""
    name = f"{one.planned.case.name}/{one.planned.variant}"
    if one.status == "failed":
        typer.echo(f"✗ {name}: {one.reason}" + (f"\n  {one.folder}/report.ipynb" if one.folder else ""))
    elif one.status == "not_runnable":
        typer.echo("\n".join([f"- {name}: 자료가 모자랍니다.", *(f"    {lack.reason}" for lack in one.planned.lacks)]))
    elif one.status == "planned":
        typer.echo(f"- {name}: {one.reason}")
    elif one.ran:
        more = [one.reason] if one.reason else []
        more += [f"커널이 갑자기 끝나 {one.tries}번째에 됐습니다"] if one.tries > 1 else []
        more += [f"비밀 값을 가렸습니다: {', '.join(one.masked)}"] if one.masked else []
        typer.echo(f"✓ {one.folder}/report.html" + (f" ({'; '.join(more)})" if more else ""))


@app.command("list")
def list_editions(
    municipality: str | None = typer.Argument(None, help="지자체, 없으면 모두 / municipality, default all"),
    as_json: bool = typer.Option(False, "--json", help="JSON으로 / as JSON"),
) -> int:
    """보고서의 판을 보입니다 / list editions, failed ones among them."""
    from gsan_lib import settings
    from gsan_lib.reports import editions

    if municipality:
        settings.municipality(municipality)
    found = editions.find(municipality, failed=True)
    if as_json:
        keys = ("municipality", "case", "variant", "name", "status", "created_at", "key")
        typer.echo(
            json.dumps(
                [{key: getattr(one, key) for key in keys} | {"folder": str(one.folder)} for one in found], ensure_ascii=False, indent=1
            )
        )
        return 0
    broken = {one.folder: editions.damage(one, quick=True) for one in found}
    table = _table("지자체", "사례", "변형", "판", "상태", "만든 때")
    for one in found:
        table.add_row(
            one.municipality, one.case, one.variant, one.name, STATE["damaged" if broken[one.folder] else one.status], one.created_at
        )
    if found:
        _console().print(table)
        for folder, problems in broken.items():
            if problems:
                typer.echo(
                    f"✗ {folder}: {'; '.join(problems)}. 이 판은 손상되었습니다. 그대로 두고 `gsan report run`으로 새 판을 만드십시오."
                )
    else:
        typer.echo("아직 만든 보고서가 없습니다. `gsan report run 지자체`로 만드십시오.")
    return 0
