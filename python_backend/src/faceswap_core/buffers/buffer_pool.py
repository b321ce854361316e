"""Buffer pool: decoded images in shared memory, leased to one request and shared by the three Python steps.

`decode_images` writes a request's images once, `align_faces` reads them, `paste_faces` changes the target in place;
through Triton goes only the name of the lease. What belongs to the target beside its pixels (the encoded bytes, colour
profile, header, alpha) is stored after them, see `attach`. The leases are also the count of requests in flight and
of the memory they hold. docs/adr/0020-buffer-pool.md has the reasons.

The pool is a private folder on a tmpfs, shared by the processes of one server. The files in it are its whole state, so
a killed process loses nothing. Their stamps are seconds of CLOCK_MONOTONIC: the same in every process, set by nobody.

    <token>.target, <token>.sources     leased; stamp: when leased, then when decoded
    <token>.<edge>.target               the same, while the request is between two steps
    <size>.<random>.free                released, kept for the next image of that size; stamp: since when
    arrived-<edge>                      stamp: when the latest request that came over it was decoded
    finished                            stamp: when a request last ended

A lease ends when a step releases it, or when it is found to be orphaned (`OrphanedLeases`). When nothing has ended and
nothing was accepted for `STALLED_SECONDS`, one request more than the limit is accepted, so that a pool of orphans
cannot stay full. An orphaned segment is deleted, never reused: a slow step may still write to it.
"""

from __future__ import annotations

import itertools
import mmap
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.lease import Lease, image_bytes_of, split_packed
from faceswap_core.buffers.memory_budget import MemoryBudget, PoolUsage
from faceswap_core.buffers.orphaned_leases import EDGES, TARGET, TO_ALIGN, LeaseFile, OrphanedLeases
from faceswap_core.buffers.private_folder import NotPrivate, PrivateFolder, is_own_file
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.errors import DeadlineExceeded, InternalError, InvalidTensor, ServerBusy
from faceswap_core.types import RgbImage

SOURCES, FREE, FINISHED = ".sources", ".free", "finished"
STALLED_SECONDS = 5.0
FREE_FOR_SECONDS = 30.0
"""How long a released segment is kept for reuse; a new one has to be zeroed first, 10 ms for a 1080p image."""
REUSED_FOR_SECONDS = 60.0
"""How long after its allocation a segment is reused: what an image leaves behind a smaller one goes with it."""


