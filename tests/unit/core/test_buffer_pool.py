"""Frames in shared memory: every lease ends, nothing is reused too early, and killed processes lose nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from faceswap_core.buffers.buffer_pool import FREE_FOR_SECONDS, STALLED_SECONDS, BufferPool
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.new_lease import NewLease, buffer_folder, server_buffer_pool
from faceswap_core.buffers.orphaned_leases import OVERTAKEN_BY_SECONDS, TO_PASTE, TO_PASTE_IDENTITY, OrphanedLeases
from faceswap_core.errors import DeadlineExceeded, InternalError, InvalidTensor, ServerBusy
from faceswap_core.limits import Limits

TARGET, SOURCES = (30, 40), ((20, 10), (5, 7))
MEGABYTE = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "frames"


def make_store(folder: Path, *, most: int = 64, seconds: float = 60.0, limit: int = 10**12) -> BufferPool:
    lost = OrphanedLeases(folder, seconds, time.time, lambda: 0.0)  # one core is always busy
    return BufferPool(folder, MemoryBudget(limit, most, lambda: 0), seconds, lost)


def parts(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir() if path.suffix)


def age(folder: Path, suffix: str, seconds: float) -> None:
    for path in folder.glob(f"*{suffix}"):
        stamp = path.stat().st_mtime - seconds
        os.utime(path, (stamp, stamp))


def test_what_one_process_writes_another_reads(folder: Path) -> None:
    lease, frames = make_store(folder).lease(TARGET, SOURCES)
    frames.target[:] = 1
    for value, source in enumerate(frames.sources, 2):
        source[:] = value
    read = make_store(folder).open(Lease.parse(lease.encode()))
    assert read.target.shape == (30, 40, 3)
    assert [source.shape for source in read.sources] == [(20, 10, 3), (5, 7, 3)]
    assert [np.unique(frame).tolist() for frame in (read.target, *read.sources)] == [[1], [2], [3]]
    read.target[3, 4] = 9
    assert frames.target[3, 4].tolist() == [9, 9, 9], "the frame is changed in place"


def test_the_target_as_it_was_sent_lies_behind_its_frame(folder: Path) -> None:
    store, sent = make_store(folder), bytes(range(251)) * 3
    lease, frames = store.lease(TARGET, SOURCES, sent)
    frames.target[:] = 255
    reader = make_store(folder)
    read = Lease.parse(lease.encode())
    assert reader.encoded_target(read) == sent
    assert reader.open(read).target.min() == 255, "the frame ends where the encoded image begins"
    assert store.usage().leased_bytes >= 30 * 40 * 3 + len(sent)
    plain, _ = store.lease(TARGET)
    assert reader.encoded_target(plain) == b""
    store.release(lease)
    with pytest.raises(DeadlineExceeded):
        reader.encoded_target(read)


def test_files_are_for_the_owner_alone(folder: Path) -> None:
    make_store(folder).lease(TARGET)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_sources_can_go_before_the_target(folder: Path) -> None:
    store = make_store(folder)
    lease, frames = store.lease(TARGET, SOURCES)
    frames.target[:] = 5
    store.release_sources(lease)
    assert parts(folder) == [".free", ".target"]
    assert int(store.open_target(lease)[0, 0, 0]) == 5
    store.release(lease)
    store.release(lease)
    assert parts(folder) == [".free", ".free"]
    assert store.usage().requests == 0


def test_a_segment_is_used_again_for_a_frame_of_about_its_size(folder: Path) -> None:
    store = make_store(folder)
    first, _ = store.lease((1000, 1000))
    inode = next(folder.glob("*.target")).stat().st_ino
    store.release(first)
    second, _ = store.lease((1000, 1010))
    assert next(folder.glob("*.target")).stat().st_ino == inode
    third, _ = store.lease((1000, 1000))
    assert len(list(folder.glob("*.target"))) == 2, "one in use is not given away"
    store.release(second)
    store.release(third)
    store.lease((3000, 3000))
    assert store.usage().free_bytes > 0, "a much larger frame needs one of its own"


def test_a_lease_that_has_ended_cannot_be_opened(folder: Path) -> None:
    store = make_store(folder)
    lease, _ = store.lease(TARGET)
    store.release(lease)
    with pytest.raises(DeadlineExceeded, match="longer than 60 s"):
        store.open(lease)


def test_a_request_that_took_too_long_is_stopped_at_its_next_step(folder: Path) -> None:
    store = make_store(folder, seconds=60.0)
    lease, _ = store.lease(TARGET)
    age(folder, ".target", 61.0)
    with pytest.raises(DeadlineExceeded):
        store.open(lease)


def test_a_lost_lease_is_deleted_and_not_used_again(folder: Path) -> None:
    store = make_store(folder, seconds=60.0)
    lease, frames = store.lease(TARGET, SOURCES)
    frames.target[:] = 7
    age(folder, ".target", 59.0)
    age(folder, ".sources", 59.0)
    store.sweep()
    assert parts(folder) == [".sources", ".target"], "not yet"
    age(folder, ".target", 2.0)
    age(folder, ".sources", 2.0)
    store.sweep()
    assert parts(folder) == []
    _, fresh = store.lease(TARGET)
    frames.target[:] = 8  # a slow step still writes to the segment it has mapped
    assert not fresh.target.any(), "and nobody else sees it"
    with pytest.raises(DeadlineExceeded):
        store.open(lease)


def decoded(store: BufferPool) -> Lease:
    lease, _ = store.lease(TARGET, SOURCES)
    store.decoded(lease)
    return lease


def look_twice(store: BufferPool, folder: Path) -> int:
    """Leases in force when what has arrived was known at one look, and what has not was found at the next."""
    store.sweep()
    store.sweep()
    return leases(folder)


def leases(folder: Path) -> int:
    return len(list(folder.glob("*.target")))


def test_a_lease_is_lost_when_later_requests_have_come_the_same_way(folder: Path) -> None:
    store = make_store(folder, seconds=3600.0)
    dropped = decoded(store)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    assert look_twice(store, folder) == 1, "nobody has overtaken it"
    later = decoded(store)
    assert look_twice(store, folder) == 2, "the later one is on its way itself"
    make_store(folder).open(later)
    store.sweep()
    assert leases(folder) == 2, "it may arrive within the second"
    assert store.usage().requests == 1, "but it stands in nobody's way"
    assert look_twice(store, folder) == 1
    assert store.open(later).target.shape == (30, 40, 3)
    assert len(list(folder.glob("*.sources"))) == 1, "its sources went with it"
    with pytest.raises(DeadlineExceeded):
        store.open(dropped)


def test_a_lease_is_not_lost_to_one_that_was_decoded_about_when_it_was(folder: Path) -> None:
    store = make_store(folder, seconds=3600.0)
    decoded(store)
    age(folder, ".target", OVERTAKEN_BY_SECONDS - 0.5)
    store.open(decoded(store))
    assert look_twice(store, folder) == 2
    assert store.usage().requests == 1, "it may well be lost"


def test_neighbours_may_swap(folder: Path) -> None:
    store = make_store(folder, seconds=3600.0)
    decoded(store)
    store.open(decoded(store))
    assert store.usage().requests == 2


def test_a_lease_that_a_step_holds_is_not_overtaken(folder: Path) -> None:
    store = make_store(folder, seconds=3600.0)
    held = decoded(store)
    store.open(held)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    store.open(decoded(store))
    assert look_twice(store, folder) == 2


@pytest.mark.parametrize(("first", "second", "left"), [(TO_PASTE, TO_PASTE, 1), (TO_PASTE, TO_PASTE_IDENTITY, 2)])
def test_each_way_has_an_order_of_its_own(folder: Path, first: str, second: str, left: int) -> None:
    """`face_swap_identity` goes past the recogniser: its requests overtake those of `face_swap` and nothing is lost."""
    store = make_store(folder, seconds=3600.0)
    before = decoded(store)
    store.open(before)
    store.relay(before, first)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    after = decoded(store)
    store.open(after)
    store.relay(after, second)
    store.open_target(after)
    assert look_twice(store, folder) == left


def test_a_request_that_is_stopped_as_it_sets_out_overtakes_nobody(folder: Path) -> None:
    store = make_store(folder, seconds=3600.0)
    decoded(store)
    age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
    store.release(decoded(store))
    assert look_twice(store, folder) == 1


def test_leases_are_lost_when_the_server_does_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, waited, clock = [0.0], [0.0], [time.time()]
    lost = OrphanedLeases(folder, 3600.0, lambda: used[0], lambda: waited[0])
    store = BufferPool(folder, MemoryBudget(10**12, 64, lambda: 0), 3600.0, lost)
    store.lease(TARGET, SOURCES)
    monkeypatch.setattr("faceswap_core.buffers.buffer_pool.time.time", lambda: clock[0])
    for second in range(20):  # a network is at work
        clock[0] += 1.0
        used[0] += 1.0 if second % 4 == 0 else 0.0
        store.sweep()
    for _ in range(20):  # and now it has to wait for a core
        clock[0] += 1.0
        used[0] += 0.02
        waited[0] += 0.5
        store.sweep()
    assert store.usage().requests == 1
    for _ in range(8):
        clock[0] += 1.0
        used[0] += 0.02
        waited[0] += 0.01
        store.sweep()
    assert parts(folder) == []


def test_lost_leases_alone_do_not_close_the_server(folder: Path) -> None:
    store = make_store(folder, most=2, seconds=3600.0)
    decoded(store)
    decoded(store)
    age(folder, ".target", STALLED_SECONDS - 1.0)
    with pytest.raises(ServerBusy):
        store.lease(TARGET)
    age(folder, ".target", 2.0)
    probe = decoded(store)
    with pytest.raises(ServerBusy):
        store.lease(TARGET)  # one, not many
    store.open(probe)
    store.release(probe)
    assert look_twice(store, folder) == 0, "the one that came through shows that the others are lost"


def test_a_slow_server_is_not_taken_for_a_stalled_one(folder: Path) -> None:
    store = make_store(folder, most=2)
    first, _ = store.lease(TARGET)
    store.lease(TARGET)
    age(folder, ".target", STALLED_SECONDS + 1.0)
    store.release(first)
    store.lease(TARGET)
    age(folder, ".target", STALLED_SECONDS + 1.0)
    with pytest.raises(ServerBusy):  # one has ended a moment ago
        store.lease(TARGET)


def test_a_request_is_not_overtaken_while_it_is_decoded(folder: Path) -> None:
    store = make_store(folder)
    with NewLease(store) as slow:
        slow.allocate(TARGET, SOURCES)
        age(folder, ".target", OVERTAKEN_BY_SECONDS + 1.0)
        age(folder, ".sources", OVERTAKEN_BY_SECONDS + 1.0)
    store.open(decoded(store))
    assert look_twice(store, folder) == 2
    assert store.open(slow.lease).target.shape == (30, 40, 3)


def test_free_segments_do_not_stay(folder: Path) -> None:
    store = make_store(folder)
    lease, _ = store.lease(TARGET)
    store.release(lease)
    store.sweep()
    assert parts(folder) == [".free"]
    age(folder, ".free", FREE_FOR_SECONDS + 1.0)
    store.sweep()
    assert parts(folder) == []


def test_memory_of_a_deleted_segment_is_really_given_back(folder: Path) -> None:
    store = make_store(folder)
    lease, frames = store.lease((2000, 2000))
    frames.target[:] = 1
    del frames
    held = shared_bytes()
    store.release(lease)
    age(folder, ".free", FREE_FOR_SECONDS + 1.0)
    store.sweep()
    assert held - shared_bytes() > 10 * MEGABYTE


def shared_bytes() -> int:
    """Bytes of file mappings of this process that are in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssFile", "RssShmem")))


