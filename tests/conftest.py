"""What the tests need from the machine, and an honest account of what was left out for want of it.

`real` tests need the public files (GSAN_INBOX, or shared/data beside the checkout), `browser` tests need Chromium.
Where a need is not met the test is left out and named at the end; with GSAN_COMPLETE=1 leaving anything out is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest_plugins = ["kernel_parts"]
ROOT = Path(__file__).resolve().parent.parent
COMPLETE = os.environ.get("GSAN_COMPLETE") == "1"
MINUTES = ("test_resume.py", "test_verification.py")  # files of a few tests that take minutes
LEFT_OUT: Counter[str] = Counter()


def real_files() -> Path | None:
    """The folder of real public files, or None."""
    given = os.environ.get("GSAN_INBOX")
    place = Path(given).expanduser().absolute() if given else ROOT.parent / "shared" / "data"
    return place if (place / "SOURCES.md").is_file() else None


NEEDS = {
    "real": (real_files, "the real public files: set GSAN_INBOX to the folder that holds SOURCES.md"),
    "browser": (lambda: shutil.which("chromium"), "Chromium: install the package `chromium`"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (found, need) in NEEDS.items():
        if item.get_closest_marker(marker) and not found():
            pytest.skip(f"needs {need}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with most slow tests first, so that no process is left with a long one at the end; the order within a file stays."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name not in MINUTES, -slow[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if COMPLETE and _left_out(report):
        report.outcome, report.longrepr = "failed", f"left out although GSAN_COMPLETE=1: {_left_out(report)}"
    return report


def _left_out(report: pytest.TestReport) -> str:
    if not report.skipped or hasattr(report, "wasxfail"):
        return ""
    return (report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)).removeprefix("Skipped: ")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if reason := _left_out(report):
        LEFT_OUT[reason] += 1


def pytest_terminal_summary(terminalreporter) -> None:
    if LEFT_OUT:
        terminalreporter.section("left out")
        for reason, count in LEFT_OUT.most_common():
            terminalreporter.line(f"{count} tests: {reason}")


@pytest.fixture(scope="session")
def inbox() -> Path:
    """The real public files, used in place and never written to."""
    place = real_files()
    if place is None:
        pytest.skip(f"needs {NEEDS['real'][1]}")
    return place


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the checkout: bank, reports and casebook lie in the test's own folder."""
    for variable in ("GSAN_BANK", "GSAN_REPORTS", "GSAN_CASEBOOK"):
        monkeypatch.setenv(variable, str(tmp_path / variable.removeprefix("GSAN_").lower()))
    monkeypatch.setenv("GSAN_HOME", str(ROOT))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy home with one case, as the current one."""
    import toys

    for name, value in toys.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    toys.make_home(tmp_path)
    toys.write_case(tmp_path, "good")
    return tmp_path


@pytest.fixture(scope="session")
def banked(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes a bank that holds these datasets of a municipality and no others; each is built once for the whole run, whichever processes ask for it."""
    from filelock import FileLock

    from gsan_lib.bank.building import FIRST, build

    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "banks"
    shared.mkdir(exist_ok=True)

    def make(municipality: str, datasets: Sequence[str], place: Path | None = None) -> str:
        place = place or tmp_path_factory.mktemp("bank")
        with FileLock(shared / f"{municipality}.lock"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("GSAN_BANK", str(shared))
            if files := real_files():
                patch.setenv("GSAN_INBOX", str(files))
            build(municipality, list(datasets))
        (place / municipality).mkdir(parents=True)
        for name in sorted({*FIRST, *datasets}):
            if (shared / municipality / name).exists():
                (place / municipality / name).symlink_to(shared / municipality / name)
        return str(place)

    return make


@pytest.fixture(scope="module")
def sample_bank(request: pytest.FixtureRequest, banked: Callable[..., str]) -> str:
    """A bank with the sample's datasets that the file names in `NEEDED`."""
    return banked("sample", request.module.NEEDED)
