"""The kernel server can be edited, killed, abandoned and spoken to by strangers; where a fork would not be what was asked for, a kernel starts cold."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from jupyter_client.kernelspec import KernelSpec
from kernel_parts import Manager, amend, gone, kill_server, server_process

from gsan_lib import kernels
from gsan_lib.kernels import client, places, wire

pytestmark = pytest.mark.skipif(bool(places.unsupported()), reason=f"warm kernels: {places.unsupported()}")


CLIENT = """\
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from gsan_lib.kernels import places
from kernel_parts import Kernel, Manager
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
        kill_server()
    user.kill()
    user.wait()
    for number in {*numbers, *below}:
        assert gone(number), number


# The server


def test_a_server_that_dies_leaves_its_kernels_running_and_the_next_ones_start_cold_and_say_so(own, start):
    kernel = start()
    kernel("x = 41")
    kill_server()
    assert kernel("print(x + 1)") == "42"
    time.sleep(2.5)  # longer than any watch over parents takes
    assert kernel.manager.is_alive()
    late = start()
    assert late.kind() == "cold: 커널 서버가 돌고 있지 않습니다(`gsan kernels start`로 켭니다)"
    process = kernel.process
    kernel.manager.shutdown_kernel()
    assert gone(process.pid, 1)
    assert kernels.ensure()
    assert start().kind() == "warm"


def test_a_crash_is_told_truly_even_without_the_server(own, start):
    kernel = start()
    kill_server()
    process = kernel.process
    kernel.client.execute("import os; os._exit(7)")
    assert process.wait(timeout=20) in (7, 1)  # 1 where the system does not tell
    assert not kernel.manager.is_alive()


def test_an_edited_library_renews_the_server_and_leaves_kernels_running(own, start):
    kernel = start()
    kernel("from gsan_lib import errors")
    server = server_process()
    amend(own / "errors.py", "EDITED = True")
    between = start()
    assert between.kind() == "cold: 라이브러리가 바뀌어 커널 서버가 새로 읽고 있습니다"
    assert between("from gsan_lib import errors; print(errors.EDITED)") == "True"
    assert kernels.ensure()
    after = start()
    assert after.kind() == "warm"
    assert after("from gsan_lib import errors; print(errors.EDITED)") == "True"
    assert kernel("print(hasattr(errors, 'EDITED'))") == "False"
    assert server_process() == server
    process = kernel.process
    kernel.client.execute("import os; os._exit(5)")
    assert process.wait(timeout=20) == 5  # the renewed server knows the kernels of the old one


def test_a_file_that_is_only_touched_or_not_in_use_renews_nothing(own, start):
    (own / "errors.py").touch()
    amend(own / "reports" / "casebook.py", "EDITED = True")
    assert start().kind() == "warm"


def test_a_broken_library_does_not_stop_the_server(library, start):
    (library / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    amend(library / "kernels" / "preload.py", "OWN = ('errors', 'broken', 'missing')")
    assert kernels.ensure()
    kernel = start()
    assert kernel.kind() == "warm"
    assert kernel("import gsan_lib.broken") == "ZeroDivisionError"


def test_a_server_with_a_second_thread_forks_nothing(library, start):
    thread = "import threading, time; USES = (lambda: threading.Thread(target=time.sleep, args=(999,), daemon=True).start(),)"
    amend(library / "kernels" / "preload.py", thread)
    kernels.ensure()
    assert start().kind() == "cold: 커널 서버에 스레드가 2개 있어 안전하게 나눌 수 없습니다"


def test_a_server_without_use_ends_by_itself_but_not_under_a_running_kernel(library, start):
    assert kernels.ensure(idle_s=1)
    server = server_process()
    kernel = start()
    assert kernel.kind() == "warm"
    time.sleep(2)
    assert kernels.status().state == "ready"
    kernel.close()
    assert gone(server)
    assert kernels.status().state == "absent"
    assert not places.socket_path().exists()


def test_two_starters_at_once_make_one_server(library):
    code = "from gsan_lib import kernels; ready = kernels.ensure(); assert ready, ready; print(kernels.status().process)"
    users = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=library.parent) for _ in range(4)]
    told = {user.communicate(timeout=120)[0].strip() for user in users}
    assert told == {str(server_process())}
    path = str(places.folder())
    servers = [one for one in psutil.process_iter(["cmdline", "environ"]) if "gsan_lib.kernels.server" in str(one.info["cmdline"])]
    assert [one.pid for one in servers if str(Path(path).parent) == (one.info["environ"] or {}).get("GSAN_KERNELS_DIR")] == [
        server_process()
    ]


def test_stop_ends_the_server_after_its_kernels_and_term_does_the_same(own, start):
    kernel = start()
    server = server_process()
    assert kernels.stop().process == server
    assert kernels.status().state == "absent"
    assert kernel("print(1)") == "1"
    process = kernel.process
    kernel.client.execute("import os; os._exit(9)")
    assert process.wait(timeout=20) == 9
    assert gone(server)
    assert kernels.ensure()
    os.kill(server_process(), signal.SIGTERM)
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
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process(server_process()).memory_info().vms * 3 // 2, before[1]))
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
