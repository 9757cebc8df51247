"""Warm kernels: the same as ordinary ones in all that a notebook can see, started from a server that can be edited, killed and abandoned."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from conftest import ROOT
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from gsan_lib import cli, kernels
from gsan_lib.kernels import client, families, places, wire
from gsan_lib.reports import engine

pytestmark = pytest.mark.skipif(bool(places.unsupported()), reason=f"warm kernels: {places.unsupported()}")
WARM = {"kernel_provisioner": {"provisioner_name": "gsan-warm", "config": {}}}
BIN = Path(sys.executable).parent


class _Spec:
    """This interpreter's kernel, provided by `gsan-warm`, in the environment of reports."""

    extra: dict[str, str] = {}

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        return KernelSpec(argv=argv, display_name="x", language="python", env={**kernels.FIXED, **self.extra}, metadata=WARM)


class Manager(_Spec, KernelManager):
    pass


class AsyncManager(_Spec, AsyncKernelManager):
    pass


class Kernel:
    """A kernel and what is said to it."""

    def __init__(self, manager: KernelManager, **start: Any) -> None:
        self.manager = manager
        manager.start_kernel(stderr=subprocess.DEVNULL, **start)
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(120)

    @property
    def process(self) -> Any:
        return self.manager.provisioner.process

    def __call__(self, code: str, timeout: float = 60) -> str:
        """Run code; what it printed, or the name of its error."""
        said = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            said.append(content.get("text") or content.get("ename") or "")

        self.client.execute_interactive(code, timeout=timeout, output_hook=hear, allow_stdin=False)
        return "".join(said).strip()

    def kind(self) -> str:
        return self("import os; print(os.environ['GSAN_KERNEL'])")

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


Start = Callable[..., Kernel]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts kernels, and ends them after the test."""
    begun: list[Kernel] = []

    def begin(manager: KernelManager | None = None, **options: Any) -> Kernel:
        begun.append(Kernel(manager or Manager(), **options))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def _gone(process: int, seconds: float = 15) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def _place(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place for a server of its own, which is gone afterwards with everything that it started."""
    folder = tempfile.mkdtemp(prefix="gk")
    patch.setenv("GSAN_KERNELS_DIR", f"{folder}/k")
    try:
        yield
    finally:
        if server := kernels.status().process:
            families.end(server)
        until = time.monotonic() + 10
        while (left := _living_in(f"{folder}/k")) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == [], "processes that outlived the test"
        shutil.rmtree(folder)


def _living_in(place: str) -> list[str]:
    """Processes that were started with a server's place in their environment, but for this one."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.pid != os.getpid() and one.environ().get("GSAN_KERNELS_DIR") == place and one.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{one.pid}: {' '.join(one.cmdline())[:200]}")
    return found


def _amend(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library without its heavy imports: the mechanism alone, ready in a second."""
    copy = tmp_path_factory.mktemp("library") / "gsan_lib"
    shutil.copytree(ROOT / "gsan_lib", copy, ignore=shutil.ignore_patterns("__pycache__"))
    _amend(copy / "kernels" / "preload.py", "LIBRARIES, OWN, USES, _unchanged = ('numpy',), ('errors',), (), contextlib.nullcontext")
    return copy


