"""Buffer pool: every lease ends, nothing is reused too early, and killed processes lose nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from faceswap_core.buffers.buffer_pool import (
    FREE_FOR_SECONDS,
    REUSED_FOR_SECONDS,
    STALLED_SECONDS,
    BufferPool,
    _size_class,
)
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.new_lease import NewLease
from faceswap_core.buffers.orphaned_leases import OVERTAKEN_BY_SECONDS, TO_PASTE, TO_PASTE_IDENTITY, OrphanedLeases
from faceswap_core.buffers.private_folder import PrivateFolder
from faceswap_core.errors import DeadlineExceeded, InternalError, InvalidTensor, ServerBusy
from hypothesis import given
from hypothesis import strategies as st

TARGET, SOURCES = (30, 40), ((20, 10), (5, 7))
MEGABYTE = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "frames"


def make_pool(folder: Path, *, most: int = 64, seconds: float = 60.0, limit: int = 10**12) -> BufferPool:
    joined = PrivateFolder.join(folder)
    orphans = OrphanedLeases(joined, seconds, time.time, lambda: 0.0)  # one core is always busy
    return BufferPool(joined, MemoryBudget(limit, most, lambda: 0), seconds, orphans)


def parts(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir() if path.suffix)


def age(folder: Path, suffix: str, seconds: float) -> None:
    for path in folder.glob(f"*{suffix}"):
        stamp = path.stat().st_atime - seconds
        os.utime(path, (stamp, stamp))


def test_what_one_process_writes_another_reads(folder: Path) -> None:
    lease, images = make_pool(folder).lease(TARGET, SOURCES)
    images.target[:] = 1
    for value, source in enumerate(images.sources, 2):
        source[:] = value
    read = make_pool(folder).open(Lease.parse(lease.encode()))
    assert read.target.shape == (30, 40, 3)
    assert [source.shape for source in read.sources] == [(20, 10, 3), (5, 7, 3)]
    assert [np.unique(image).tolist() for image in (read.target, *read.sources)] == [[1], [2], [3]]
    read.target[3, 4] = 9
    assert images.target[3, 4].tolist() == [9, 9, 9], "the image is changed in place"


def test_what_belongs_to_the_target_lies_behind_its_pixels(folder: Path) -> None:
    pool, sent, alpha = make_pool(folder), bytes(range(251)) * 3, np.arange(1200, dtype=np.uint8).reshape(TARGET)
    lease, images = pool.lease(TARGET, SOURCES, len(sent) + alpha.size)
    images.target[:] = 255
    attached = pool.attach(lease, (sent, b"", alpha))
    assert attached.attached == (753, 0, 1200)
    reader = make_pool(folder)
    read = Lease.parse(attached.encode())
    assert [part.tobytes() for part in reader.attached(read)] == [sent, b"", alpha.tobytes()]
    assert reader.open(read).target.min() == 255, "the pixels end where the parts begin"
    plain, _ = pool.lease(TARGET)
    assert reader.attached(plain) == ()
    pool.release(attached)
    with pytest.raises(DeadlineExceeded):
        reader.attached(read)


def test_what_is_kept_beside_the_pixels_counts_as_leased_and_is_admitted(folder: Path) -> None:
    pool = make_pool(folder, limit=100 * MEGABYTE)
    pool.lease(TARGET, (), 20 * MEGABYTE)
    assert pool.usage().leased_bytes >= 20 * MEGABYTE
    with pytest.raises(ServerBusy, match="no room"):
        pool.lease(TARGET, (), 20 * MEGABYTE)


def test_parts_longer_than_the_room_asked_for_are_refused(folder: Path) -> None:
    pool = make_pool(folder)
    lease, _ = pool.lease(TARGET, (), 10)
    with pytest.raises(InvalidTensor):
        pool.attach(lease, (bytes(MEGABYTE),))


def test_files_are_for_the_owner_alone(folder: Path) -> None:
    make_pool(folder).lease(TARGET)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_sources_can_go_before_the_target(folder: Path) -> None:
    pool = make_pool(folder)
    lease, images = pool.lease(TARGET, SOURCES)
    images.target[:] = 5
    pool.release_sources(lease)
    assert parts(folder) == [".free", ".target"]
    assert int(pool.open_target(lease)[0, 0, 0]) == 5
    pool.release(lease)
    pool.release(lease)
    assert parts(folder) == [".free", ".free"]
    assert pool.usage().requests == 0


def test_a_segment_is_used_again_for_a_frame_of_about_its_size(folder: Path) -> None:
    pool = make_pool(folder)
    first, _ = pool.lease((1000, 1000))
    inode = next(folder.glob("*.target")).stat().st_ino
    pool.release(first)
    second, _ = pool.lease((1000, 1010))
    assert next(folder.glob("*.target")).stat().st_ino == inode
    third, _ = pool.lease((1000, 1000))
    assert len(list(folder.glob("*.target"))) == 2, "one in use is not given away"
    pool.release(second)
    pool.release(third)
    pool.lease((3000, 3000))
    assert pool.usage().free_bytes > 0, "a much larger frame needs one of its own"


def test_a_lease_that_has_ended_cannot_be_opened(folder: Path) -> None:
    pool = make_pool(folder)
    lease, _ = pool.lease(TARGET)
    pool.release(lease)
    with pytest.raises(DeadlineExceeded, match="longer than 60 s"):
        pool.open(lease)


def test_a_request_that_took_too_long_is_stopped_at_its_next_step(folder: Path) -> None:
    pool = make_pool(folder, seconds=60.0)
    lease, _ = pool.lease(TARGET)
    age(folder, ".target", 61.0)
    with pytest.raises(DeadlineExceeded):
        pool.open(lease)


def test_an_orphaned_lease_is_deleted_and_not_used_again(folder: Path) -> None:
    pool = make_pool(folder, seconds=60.0)
    lease, images = pool.lease(TARGET, SOURCES)
    images.target[:] = 7
    age(folder, ".target", 59.0)
    age(folder, ".sources", 59.0)
    pool.sweep()
    assert parts(folder) == [".sources", ".target"], "not yet"
    age(folder, ".target", 2.0)
    age(folder, ".sources", 2.0)
    pool.sweep()
    assert parts(folder) == []
    _, fresh = pool.lease(TARGET)
    images.target[:] = 8  # a slow step still writes to the segment it has mapped
    assert not fresh.target.any(), "and nobody else sees it"
    with pytest.raises(DeadlineExceeded):
        pool.open(lease)


def decoded(pool: BufferPool) -> Lease:
    lease, _ = pool.lease(TARGET, SOURCES)
    pool.decoded(lease)
    return lease


def look_twice(pool: BufferPool, folder: Path) -> int:
    """Leases in force when what has arrived was known at one look, and what has not was found at the next."""
    pool.sweep()
    pool.sweep()
    return leases(folder)


def leases(folder: Path) -> int:
    return len(list(folder.glob("*.target")))


def test_a_lease_is_orphaned_when_later_requests_have_come_over_the_same_edge(folder: Path) -> None:
    pool = make_pool(folder, seconds=3600.0)
    dropped = decoded(pool)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    assert look_twice(pool, folder) == 1, "nobody has overtaken it"
    later = decoded(pool)
    assert look_twice(pool, folder) == 2, "the later one is on its way itself"
    make_pool(folder).open(later)
    pool.sweep()
    assert leases(folder) == 2, "it may arrive within the second"
    assert pool.usage().requests == 1, "but it stands in nobody's way"
    assert look_twice(pool, folder) == 1
    assert pool.open(later).target.shape == (30, 40, 3)
    assert len(list(folder.glob("*.sources"))) == 1, "its sources went with it"
    with pytest.raises(DeadlineExceeded):
        pool.open(dropped)


def test_a_lease_is_not_orphaned_by_one_that_was_decoded_about_when_it_was(folder: Path) -> None:
    pool = make_pool(folder, seconds=3600.0)
    decoded(pool)
    age(folder, ".target", OVERTAKEN_BY_SECONDS - 0.5)
    pool.open(decoded(pool))
    assert look_twice(pool, folder) == 2
    assert pool.usage().requests == 1, "it may well be orphaned"


def test_requests_decoded_within_the_same_moment_may_arrive_in_any_order(folder: Path) -> None:
    pool = make_pool(folder, seconds=3600.0)
    decoded(pool)
    pool.open(decoded(pool))
    assert pool.usage().requests == 2


def test_a_lease_that_a_step_holds_is_not_overtaken(folder: Path) -> None:
    pool = make_pool(folder, seconds=3600.0)
    held = decoded(pool)
    pool.open(held)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    pool.open(decoded(pool))
    assert look_twice(pool, folder) == 2


@pytest.mark.parametrize(("first", "second", "left"), [(TO_PASTE, TO_PASTE, 1), (TO_PASTE, TO_PASTE_IDENTITY, 2)])
def test_each_edge_has_an_order_of_its_own(folder: Path, first: str, second: str, left: int) -> None:
    """`face_swap_identity` goes past the recogniser: its requests overtake those of `face_swap` and nothing is lost."""
    pool = make_pool(folder, seconds=3600.0)
    before = decoded(pool)
    pool.open(before)
    pool.move_to(before, first)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    after = decoded(pool)
    pool.open(after)
    pool.move_to(after, second)
    pool.open_target(after)
    assert look_twice(pool, folder) == left


def test_a_request_that_is_stopped_as_it_sets_out_overtakes_nobody(folder: Path) -> None:
    pool = make_pool(folder, seconds=3600.0)
    decoded(pool)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    pool.release(decoded(pool))
    assert look_twice(pool, folder) == 1


def test_leases_are_orphaned_when_the_server_does_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, waited, clock = [0.0], [0.0], [time.monotonic()]
    joined = PrivateFolder.join(folder)
    orphans = OrphanedLeases(joined, 3600.0, lambda: used[0], lambda: waited[0])
    pool = BufferPool(joined, MemoryBudget(10**12, 64, lambda: 0), 3600.0, orphans)
    pool.lease(TARGET, SOURCES)
    monkeypatch.setattr("faceswap_core.buffers.buffer_pool.time.monotonic", lambda: clock[0])
    for second in range(20):  # a network is at work
        clock[0] += 1.0
        used[0] += 1.0 if second % 4 == 0 else 0.0
        pool.sweep()
    for _ in range(20):  # and now it has to wait for a core
        clock[0] += 1.0
        used[0] += 0.02
        waited[0] += 0.5
        pool.sweep()
    assert pool.usage().requests == 1
    for _ in range(8):
        clock[0] += 1.0
        used[0] += 0.02
        waited[0] += 0.01
        pool.sweep()
    assert parts(folder) == []


def test_orphaned_leases_alone_do_not_close_the_server(folder: Path) -> None:
    pool = make_pool(folder, most=2, seconds=3600.0)
    decoded(pool)
    decoded(pool)
    age(folder, ".target", STALLED_SECONDS - 1.0)
    with pytest.raises(ServerBusy):
        pool.lease(TARGET)
    age(folder, ".target", 2.0)
    probe = decoded(pool)
    with pytest.raises(ServerBusy):
        pool.lease(TARGET)  # one, not many
    pool.open(probe)
    pool.release(probe)
    assert look_twice(pool, folder) == 0, "the one that came through shows that the others are orphaned"


def test_a_slow_server_is_not_taken_for_a_stalled_one(folder: Path) -> None:
    pool = make_pool(folder, most=2)
    first, _ = pool.lease(TARGET)
    pool.lease(TARGET)
    age(folder, ".target", STALLED_SECONDS + 1.0)
    pool.release(first)
    pool.lease(TARGET)
    age(folder, ".target", STALLED_SECONDS + 1.0)
    with pytest.raises(ServerBusy):  # one has ended a moment ago
        pool.lease(TARGET)


def test_a_request_is_not_overtaken_while_it_is_decoded(folder: Path) -> None:
    pool = make_pool(folder)
    with NewLease(pool) as slow:
        slow.allocate(TARGET, SOURCES)
        age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
        age(folder, ".sources", OVERTAKEN_BY_SECONDS + 1.0)
    pool.open(decoded(pool))
    assert look_twice(pool, folder) == 2
    assert pool.open(slow.lease).target.shape == (30, 40, 3)


@given(st.integers(min_value=1, max_value=2**34))
def test_at_most_an_eighth_of_a_segment_is_wasted(size: int) -> None:
    allocated = _size_class(size)
    assert allocated >= size
    assert allocated % 4096 == 0, "a segment is whole pages"
    assert allocated - size < max(4096, size / 8)


@given(st.integers(min_value=2**16, max_value=2**34))
def test_eight_size_classes_lie_between_two_powers_of_two(size: int) -> None:
    """More would find fewer segments to use again."""
    low = 1 << (size - 1).bit_length() - 1
    step = _size_class(_size_class(size) + 1) - _size_class(size)
    assert low / 8 <= step <= low / 4


def test_a_segment_that_is_used_again_is_as_young_as_a_new_one(folder: Path) -> None:
    pool = make_pool(folder, most=1, seconds=60.0)
    first, _ = pool.lease((1000, 1000))
    pool.release(first)
    age(folder, ".free", 61.0)  # longer than a request may take
    second, images = pool.lease((1000, 1000))
    assert images.target.shape == (1000, 1000, 3), "it can be opened"
    assert pool.usage().mean_age_s < 30.0, "the hint to callers goes by it"
    assert not pool.usage().stalled
    pool.sweep()
    assert pool.open(second).target.shape == (1000, 1000, 3), "it is not taken for orphaned"


def test_free_segments_do_not_stay(folder: Path) -> None:
    pool = make_pool(folder)
    lease, _ = pool.lease(TARGET)
    pool.release(lease)
    pool.sweep()
    assert parts(folder) == [".free"]
    age(folder, ".free", FREE_FOR_SECONDS + 1.0)
    pool.sweep()
    assert parts(folder) == []


def test_memory_of_a_deleted_segment_is_freed(folder: Path) -> None:
    pool = make_pool(folder)
    lease, images = pool.lease((2000, 2000))
    images.target[:] = 1
    del images
    held = shared_bytes()
    pool.release(lease)
    age(folder, ".free", FREE_FOR_SECONDS + 1.0)
    pool.sweep()
    assert held - shared_bytes() > 10 * MEGABYTE


def shared_bytes() -> int:
    """Bytes of file mappings of this process that are in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssFile", "RssShmem")))


