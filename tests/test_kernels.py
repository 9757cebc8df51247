"""Warm kernels: the same as ordinary ones in all that a notebook can see."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT
from kernel_parts import AsyncManager, Manager, Start, gone
from nbclient import NotebookClient

from gsan_lib import kernels
from gsan_lib.kernels import families, places
from gsan_lib.reports import engine

pytestmark = pytest.mark.skipif(bool(places.unsupported()), reason=f"warm kernels: {places.unsupported()}")


# What a notebook can see

NOTEBOOK = [
    "import warnings, random, hashlib, io, os, sys\nimport numpy as np, pandas as pd\nwarnings.warn('heard')\nhash('광산구'), sys.flags.hash_randomization",
    "rng = np.random.default_rng(7)\nX = rng.normal(size=(3000, 8)); y = X @ rng.normal(size=8) + rng.normal(size=3000)\n(X.T @ X).sum().hex()",
    "from sklearn.cluster import KMeans\nfrom sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor\n"
    "[KMeans(4, n_init=2, random_state=1).fit(X).inertia_.hex(), HistGradientBoostingRegressor(random_state=1).fit(X, y).predict(X).sum().hex(),\n"
    " RandomForestRegressor(20, random_state=1, n_jobs=2).fit(X, y).set_params(n_jobs=1).predict(X).sum().hex()]",
    "frame = pd.DataFrame(X, columns=list('abcdefgh')).round(3).assign(g=lambda d: (d.a > 0).map({True: '가', False: '나'}))\nframe.head(3)",
    "import pyarrow as pa, pyarrow.parquet as pq\nsink = io.BytesIO(); pq.write_table(pa.Table.from_pandas(frame), sink); table = pq.read_table(io.BytesIO(sink.getvalue()), use_threads=True)\n"
    "hashlib.sha256(sink.getvalue()).hexdigest(), table.group_by('g', use_threads=False).aggregate([('b', 'sum')]).to_pylist(), pa.cpu_count() > 0",
    "import duckdb\nduckdb.sql('select g, count(*) n, sum(b) s from frame group by g order by g').df()",
    "import geopandas as gpd\nfrom shapely.geometry import Point\nplaces = gpd.GeoDataFrame({'n': range(50)}, geometry=[Point(126.7 + i / 500, 35.1) for i in range(50)], crs=4326).to_crs(5179)\n"
    "places.total_bounds.tolist(), sorted(places.sindex.query(places.geometry.buffer(300)).shape)",
    "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('drawn')",
    "import matplotlib, matplotlib.pyplot as plt\nfrom gsan_lib import fonts\nwith fonts.theme():\n    figure, axes = plt.subplots(); axes.plot(y[:50], label='광산구'); axes.legend(); figure.savefig(sink, format='svg', metadata={'Date': None})\n"
    "    plt.close(figure)\n{name: matplotlib.rcParams[name] for name in ('backend', 'font.family', 'figure.figsize', 'savefig.dpi')}, hashlib.sha256(sink.getvalue()).hexdigest()",
    "import highspy, xarray as xr\nxr.DataArray(X[:2, :2], dims=('a', 'b'), name='cube')",
    "import ipywidgets\nfrom tqdm.auto import tqdm\nprint(tqdm.__module__)\nipywidgets.IntSlider(3)",
    "warnings.warn('heard again'); np.log(np.array([-1.0]))",
    "%who_ls str",
    "get_ipython().run_line_magic('config', 'InlineBackend.figure_format')",
    "1 / 0",
]  # fmt: skip
STATE = """\
import builtins, gc, json, locale, os, resource, signal, sys, threading, time, warnings
env = {name: value for name, value in os.environ.items() if name not in ('GSAN_KERNEL', 'JPY_SESSION_NAME')}
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith('RLIMIT_')}
handlers = {number: repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())}
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
umask = os.umask(0); os.umask(umask)
print(json.dumps({
    'env': env, 'limits': limits, 'handlers': handlers, 'umask': umask, 'cwd': os.getcwd(), 'nice': os.nice(0), 'processors': sorted(os.sched_getaffinity(0)),
    'masks': [status[name].strip() for name in ('SigBlk', 'SigIgn', 'SigCgt')], 'groups': status['Groups'].strip(),
    'leads': [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()], 'path': sys.path, 'argv': [sys.argv[0], len(sys.argv), sys.argv[3:]], 'flags': str(sys.flags),
    'orig': [sys.orig_argv[0] == sys.executable, sys.orig_argv[1:3]], 'executable': sys.executable, 'main': sys.modules['__main__'].__dict__ is globals(),
    'locale': locale.setlocale(locale.LC_ALL), 'zone': time.tzname, 'encodings': [sys.getfilesystemencoding(), sys.__stdout__.encoding, sys.__stderr__.errors, sys.stdout.encoding],
    'files': sorted(os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in (0, 1, 2)), 'gc': [gc.isenabled(), gc.get_threshold()], 'hooks': [sys.excepthook.__name__, sys.displayhook.__class__.__name__],
    'recursion': sys.getrecursionlimit(), 'switch': sys.getswitchinterval(), 'threads': sorted({thread.name.split('-')[0] for thread in threading.enumerate()} - {'Thread', 'gsan'}),
    'names': sorted(globals()), 'trace': sys.gettrace() is None, 'warnings': [str(one) for one in warnings.filters if one[3] == '__main__'],
}))
"""  # fmt: skip


def _outputs(cells: list[str], **start: Any) -> tuple[str, list[Any]]:
    """What a fresh kernel makes of code cells, without what differs from one ordinary kernel to the next."""
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in ["import os; print(os.environ['GSAN_KERNEL'])", *cells]]
    )
    NotebookClient(book, kernel_manager_class=AsyncManager, allow_errors=True, timeout=180).execute(**start)
    text = json.dumps([cell.outputs for cell in book.cells[1:]], ensure_ascii=False)
    text = re.sub(r"ipykernel_\d+", "ipykernel_N", re.sub(r"0x[0-9a-f]{6,}", "0xN", text))
    text = re.sub(r"\b[0-9a-f]{32}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return book.cells[0].outputs[0]["text"].strip(), json.loads(text)


def _cold(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> Any:
    with monkeypatch.context() as patch:
        patch.setenv("GSAN_KERNELS", "off")
        return run()


@pytest.mark.slow
def test_a_notebook_gives_the_same_outputs_cold_and_warm(full, monkeypatch):
    kind, warm = _outputs(NOTEBOOK)
    assert kind == "warm"
    kind, cold = _cold(monkeypatch, lambda: _outputs(NOTEBOOK))
    assert kind == "cold: `GSAN_KERNELS=off`로 꺼 두었습니다"
    for code, one, other in zip(NOTEBOOK, warm, cold, strict=True):
        assert one == other, code
    assert [output["output_type"] for output in warm[7]] == ["execute_result", "display_data"]  # drawn in the notebook
    assert "heard" in str(warm[0])
    assert warm[-1][0]["ename"] == "ZeroDivisionError"


def _state(start: Start, **options: Any) -> tuple[str, dict[str, Any]]:
    kernel = start(**options)
    return kernel.kind(), json.loads(kernel(STATE))


@contextlib.contextmanager
def _other_surroundings(folder: Path) -> Iterator[None]:
    """This process in a state that a server knows nothing of."""
    import resource

    umask = os.umask(0o027)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    processors = os.sched_getaffinity(0)
    before, hup = Path.cwd(), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, files[0]), files[1]))
    os.sched_setaffinity(0, {min(processors)})
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.sched_setaffinity(0, processors)
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGHUP, hup)
        os.umask(umask)


@pytest.mark.parametrize("other", [False, True], ids=["as the server", "another client"])
def test_environment_folder_limits_and_signals_are_those_of_an_ordinary_kernel(other, light, start, monkeypatch, tmp_path):
    if other:
        for name, value in {"TZ": "Asia/Seoul", "MPLBACKEND": "agg", "NEW": "새 값"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HOME")
    with _other_surroundings(tmp_path) if other else contextlib.nullcontext():
        kind, warm = _state(start)
        assert kind == "warm"
        kind, cold = _cold(monkeypatch, lambda: _state(start))
    assert kind.startswith("cold")
    cold["env"].pop("GSAN_KERNELS")
    for what in cold:
        assert warm[what] == cold[what], what
    assert (warm["umask"] == 0o027) == other
    assert (warm["env"].get("TZ") == "Asia/Seoul") == other


RANDOM = "import random, numpy as np, uuid, tempfile, secrets\nprint([random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4().hex, tempfile.mktemp(), secrets.token_hex(4)])"


def test_every_kernel_has_random_numbers_of_its_own(light, start):
    one, other = start(), start()
    assert one.kind() == other.kind() == "warm"
    values = [eval(kernel(RANDOM)) for kernel in (one, other, one)]  # noqa: S307
    for drawn in zip(*values, strict=True):
        assert len(set(drawn)) == 3


def test_a_warm_kernel_starts_light_and_sooner_than_an_ordinary_one_with_its_imports(full, start, monkeypatch):
    def seconds() -> float:
        begun = time.monotonic()
        kernel = start()
        kernel("import geopandas, sklearn, matplotlib.pyplot; from gsan_lib.reports import findings")
        return time.monotonic() - begun

    start()
    warm = min(seconds() for _ in range(3))
    fresh = start()
    private = families.private_bytes(fresh.process.pid)
    assert fresh.kind() == "warm"
    assert private < 50 << 20
    assert warm * 3 < _cold(monkeypatch, seconds)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_both_transports_serve_a_warm_kernel(transport, light, start, tmp_path):
    manager = Manager() if transport == "tcp" else Manager(transport="ipc", ip=f"{tempfile.mkdtemp(dir=places.base())}/k")
    kernel = start(manager)
    assert kernel.kind() == "warm"
    assert kernel("print(6 * 7)") == "42"


def test_the_kernelspec_of_the_package_names_the_provisioner_and_the_environment_of_reports():
    spec = json.loads((ROOT / "gsan_lib" / "assets" / "kernels" / "gsan" / "kernel.json").read_text(encoding="utf-8"))
    assert spec["metadata"]["kernel_provisioner"]["provisioner_name"] == kernels.PROVISIONER
    assert spec["env"] == kernels.FIXED
    assert kernels.FIXED.items() <= engine.FIXED.items()


# How kernels end


def test_an_interrupt_stops_a_cell_and_not_the_kernel(light, start):
    kernel = start()
    kernel("x = 1")
    message = kernel.client.execute("import time\nwhile True: time.sleep(0.05)")
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=20)
    while reply["parent_header"].get("msg_id") != message:
        reply = kernel.client.get_shell_msg(timeout=20)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel("print(x)") == "1"


def test_a_restart_gives_a_fresh_fork(light, start):
    kernel = start()
    before = kernel.process.pid
    kernel("x = 1")
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(60)
    assert kernel.process.pid != before
    assert gone(before)
    assert kernel("x") == "NameError"
    assert kernel.kind() == "warm"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os._exit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("exit()", 0),
    ],
)
def test_the_end_of_a_kernel_is_told_truly(code, expected, light, start):
    kernel = start()
    assert kernel.kind() == "warm"
    process = kernel.process
    assert process.poll() is None
    with contextlib.suppress(RuntimeError, TimeoutError):
        kernel.client.execute(code)
    assert process.wait(timeout=20) == expected
    assert not kernel.manager.is_alive()


def test_a_shutdown_runs_exit_functions_and_keeps_what_was_written(light, start, tmp_path):
    kernel = start()
    kernel(
        f"""
