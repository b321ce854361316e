"""Opens the buffer pool of the server this process belongs to; leases buffers for the duration of decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.buffer_pool import BufferPool
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.orphaned_leases import OrphanedLeases
from faceswap_core.buffers.private_folder import PrivateFolder
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.buffers.server_name import delete_abandoned_folders, folder_of, name_of_process
from faceswap_core.buffers.server_processes import SHARED_MEMORY, ServerProcesses, memory_limit
from faceswap_core.errors import InternalError
from faceswap_core.limits import Limits


def server_buffer_pool(limits: Limits, server: int, shared_memory: Path = SHARED_MEMORY) -> BufferPool:
    """The buffer pool that all steps of one server share.

    Args:
        limits: name the server and the folder that holds its own, where they are not the default.
        server: process id of tritonserver, a step's parent.
        shared_memory: holds the server's folder by default. Folders of servers that have ended are deleted there.

    Raises:
        NotPrivate: somebody else has made the server's folder.
        OSError: it cannot be made.
    """
    parent = limits.frames_directory or shared_memory
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    delete_abandoned_folders(parent)
    folder = PrivateFolder.join(folder_of(limits.server_name or name_of_process(server), parent))
    limit = limits.memory_limit_mb * 2**20 if limits.memory_limit_mb is not None else memory_limit()
    processes = ServerProcesses(server)
    budget = MemoryBudget(limit, limits.max_in_flight, processes.held_bytes)
    orphans = OrphanedLeases(folder, limits.request_seconds, processes.used_cpu_seconds, processes.waited_cpu_seconds)
    return BufferPool(folder, budget, limits.request_seconds, orphans)


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
