"""Reports of 21 dongs: gsan against the papermill command line and ploomber's parallel executor, on the same notebooks in one run.

    python benchmarks/reports.py [--variants 400] [--quick] [--growth] [--kills 100] [--json]

The notebooks are the dong cases in `benchmarks/cases/` on the simulated sample district. The peers come from PyPI into a venv of their own (in
`~/.cache/gsan-bench`, or `GSAN_BENCH_CACHE`) beside the very packages of `requirements.lock`, so that all compute with the same versions on the
same Python. Everybody starts cold: gsan's kernel server is stopped before, and its start counts. `--quick` lets the peers make 9 of the 63
reports and scales their time up, and says so.

A report's own cost is (wall x cores - seconds in cells) / reports: kernel start, HTML page, crate, manifest and everything else.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "benchmarks" / "cases"
DONG_CASES = ("dong_water", "dong_parks", "dong_ageing")
LIGHT = "dong_brief"
PLOOMBER = "0.23.3"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
JOBS = 2
ERR = Console(stderr=True)


def dongs() -> list[str]:
    """Codes of the 21 dongs of the sample district."""
    with (ROOT / "gsan_lib" / "assets" / "sample" / "dongs.csv").open(encoding="utf-8") as file:
        return [row["dong_code"] for row in csv.DictReader(file)]


# -- where gsan runs


class Home:
    """A home of its own: the sample's parameters, the standards, the benchmark's cases with their grids, and a bank."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("sample", "standards"):
            shutil.copytree(ROOT / "parameters" / name, folder / "parameters" / name)
        self.grids = folder / "parameters" / "sample" / "cases"
        shutil.rmtree(self.grids, ignore_errors=True)
        self.grids.mkdir()
        shutil.copytree(CASES, folder / "notebooks" / "cases")
        usual = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        }  # nobody compiles anew at each start
        self.environment = usual | {
            "GSAN_HOME": str(folder), "GSAN_BANK": str(folder / ".bank"), "GSAN_INBOX": str(folder / "inbox"), "GSAN_REPORTS": str(folder / "reports"),
            "TMPDIR": str(folder / "tmp"),
        }  # fmt: skip
        (folder / "tmp").mkdir()

    def grid(self, case: str, **values: Sequence[Any]) -> None:
        """Every combination of some values becomes a variant of the case."""
        (self.grids / f"{case}.yml").write_text(json.dumps({"grid": values}), encoding="utf-8")  # JSON is YAML

    def light(self, variants: int, change: bool = False) -> None:
        """The light case in so many variants; with `change`, one of them has another value."""
        codes, stated = dongs(), {}
        for number in range(variants):
            percent = 5 + 0.05 * (number // len(codes))
            stated[f"v{number}"] = {"dong_code": codes[number % len(codes)], "many_percent": round(percent, 2)}
        if change:
            stated[f"v{variants // 2}"]["many_percent"] = 40.5
        (self.grids / f"{LIGHT}.yml").write_text(json.dumps({"variants": stated}), encoding="utf-8")

    def reports(self, name: str) -> dict[str, str]:
        """The environment with a reports folder of its own."""
        return self.environment | {"GSAN_REPORTS": str(self.folder / name)}

    def command(self, *words: str) -> list[str]:
        """A gsan command."""
        return [str(Path(sys.executable).with_name("gsan")), *words]

    def call(self, *words: str, env: dict[str, str] | None = None) -> tuple[float, str]:
        """Run a gsan command; seconds and what it printed. A failure ends the benchmark."""
        return timed(self.command(*words), env or self.environment)


def timed(command: Sequence[str], env: dict[str, str], cwd: Path | None = None) -> tuple[float, str]:
    """Seconds that a command took, and its output. A failure ends the benchmark."""
    begun = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:6]))} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.perf_counter() - begun, done.stdout


@contextlib.contextmanager
def home() -> Iterator[Home]:
    """A home with the sample's bank, removed afterwards; its kernel server is stopped."""
    with tempfile.TemporaryDirectory(prefix="gsan-bench-") as folder:
        made = Home(Path(folder))
        made.call("bank", "build", "sample")
        try:
            yield made
        finally:
            made.call("kernels", "stop")


# -- the peers