@pytest.mark.parametrize("count", [1, 3])
def test_only_so_many_requests_are_in_flight(folder: Path, count: int) -> None:
    store = make_store(folder, most=count)
    leases = [store.lease(TARGET, SOURCES)[0] for _ in range(count)]
    with pytest.raises(ServerBusy, match=rf"^SERVER_BUSY: {count} requests are in flight.*; retry after \d+ ms$"):
        make_store(folder, most=count).lease(TARGET)
    store.release(leases[0])
    store.lease(TARGET)


def test_a_full_file_system_is_busy_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(folder)
    asked: list[int] = []

    def full(descriptor: int, offset: int, size: int) -> None:
        asked.append(size)
        if len(asked) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ServerBusy, match="shared memory is full; retry after"):
        store.lease(TARGET, SOURCES)
    assert len(asked) == 2
    assert parts(folder) == []


def hold_and_wait(folder: str, ready: multiprocessing.synchronize.Event) -> None:
    make_store(Path(folder)).lease(TARGET)
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
    store = make_store(folder)
    assert store.usage().requests == 1
    store.lease(TARGET)
    age(folder, ".target", 61.0)
    store.sweep()
    assert store.usage().requests == 0


def test_a_failed_decode_gives_its_lease_back(folder: Path) -> None:
    store = make_store(folder)
    with pytest.raises(RuntimeError), NewLease(store) as new:
        new.allocate(TARGET, SOURCES)
        raise RuntimeError
    assert store.usage().requests == 0
    with NewLease(store) as new:
        new.allocate(TARGET, SOURCES)
    assert store.open(new.lease).target.shape == (30, 40, 3)
    with pytest.raises(InternalError):
        _ = NewLease(store).lease


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"token": "../../etc/passwd", "target": [1, 1], "sources": [], "leased_at": 1, "encoded": 0}',
        b'{"token": "%s", "target": [1], "sources": [], "leased_at": 1, "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [0, 5], "sources": [], "leased_at": 1, "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [true, 5], "sources": [], "leased_at": 1, "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [[1, -1]], "leased_at": 1, "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": 3, "leased_at": 1, "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "encoded": -1}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "encoded": true}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1, "encoded": 7.0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": "soon", "encoded": 0}' % (b"0" * 32),
        b'{"token": "%s", "target": [1, 1], "sources": [], "leased_at": 1%s, "encoded": 0}' % (b"0" * 32, b"0" * 400),
    ],
)
def test_a_forged_lease_is_refused(encoded: bytes) -> None:
    with pytest.raises(InvalidTensor):
        Lease.parse(encoded)


def test_a_lease_that_is_one_is_read() -> None:
    encoded = b'{"token": "%s", "target": [1, 2], "sources": [[3, 4]], "leased_at": 5.5, "encoded": 6}' % (b"0" * 32)
    assert Lease.parse(encoded) == Lease("0" * 32, (1, 2), ((3, 4),), 5.5, 6)


def test_a_lease_of_another_size_than_its_segment_is_refused(folder: Path) -> None:
    store = make_store(folder)
    lease, _ = store.lease(TARGET)
    larger = Lease(lease.token, (3000, 3000))
    with pytest.raises(InvalidTensor):
        store.open(larger)
    with pytest.raises(InvalidTensor):
        store.encoded_target(Lease(lease.token, TARGET, encoded=10**30))


def test_folders_of_ended_servers_are_deleted(tmp_path: Path) -> None:
    ended, alive = buffer_folder(2**22 + 1, tmp_path), buffer_folder(os.getpid(), tmp_path)
    for folder in (ended, alive):
        folder.mkdir()
    store = server_buffer_pool(Limits(), os.getppid(), tmp_path)
    store.lease(TARGET)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {alive.name, buffer_folder(os.getppid(), tmp_path).name}
    )