class BufferPool:
    """The buffers of one server.

    Args:
        folder: on a tmpfs, the same for every process of the server.
        budget: what may be held at once; kept as `budget`.
        request_seconds: how long a request may take from its lease to its last step.
        orphans: finds orphaned leases in `folder`.
    """

    def __init__(self, folder: PrivateFolder, budget: MemoryBudget, request_seconds: float, orphans: OrphanedLeases):
        self._folder = folder
        self._orphans = orphans
        self.budget = budget
        self._request_seconds = request_seconds
        # by inode, which survives a rename and is not reused while it is mapped
        self._mappings: dict[int, mmap.mmap] = {}
        self._seen_since: dict[int, float] = {}
        with folder.locked():  # makes the lock, by which others see that there is a pool
            pass

    def lease(self, target: Size, sources: Sequence[Size] = (), attached_bytes: int = 0) -> tuple[Lease, RequestImages]:
        """Allocates the buffers of one request.

        Args:
            target, sources: (height, width) of the decoded images, in pixels.
            attached_bytes: room behind the target's pixels, for `attach`.

        Raises:
            ServerBusy: too many requests are in flight, or these buffers would not fit into the memory budget now.
            TooManyPixels: they would never fit.
        """
        lease = Lease(secrets.token_hex(16), target, tuple(sources), time.monotonic())
        needed = {TARGET: image_bytes_of(target) + attached_bytes, SOURCES: sum(map(image_bytes_of, sources))}
        with self._folder.locked() as files:
            self.budget.admit(sum(needed.values()), self._usage(files), self._drop_free)
            try:
                for part, size in needed.items():
                    if size:
                        self._segment(size, f"{lease.token}{part}")
            except OSError:
                for part in needed:  # decoding has not begun
                    self._folder.remove(f"{lease.token}{part}")
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
        return RequestImages(target, split_packed(packed, lease.sources))

    def open_target(self, lease: Lease, *, whole: bool = True) -> RgbImage:
        """The target alone, after `release_sources`; raises as `open`."""
        return self._mapped(lease, TARGET, image_bytes_of(lease.target), whole).reshape(*lease.target, 3)

    def decoded(self, lease: Lease) -> None:
        """Marks the images as complete and moves the lease to the edge to `align_faces`.

        From here on requests pass every queue in the order of this moment.
        """
        now = time.monotonic()
        for part in (SOURCES, TARGET):
            with suppress(FileNotFoundError):
                self._folder.stamp(f"{lease.token}{part}", now)
        self.move_to(lease, TO_ALIGN)

    def move_to(self, lease: Lease, edge: str) -> None:
        """Marks a lease as on an edge of the ensemble, until the next step opens it."""
        with suppress(FileNotFoundError):
            self._folder.rename(_held(lease), _on_edge(lease, edge))

    def release(self, lease: Lease) -> None:
        """Ends a lease. Idempotent. No view of its buffers may be used afterwards."""
        self.release_sources(lease)
        # without `_take_up`: a request that ends on an edge must not count as one that has arrived
        if any(self._free(name) for name in (_held(lease), *(_on_edge(lease, edge) for edge in EDGES))):
            self._folder.mark(FINISHED, time.monotonic())

    def release_sources(self, lease: Lease) -> None:
        """Ends the sources' part of a lease. Idempotent."""
        self._free(f"{lease.token}{SOURCES}")

    def _take_up(self, lease: Lease) -> str:
        """The target's segment, which a step holds from here on."""
        for edge in EDGES:
            with suppress(FileNotFoundError):
                decoded_at = self._folder.stat(_on_edge(lease, edge)).st_atime
                self._folder.rename(_on_edge(lease, edge), _held(lease))
                self._orphans.arrived(edge, decoded_at)
        return _held(lease)

    def _free(self, segment: str) -> bool:
        """Keeps a segment for reuse; False when it had been released before."""
        try:
            self._folder.stamp(segment, time.monotonic())  # of a free segment: since when
            size = self._folder.stat(segment).st_size
            self._folder.rename(segment, f"{size}.{secrets.token_hex(8)}{FREE}")
        except FileNotFoundError:
            return False
        return True

    def sweep(self) -> None:
        """Deletes orphaned leases, and free segments after `FREE_FOR_SECONDS` or when they are too old to be reused.

        To be called by one step of the server; the others call `forget_mappings` alone.
        """
        files, now = self._folder.files(), time.monotonic()
        too_old = {FREE: now - FREE_FOR_SECONDS, SOURCES: now - self._request_seconds}
        gone = [name for name, stat in files if stat.st_atime < too_old.get(_suffix(name), float("-inf"))]
        gone += [name for name, stat in files if _suffix(name) == FREE and not self._may_be_reused(stat, now)]
        for orphan in self._orphans.among([(name, stat) for name, stat in files if _suffix(name) == TARGET]):
            gone += [orphan, f"{orphan.partition('.')[0]}{SOURCES}"]
        with self._folder.locked():
            for name in gone:
                self._folder.remove(name)
            self._folder.remove_unfinished()
        self._remember_ages([stat.st_ino for _, stat in files], now)
        self.forget_mappings()

    def forget_mappings(self) -> None:
        """Unmaps deleted segments; the kernel frees their memory when the last process has unmapped them."""
        kept = {stat.st_ino for _, stat in self._folder.files()}
        for inode in [inode for inode in self._mappings if inode not in kept]:
            self._mappings.pop(inode, None)

    def usage(self) -> PoolUsage:
        """What is held now."""
        return self._usage(self._folder.files())

    def _usage(self, files: Sequence[LeaseFile]) -> PoolUsage:
        now = time.monotonic()
        targets = [(name, stat) for name, stat in files if _suffix(name) == TARGET]
        moved = max((stat.st_atime for _, stat in targets), default=now)
        with suppress(FileNotFoundError):
            moved = max(moved, self._folder.stat(FINISHED).st_atime)
        return PoolUsage(
            requests=len(targets) - self._orphans.overtaken(targets),
            mean_age_s=sum(now - stat.st_atime for _, stat in targets) / max(1, len(targets)),
            leased_bytes=sum(stat.st_size for name, stat in files if _suffix(name) in (TARGET, SOURCES)),
            free_bytes=sum(stat.st_size for name, stat in files if _suffix(name) == FREE),
            stalled=now - moved > STALLED_SECONDS,
        )

    def _drop_free(self) -> None:
        for name, _ in self._folder.files():
            if _suffix(name) == FREE:
                self._folder.remove(name)

    def _segment(self, size: int, name: str) -> None:
        size, now = _size_class(size), time.monotonic()
        for free, stat in self._folder.files():
            if free.startswith(f"{size}.") and _suffix(free) == FREE:
                if is_own_file(stat) and stat.st_size == size and self._may_be_reused(stat, now):
                    self._folder.stamp(free, now)
                    self._folder.rename(free, name)
                    return
                self._folder.remove(free)
        self._folder.allocate(name, size, now)

    def _may_be_reused(self, stat: os.stat_result, now: float) -> bool:
        return now - self._seen_since.get(stat.st_ino, now) < REUSED_FOR_SECONDS

    def _remember_ages(self, inodes: Sequence[int], now: float) -> None:
        self._seen_since = {inode: self._seen_since.get(inode, now) for inode in inodes}

    def _mapped(self, lease: Lease, part: str, size: int, whole: bool) -> NDArray[np.uint8]:
        segment = self._take_up(lease) if part == TARGET else f"{lease.token}{part}"
        try:
            descriptor = self._folder.open_file(segment)
        except FileNotFoundError:
            raise self._too_late() from None
        except NotPrivate as error:
            raise InternalError(str(error)) from None
        try:
            stat = os.fstat(descriptor)
            if time.monotonic() - stat.st_atime > self._request_seconds:
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


def _held(lease: Lease) -> str:
    return f"{lease.token}{TARGET}"


def _on_edge(lease: Lease, edge: str) -> str:
    return f"{lease.token}.{edge}{TARGET}"


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _size_class(size: int) -> int:
    """Bytes to allocate for `size`, at least a page: the next of eight steps between powers of two.

    So segments can be reused for images of about the same size, and at most an eighth is wasted.
    """
    step = max(4096, 1 << max(0, (size - 1).bit_length() - 4))
    return -(-size // step) * step
