"""The command line as a person meets it: exit codes, one sentence, help for every command, and a readme that names them all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from conftest import ROOT

from gsan_lib import cli

READMES = [(ROOT / name).read_text(encoding="utf8") for name in ("README.md", "README.ko.md")]


def _commands() -> list[tuple[str, object]]:
    root = typer.main.get_command(cli.application())
    return [(f"{group} {name}", command) for group, of in root.commands.items() for name, command in of.commands.items()]


@pytest.mark.parametrize(("words", "command"), _commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_has_help_and_stands_in_both_readmes(words, command):
    assert command.help
    for readme in READMES:
        assert f"gsan {words}" in readme


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["report", "run", "nowhere"], "`nowhere`"),
        (["bank", "build", "nowhere"], "`nowhere`"),
        (["report", "run", "sample", "no_such_case"], "`no_such_case`"),
        (["bank", "wipe"], "gsan --help"),
        (["bank", "build", "sample", "--dataset", "nothing"], "`nothing`"),
    ],
)
def test_a_wrong_call_ends_with_two_and_one_sentence(words, expected, capsys):
    assert cli.run(words) == cli.WRONG_CALL
    told = capsys.readouterr()
    assert expected in told.err
    assert told.err.startswith("gsan: ")
    assert "Traceback" not in told.out + told.err


@pytest.mark.parametrize(
    ("variable", "words"),
    [("GSAN_BANK", ["bank", "build", "sample"]), ("GSAN_REPORTS", ["report", "run", "sample", "school_zones"])],
)
def test_a_folder_that_cannot_be_written_is_named(variable, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    if variable == "GSAN_REPORTS":
        assert cli.run(["bank", "build", "sample"]) == cli.DONE
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    assert cli.run(words) == cli.FAILED
    told = capsys.readouterr()
    assert variable in told.err
    assert "Traceback" not in told.out + told.err


def test_ctrl_c_ends_with_one_sentence_and_leaves_nothing_half_written(tmp_path):
    command = [
        sys.executable,
        "-c",
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from gsan_lib.cli import main; main()",
    ]
    build = subprocess.Popen(
        [*command, "bank", "build", "sample"], env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    bank = tmp_path / "bank"
    deadline = time.monotonic() + 60
    while not list(bank.glob("*/*/[!.]*/manifest.json")) and time.monotonic() < deadline:  # a hidden folder is a draft
        time.sleep(0.02)
    build.send_signal(signal.SIGINT)
    _, err = build.communicate(timeout=60)
    assert build.returncode == cli.FAILED
    assert err.strip().splitlines()[-1].startswith("gsan: 중단했습니다.")
    assert "Traceback" not in err
    whole = [file.parent for file in bank.rglob("manifest.json")]
    assert whole
    assert {file.parent for file in bank.rglob("data.parquet")} == set(whole)
