"""`gsan kernels`: start, see and stop the process of which warm kernels are forks."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import typer

from gsan_lib import kernels
from gsan_lib.errors import StoreError, UsageError
from gsan_lib.kernels import families, places

app = typer.Typer(no_args_is_help=True)

STATE = {
    "off": "꺼 둠",
    "absent": "돌고 있지 않음",
    "starting": "준비하는 중",
    "ready": "준비됨",
    "renewing": "바뀐 라이브러리를 새로 읽는 중",
}


@app.command("start")
def start(
    idle_min: float = typer.Option(15.0, "--idle", min=0.1, help="쓰지 않으면 끝날 때까지, 분 / ends when unused for so many minutes"),
    no_wait: bool = typer.Option(False, "--no-wait", help="준비를 기다리지 않음 / do not wait until it is ready"),
) -> int:
    """노트북이 바로 시작되도록 커널 서버를 켭니다 / start the kernel server, so that notebooks start at once."""
    if why := kernels.unsupported():
        raise UsageError(f"커널 서버를 켤 수 없습니다: {why}. 노트북은 일반 커널로 돌아갑니다.")
    begun = time.monotonic()
    ready = kernels.ensure(idle_s=idle_min * 60, wait=not no_wait)
    if not ready and not no_wait:
        raise StoreError(f"커널 서버를 켜지 못했습니다: {ready.reason}. 노트북은 일반 커널로 돌아갑니다.")
    now = kernels.status()
    typer.echo(f"커널 서버: {STATE[now.state]}(프로세스 {now.process}, {time.monotonic() - begun:.1f}초)")
    return 0


def _memory(process: int) -> int | None:
    """Memory that only this process holds, bytes."""
    try:
        return families.private_bytes(process)
    except OSError:
        return None


def _told() -> dict[str, Any]:
    now = kernels.status()
    told = asdict(now) | {"folder": str(places.folder()), "private_bytes": _memory(now.process) if now.process else None}
    told["kernels"] = [one | {"private_bytes": _memory(one["process"])} for one in now.kernels]
    return told


@app.command("status")
def status(
    as_json: bool = typer.Option(False, "--json", help="JSON으로 / as JSON"),
) -> int:
    """커널 서버와 그 커널들을 보입니다 / show the kernel server and its kernels."""
    told = _told()
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return 0
    number = f"(프로세스 {told['process']}, 자리 {told['folder']})" if told["process"] else ""
    typer.echo(f"커널 서버: {STATE[told['state']]}{number}")
    if told["reason"]:
        typer.echo(f"  {told['reason']}")
    if told["state"] == "ready":
        typer.echo(f"  지금까지 커널 {told['started']}개, 쓰지 않으면 {told['idle_s'] / 60:g}분 뒤 끝납니다.")
    for one in told["kernels"]:
        memory = f", 혼자 쓰는 메모리 {one['private_bytes'] / 2**20:.0f} MB" if one["private_bytes"] else ""
        typer.echo(f"  커널 {one['process']}: {time.strftime('%m-%d %H:%M:%S', time.localtime(one['since']))}부터{memory}")
    return 0


@app.command("stop")
def stop() -> int:
    """커널 서버를 끕니다. 돌고 있는 커널은 그대로 둡니다 / stop the kernel server; running kernels go on."""
    before = kernels.stop()
    if before.process is None:
        typer.echo("커널 서버가 돌고 있지 않습니다.")
    elif before.kernels:
        typer.echo(f"커널 서버를 껐습니다. 돌고 있는 커널 {len(before.kernels)}개는 그대로 둡니다.")
    else:
        typer.echo("커널 서버를 껐습니다.")
    return 0
