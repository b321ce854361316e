"""SIGKILL for parts of a running server, and the time to recover."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
from faceswap_client import Client, FaceSwapError
from faceswap_core.buffers.server_processes import SHARED_MEMORY
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.stub_processes import StubProcess, find_stubs

PAUSE_SECONDS = 0.1


class NothingToKill(Exception):
    """The server has no such process."""


class NotRecovered(Exception):
    """No swap worked within the time given; the last error is in the message."""


def kill_stub(server_pid: int, model: str, instance: int = 0) -> StubProcess:
    """Kills one instance of a model: a Python step, or a network of the Python onnxruntime backend.

    Args:
        server_pid: of tritonserver.
        model: as in the model repository, for example "paste_faces" or "det_10g".
        instance: which of the model's stubs, from 0.

    Raises:
        NothingToKill: the model has no such stub.
    """
    stubs = [stub for stub in find_stubs(server_pid) if stub.model == model]
    if not 0 <= instance < len(stubs):
        raise NothingToKill(f"model '{model}' of process {server_pid} has {len(stubs)} stubs, no number {instance}")
    stubs[instance].process.kill()
    return stubs[instance]


def kill_server(server_pid: int) -> None:
    """Kills tritonserver itself; its stubs notice by themselves. Raises NothingToKill when it is gone."""
    try:
        psutil.Process(server_pid).kill()
    except psutil.NoSuchProcess:
        raise NothingToKill(f"there is no process {server_pid}") from None


def family(pid: int) -> list[psutil.Process]:
    """A process and everything it started, to look for strays afterwards."""
    try:
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def shared_memory_regions(launcher_pid: int) -> set[Path]:
    """The regions in /dev/shm of servers that the process `launcher_pid` started."""
    return set(SHARED_MEMORY.glob(f"faceswap_p{launcher_pid}_*"))


def seconds_to_recover(
    address: str, timeout_s: float = 60.0, in_a_row: int = 1, on_error: Callable[[FaceSwapError], None] | None = None
) -> float:
    """Swaps a small image until it works again; seconds from now to the first of `in_a_row` successes.

    Args:
        address: of the server, as `Client` takes it.
        timeout_s: how long to try.
        in_a_row: successes wanted; more than one when some instances of a step may still be dead.
        on_error: called with each error until then.

    Raises:
        NotRecovered: it took longer.
    """
    began = time.monotonic()
    image, successes, first, last = probe_image(), 0, 0.0, "nothing was tried"
    while time.monotonic() - began < timeout_s:
        try:
            with Client(address, timeout=min(10.0, timeout_s), remember_sources=0, retries=0) as client:
                client.swap(image, image)
        except FaceSwapError as error:
            successes, last = 0, str(error)
            if on_error is not None:
                on_error(error)
            time.sleep(PAUSE_SECONDS)
            continue
        first = first if successes else time.monotonic()
        successes += 1
        if successes >= in_a_row:
            return first - began
    raise NotRecovered(f"no swap worked within {timeout_s:g} s; the last error: {last}")
