"""The command line `gsan`: mounts the commands and turns every failure into one sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import typer

from gsan_lib import __version__
from gsan_lib.errors import GsanError

DONE, FAILED, WRONG_CALL = 0, 1, 2
INTERRUPTED = 130  # what typer makes of Ctrl-C, without a word
COMMANDS = {
    "bank": "데이터 뱅크 / data bank",
    "report": "보고서 / reports",
    "decision": "등록한 예측과 선택 / registered predictions and choices",
    "casebook": "사례집 / casebook",
    "kernels": "미리 데운 커널 / warm kernels",
}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gsan {__version__}")
        raise typer.Exit()


def _start(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="판 번호 / version"),
    debug: bool = typer.Option(False, "--debug", help="오류의 전체 내력을 보임 / show tracebacks"),
) -> None:
    """gsan: 데이터로 일하는 지방정부 / data-driven local government."""


def application() -> typer.Typer:
    """The whole command line, each group from a module of its own."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
    app.callback()(_start)
    for name, about in COMMANDS.items():
        app.add_typer(importlib.import_module(f"gsan_lib.cli.{name}").app, name=name, help=about, no_args_is_help=True)
    return app


def sentence(error: BaseException) -> tuple[str, int]:
    """What to tell the user of an error, and the exit code."""
    if isinstance(error, GsanError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "중단했습니다. 끝난 것은 그대로 있고, 쓰다 만 것은 남기지 않았습니다.", FAILED
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"디스크가 가득 찼습니다(`{error.filename or '쓰던 파일'}`). 자리를 비우고 다시 실행하십시오.", FAILED
    if isinstance(error, PermissionError):
        return f"`{error.filename}`에 쓰거나 읽을 권한이 없습니다. 폴더의 권한을 확인하십시오.", FAILED
    if isinstance(error, OSError):
        return f"`{error.filename or ''}` 파일을 다루지 못했습니다({error.strerror or error}). 경로와 디스크를 확인하십시오.", FAILED
    return f"예상하지 못한 오류입니다({type(error).__name__}: {error}). `gsan --debug ...`로 다시 실행해 그 내용을 알려 주십시오.", FAILED


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code. With `--debug` errors keep their traceback."""
    words = [word for word in arguments if word != "--debug"]
    debug = len(words) < len(arguments)
    try:
        code = application()(args=words, standalone_mode=False)
        if code != INTERRUPTED:
            return code if isinstance(code, int) else DONE
        message, code = sentence(KeyboardInterrupt())
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        message, code = sentence(KeyboardInterrupt())
    except typer.TyperException as error:  # the parser's own: unknown command, missing argument
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        message, code = f"{message} `gsan --help`로 쓰는 법을 볼 수 있습니다.", WRONG_CALL
    except BrokenPipeError:  # `gsan ... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        message, code = sentence(error)
    typer.echo(f"gsan: {message}", err=True)
    return code


def main() -> None:
    sys.exit(run(sys.argv[1:]))