@pytest.mark.parametrize("count", [1, 3])
def test_only_so_many_requests_are_in_flight(folder: Path, count: int) -> None:
    pool = make_pool(folder, most=count)
    leases = [pool.lease(TARGET, SOURCES)[0] for _ in range(count)]
    with pytest.raises(ServerBusy, match=rf"^SERVER_BUSY: {count} requests are in flight.*; retry after \d+ ms$"):
        make_pool(folder, most=count).lease(TARGET)
    pool.release(leases[0])
    pool.lease(TARGET)


def test_a_full_file_system_is_busy_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(folder)
    asked: list[int] = []

    def full(descriptor: int, offset: int, size: int) -> None:
        asked.append(size)
        if len(asked) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ServerBusy, match="shared memory is full; retry after"):
        pool.lease(TARGET, SOURCES)
    assert len(asked) == 2
    assert parts(folder) == []


def hold_and_wait(folder: str, ready: multiprocessing.synchronize.Event) -> None:
    make_pool(Path(folder)).lease(TARGET)
    ready.set()
    time.sleep(60)


def test_a_killed_process_loses_no_lease_and_blocks_nobody(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold_and_wait, args=(str(folder), ready))
    process.start()
    assert ready.wait(90)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(60)
    process.close()
    pool = make_pool(folder)
    assert pool.usage().requests == 1
    pool.lease(TARGET)
    age(folder, ".target", 61.0)
    pool.sweep()
    assert pool.usage().requests == 0