import atexit, pathlib
folder = pathlib.Path({str(tmp_path)!r})
atexit.register(lambda: (folder / 'exit').write_text('ran'))
class Leaving:
    def __del__(self): (folder / 'del').write_text('ran')
class Ring:
    def __del__(self): (folder / 'ring').write_text('ran')
thing, ring = Leaving(), Ring(); ring.self = ring; ring = None
unclosed = open(folder / 'unclosed', 'w'); unclosed.write('kept')
import sys; hidden = open(folder / 'hidden', 'w'); hidden.write('kept'); sys.hidden = hidden
import threading, time; threading.Thread(target=lambda: (time.sleep(0.7), (folder / 'thread').write_text('ran'))).start()
"""
    )
    process = kernel.process
    kernel.manager.shutdown_kernel()
    assert process.returncode == 0
    found = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert found == {"exit": "ran", "del": "ran", "ring": "ran", "unclosed": "kept", "hidden": "kept", "thread": "ran"}


def test_what_a_notebook_starts_is_ended_with_the_kernels_group(light, start):
    kernel = start()
    child = int(kernel("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"))
    kernel.manager.shutdown_kernel(now=True)
    assert gone(child)


BOMB = """
import os, time
for _ in range(2):
    os.fork()
until = time.time() + 60
while time.time() < until and os.getpid():
    try:
        if os.fork() == 0 and len(os.listdir('/proc')) > 400: time.sleep(60)
    except OSError: time.sleep(0.01)
    time.sleep(0.02)
"""


def test_a_kernel_that_multiplies_is_ended_with_all_its_copies(light, start):
    kernel = start()
    process = kernel.process
    kernel.client.execute(BOMB)
    until = time.monotonic() + 20
    while len(families.family(process.pid)) < 30 and time.monotonic() < until:
        time.sleep(0.05)
    copies = families.family(process.pid)
    assert len(copies) >= 30
    families.end(process.pid)
    assert process.wait(20) == -signal.SIGKILL
    assert all(gone(one) for one in copies)
    until = time.monotonic() + 10
    while families.family(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert families.family(process.pid) == set()
