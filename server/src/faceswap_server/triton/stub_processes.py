"""Finds the stub processes of a tritonserver: its Python backend runs each instance of a model in one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psutil

_EXECUTABLE = "triton_python_backend_stub"
_INSTANCE = re.compile(r"^(?P<model>.+)_\d+_\d+$")  # name_<group>_<instance>, one of the stub's arguments


@dataclass(frozen=True, slots=True)
class StubProcess:
    """One instance of one model."""

    process: psutil.Process
    model: str  # as in the model repository
    instance: str  # as Triton names it, for example "det_10g_0_0"

    @property
    def pid(self) -> int:
        return self.process.pid

    def has_ended(self) -> bool:
        """Whether it is gone; Triton 24.10 leaves a dead stub as a zombie."""
        return process_has_ended(self.process)


def find_stubs(server_pid: int) -> list[StubProcess]:
    """The stubs of a running tritonserver, by instance; empty when there is no such process."""
    try:
        children = psutil.Process(server_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    stubs = [stub for child in children if (stub := _as_stub(child)) is not None]
    return sorted(stubs, key=lambda stub: stub.instance)


def process_has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone or a zombie."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _as_stub(child: psutil.Process) -> StubProcess | None:
    try:
        arguments = child.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    if not arguments or not arguments[0].endswith(_EXECUTABLE):
        return None
    # /path/stub, model file, shm region, two sizes, server's pid, backend directory, handle, instance, runtime
    for argument in reversed(arguments):
        found = _INSTANCE.match(argument)
        if found and "/" not in argument:
            return StubProcess(child, found["model"], argument)
    return None