def locked() -> str:
    """The pins of requirements.lock without their hashes."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return "\n".join(line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))) + "\n"


def peers() -> Path:
    """The venv of the peers: made once for a lock and a Python version. Returns its folder of programs."""
    cache = Path(os.environ.get("GSAN_BENCH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsan-bench")
    pins = locked()
    key = hashlib.sha256(f"{pins}{PLOOMBER}{sys.version}{ROOT}".encode()).hexdigest()[:12]
    venv = cache / f"peers-{key}"
    python = venv / "bin" / "python"
    if not (venv / ".whole").exists():
        ERR.print(f"비교 대상을 설치합니다 / installing the peers into {venv}")
        venv.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(venv, ignore_errors=True)
        wanted = venv.with_suffix(".txt")
        wanted.write_text(f"{pins}ploomber=={PLOOMBER}\n", encoding="utf-8")
        uv, env = [sys.executable, "-m", "uv"], dict(os.environ)
        timed([*uv, "venv", "--quiet", "--python", sys.executable, str(venv)], env)
        timed([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-r", str(wanted)], env)
        site = next((venv / "lib").glob("python*/site-packages"))
        (site / "gsan-bench.pth").write_text(f"{ROOT}\n", encoding="utf-8")  # the same library, without installing it
        (venv / ".whole").touch()
    return python.parent


def versions(programs: Path) -> dict[str, str]:
    """Versions of the peers, and of what both sides compute with."""
    names = ["papermill", "ploomber", "ploomber-engine", "nbclient", "ipykernel", "pandas", "geopandas", "matplotlib"]
    code = f"import json, sys; from importlib.metadata import version as v; print(json.dumps({{'python': sys.version.split()[0], **{{n: v(n) for n in {names}}}}}))"
    found = json.loads(timed([str(programs / "python"), "-c", code], dict(os.environ))[1])
    own = json.loads(timed([sys.executable, "-c", code.replace("'ploomber', 'ploomber-engine', ", "")], dict(os.environ))[1])
    if differing := {name: (own[name], found[name]) for name in own if own[name] != found[name]}:
        raise SystemExit(f"the peers compute with other versions than gsan: {differing}")
    return found


def papermill(made: Home, programs: Path, todo: Sequence[tuple[str, str]]) -> float:
    """Seconds of the papermill command line, one report after the other."""
    out = made.folder / "papermill"
    out.mkdir()
    total = 0.0
    for case, dong in track(todo, "papermill", console=ERR, disable=not ERR.is_terminal, transient=True):
        command = [str(programs / "papermill"), str(CASES / f"{case}.ipynb"), str(out / f"{case}-{dong}.ipynb"), "-r", "dong_code", dong]
        total += timed([*command, "--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"], made.environment, out)[0]
    return total


def ploomber(made: Home, programs: Path, todo: Sequence[tuple[str, str]]) -> float:
    """Seconds of ploomber's parallel executor."""
    out = made.folder / "ploomber"
    out.mkdir()
    (out / "variants.json").write_text(json.dumps([[case, {"dong_code": dong}] for case, dong in todo]), encoding="utf-8")
    script = [str(ROOT / "benchmarks" / "peers" / "ploomber_grid.py"), str(CASES), str(out), str(out / "variants.json")]
    return timed([str(programs / "python"), *script], made.environment | {"PLOOMBER_STATS_ENABLED": "false"}, out)[0]


# -- what is measured


def outcomes(text: str, status: str) -> list[dict[str, Any]]:
    """The outcomes of `gsan report run --json`, all of which must have ended so."""
    told = json.loads(text)
    if wrong := [one for one in told if one["status"] != status]:
        raise SystemExit(f"{len(wrong)} of {len(told)} reports are `{wrong[0]['status']}` instead of `{status}`: {wrong[0]['reason']}")
    return told


def against_peers(made: Home, quick: bool) -> dict[str, Any]:
    """63 dong reports by gsan, papermill and ploomber."""
    codes = dongs()
    todo = [(case, dong) for dong in codes for case in DONG_CASES]
    for case in DONG_CASES:
        made.grid(case, dong_code=codes)
    programs = peers()
    told: dict[str, Any] = {"versions": versions(programs), "cores": CORES, "reports": len(todo)}
    made.call("kernels", "stop")
    seconds, text = made.call("report", "run", "sample", *DONG_CASES, "--jobs", str(JOBS), "--json")
    made_by_us = outcomes(text, "done")
    assert len(made_by_us) == len(todo)
    in_cells = sum(one["cell_seconds"] for one in made_by_us)
    told |= {
        "gsan_s": seconds, "cell_s": in_cells / len(todo), "slowest_cells_s": max(one["cell_seconds"] for one in made_by_us),
        "runner_cost_s": (seconds * CORES - in_cells) / len(todo), "made_by_peers": len(todo),
    }  # fmt: skip
    if quick:
        todo = todo[::7]
        told["made_by_peers"] = len(todo)
    scale = told["reports"] / len(todo)
    told["papermill_s"] = papermill(made, programs, todo) * scale
    told["ploomber_s"] = ploomber(made, programs, todo) * scale
    return told | {"ratio_papermill": told["papermill_s"] / seconds, "ratio_ploomber": told["ploomber_s"] / seconds}