def test_a_failed_decode_releases_its_lease(folder: Path) -> None:
    pool = make_pool(folder)
    with pytest.raises(RuntimeError), NewLease(pool) as new:
        new.allocate(TARGET, SOURCES)
        raise RuntimeError
    assert pool.usage().requests == 0
    with NewLease(pool) as new:
        new.allocate(TARGET, SOURCES)
    assert pool.open(new.lease).target.shape == (30, 40, 3)
    with pytest.raises(InternalError):
        _ = NewLease(pool).lease


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"token": "../../etc/passwd", "target": [1, 1], "sources": [], "leased_at": 1, "attached": []}',
        b'{"token": "%s", "target": [1], "sources": [], "leased_at": 1, "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [0, 5], "sources": [], "leased_at": 1, "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [true, 5], "sources": [], "leased_at": 1, "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [[1, -1]], "leased_at": 1, "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": 3, "leased_at": 1, "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "attached": [-1]}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "attached": [true]}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "attached": [7.0]}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": "soon", "attached": []}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1%s, "attached": []}' % (b"0" * 32, b"0" * 400),
    ],
)
def test_a_forged_lease_is_refused(encoded: bytes) -> None:
    with pytest.raises(InvalidTensor):
        Lease.parse(encoded)


def test_a_lease_that_is_one_is_read() -> None:
    encoded = b'{"token": "%s", "target": [1, 2], "sources": [[3, 4]], "leased_at": 5.5, "attached": [6, 0]}' % (
        b"0" * 32
    )
    assert Lease.parse(encoded) == Lease("0" * 32, (1, 2), ((3, 4),), 5.5, (6, 0))


