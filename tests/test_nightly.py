"""The night's script against a real mail server and a real home: what is new, what moved, what failed, and nothing where nothing happened."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import socket
import subprocess
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
import toys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from gsan_lib import sample

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PASSWORD = "only-a-file-knows-1234"
SOURCES = {
    "title_ko": "주민등록 연령별 인구", "title_en": "Registered population by age", "standard": "population_age", "publisher": "행정안전부",
    "licence": "공공누리 제1유형", "attribution": "출처: 행정안전부", "access": "public", "as_of_note": "10세 단위", "beginning": {"dong_code": ["29200"]},
}  # fmt: skip


class Mailbox:
    """A mail server on this machine that wants a password and keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.server = Controller(
            self, hostname="127.0.0.1", port=free_port(), authenticator=self.knows, auth_required=True, auth_require_tls=False
        )

    def knows(self, server, session, envelope, mechanism, given) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (b"gsan", PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    async def handle_DATA(self, server, session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def take(self) -> tuple[str, str]:
        """Subject and text of the one mail that came."""
        (mail,) = self.mails
        self.mails.clear()
        return mail["Subject"], mail.get_content()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def mailbox():
    box = Mailbox()
    box.server.start()
    yield box
    box.server.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A municipality with one published file and one case in two variants."""
    home = tmp_path_factory.mktemp("nightly")
    place = home / "parameters" / "toy"
    (place / "cases").mkdir(parents=True)
    shutil.copytree(ROOT / "parameters" / "standards", home / "parameters" / "standards")
    (place / "municipality.yml").write_text(toys.MUNICIPALITY.replace("simulated: true", "simulated: false"), encoding="utf-8")
    (home / "notebooks" / "cases").mkdir(parents=True)
    shutil.copy(ROOT / "benchmarks" / "cases" / "dong_brief.ipynb", home / "notebooks" / "cases")
    grid = {"grid": {"dong_code": ["2920051500", "2920063700"]}}
    (place / "cases" / "dong_brief.yml").write_text(json.dumps(grid), encoding="utf-8")
    publish(home, "2020-12-31", sample.raw_files()["population_age_202012.csv"])
    return home


def publish(home: Path, *editions: object) -> None:
    """Register files of the population: as_of, content, as_of, content, ..."""
    (home / "inbox").mkdir(exist_ok=True)
    told = []
    for as_of, content in zip(editions[::2], editions[1::2], strict=True):
        name = f"population_age_{as_of[:4]}12.csv"
        (home / "inbox" / name).write_bytes(content)
        told.append({"file": name, "as_of": as_of})
    register = {"datasets": {"population_age": SOURCES | {"editions": told}}}
    (home / "parameters" / "toy" / "sources.yml").write_text(json.dumps(register, ensure_ascii=False), encoding="utf-8")


def night(home: Path, mailbox: Mailbox, **more: str) -> subprocess.CompletedProcess:
    """Run the script as systemd would: settings from the environment, the password from its credentials folder."""
    credentials = home / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "smtp-password").write_text(PASSWORD + "\n", encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GSAN_")} | toys.environment(home)
    env |= {
        "GSAN_CASEBOOK": str(home / "casebook"), "GSAN_NIGHTLY": "toy", "GSAN_MAIL_TO": "team@example.go.kr, mayor@example.go.kr",
        "GSAN_SMTP_URL": f"smtp://gsan@127.0.0.1:{mailbox.server.port}", "CREDENTIALS_DIRECTORY": str(credentials), **more,
    }  # fmt: skip
    return subprocess.run([sys.executable, str(DEPLOY / "nightly")], env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_first_night_names_new_data_and_new_reports(home, mailbox):
    done = night(home, mailbox)
    assert done.returncode == 0, done.stdout + done.stderr
    subject, text = mailbox.take()
    assert "1 new data, 2 new reports · 새 자료 1건, 새 보고서 2건" in subject
    assert "FAILED" not in subject
    assert "주민등록 연령별 인구(population_age, 기준일 2020-12-31)" in text
    assert text.count("처음 만든 보고서입니다") == 2
    assert PASSWORD not in done.stdout + done.stderr + text
    assert (home / "casebook" / "index.html").exists()


@pytest.mark.slow
def test_a_night_without_changes_is_one_line_or_silence(home, mailbox):
    assert night(home, mailbox).returncode == 0
    subject, text = mailbox.take()
    assert "no changes" in subject
    assert len(text.strip().splitlines()) == 1
    assert "보고서 2건이 그대로" in text
    assert night(home, mailbox, GSAN_NIGHTLY_UNCHANGED="none").returncode == 0
    assert mailbox.mails == []


@pytest.mark.slow
def test_new_data_are_told_with_old_and_new_numbers_and_a_failure_comes_first(home, mailbox):
    before = sample.raw_files()["population_age_202012.csv"]
    table = before.decode("cp949").replace("2020년12월", "2021년12월")
    rows = table.splitlines(keepends=True)
    place = next(number for number, row in enumerate(rows) if "2920063700" in row)
    cells = rows[place].split('"')
    cells[1], cells[3] = (f"{int(cell.replace(',', '')) + 1000:,}" for cell in (cells[1], cells[3]))  # total and sum
    cells[5] = f"{int(cells[5].replace(',', '')) + 1000:,}"  # a thousand more children under ten
    rows[place] = '"'.join(cells)
    publish(home, "2020-12-31", before, "2021-12-31", "".join(rows).encode("cp949"))
    toys.write_case(home, "broken", needs='NEEDS = {"population_age": ["population"]}')  # loads hydrants, which nobody has
    done = night(home, mailbox)
    assert done.returncode == 1
    subject, text = mailbox.take()
    assert "1 FAILED, 1 new data, 2 new reports" in subject
    assert text.index("■ 실패") < text.index("■ 새 자료") < text.index("■ 새 보고서")
    assert "보고서가 멈췄습니다: toy broken" in text
    assert "hydrants" in text
    assert "기준일 2021-12-31" in text
    old = sample.population().query("dong_code == '2920063700'")["population"].sum()
    assert f"{old:,} 명 → {old + 1000:,} 명" in text
    assert "까닭:" in text


def test_a_gsan_that_is_not_there_is_told_by_mail(home, mailbox):
    done = night(home, mailbox, GSAN_COMMAND=str(home / "no-gsan"))
    subject, text = mailbox.take()
    assert done.returncode == 1
    assert "FAILED" in subject
    assert "실행하지 못했습니다" in text
    assert "Traceback" not in done.stderr


def test_a_mail_that_cannot_be_sent_leaves_the_digest_in_the_journal(home, mailbox):
    done = night(home, mailbox, GSAN_COMMAND=str(home / "no-gsan"), GSAN_SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "■ 실패" in done.stdout
    assert "메일을 보내지 못했습니다" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_password_is_refused_by_the_server_and_told(home, mailbox):
    wrong = home / "wrong"
    wrong.write_text("not-it", encoding="utf-8")
    done = night(home, mailbox, GSAN_COMMAND=str(home / "no-gsan"), GSAN_SMTP_PASSWORD_FILE=str(wrong))
    assert done.returncode == 1
    assert "메일을 보내지 못했습니다" in done.stderr
    assert mailbox.mails == []


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read(DEPLOY / name, encoding="utf-8")
    return parsed


def test_the_units_hold_no_secret_and_call_what_is_there():
    service, timer = unit("gsan-nightly.service"), unit("gsan-nightly.timer")
    script = Path(service["Service"]["ExecStart"].split()[1])
    assert (ROOT / script.relative_to(service["Service"]["WorkingDirectory"])).is_file()
    assert service["Service"]["LoadCredential"].split(":")[0] == "smtp-password"
    assert "smtp-password" in (DEPLOY / "nightly").read_text("utf-8")
    assert timer["Timer"]["OnCalendar"].endswith("Asia/Seoul")
    settings = (DEPLOY / "nightly.env.example").read_text("utf-8")
    assert all(
        word not in settings.lower().replace("no secret", "").replace("server's password", "")
        for word in ("password=", "token=", "secret=")
    )


def test_every_setting_of_the_example_is_known_to_the_script():
    names = {line.lstrip("# ").split("=")[0] for line in (DEPLOY / "nightly.env.example").read_text("utf-8").splitlines() if "=" in line}
    script = (DEPLOY / "nightly").read_text("utf-8")
    assert {name for name in names - {"GSAN_INBOX"} if name not in script} == set()


def test_systemd_accepts_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze: install the package `systemd`")
    for name in ("gsan-nightly.service", "gsan-nightly.timer"):
        text = (DEPLOY / name).read_text("utf-8")
        for line, instead in (("/srv/gsan/.venv/bin/python", sys.executable), ("User=gsan", "User=root"), ("Group=gsan", "Group=root")):
            text = text.replace(line, instead)  # what this machine has
        (tmp_path / name).write_text(text, encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