def unchanged(made: Home, variants: int) -> dict[str, Any]:
    """A grid that has not changed, and one in which one value has."""
    env = made.reports("unchanged")
    made.light(variants)
    first, text = made.call("report", "run", "sample", LIGHT, "--jobs", str(JOBS), "--json", env=env)
    outcomes(text, "done")
    again = [made.call("report", "run", "sample", LIGHT, "--json", env=env) for _ in range(3)]
    outcomes(again[-1][1], "unchanged")
    made.light(variants, change=True)
    _, text = made.call("report", "run", "sample", LIGHT, "--json", env=env)
    ran = [one for one in json.loads(text) if one["status"] != "unchanged"]
    return {
        "variants": variants,
        f"made_{variants}_s": first,
        f"unchanged_{variants}_s": min(seconds for seconds, _ in again),
        f"one_of_{variants}_ran": len(ran),
    }


def runner_mb(process: psutil.Process) -> float:
    """Memory of the runner and its workers, without kernels and their server (MB, proportional share of what is common)."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            words = " ".join(one.cmdline())
            if "ipykernel" not in words and "kernels" not in words:
                total += getattr(one.memory_full_info(), "pss", one.memory_info().rss) / 1e6
    return total


def growth(made: Home, sizes: Sequence[int]) -> list[dict[str, float]]:
    """Seconds and the runner's peak memory for growing numbers of light reports."""
    rows = []
    for size in sizes:
        made.light(size)
        env, peak, begun = made.reports(f"growth-{size}"), 0.0, time.perf_counter()
        with (made.folder / "growth.json").open("w") as out:
            running = subprocess.Popen(made.command("report", "run", "sample", LIGHT, "--jobs", str(JOBS), "--json"), env=env, stdout=out)
            watched = psutil.Process(running.pid)
            while running.poll() is None:
                with contextlib.suppress(psutil.Error):
                    peak = max(peak, runner_mb(watched))
                time.sleep(0.5)
        seconds = time.perf_counter() - begun
        outcomes((made.folder / "growth.json").read_text("utf-8"), "done")
        rows.append({"reports": size, "seconds": seconds, "per_report_s": seconds / size, "runner_peak_mb": peak})
        ERR.print(f"{size:,}: {seconds:.0f} s, {peak:.0f} MB")
    return rows


def contents(reports: Path) -> set[tuple[str, str]]:
    """The hashes of all finished editions, by case and variant."""
    told = [(path, json.loads(path.read_text("utf-8"))) for path in reports.glob("*/*/*/[!.]*/manifest.json")]
    return {(str(path.parents[1].relative_to(reports)), one["content"]) for path, one in told if one["status"] == "done"}