def test_a_lease_of_another_size_than_its_segment_is_refused(folder: Path) -> None:
    pool = make_pool(folder)
    lease, _ = pool.lease(TARGET)
    larger = Lease(lease.token, (3000, 3000))
    with pytest.raises(InvalidTensor):
        pool.open(larger)
    with pytest.raises(InvalidTensor):
        pool.attached(Lease(lease.token, TARGET, attached=(10**30,)))


def test_a_planted_segment_is_neither_written_nor_read(folder: Path, tmp_path: Path) -> None:
    """Nobody else can make files in a private folder; should there be one, it is not used."""
    pool, victim = make_pool(folder), tmp_path / "victim"
    size = _size_class(30 * 40 * 3)
    victim.write_bytes(b"x" * size)
    (folder / f"{size}.0123456789abcdef.free").symlink_to(victim)
    (folder / f"{size}.fedcba9876543210.free").hardlink_to(victim)
    lease, images = pool.lease(TARGET)
    images.target[:] = 255
    assert victim.read_bytes() == b"x" * size
    assert victim.stat().st_nlink == 1, "what was planted is gone"
    (folder / f"{lease.token}.target").unlink()
    (folder / f"{lease.token}.target").symlink_to(victim)
    with pytest.raises(InternalError, match="cannot be used"):
        make_pool(folder).open(lease)


