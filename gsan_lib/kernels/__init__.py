"""Warm kernels: notebooks start in a third of a second, because each kernel is a fork of a process that has imported everything."""

from __future__ import annotations

from gsan_lib.kernels.client import Readiness, Status, ensure, status, stop
from gsan_lib.kernels.families import end
from gsan_lib.kernels.inheritance import FIXED
from gsan_lib.kernels.places import unsupported

PROVISIONER = "gsan-warm"  # its name in a kernelspec: metadata.kernel_provisioner.provisioner_name

__all__ = ["FIXED", "PROVISIONER", "Readiness", "Status", "end", "ensure", "status", "stop", "unsupported"]