@pytest.fixture
def library(_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A light copy of the library that a test may edit, and a place for its server."""
    copy = tmp_path / "gsan_lib"
    shutil.copytree(_library, copy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(places, "LIBRARY", copy)
    with _place(monkeypatch):
        yield copy


@pytest.fixture
def own(library: Path) -> Path:
    """The light copy with its server ready: for what the server does not survive."""
    assert kernels.ensure()
    return library


@pytest.fixture(scope="module")
def _shared(_library: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_library.parent))
        patch.setattr(places, "LIBRARY", _library)
        with _place(patch):
            assert kernels.ensure()
            place = os.environ["GSAN_KERNELS_DIR"]
            patch.undo()
            yield place
            patch.setenv("GSAN_KERNELS_DIR", place)
            patch.setattr(places, "LIBRARY", _library)


@pytest.fixture
def light(_library: Path, _shared: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ready light server that tests share."""
    monkeypatch.setenv("PYTHONPATH", str(_library.parent))
    monkeypatch.setenv("GSAN_KERNELS_DIR", _shared)
    monkeypatch.setattr(places, "LIBRARY", _library)
    return _library


@pytest.fixture(scope="module")
def full() -> Iterator[None]:
    """The whole library's server."""
    with pytest.MonkeyPatch.context() as patch, _place(patch):
        ready = kernels.ensure(timeout_s=300)
        assert ready, ready.reason
        yield


def _server() -> int:
    process = kernels.status().process
    assert process
    return process


def _kill_server() -> None:
    process = _server()
    os.kill(process, signal.SIGKILL)
    assert _gone(process)


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
    assert _gone(before)
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
    assert _gone(child)


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
    assert all(_gone(one) for one in copies)
    until = time.monotonic() + 10
    while families.family(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert families.family(process.pid) == set()


CLIENT = """\
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from gsan_lib.kernels import places
from test_kernels import Kernel, Manager
kernel = Kernel(Manager())
assert kernel.kind() == 'warm', kernel.kind()
own = kernel.process.pid
group = kernel("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
session = kernel("print(subprocess.Popen(['sh', '-c', 'sleep 600; true'], start_new_session=True).pid)")
busy = kernel.client.execute('''{busy}''')
print(own, group, session, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("busy", ["pass", "while True: pass", "import time; time.sleep(600)"])
@pytest.mark.parametrize("server", ["lives", "is dead"])
def test_nothing_outlives_a_client_that_is_killed(busy, server, own):
    code = CLIENT.format(tests=str(ROOT / "tests"), busy=busy)
    user = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=own.parent)
    assert user.stdout
    line = user.stdout.readline()
    numbers = [int(word) for word in line.split()]
    assert len(numbers) == 3
    below = {child.pid for number in numbers for child in psutil.Process(number).children(recursive=True)}
    if server == "is dead":
        _kill_server()
    user.kill()
    user.wait()
    for number in {*numbers, *below}:
        assert _gone(number), number


# The server


def test_a_server_that_dies_leaves_its_kernels_running_and_the_next_ones_start_cold_and_say_so(own, start):
    kernel = start()
    kernel("x = 41")
    _kill_server()
    assert kernel("print(x + 1)") == "42"
    time.sleep(2.5)  # longer than any watch over parents takes
    assert kernel.manager.is_alive()
    late = start()
    assert late.kind() == "cold: 커널 서버가 돌고 있지 않습니다(`gsan kernels start`로 켭니다)"
    process = kernel.process
    kernel.manager.shutdown_kernel()
    assert _gone(process.pid, 1)
    assert kernels.ensure()
    assert start().kind() == "warm"


def test_a_crash_is_told_truly_even_without_the_server(own, start):
    kernel = start()
    _kill_server()
    process = kernel.process
    kernel.client.execute("import os; os._exit(7)")
    assert process.wait(timeout=20) in (7, 1)  # 1 where the system does not tell
    assert not kernel.manager.is_alive()


def test_an_edited_library_renews_the_server_and_leaves_kernels_running(own, start):
    kernel = start()
    kernel("from gsan_lib import errors")
    server = _server()
    _amend(own / "errors.py", "EDITED = True")
    between = start()
    assert between.kind() == "cold: 라이브러리가 바뀌어 커널 서버가 새로 읽고 있습니다"
    assert between("from gsan_lib import errors; print(errors.EDITED)") == "True"
    assert kernels.ensure()
    after = start()
    assert after.kind() == "warm"
    assert after("from gsan_lib import errors; print(errors.EDITED)") == "True"
    assert kernel("print(hasattr(errors, 'EDITED'))") == "False"
    assert _server() == server
    process = kernel.process
    kernel.client.execute("import os; os._exit(5)")
    assert process.wait(timeout=20) == 5  # the renewed server knows the kernels of the old one


def test_a_file_that_is_only_touched_or_not_in_use_renews_nothing(own, start):
    (own / "errors.py").touch()
    _amend(own / "reports" / "casebook.py", "EDITED = True")
    assert start().kind() == "warm"


def test_a_broken_library_does_not_stop_the_server(library, start):
    (library / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    _amend(library / "kernels" / "preload.py", "OWN = ('errors', 'broken', 'missing')")
    assert kernels.ensure()
    kernel = start()
    assert kernel.kind() == "warm"
    assert kernel("import gsan_lib.broken") == "ZeroDivisionError"


def test_a_server_with_a_second_thread_forks_nothing(library, start):
    thread = "import threading, time; USES = (lambda: threading.Thread(target=time.sleep, args=(999,), daemon=True).start(),)"
    _amend(library / "kernels" / "preload.py", thread)
    kernels.ensure()
    assert start().kind() == "cold: 커널 서버에 스레드가 2개 있어 안전하게 나눌 수 없습니다"


def test_a_server_without_use_ends_by_itself_but_not_under_a_running_kernel(library, start):
    assert kernels.ensure(idle_s=1)
    server = _server()
    kernel = start()
    assert kernel.kind() == "warm"
    time.sleep(2)
    assert kernels.status().state == "ready"
    kernel.close()
    assert _gone(server)
    assert kernels.status().state == "absent"
    assert not places.socket_path().exists()


def test_two_starters_at_once_make_one_server(library):
    code = "from gsan_lib import kernels; ready = kernels.ensure(); assert ready, ready; print(kernels.status().process)"
    users = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=library.parent) for _ in range(4)]
    told = {user.communicate(timeout=120)[0].strip() for user in users}
    assert told == {str(_server())}
    path = str(places.folder())
    servers = [one for one in psutil.process_iter(["cmdline", "environ"]) if "gsan_lib.kernels.server" in str(one.info["cmdline"])]
    assert [one.pid for one in servers if str(Path(path).parent) == (one.info["environ"] or {}).get("GSAN_KERNELS_DIR")] == [_server()]


def test_stop_ends_the_server_after_its_kernels_and_term_does_the_same(own, start):
    kernel = start()
    server = _server()
    assert kernels.stop().process == server
    assert kernels.status().state == "absent"
    assert kernel("print(1)") == "1"
    process = kernel.process
    kernel.client.execute("import os; os._exit(9)")
    assert process.wait(timeout=20) == 9
    assert _gone(server)
    assert kernels.ensure()
    os.kill(_server(), signal.SIGTERM)
    until = time.monotonic() + 10
    while kernels.status().state != "absent" and time.monotonic() < until:
        time.sleep(0.05)
    assert kernels.status().state == "absent"
    assert not places.socket_path().exists()


# Where a fork would not be the kernel that was asked for


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PYTHONHASHSEED", "5"), ("OMP_NUM_THREADS", "2"), ("PYTHONOPTIMIZE", "1"), ("LD_LIBRARY_PATH", "/opt/lib"), ("MPLCONFIGDIR", "/tmp")],
)
def test_a_variable_that_acts_at_load_starts_a_cold_kernel_that_names_it(variable, value, light, start):
    manager = Manager()
    manager.extra = {variable: value}
    kind = start(manager).kind()
    assert kind.startswith(f"cold: `{variable}`이(가) 커널 서버와 다릅니다({value}")


def test_who_could_only_have_cold_kernels_is_told_so_at_once(light, monkeypatch):
    assert kernels.ensure()
    monkeypatch.setenv("PROJ_DATA", "/elsewhere")
    ready = kernels.ensure()
    assert not ready
    assert ready.reason == "`PROJ_DATA`이(가) 커널 서버와 다릅니다(/elsewhere, 서버는 없음)"


def test_a_folder_that_hides_a_loaded_module_starts_a_cold_kernel(light, start, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "numpy.py").write_text("mine = True\n")
    kernel = start(cwd=str(tmp_path / "here"))
    assert "`numpy.py`" in kernel.kind()
    assert kernel("import numpy; print(numpy.mine)") == "True"


def test_another_command_or_option_of_popen_starts_a_cold_kernel(light, start):
    class Other(Manager):
        @property
        def kernel_spec(self) -> KernelSpec:
            spec = super().kernel_spec
            spec.argv[1:1] = ["-X", "dev"]
            return spec

    assert start(Other()).kind() == "cold: 커널의 명령이 이 파이썬의 `-m ipykernel_launcher`가 아닙니다"
    assert "`umask`" in start(umask=0o077).kind()


def test_a_missing_folder_fails_as_ever(light):
    with pytest.raises(FileNotFoundError):
        Manager().start_kernel(cwd="/nowhere/at/all")


def test_a_tight_memory_limit_starts_a_cold_kernel(light, start):
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process(_server()).memory_info().vms * 3 // 2, before[1]))
    try:
        manager = Manager()
        manager.start_kernel(stderr=subprocess.DEVNULL)
        kind = psutil.Process(manager.provisioner.pid).environ().get("GSAN_KERNEL", "")
        manager.shutdown_kernel(now=True)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert "RLIMIT_AS" in kind


# Who may ask


def test_the_place_is_closed_to_others_and_one_that_is_open_is_not_used(own, start):
    for place in (places.base(), places.folder()):
        assert place.stat().st_mode & 0o777 == 0o700
    assert places.socket_path().stat().st_mode & 0o777 == 0o600
    places.folder().chmod(0o755)
    kind = start().kind()
    assert "다른 사용자가 열 수 있습니다(권한 0755)" in kind
    places.folder().chmod(0o700)
    assert start().kind() == "warm"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_who_reaches_the_socket_is_refused(own):
    for place in (places.base().parent, places.base(), places.folder()):
        place.chmod(0o711)
    places.socket_path().chmod(0o666)
    ask = f"""
import os, socket
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect({str(places.socket_path())!r})
body = b'{{"do": "status"}}'
try:
    s.sendall(len(body).to_bytes(4, 'big') + body)
    print(s.recv(100) or 'refused')
except OSError:
    print('refused')
"""
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False, timeout=30)
    assert told.stdout == "refused\n", told.stderr
    for place in (places.base().parent, places.base(), places.folder()):
        place.chmod(0o700)
    assert client.status().state == "ready"
    assert "refused" in (places.folder() / "log").read_text()


def test_nonsense_at_the_socket_is_survived(light):
    for nonsense in (b"", b"\0", b"\0\0\0\5hello", b"\xff\xff\xff\xff", b"\0\0\0\2{}", b'\0\0\0\x0d{"do":"fork"}'[:17]):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(places.socket_path()))
            one.sendall(nonsense)
            one.shutdown(socket.SHUT_WR)
            one.settimeout(10)
            with contextlib.suppress(OSError, wire.Broken):
                while one.recv(1000):
                    pass
    assert kernels.status().state == "ready"


# The command line


def test_the_command_line_starts_shows_and_stops(library, capsys):
    assert cli.run(["kernels", "status"]) == cli.DONE
    assert "돌고 있지 않음" in capsys.readouterr().out
    assert cli.run(["kernels", "start"]) == cli.DONE
    assert "준비됨" in capsys.readouterr().out
    assert cli.run(["kernels", "status", "--json"]) == cli.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "ready"
    assert told["process"] == _server()
    assert told["kernels"] == []
    assert cli.run(["kernels", "stop"]) == cli.DONE
    assert "껐습니다" in capsys.readouterr().out
    assert cli.run(["kernels", "stop"]) == cli.DONE
    assert "돌고 있지 않습니다" in capsys.readouterr().out


def test_switched_off_the_command_line_says_so(library, monkeypatch, capsys):
    monkeypatch.setenv("GSAN_KERNELS", "off")
    assert not kernels.ensure()
    assert cli.run(["kernels", "start"]) == cli.WRONG_CALL
    assert "GSAN_KERNELS=off" in capsys.readouterr().err
    assert cli.run(["kernels", "status"]) == cli.DONE
    assert "꺼 둠" in capsys.readouterr().out


# JupyterLab, papermill, Voila

SAYS = "import os; print('started', os.environ['GSAN_KERNEL'])"
ABSENT = "started cold: 커널 서버가 돌고 있지 않습니다(`gsan kernels start`로 켭니다)"


@pytest.fixture
def kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel `gsan` as the package brings it, but for starting a server by itself."""
    folder = tmp_path / "jupyter" / "kernels" / "gsan"
    shutil.copytree(ROOT / "gsan_lib" / "assets" / "kernels" / "gsan", folder)
    spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    spec["metadata"]["kernel_provisioner"]["config"]["autostart"] = False
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")  # or the environment's own would come first


def _says(path: Path) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SAYS)])
    book.metadata["kernelspec"] = {"name": "gsan", "display_name": "Python (gsan)", "language": "python"}
    nbformat.write(book, path)
    return path


