"""Opens the buffer pool of the server this process belongs to; leases buffers for the duration of decoding."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import psutil
from numpy.typing import NDArray

from faceswap_core.buffers.buffer_pool import BufferPool
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.orphaned_leases import OrphanedLeases
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.buffers.server_processes import SHARED_MEMORY, ServerProcesses, memory_limit
from faceswap_core.errors import InternalError
from faceswap_core.limits import Limits

_PREFIX = "faceswap-frames-"


def server_buffer_pool(limits: Limits, server: int, shared_memory: Path = SHARED_MEMORY) -> BufferPool:
    """The buffer pool that all steps of one server share.

    Args:
        server: process id of tritonserver, a step's parent. It names the folder, unless `limits` does; folders of
            servers that have ended are deleted.
    """
    _delete_folders_of_ended_servers(shared_memory)
    limit = limits.memory_limit_mb * 2**20 if limits.memory_limit_mb is not None else memory_limit()
    processes = ServerProcesses(server)
    budget = MemoryBudget(limit, limits.max_in_flight, processes.held_bytes)
    folder = limits.frames_directory or buffer_folder(server, shared_memory)
    orphans = OrphanedLeases(folder, limits.request_seconds, processes.used_cpu_seconds, processes.waited_cpu_seconds)
    return BufferPool(folder, budget, limits.request_seconds, orphans)


def buffer_folder(server: int, shared_memory: Path = SHARED_MEMORY) -> Path:
    """Default directory of the buffer pool of the tritonserver with this process id."""
    return shared_memory / f"{_PREFIX}{server}"


def _delete_folders_of_ended_servers(shared_memory: Path) -> None:
    for folder in shared_memory.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX)
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


class NewLease:
    """A lease for one request, as a context manager: released when the block raises, else marked as decoded.

    with NewLease(pool) as new:
        images = new.allocate((1080, 1920), [])
    """

    def __init__(self, pool: BufferPool) -> None:
        self._pool = pool
        self._lease: Lease | None = None

    @property
    def lease(self) -> Lease:
        """What was leased; raises InternalError before `allocate`."""
        if self._lease is None:
            raise InternalError("nothing was leased")
        return self._lease

    def allocate(self, target: Size, sources: Sequence[Size], attached_bytes: int = 0) -> RequestImages:
        """An `Allocate` in the pool."""
        self._lease, images = self._pool.lease(target, sources, attached_bytes)
        return images

    def attach(self, parts: Sequence[bytes | NDArray[np.uint8]]) -> None:
        """Keeps byte strings beside the target's pixels, in the room that `allocate` was asked for."""
        self._lease = self._pool.attach(self.lease, parts)

    def __enter__(self) -> NewLease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is None:
            return
        if error is None:
            self._pool.decoded(self._lease)
        else:
            self._pool.release(self._lease)
