"""The kernel provisioner `gsan-warm`: kernels are forks of the kernel server, and ordinary processes wherever that cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool

from gsan_lib.errors import StoreError
from gsan_lib.kernels import client, places

_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "independent", "kernel_id", "extra_arguments"}  # what a fork can be given


class WarmProvisioner(LocalProvisioner):
    """Starts kernels warm; where it cannot, starts them as ever, says why in the log and in the kernel's `GSAN_KERNEL`."""

    autostart = Bool(False, config=True, help="start the kernel server, for the kernels to come, where none runs")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel, or launch it."""
        try:
            forked = self._forked(cmd, kwargs)
        except client.Cold as why:
            return await self._cold(cmd, kwargs, str(why))
        self.process: Any = forked
        self.pid = self.pgid = forked.pid  # it leads a group of its own
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    def _forked(self, cmd: list[str], kwargs: dict[str, Any]) -> client.WarmProcess:
        if why := places.unsupported():
            raise client.Cold(why)
        if not (len(cmd) > 2 and client.same_interpreter(cmd[0]) and cmd[1:3] == ["-m", "ipykernel_launcher"]):
            raise client.Cold("커널의 명령이 이 파이썬의 `-m ipykernel_launcher`가 아닙니다")
        if strange := sorted(name for name in kwargs.keys() - _KNOWN if kwargs[name] is not None):
            raise client.Cold(f"{', '.join(f'`{name}`' for name in strange)}은(는) 나눈 커널에 줄 수 없습니다")
        independent = bool(kwargs.get("independent"))
        env = {**kwargs.get("env", os.environ)}
        if not independent:
            env["JPY_PARENT_PID"] = str(os.getpid())
        streams = {name: kwargs.get(name) for name in ("stdin", "stdout", "stderr")}
        return client.fork(cmd[3:], env, kwargs.get("cwd"), **streams, independent=independent)

    async def _cold(self, cmd: list[str], kwargs: dict[str, Any], why: str) -> KernelConnectionInfo:
        self.log.warning("일반 커널로 시작합니다: %s.", why)
        kwargs["env"] = {**kwargs.get("env", os.environ), "GSAN_KERNEL": f"cold: {why}"}
        info = await super().launch_kernel(cmd, **kwargs)
        if self.autostart and not places.unsupported() and places.holder() is None:
            try:
                client.spawn()
                self.log.info("다음 커널을 위해 커널 서버를 켰습니다.")
            except (StoreError, OSError) as error:
                self.log.warning("커널 서버를 켜지 못했습니다: %s", error)
        return info