@contextlib.contextmanager
def _serving(command: list[str], folder: Path, address: str) -> Iterator[tuple[Callable[..., bytes], Path]]:
    """A server of notebooks on a free port: how to ask it, and where it logs."""
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"

    def ask(path: str, body: dict[str, Any] | None = None, timeout: float = 120) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data), timeout=timeout) as answer:
            return answer.read()

    with log.open("wb") as file:
        process = subprocess.Popen([*command, address.format(port=port)], cwd=folder, stdout=file, stderr=file)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
        yield ask, log
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


@pytest.mark.slow
def test_papermill_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    book, out = _says(tmp_path / "says.ipynb"), tmp_path / "out.ipynb"

    def run() -> tuple[str, str]:
        command = [BIN / "papermill", "-k", "gsan", book, out, "--no-progress-bar"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stderr
        return nbformat.read(out, as_version=4).cells[-1].outputs[0]["text"].strip(), done.stderr

    assert run()[0] == "started warm"
    _kill_server()
    said, log = run()
    assert said == ABSENT
    assert "일반 커널로 시작합니다: 커널 서버가 돌고 있지 않습니다" in log


@pytest.mark.slow
def test_jupyterlab_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    from jupyter_client import BlockingKernelClient, find_connection_file

    runtime = tmp_path / "runtime"
    os.environ["JUPYTER_RUNTIME_DIR"] = str(runtime)
    command = [
        BIN / "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
    ]

    def started(ask: Callable[..., bytes]) -> str:
        told = json.loads(ask("/api/kernels", {"name": "gsan"}))
        talk = BlockingKernelClient()
        talk.load_connection_file(find_connection_file(f"*{told['id']}*", [str(runtime)]))
        talk.start_channels()
        for _ in range(30):
            with contextlib.suppress(RuntimeError):  # on a busy machine its heart is not heard at once
                talk.wait_for_ready(60)
                break
        said: list[str] = []
        talk.execute_interactive(SAYS, output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=60)
        talk.stop_channels()
        return "".join(said).strip()

    try:
        with _serving([str(word) for word in command], tmp_path, "--ServerApp.port={port}") as (ask, log):
            specs = json.loads(ask("/api/kernelspecs"))["kernelspecs"]
            assert specs["gsan"]["spec"]["display_name"] == "Python (gsan)"
            assert started(ask) == "started warm"
            assert len(kernels.status().kernels) == 1
            _kill_server()
            assert started(ask) == ABSENT
            assert "일반 커널로 시작합니다" in log.read_text(encoding="utf-8")
    finally:
        del os.environ["JUPYTER_RUNTIME_DIR"]


@pytest.mark.slow
def test_voila_starts_a_warm_kernel_and_a_cold_one_without_the_server(own, kernelspec, tmp_path):
    command = [BIN / "voila", str(_says(tmp_path / "says.ipynb")), "--no-browser", "--Voila.ip=127.0.0.1"]
    with _serving([str(word) for word in command], tmp_path, "--port={port}") as (ask, log):
        assert "started warm" in ask("/").decode()
        _kill_server()
        assert ABSENT in ask("/").decode()
        assert "일반 커널로 시작합니다" in log.read_text(encoding="utf-8")


def test_a_kernel_that_starts_cold_has_a_server_started_where_its_kernelspec_asks_for_it(library, start):
    class Asking(Manager):
        @property
        def kernel_spec(self) -> KernelSpec:
            spec = super().kernel_spec
            spec.metadata = {"kernel_provisioner": {"provisioner_name": "gsan-warm", "config": {"autostart": True}}}
            return spec

    assert start(Asking()).kind().startswith("cold: 커널 서버가 돌고 있지 않습니다")
    assert kernels.status().state in ("starting", "ready")
    assert kernels.ensure()
    assert start(Asking()).kind() == "warm"
