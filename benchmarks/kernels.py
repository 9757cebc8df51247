"""Warm kernels against ordinary ones: time until they answer, until a report's libraries are there, and memory of their own.

    python benchmarks/kernels.py [--kernels 10] [--json]

Kernels are started one after the other, warm and cold in turn, by the same manager with the same options. *Ready* is from `start_kernel` to the
kernel's first answer, *imported* until what every case imports is there, *ended* is how long `shutdown_kernel` takes.
Memory is private pages (`Private_Clean` + `Private_Dirty` in smaps_rollup): when ready, and after the imports. Medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from gsan_lib import kernels
from gsan_lib.kernels.families import private_bytes

IMPORTS = """\
import geopandas, highspy, matplotlib.pyplot, pandas, pyarrow.parquet, sklearn.ensemble, statsmodels.api, xarray
from gsan_lib import bank, charts, geo, grids, maps
from gsan_lib.analysis import access, circles, distances, equity, forecast, hotspots, siting
from gsan_lib.reports import findings, params
"""


class Manager(KernelManager):
    """This interpreter's kernel, provided by `gsan-warm`."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        provisioner = {"kernel_provisioner": {"provisioner_name": kernels.PROVISIONER, "config": {}}}
        return KernelSpec(argv=argv, display_name="x", language="python", env=kernels.FIXED, metadata=provisioner)


def measured(warm: bool, folder: str) -> dict[str, float]:
    """One kernel's life."""
    os.environ["GSAN_KERNELS"] = "on" if warm else "off"
    assert not warm or kernels.ensure()
    manager = Manager(transport="ipc", ip=f"{folder}/k", connection_file=f"{folder}/kernel.json")
    begun = time.perf_counter()
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.kernel_info()
    client.get_shell_msg(timeout=60)
    found = {"ready_s": time.perf_counter() - begun}
    process = manager.provisioner.process
    found["ready_mb"] = private_bytes(process.pid) / 2**20
    client.wait_for_ready(60)
    waited = time.perf_counter()
    said: list[str] = []
    code = f"{IMPORTS}import os; print(os.environ['GSAN_KERNEL'])"
    client.execute_interactive(code, output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=120)
    found["imported_s"] = found["ready_s"] + time.perf_counter() - waited
    found["imported_mb"] = private_bytes(process.pid) / 2**20
    kind = "".join(said).strip()
    assert kind.startswith("warm" if warm else "cold"), kind
    asked = time.perf_counter()
    manager.shutdown_kernel()
    found["ended_s"] = time.perf_counter() - asked
    client.stop_channels()
    return found


def benchmark(count: int) -> dict[str, object]:
    """Warm and cold in turn."""
    with tempfile.TemporaryDirectory(prefix="gsan-") as folder:
        os.environ["GSAN_KERNELS_DIR"] = f"{folder}/server"
        begun = time.perf_counter()
        ready = kernels.ensure()
        assert ready, ready.reason
        server_s = time.perf_counter() - begun
        try:
            runs = [(warm, measured(warm, folder)) for _ in range(count) for warm in (True, False)]
            os.environ["GSAN_KERNELS"] = "on"
            server = kernels.status().process
            assert server
            server_mb = private_bytes(server) / 2**20
        finally:
            os.environ["GSAN_KERNELS"] = "on"
            kernels.stop()
    found: dict[str, object] = {
        "kernels": count,
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "server_ready_s": round(server_s, 1),
        "server_mb": round(server_mb),
    }
    for name, kind in (("warm", True), ("cold", False)):
        mine = [values for warm, values in runs if warm is kind]
        found[name] = {what: round(statistics.median(values[what] for values in mine), 3 if what.endswith("_s") else 0) for what in mine[0]}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=int, default=10, help="of each kind")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    found = benchmark(told.kernels)
    if told.json:
        print(json.dumps(found, indent=1))
        return
    print(
        f"{found['kernels']} kernels of each kind, {found['processors']} processors, load {found['load']:.1f}; server ready after {found['server_ready_s']} s"
    )
    print(f"{'':10}{'ready':>10}{'imported':>10}{'ended':>10}{'own, ready':>12}{'own, imported':>15}")
    for name in ("warm", "cold"):
        row = found[name]
        assert isinstance(row, dict)
        print(
            f"{name:10}{row['ready_s']:>8.2f} s{row['imported_s']:>8.2f} s{row['ended_s']:>8.2f} s{row['ready_mb']:>9.0f} MB{row['imported_mb']:>12.0f} MB"
        )


if __name__ == "__main__":
    main()
