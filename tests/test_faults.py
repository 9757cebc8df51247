"""Notebooks that misbehave: each fails alone with a clear reason, leaves no process behind, and the others go on."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
import toys

from gsan_lib.reports import editions, runs

LIMITS = "limits: {cell_s: 8, report_s: 60, memory_mb: 1500, output_mb: 20, processes: 24}\n"
FAULTS = {
    "never_ends": ("while True:\n    pass", r"`결과` 절의 5번째 코드 칸\(`while True:`\)이 8초 안에 끝나지 않아 멈췄습니다.*cell_s"),
    "never_ends_deaf": (
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\ntime.sleep(600)",
        r"8초 안에 끝나지 않아",
    ),
    "eats_memory": ("held = []\nwhile True:\n    held.append(bytearray(50_000_000))", r"`결과` 절의 5번째 코드 칸.*기억 장치.*memory_mb"),
    "children_eat_memory": (
        "import subprocess, sys\n[subprocess.Popen([sys.executable, '-c', 'x = bytearray(700_000_000); x[::4096] = b\"1\" * len(x[::4096]); import time; time.sleep(60)']) for _ in range(3)]\nimport time\ntime.sleep(60)",
        r"기억 장치를 [\d,]+ MB 써서 멈췄습니다|8초 안에 끝나지 않아",
    ),
    "forks": (
        "import os, time\nfor _ in range(100):\n    if os.fork() == 0:\n        time.sleep(600)\n    time.sleep(0.02)\ntime.sleep(600)",
        r"`결과` 절의 5번째 코드 칸.*프로세스가 [\d,]+개로 늘어 멈췄습니다\(한도 24개\)",
    ),
    "writes_a_gigabyte": ("line = 'x' * 100_000\nfor _ in range(10_000):\n    print(line)", r"출력이 20 MB를 넘었습니다"),
    "writes_a_gigabyte_at_once": ("print('x' * 400_000_000)", r"출력이 20 MB를 넘었습니다"),
    "calls_exit": ("exit()", r"`결과` 절의 5번째 코드 칸\(`exit\(\)`\)에서 `exit\(\)`를 불러 끝났습니다"),
    "leaves_python": ("import os\nos._exit(3)", r"커널이 갑자기 끝났습니다.*\(2번 실행했습니다\)"),
    "kills_its_kernel": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", r"커널이 갑자기 끝났습니다"),
    "crashes": ("import ctypes\nctypes.string_at(0)", r"커널이 갑자기 끝났습니다"),
    "leaves_a_child": (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\nraise ValueError('halt')",
        r"ValueError: halt",
    ),
}


def _working_in(home: Path) -> set[int]:
    """Processes whose folder lies in the home."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            found |= {int(path.parent.name)} if os.readlink(path).startswith(str(home)) else set()
        except OSError:
            continue
    return found


@pytest.fixture(scope="module", params=["warm", "cold"])
def outcomes(request, tmp_path_factory):
    """One batch with every fault and two sound cases, in warm and in cold kernels."""
    home = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toys.environment(home).items():
            patch.setenv(name, value)
        patch.setenv("GSAN_KERNELS", "off" if request.param == "cold" else "on")
        toys.make_home(home)
        for name, (code, _) in FAULTS.items():
            toys.write_case(home, name, results=code)
            (home / "parameters" / "toy" / "cases" / f"{name}.yml").write_text(
                LIMITS.replace("cell_s: 6", "cell_s: 40") if "fork" in name else LIMITS, encoding="utf-8"
            )
        toys.write_case(home, "a_sound")
        toys.write_case(home, "z_sound")
        result = runs.run("toy", jobs=2)
        yield home, {one.planned.case.name: one for one in result.outcomes}, editions.find("toy")


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_alone_with_its_reason(outcomes, fault):
    one = outcomes[1][fault]
    assert one.status == "failed"
    assert re.search(FAULTS[fault][1], one.reason), one.reason
    assert "\n" not in one.reason
    assert json.loads((one.folder / "manifest.json").read_text(encoding="utf-8"))["reason"] == one.reason
    assert sum(path.stat().st_size for path in one.folder.iterdir()) < 50_000_000


@pytest.mark.slow
def test_the_sound_reports_of_the_batch_are_there(outcomes):
    assert {one.case for one in outcomes[2]} == {"a_sound", "z_sound"}
    assert {outcomes[1][name].status for name in ("a_sound", "z_sound")} == {"done"}


@pytest.mark.slow
def test_no_process_and_no_draft_is_left(outcomes):
    until = time.monotonic() + 10
    while _working_in(outcomes[0]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _working_in(outcomes[0])
    assert not list((outcomes[0] / "reports").glob("*/*/*/.*"))