def kills(
    command: Sequence[str],
    env: dict[str, str],
    folder: Path,
    count: int,
    *,
    seed: int = 3,
    told: Callable[[int], None] = lambda number: None,
) -> dict[str, Any]:
    """Run the command whole; then kill it `count` times at random moments, each time into an empty folder, and resume. Raises SystemExit where hashes differ.

    Every second time the runner alone is killed, so that its kernels lose their master; every other time its whole process group.
    """
    chance = random.Random(seed)
    env = env | {"SOURCE_DATE_EPOCH": "1767193200"}
    whole = folder / "whole"
    timed(command, env | {"GSAN_REPORTS": str(whole)})
    seconds = timed(command, env | {"GSAN_REPORTS": str(folder / "again")})[0]  # with everything warm: the time in which to kill
    expected, cut, left = contents(whole), 0, 0
    for number in range(count):
        reports = folder / f"killed-{number}"
        begun = subprocess.Popen(
            command, env=env | {"GSAN_REPORTS": str(reports)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            begun.wait(chance.uniform(0.0, seconds))
        cut += begun.poll() is None
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number % 2 else os.kill)(begun.pid, signal.SIGKILL)
        begun.wait()
        left += bool(contents(reports))
        timed(command, env | {"GSAN_REPORTS": str(reports)})
        if contents(reports) != expected:
            raise SystemExit(f"kill {number}: the resumed run has other editions: {sorted(contents(reports) ^ expected)[:4]}")
        if drafts := [path.name for path in reports.glob("*/*/*/.draft*")]:
            raise SystemExit(f"kill {number}: drafts are left: {drafts[:3]}")
        shutil.rmtree(reports)
        told(number)
    return {"kills": count, "killed_while_running": cut, "with_editions_before": left, "equal": count, "editions": len(expected)}


def kernels() -> dict[str, Any]:
    """What the kernels' own benchmark measures: seconds to a warm kernel, memory of its own, memory of a cold one with the same imports."""
    path = Path(__file__).with_name("kernels.py")
    if not path.exists():
        return {}
    told = json.loads(timed([sys.executable, str(path), "--json"], dict(os.environ))[1])
    warm, cold = told["warm"], told["cold"]
    return {"warm_ready_s": warm["ready_s"], "warm_private_mb": warm["ready_mb"], "cold_private_mb": cold["imported_mb"]}


# -- how it is told

GOALS: dict[str, tuple[str, float]] = {
    "ratio_papermill": (">=", 10), "ratio_ploomber": (">=", 4), "runner_cost_s": ("<=", 0.8), "warm_ready_s": ("<=", 0.3), "warm_private_mb": ("<=", 50),
}  # fmt: skip
WORDS = {
    "gsan_s": "gsan, 63건 / 63 reports, s",
    "papermill_s": "papermill 명령 반복 / command line in a loop, s",
    "ploomber_s": "ploomber 병렬 실행 / parallel executor, s",
    "ratio_papermill": "papermill 대비 / times as fast as papermill",
    "ratio_ploomber": "ploomber 대비 / times as fast as ploomber",
    "cell_s": "보고서마다 칸의 시간 / seconds in cells, per report",
    "slowest_cells_s": "가장 느린 보고서의 칸 / in cells, slowest report, s",
    "runner_cost_s": "보고서마다 실행기의 비용 / runner's own cost per report, s",
    "warm_ready_s": "데운 커널이 준비되기까지 / to a warm kernel, s",
    "warm_private_mb": "데운 커널의 기억 장치 / memory of a warm kernel's own, MB",
    "cold_private_mb": "찬 커널의 기억 장치 / of a cold kernel, MB",
}


def show(told: dict[str, Any]) -> None:
    """The result for people."""
    print(", ".join(f"{name} {version}" for name, version in told["versions"].items()))
    print(f"코어 / cores {told['cores']}, 보고서 / reports {told['reports']}, 시작할 때의 부하 / load before {told['load_before']}")
    if told["made_by_peers"] < told["reports"]:
        print(f"비교 대상은 {told['made_by_peers']}건만 만들어 늘려 셈 / peers made {told['made_by_peers']} only, scaled up")
    n = told.get("variants")
    words = WORDS | {
        f"made_{n}_s": f"{n}건을 처음 만들기 / {n} light reports, s",
        f"unchanged_{n}_s": f"변한 것이 없는 {n}건을 확인 / unchanged grid of {n}, s",
        f"one_of_{n}_ran": f"{n}건 가운데 하나를 바꾸면 다시 돈 것 / ran when one of {n} changed",
    }
    goals = GOALS | {f"unchanged_{n}_s": ("<=", 2), f"one_of_{n}_ran": ("<=", 1)}
    for name, word in words.items():
        if name in told:
            sign, goal = goals.get(name, ("", 0))
            kept = told[name] >= goal if sign == ">=" else told[name] <= goal
            mark = f"  목표 / goal {sign} {goal:g}: {'예 / yes' if kept else '아니오 / NO'}" if sign else ""
            print(f"  {told[name]:9.2f}  {word}{mark}")
    for row in told.get("growth", []):
        print(
            f"  {row['reports']:>5,}건 / reports: {row['seconds']:7.1f} s, {row['per_report_s']:.2f} s each, 실행기 / runner {row['runner_peak_mb']:.0f} MB"
        )
    if "kills" in told:
        print(f"  SIGKILL {told['kills']['kills']}번 뒤 이어서 / kills, then resumed: 모두 같음 / all equal ({told['kills']})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=400, help="of the grid that has not changed; 0: leave it out")
    parser.add_argument("--quick", action="store_true", help="the peers make 9 of 63 reports, scaled up")
    parser.add_argument("--growth", action="store_true", help="also 10, 100 and 1,000 light reports (minutes)")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="also N runs killed with SIGKILL and resumed")
    parser.add_argument("--only", choices=("peers", "unchanged", "growth", "kills"), help="one part alone")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    wanted = lambda part, asked: given.only == part or (given.only is None and asked)
    told: dict[str, Any] = {"load_before": round(os.getloadavg()[0], 1)}  # above 1 somebody else is at work, and the figures say little
    with home() as made:
        if wanted("peers", True):
            told |= against_peers(made, given.quick)
        if wanted("unchanged", given.variants > 0):
            told |= unchanged(made, given.variants)
        if wanted("growth", given.growth):
            told["growth"] = growth(made, (10, 100, 1000))
        if wanted("kills", given.kills):
            made.light(8)
            with tempfile.TemporaryDirectory(prefix="gsan-kills-") as folder:
                tell = lambda number: ERR.print(f"SIGKILL {number + 1}", end="\r")
                told["kills"] = kills(
                    made.command("report", "run", "sample", LIGHT, "--jobs", str(JOBS), "--json"),
                    made.environment, Path(folder), given.kills or 100, told=tell,
                )  # fmt: skip
    if given.only is None:
        told |= kernels()
    if given.json:
        print(json.dumps(told, ensure_ascii=False, indent=1))
    elif "versions" in told:
        show(told)
    else:
        print(json.dumps(told, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
