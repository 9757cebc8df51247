"""`gsan bank ...`: build the data bank, look into files, see what is held and what changed. Heavy modules are imported inside the commands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gsan_lib.bank.building import Outcome, Progress

app = typer.Typer(rich_markup_mode=None)

MUNICIPALITY = typer.Argument(help="parameters/ 아래의 폴더 이름, 예: sample, gwangsan")
FILE = typer.Argument(help="들여다볼 파일")
DATASETS = typer.Option(None, "--dataset", help="이 데이터셋만(여러 번 쓸 수 있음)")
AS_JSON = typer.Option(False, "--json", help="사람 대신 프로그램이 읽을 JSON으로 출력")
WIDE = 150  # columns of a table that goes to a file or a pipe
STATES = {
    "new": "새로 만듦",
    "unchanged": "그대로",
    "unpublished": "미공표",
    "refused": "거절",
    "held": "있음",
    "missing": "없음",
    "unregistered": "등록되지 않음",
}
REASONS = {
    "elsewhere": "다른 곳", "out_of_place": "좌표가 벗어남", "no_coordinates": "좌표 없음", "placeholder": "자리표시 좌표", "total_row": "합계 행",
    "no_code": "코드 없음", "no_label": "이름 없음", "field_count": "칸 수가 다름",
}  # fmt: skip


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=WIDE)


def _json(content: Any) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1, default=str))


def _table(columns: Iterable[tuple[str, str]], title: str = "") -> Table:
    """An empty table; each column a heading and `left` or `right`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    return table


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress | None]:
    """Tells on a terminal which dataset is being read, and how far; silent elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with Bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("준비", total=None)
        yield lambda id, file, rows: bar.update(task, description=f"{id}  {rows:,}행  {file}")


def _reasons(entries: Iterable[dict[str, Any]]) -> str:
    return ", ".join(f"{REASONS.get(each['reason'], each['reason'])} {each['count']:,}" for each in entries)


def _outcomes(outcomes: list[Outcome], console: Console) -> None:
    """The account of a build."""
    columns = [
        ("데이터셋", "left"),
        ("기준일", "left"),
        ("읽은 행", "right"),
        ("남긴 행", "right"),
        ("안", "right"),
        ("여유", "right"),
        ("고친 곳", "right"),
        ("제쳐 둔 행", "right"),
        ("까닭", "left"),
        ("상태", "left"),
    ]
    table = _table(columns)
    for each in outcomes:
        counts = [each.rows_read, each.rows_kept, each.rows_inside, each.rows_margin, each.repaired, each.rows_whole_aside]
        shown = [f"{count:,}" for count in counts] if each.state != "refused" else ["-"] * len(counts)
        table.add_row(each.id.split("/")[1], each.as_of or "미상", *shown, _reasons(each.set_aside), STATES[each.state])
    console.print(table)
    for each in outcomes:
        if each.sentence:
            console.print(f"{'✗' if each.state == 'refused' else '·'} {each.id} ({each.file}): {each.sentence}", soft_wrap=True)
    told = [
        f"{STATES[state]} {count}"
        for state in ("new", "unchanged", "unpublished", "refused")
        if (count := sum(each.state == state for each in outcomes))
    ]
    console.print(f"모두 {len(outcomes)}건: {', '.join(told)}.", soft_wrap=True)


@app.command()
def build(
    municipality: str = MUNICIPALITY,
    dataset: list[str] | None = DATASETS,
    force: bool = typer.Option(False, "--force", help="바뀐 것이 없어도 다시 읽음"),
    as_json: bool = AS_JSON,
) -> None:
    """원천 목록대로 원본을 읽어 스냅숏을 만들고, 남긴 행과 고친 곳과 제쳐 둔 행을 보고함 / sources to snapshots."""
    from gsan_lib.bank.building import REFUSED
    from gsan_lib.bank.building import build as build_bank

    with _progress(as_json) as progress:
        outcomes = build_bank(municipality, dataset or None, force=force, progress=progress)
    if as_json:
        _json([outcome.to_dict() for outcome in outcomes])
    else:
        _outcomes(outcomes, _console())
    if any(outcome.state == REFUSED for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def add(
    municipality: str = MUNICIPALITY,
    file: Path = FILE,
) -> None:
    """파일을 들여다보고 sources.yml에 넣을 항목을 제안함 / proposes a register entry."""
    from gsan_lib.bank.catalog import propose

    typer.echo(propose(municipality, file))


@app.command()
def inspect(
    file: Path = FILE,
    as_json: bool = AS_JSON,
) -> None:
    """아무도 설명하지 않은 파일의 형식, 인코딩, 머리글, 열, 좌표계, 문제를 보임 / what is in a file."""
    from gsan_lib.bank.inspection import inspect as look

    found = look(file)
    if as_json:
        _json(found.to_dict())
    else:
        typer.echo(found.to_text())


@app.command()
def status(
    municipality: str = MUNICIPALITY,
    as_json: bool = AS_JSON,
) -> None:
    """데이터셋마다 스냅숏, 행 수, 품질, 기준일, 공개 등급을 보임 / every dataset held."""
    from gsan_lib.bank.catalog import status as state_of

    lines = state_of(municipality)
    if as_json:
        _json(lines)
        return
    columns = [
        ("데이터셋", "left"),
        ("이름", "left"),
        ("상태", "left"),
        ("행", "right"),
        ("안", "right"),
        ("제쳐 둔 행", "right"),
        ("기준일", "left"),
        ("안 날", "left"),
        ("등급", "left"),
        ("알아 둘 것", "right"),
        ("스냅숏", "left"),
    ]
    table = _table(columns)
    for line in lines:
        if line["state"] == "missing":
            table.add_row(line["dataset"], line["title_ko"], STATES["missing"], *["-"] * 5, line["access"], "-", "-")
            continue
        age = f"{line['as_of']}{' (오래됨)' if line['old'] else ''}" if line["as_of"] else "미상"
        counts = [f"{line[name] or 0:,}" for name in ("rows", "rows_inside", "rows_set_aside")]
        table.add_row(
            line["dataset"],
            line["title_ko"],
            STATES[line["state"]],
            *counts,
            age,
            line["known_at"][:10],
            line["access"],
            f"{len(line['findings'])}건",
            line["sha256"][:12],
        )
    _console().print(table)


@app.command()
def diff(
    municipality: str = MUNICIPALITY,
    dataset: str = typer.Argument(help="데이터셋 이름"),
    before: str | None = typer.Argument(None, help="견줄 스냅숏: sha256의 앞부분이나 기준일(없으면 바로 앞 판)"),
    after: str | None = typer.Argument(None, help="새 스냅숏(없으면 가장 새 판)"),
    as_json: bool = AS_JSON,
    rows: int = typer.Option(10, "--rows", min=0, help="갈래마다 보일 행 수"),
) -> None:
    """두 스냅숏 사이에 새로 생긴 행, 사라진 행, 바뀐 행을 보임 / rows added, removed, changed."""
    from gsan_lib.bank.catalog import diff as compare

    found = compare(municipality, dataset, before, after)
    told = found.to_dict()
    if as_json:
        _json(told)
        return
    console = _console()
    sides = [f"{side['as_of'] or '기준일 미상'} ({side['sha256'][:12]}, {side['rows']:,}행)" for side in (found.before, found.after)]
    console.print(f"{found.id}: {sides[0]} → {sides[1]}. {found.note}", soft_wrap=True)
    for name, title in (("added", "새 행"), ("removed", "사라진 행"), ("changed", "바뀐 칸")):
        frame = getattr(found, name)
        count = f"{title} {len(frame):,}개" + (f"({told['counts']['changed']:,}개 행)" if name == "changed" else "")
        console.print(count)
        if len(frame) and rows:
            shown = [column for column in frame.columns if column != "geometry"][:6]
            table = _table([(column, "left") for column in shown])
            for cells in frame[shown].head(rows).astype("str").itertuples(index=False):
                table.add_row(*cells)
            console.print(table)


@app.command()
def impact(
    municipality: str = MUNICIPALITY,
    dataset: str = typer.Argument(help="데이터셋 이름"),
    every: bool = typer.Option(False, "--all", help="변형마다 가장 새 판만이 아니라 모든 판"),
    as_json: bool = AS_JSON,
) -> None:
    """이 데이터셋의 새 스냅숏이 건드리는 보고서의 판과 결정을 보임 / editions and decisions that rest on a dataset."""
    from gsan_lib.reports.impact import impact as rest_on

    found = rest_on(municipality, dataset, every=every)
    if as_json:
        _json(found.to_dict())
        return
    held = f"가장 새 판 {found.newest['as_of'] or '기준일 미상'} ({found.newest['sha256'][:12]})" if found.newest else "뱅크에 없음"
    typer.echo(f"{found.id}: {held}. 이 자료로 만든 판 {len(found.touched)}편, 그 가운데 다시 만들어야 할 판 {len(found.stale)}편.")
    for one in found.touched:
        name = f"{one.edition.municipality}/{one.edition.case}/{one.edition.variant}/{one.edition.name}"
        typer.echo(f"\n{'✗ 다시 만들 것' if one.stale else '✓ 그대로'} {name}\n  {one.title}\n  {one.why}.")
        if one.decision:
            typer.echo(f"  {'걸려 있는 결정' if one.stale else '결정'}({'안정' if one.stable else '불안정'}): {one.decision}")
    if found.waiting:
        typer.echo("\n이 자료가 필요한데 아직 만든 적이 없는 것:")
        for need in found.waiting:
            typer.echo(f"  - {need['case']}/{need['variant']}: {need['why']}")
    if found.registered:
        typer.echo("\n이 자료가 채점하는 예측과 선택:")
        for kept in found.registered:
            when = "채점할 수 있음" if kept["scorable"] else "더 새로운 자료를 기다림"
            typer.echo(f"  - {kept['label']} ({kept['id']}): {kept['title']}, 자료의 끝 {kept['until']}, {when}")
    if found.stale:
        typer.echo(f"\n`gsan report run {municipality}`로 다시 만드십시오.")
