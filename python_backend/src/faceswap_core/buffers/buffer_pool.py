"""Buffer pool: decoded images in shared memory, leased to one request and shared by the three Python steps.

`decode_images` writes a request's images once, `align_faces` reads them, `paste_faces` changes the target in place;
through Triton goes only the name of the lease. What belongs to the target beside its pixels (the encoded bytes, colour
profile, header, alpha) is stored after them, see `attach`. The leases are also the count of requests in flight and
of the memory they hold. docs/adr/0020-buffer-pool.md has the reasons.

The pool is a directory on a tmpfs, shared by the processes of one server. The files in it are its whole state, so a
killed process loses nothing:

    <token>.target, <token>.sources     leased; modification time: when leased, then when decoded
    <token>.<edge>.target               the same, while the request is between two steps
    <size>.<random>.free                released, kept for the next image of that size
    arrived-<edge>                      modification time: when the latest request that came over it was decoded
    finished                            modification time: when a request last ended

A lease ends when a step releases it, or when it is found to be orphaned (`OrphanedLeases`). When nothing has ended and
nothing was accepted for `STALLED_SECONDS`, one request more than the limit is accepted, so that a pool of orphans
cannot stay full. An orphaned segment is deleted, never reused: a slow step may still write to it.
"""

from __future__ import annotations

import fcntl
import itertools
import mmap
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.lease import Lease, image_bytes_of
from faceswap_core.buffers.memory_budget import MemoryBudget, PoolUsage
from faceswap_core.buffers.orphaned_leases import EDGES, TARGET, TO_ALIGN, OrphanedLeases
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.errors import DeadlineExceeded, InvalidTensor, ServerBusy
from faceswap_core.types import RgbImage

SOURCES, FREE, FINISHED = ".sources", ".free", "finished"
STALLED_SECONDS = 5.0
FREE_FOR_SECONDS = 30.0
"""How long a released segment is kept for reuse; a new one has to be zeroed first, 10 ms for a 1080p image."""