def test_a_segment_is_not_used_again_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a smaller image the rest of a larger one stays until the segment is deleted."""
    pool, clock = make_pool(folder), [time.monotonic()]
    monkeypatch.setattr("faceswap_core.buffers.buffer_pool.time.monotonic", lambda: clock[0])
    inodes = set()
    for _ in range(int(REUSED_FOR_SECONDS) + 20):
        clock[0] += 1.0
        lease, _ = pool.lease((1000, 1000))
        inodes.add(next(folder.glob("*.target")).stat().st_ino)
        pool.release(lease)
        if len(inodes) == 1:
            pool.sweep()
    assert len(inodes) == 2, "it is used again, for a minute"
    clock[0] += REUSED_FOR_SECONDS
    pool.lease((1000, 1000))
    pool.sweep()
    assert not pool.usage().free_bytes


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_ends_no_request(folder: Path, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    pool, wall = make_pool(folder, most=2), time.time
    pool.open(decoded(pool))
    monkeypatch.setattr(time, "time", lambda: wall() + step)
    for path in folder.iterdir():  # as the files of an hour ago, or in an hour, look now
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - step))
    lease = decoded(pool)
    assert look_twice(pool, folder) == 2
    assert pool.open(lease).target.shape == (30, 40, 3)
    assert 0.0 <= pool.usage().mean_age_s < 60.0
    with pytest.raises(ServerBusy, match=r"retry after \d+ ms"):
        pool.lease(TARGET)


def test_a_mark_that_lies_ahead_overtakes_nobody(folder: Path) -> None:
    """As one of version 0.1, or one that was stamped by another clock."""
    pool = make_pool(folder, seconds=3600.0)
    pool.open(decoded(pool))
    os.utime(folder / "arrived-to-align", (time.monotonic() + 3600, time.monotonic() + 3600))
    lease = decoded(pool)
    assert look_twice(pool, folder) == 2
    pool.open(lease)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    assert pool.usage().requests == 2
