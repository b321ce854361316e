"""Frames in shared memory: written once by `decode_images`, read by `align_faces`, changed in place by `paste_faces`.

Through Triton a frame is copied four times for each step it meets (out of the step, into the server, into the next
step, and the fresh pages of each); here it is not copied at all. Every request leases its frames, so the leases are
also the count of what is in flight and of the memory it holds. The target as it was sent lies behind its frame for
`paste_faces`: on its way through Triton it made the region of each instance larger by its size, for good.

The store is a directory on a tmpfs, shared by the processes of one server; the files in it are the whole state, so
nothing is lost track of when a process is killed:

    <token>.target, <token>.sources     leased; modified when the lease began, and again when it was decoded
    <token>.<way>.target                the same, while the request is on its way from one step to the next
    <size>.<random>.free                given back, kept for the next frame of that size
    arrived-<way>                       modified when the latest request that has come this way was decoded
    finished                            modified when a request ended

A lease ends when a step gives it back, or when it is found to be orphaned (`OrphanedLeases`). Where orphans are all
there is and callers keep the server from being quiet, nothing can overtake them: so when nothing has ended and nothing
was accepted for `STALLED_SECONDS`, one request more than allowed is accepted. An orphaned segment is deleted, never
used again, because a slow step may still be writing to it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.lease import Lease, image_bytes_of
from faceswap_core.buffers.memory_budget import MemoryBudget, PoolUsage
from faceswap_core.buffers.orphaned_leases import TARGET, TO_ALIGN, WAYS, OrphanedLeases
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.errors import DeadlineExceeded, InvalidTensor, ServerBusy
from faceswap_core.types import RgbImage

SOURCES, FREE, FINISHED = ".sources", ".free", "finished"
STALLED_SECONDS = 5.0
FREE_FOR_SECONDS = 30.0
"""How long a segment that was given back waits for the next frame of its size. A new one has to be zeroed first: 10 ms
for a 1080p frame."""


class BufferPool:
    """The frames of one server.

    Args:
        directory: on a tmpfs, the same for every process of the server; made when it is missing.
        budget: what may be held at once; kept as `budget`.
        request_seconds: how long a request may take from its lease to its last step.
        lost: finds what will never be given back in `directory`.
    """

    def __init__(self, directory: Path, budget: MemoryBudget, request_seconds: float, lost: OrphanedLeases) -> None:
        self._directory = directory
        self._lost = lost
        self.budget = budget
        self._request_seconds = request_seconds
        # by inode, which stays when a segment is renamed and is not used again while it is mapped
        self._mappings: dict[int, mmap.mmap] = {}
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lease(self, target: Size, sources: Sequence[Size] = (), encoded: bytes = b"") -> tuple[Lease, RequestImages]:
        """Makes room for the frames of one request.

        Args:
            encoded: the target as it was sent, kept for `encoded_target`.

        Raises:
            ServerBusy: too many requests are in flight, or their frames would not fit into the memory budget.
            TooManyPixels: these frames alone would not.
        """
        lease = Lease(secrets.token_hex(16), target, tuple(sources), time.time(), len(encoded))
        needed = {TARGET: image_bytes_of(target) + len(encoded), SOURCES: sum(image_bytes_of(size) for size in sources)}
        with self._locked():
            self.budget.admit(sum(needed.values()), self.usage(), self._drop_free)
            try:
                for part, size in needed.items():
                    if size:
                        self._segment(size, self._directory / f"{lease.token}{part}")
            except OSError:
                self._forget(lease)
                raise ServerBusy("shared memory is full; retry after 1000 ms") from None
        if encoded:
            self._behind_target(lease)[:] = np.frombuffer(encoded, np.uint8)
        return lease, self.open(lease, whole=True)

    def open(self, lease: Lease, *, whole: bool = False) -> RequestImages:
        """The frames of a lease, as they stand.

        Args:
            whole: most of each frame will be touched, so its pages are mapped at once.

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
        """The target alone, when the sources have been given back; raises as `open`."""
        return self._mapped(lease, TARGET, image_bytes_of(lease.target), whole).reshape(*lease.target, 3)

    def encoded_target(self, lease: Lease) -> bytes:
        """The target as it was sent, as a copy; no bytes when it was not kept; raises as `open`."""
        return self._behind_target(lease).tobytes() if lease.encoded else b""

    def decoded(self, lease: Lease) -> None:
        """Marks that the frames are complete; from here on requests pass every queue in this order."""
        for part in (SOURCES, TARGET):
            with suppress(FileNotFoundError):
                os.utime(self._directory / f"{lease.token}{part}")
        self.relay(lease, TO_ALIGN)

    def relay(self, lease: Lease, way: str) -> None:
        """Marks that a lease is on its way to the next step, until that step opens its frames."""
        with suppress(FileNotFoundError):
            self._held(lease).rename(self._on_its_way(lease, way))

    def release(self, lease: Lease) -> None:
        """Ends a lease; may be called again. No view of its frames may be used afterwards."""
        self.release_sources(lease)
        # not taken up: a request that is stopped as it sets out would seem to have arrived before all others
        if any(self._free(path) for path in (self._held(lease), *(self._on_its_way(lease, way) for way in WAYS))):
            (self._directory / FINISHED).touch()

    def release_sources(self, lease: Lease) -> None:
        """Ends the sources' part of a lease; may be called again."""
        self._free(self._directory / f"{lease.token}{SOURCES}")

    def _take_up(self, lease: Lease) -> Path:
        """The target's segment, which from here on is held by a step."""
        for way in WAYS:
            on_its_way = self._on_its_way(lease, way)
            with suppress(FileNotFoundError):
                decoded_at = on_its_way.stat().st_mtime
                on_its_way.rename(self._held(lease))
                self._lost.arrived(way, decoded_at)
        return self._held(lease)

    def _held(self, lease: Lease) -> Path:
        return self._directory / f"{lease.token}{TARGET}"

    def _on_its_way(self, lease: Lease, way: str) -> Path:
        return self._directory / f"{lease.token}.{way}{TARGET}"

    def _behind_target(self, lease: Lease) -> NDArray[np.uint8]:
        frame = image_bytes_of(lease.target)
        return self._mapped(lease, TARGET, frame + lease.encoded, whole=True)[frame:]

    def _free(self, segment: Path) -> bool:
        """Frees a segment; False when it has ended before."""
        try:
            os.utime(segment)  # from now on: since when it is free
            segment.rename(self._directory / f"{segment.stat().st_size}.{secrets.token_hex(8)}{FREE}")
        except FileNotFoundError:
            return False
        return True

    def sweep(self) -> None:
        """Deletes leases that were lost, and segments that nobody has needed for a while; forgets their mappings.

        For one step of the server; the others need `forget_mappings` alone.
        """
        files, now = list(self._files()), time.time()
        too_old = {FREE: now - FREE_FOR_SECONDS, SOURCES: now - self._request_seconds}
        gone = [path for path, stat in files if stat.st_mtime < too_old.get(path.suffix, 0.0)]
        for lost in self._lost.among([(path, stat) for path, stat in files if path.suffix == TARGET]):
            gone += [lost, self._directory / f"{lost.name.partition('.')[0]}{SOURCES}"]
        with self._locked():
            for path in gone:
                path.unlink(missing_ok=True)
        self.forget_mappings()

    def forget_mappings(self) -> None:
        """Lets go of segments that have been deleted; their memory goes with the last process that had mapped them."""
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
            requests=len(targets) - self._lost.missing(targets),
            mean_age_s=sum(now - stat.st_mtime for _, stat in targets) / max(1, len(targets)),
            leased_bytes=sum(stat.st_size for path, stat in files if path.suffix != FREE),
            free_bytes=sum(stat.st_size for path, stat in files if path.suffix == FREE),
            stalled=now - moved > STALLED_SECONDS,
        )

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._directory.iterdir():
            if path.suffix in (TARGET, SOURCES, FREE):
                with suppress(FileNotFoundError):  # given back or deleted meanwhile
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
        too_late = DeadlineExceeded(f"the request took longer than {self._request_seconds:g} s")
        segment = self._take_up(lease) if part == TARGET else self._directory / f"{lease.token}{part}"
        try:
            descriptor = os.open(segment, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise too_late from None
        try:
            stat = os.fstat(descriptor)
            if time.time() - stat.st_mtime > self._request_seconds:
                raise too_late
            if size > stat.st_size:
                raise InvalidTensor("'frames' names more bytes than were leased")
            mapped = self._mappings.get(stat.st_ino)
            if mapped is None:
                # populate: one call instead of a page fault for every 4 kB (1080p frame: 1.5 ms instead of 12)
                flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if whole else 0)
                mapped = self._mappings[stat.st_ino] = mmap.mmap(descriptor, stat.st_size, flags=flags)
        finally:
            os.close(descriptor)
        return np.frombuffer(mapped, np.uint8, size)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _split(packed: NDArray[np.uint8], sizes: Sequence[Size]) -> tuple[RgbImage, ...]:
    frames, start = [], 0
    for size in sizes:
        stop = start + image_bytes_of(size)
        frames.append(packed[start:stop].reshape(*size, 3))
        start = stop
    return tuple(frames)


def _size_class(size: int) -> int:
    """The next of eight steps between powers of two: at most an eighth is wasted, and segments find a new frame."""
    step = max(4096, 1 << max(0, (size - 1).bit_length() - 4))
    return -(-size // step) * step