class BufferPool:
    """The buffers of one server.

    Args:
        directory: on a tmpfs, the same for every process of the server; made when it is missing.
        budget: what may be held at once; kept as `budget`.
        request_seconds: how long a request may take from its lease to its last step.
        orphans: finds orphaned leases in `directory`.
    """

    def __init__(self, directory: Path, budget: MemoryBudget, request_seconds: float, orphans: OrphanedLeases) -> None:
        self._directory = directory
        self._orphans = orphans
        self.budget = budget
        self._request_seconds = request_seconds
        # by inode, which survives a rename and is not reused while it is mapped
        self._mappings: dict[int, mmap.mmap] = {}
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lease(self, target: Size, sources: Sequence[Size] = (), attached_bytes: int = 0) -> tuple[Lease, RequestImages]:
        """Allocates the buffers of one request.

        Args:
            target, sources: (height, width) of the decoded images, in pixels.
            attached_bytes: room behind the target's pixels, for `attach`.

        Raises:
            ServerBusy: too many requests are in flight, or these buffers would not fit into the memory budget now.
            TooManyPixels: they would never fit.
        """
        lease = Lease(secrets.token_hex(16), target, tuple(sources), time.time())
        needed = {TARGET: image_bytes_of(target) + attached_bytes, SOURCES: sum(map(image_bytes_of, sources))}
        with self._locked():
            self.budget.admit(sum(needed.values()), self.usage(), self._drop_free)
            try:
                for part, size in needed.items():
                    if size:
                        self._segment(size, self._directory / f"{lease.token}{part}")
            except OSError:
                self._forget(lease)
                raise ServerBusy("shared memory is full; retry after 1000 ms") from None
        return lease, self.open(lease, whole=True)

    def attach(self, lease: Lease, parts: Sequence[bytes | NDArray[np.uint8]]) -> Lease:
        """Copies byte strings behind the target's pixels, one after another.

        Returns:
            The lease with their sizes, for `attached`.

        Raises:
            InvalidTensor: they are longer than the segment has room for.
        """
        views = [np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part.reshape(-1) for part in parts]
        lease = replace(lease, attached=tuple(view.size for view in views))
        for room, view in zip(self.attached(lease), views, strict=True):
            np.copyto(room, view)
        return lease

    def attached(self, lease: Lease) -> tuple[NDArray[np.uint8], ...]:
        """The parts that were attached, uint8 [bytes] each, as views of the buffer; raises as `open`."""
        start = image_bytes_of(lease.target)
        segment = self._mapped(lease, TARGET, start + sum(lease.attached), whole=True)
        ends = itertools.accumulate(lease.attached, initial=start)
        return tuple(segment[first:last] for first, last in itertools.pairwise(ends))

    def open(self, lease: Lease, *, whole: bool = False) -> RequestImages:
        """The images of a lease, as views of the buffers.

        Args:
            whole: most of each image will be touched, so its pages are mapped at once.

        Raises:
            DeadlineExceeded: the lease has ended, because its request took too long.
            InvalidTensor: the lease does not fit what was leased.
        """
        target = self.open_target(lease, whole=whole)
        if not lease.sources:
            return RequestImages(target)
        packed = self._mapped(lease, SOURCES, sum(map(image_bytes_of, lease.sources)), whole)
        return RequestImages(target, _split(packed, lease.sources))

    def open_target(self, lease: Lease, *, whole: bool = True) -> RgbImage:
        """The target alone, after `release_sources`; raises as `open`."""
        return self._mapped(lease, TARGET, image_bytes_of(lease.target), whole).reshape(*lease.target, 3)

    def decoded(self, lease: Lease) -> None:
        """Marks the images as complete and moves the lease to the edge to `align_faces`.

        From here on requests pass every queue in the order of this moment.
        """
        for part in (SOURCES, TARGET):
            with suppress(FileNotFoundError):
                os.utime(self._directory / f"{lease.token}{part}")
        self.move_to(lease, TO_ALIGN)

    def move_to(self, lease: Lease, edge: str) -> None:
        """Marks a lease as on an edge of the ensemble, until the next step opens it."""
        with suppress(FileNotFoundError):
            self._held(lease).rename(self._on_edge(lease, edge))

    def release(self, lease: Lease) -> None:
        """Ends a lease. Idempotent. No view of its buffers may be used afterwards."""
        self.release_sources(lease)
        # without `_take_up`: a request that ends on an edge must not count as one that has arrived
        if any(self._free(path) for path in (self._held(lease), *(self._on_edge(lease, edge) for edge in EDGES))):
            (self._directory / FINISHED).touch()

    def release_sources(self, lease: Lease) -> None:
        """Ends the sources' part of a lease. Idempotent."""
        self._free(self._directory / f"{lease.token}{SOURCES}")

    def _take_up(self, lease: Lease) -> Path:
        """The target's segment, which a step holds from here on."""
        for edge in EDGES:
            on_edge = self._on_edge(lease, edge)
            with suppress(FileNotFoundError):
                decoded_at = on_edge.stat().st_mtime
                on_edge.rename(self._held(lease))
                self._orphans.arrived(edge, decoded_at)
        return self._held(lease)

    def _held(self, lease: Lease) -> Path:
        return self._directory / f"{lease.token}{TARGET}"

    def _on_edge(self, lease: Lease, edge: str) -> Path:
        return self._directory / f"{lease.token}.{edge}{TARGET}"

    def _free(self, segment: Path) -> bool:
        """Keeps a segment for reuse; False when it had been released before."""
        try:
            os.utime(segment)  # of a free segment: since when
            segment.rename(self._directory / f"{segment.stat().st_size}.{secrets.token_hex(8)}{FREE}")
        except FileNotFoundError:
            return False
        return True

    def sweep(self) -> None:
        """Deletes orphaned leases and segments that were free for `FREE_FOR_SECONDS`; drops their mappings.

        To be called by one step of the server; the others call `forget_mappings` alone.
        """
        files, now = list(self._files()), time.time()
        too_old = {FREE: now - FREE_FOR_SECONDS, SOURCES: now - self._request_seconds}
        gone = [path for path, stat in files if stat.st_mtime < too_old.get(path.suffix, 0.0)]
        for orphan in self._orphans.among([(path, stat) for path, stat in files if path.suffix == TARGET]):
            gone += [orphan, self._directory / f"{orphan.name.partition('.')[0]}{SOURCES}"]
        with self._locked():
            for path in gone:
                path.unlink(missing_ok=True)
        self.forget_mappings()

    def forget_mappings(self) -> None:
        """Unmaps deleted segments; the kernel frees their memory when the last process has unmapped them."""
        kept = {stat.st_ino for _, stat in self._files()}
        for inode in [inode for inode in self._mappings if inode not in kept]:
            self._mappings.pop(inode, None)

    def usage(self) -> PoolUsage:
        """What is held now."""
        files, now = list(self._files()), time.time()
        targets = [(path, stat) for path, stat in files if path.suffix == TARGET]
        moved = max((stat.st_mtime for _, stat in targets), default=now)
        with suppress(FileNotFoundError):
            moved = max(moved, (self._directory / FINISHED).stat().st_mtime)
        return PoolUsage(
            requests=len(targets) - self._orphans.overtaken(targets),
            mean_age_s=sum(now - stat.st_mtime for _, stat in targets) / max(1, len(targets)),
            leased_bytes=sum(stat.st_size for path, stat in files if path.suffix != FREE),
            free_bytes=sum(stat.st_size for path, stat in files if path.suffix == FREE),
            stalled=now - moved > STALLED_SECONDS,
        )

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._directory.iterdir():
            if path.suffix in (TARGET, SOURCES, FREE):
                with suppress(FileNotFoundError):  # released or deleted in between
                    yield path, path.stat()

    def _drop_free(self) -> None:
        for path in list(self._directory.glob(f"*{FREE}")):
            path.unlink(missing_ok=True)

    def _segment(self, size: int, path: Path) -> None:
        size = _size_class(size)
        for free in self._directory.glob(f"{size}.*{FREE}"):
            os.utime(free)
            free.rename(path)
            return
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # a full tmpfs must fail here, not with SIGBUS at a pixel
        finally:
            os.close(descriptor)

    def _forget(self, lease: Lease) -> None:
        for part in (TARGET, SOURCES):  # decoding has not begun
            (self._directory / f"{lease.token}{part}").unlink(missing_ok=True)

    def _mapped(self, lease: Lease, part: str, size: int, whole: bool) -> NDArray[np.uint8]:
        segment = self._take_up(lease) if part == TARGET else self._directory / f"{lease.token}{part}"
        try:
            descriptor = os.open(segment, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise self._too_late() from None
        try:
            stat = os.fstat(descriptor)
            if time.time() - stat.st_mtime > self._request_seconds:
                raise self._too_late()
            if size > stat.st_size:
                raise InvalidTensor("'lease' names more bytes than were leased")
            mapped = self._mappings.get(stat.st_ino)
            if mapped is None:
                # populate: one call instead of a page fault for every 4 kB
                flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if whole else 0)
                mapped = self._mappings[stat.st_ino] = mmap.mmap(descriptor, stat.st_size, flags=flags)
        finally:
            os.close(descriptor)
        return np.frombuffer(mapped, np.uint8, size)

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"the request took longer than {self._request_seconds:g} s")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _split(packed: NDArray[np.uint8], sizes: Sequence[Size]) -> tuple[RgbImage, ...]:
    images, start = [], 0
    for size in sizes:
        stop = start + image_bytes_of(size)
        images.append(packed[start:stop].reshape(*size, 3))
        start = stop
    return tuple(images)


def _size_class(size: int) -> int:
    """Bytes to allocate for `size`, at least a page: the next of eight steps between powers of two.

    So segments can be reused for images of about the same size, and at most an eighth is wasted.
    """
    step = max(4096, 1 << max(0, (size - 1).bit_length() - 4))
    return -(-size // step) * step
