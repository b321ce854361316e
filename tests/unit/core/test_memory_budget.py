"""Admission: what the server really holds, what it has promised, and what a new request may need."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from faceswap_core.buffers.housekeeping import Housekeeping
from faceswap_core.buffers.memory_budget import WORKING_FACTOR, MemoryBudget, PoolUsage
from faceswap_core.buffers.server_processes import (
    SHARE_OF_LIMIT,
    SHARED_MEMORY,
    ServerProcesses,
    memory_limit,
    regions_of,
)
from faceswap_core.errors import ServerBusy, TooManyPixels

MB = 2**20
IDLE = PoolUsage(0, 0.0, 0, 0)


def nothing_to_drop() -> None:
    """The store holds no free segments."""


def held(requests: int, leased: int, free: int = 0, age: float = 1.0) -> PoolUsage:
    return PoolUsage(requests, age, leased, free)


def test_a_request_fits_up_to_the_last_byte() -> None:
    budget = MemoryBudget(1000 * MB, 8, lambda: 400 * MB)
    frames = int(600 * MB / WORKING_FACTOR)
    budget.admit(frames, IDLE, nothing_to_drop)
    with pytest.raises(TooManyPixels, match="need 600 MB to work on, and of .* memory limit 600 MB are left"):
        budget.admit(frames + 1, IDLE, nothing_to_drop)


def test_many_small_or_few_large_ones_fit() -> None:
    def accepted(frame: int) -> int:
        budget, count = MemoryBudget(1000 * MB, 1000, lambda: 100 * MB), 0
        while True:
            try:
                budget.admit(frame, held(count, count * frame), nothing_to_drop)
            except ServerBusy:
                return count
            count += 1

    assert accepted(100 * MB) == 3
    assert accepted(3 * MB) == 100


def test_what_is_promised_to_accepted_requests_counts() -> None:
    budget = MemoryBudget(1000 * MB, 8, lambda: 100 * MB)
    with pytest.raises(ServerBusy, match="no room for 300 MB now; retry after"):
        budget.admit(100 * MB, held(1, 250 * MB), nothing_to_drop)
    budget.admit(100 * MB, held(1, 190 * MB), nothing_to_drop)


def test_memory_that_processes_really_hold_counts() -> None:
    now = [100 * MB]
    budget = MemoryBudget(1000 * MB, 8, lambda: now[0])
    budget.admit(100 * MB, IDLE, nothing_to_drop)
    now[0] = 900 * MB
    budget._measured_at = float("-inf")
    with pytest.raises(ServerBusy):  # busy, not too large: it did fit once
        budget.admit(100 * MB, IDLE, nothing_to_drop)


def test_segments_that_wait_for_reuse_make_room() -> None:
    dropped: list[bool] = []
    budget = MemoryBudget(1000 * MB, 8, lambda: 100 * MB)
    budget.admit(100 * MB, held(0, 0, free=500 * MB), lambda: dropped.append(True))
    assert not dropped, "they were not in the way"
    budget.admit(100 * MB, held(0, 0, free=700 * MB), lambda: dropped.append(True))
    assert dropped


@pytest.mark.parametrize(
    ("requests", "age", "expected"),
    [(4, 2.0, 1000), (4, 0.0, 100), (1, 600.0, 10_000)],
)
def test_the_hint_is_when_a_request_should_have_ended(requests: int, age: float, expected: int) -> None:
    budget = MemoryBudget(1000 * MB, requests, lambda: 0)
    with pytest.raises(ServerBusy) as caught:
        budget.admit(1, held(requests, 0, age=age), nothing_to_drop)
    found = re.search(r"retry after (\d+) ms$", str(caught.value))
    assert found is not None
    assert int(found.group(1)) == expected


def test_with_nothing_in_flight_the_hint_is_a_second() -> None:
    now = [0]
    budget = MemoryBudget(1000 * MB, 4, lambda: now[0])
    budget.admit(1, IDLE, nothing_to_drop)
    now[0], budget._measured_at = 1001 * MB, float("-inf")
    with pytest.raises(ServerBusy, match="retry after 1000 ms$"):
        budget.admit(1, IDLE, nothing_to_drop)


def test_memory_is_not_measured_for_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, measured = [0.0], [0]
    monkeypatch.setattr("faceswap_core.buffers.memory_budget.time.monotonic", lambda: clock[0])

    def measure() -> int:
        measured[0] += 1
        return 0

    budget = MemoryBudget(1000 * MB, 8, measure)
    for moment in (0.0, 0.01, 0.05, 0.2, 0.21):
        clock[0] = moment
        budget.admit(1, IDLE, nothing_to_drop)
    assert measured == [2]


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_comes_from_the_control_group(tmp_path: Path, name: str) -> None:
    total = psutil.virtual_memory().total
    assert memory_limit(tmp_path) == int(total * SHARE_OF_LIMIT)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("max\n")
    assert memory_limit(tmp_path) == int(total * SHARE_OF_LIMIT)
    file.write_text("1000000000\n")
    assert memory_limit(tmp_path) == 900_000_000
    file.write_text(f"{2**62}\n")  # version 1 says so where there is no limit
    assert memory_limit(tmp_path) == int(total * SHARE_OF_LIMIT)


def test_memory_of_a_process_is_what_it_allocates() -> None:
    # a process of its own: this one may find the block in what earlier tests have left in its heap
    script = f"print(flush=True); input(); block = bytearray(b'x') * ({64 * MB}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        memory = ServerProcesses(process.pid)
        before = memory.held_bytes()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        grown = memory.held_bytes() - before
        process.communicate(b"\n")
    assert 60 * MB < grown < 80 * MB


def test_a_region_counts_once_however_often_it_is_mapped() -> None:
    region = SHARED_MEMORY / f"faceswap_test_{os.getpid()}"
    # as Triton starts a step: the name of its region is a word of the command line
    command = [sys.executable, "-c", "print(flush=True); input()", region.name]
    try:
        region.write_bytes(bytes(32 * MB))
        without = ServerProcesses(os.getpid()).held_bytes()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as step:
            assert step.stdout is not None
            step.stdout.readline()
            assert regions_of(psutil.Process(step.pid)) == {region}
            once = ServerProcesses(os.getpid()).held_bytes()
            with region.open("r+b") as file:
                mappings = [mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE) for _ in range(3)]
            again = ServerProcesses(os.getpid()).held_bytes()
            step.communicate(b"\n")
    finally:
        region.unlink()
    assert 32 * MB <= once - without < 60 * MB  # and the step's own memory
    assert again - once < 8 * MB
    assert len(mappings) == 3


def test_a_process_that_has_ended_holds_nothing() -> None:
    assert ServerProcesses(2**22 + 1).held_bytes() == 0


def test_an_idle_step_gives_its_heap_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceswap_core.buffers.housekeeping.IDLE_SECONDS", 0.05)
    monkeypatch.setattr("faceswap_core.buffers.housekeeping._LOOK_EVERY_SECONDS", 0.02)
    libc, swept = ctypes.CDLL(None), threading.Event()
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.memset.argtypes, libc.free.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], [ctypes.c_void_p]
    blocks = [libc.malloc(100_000) for _ in range(600)]
    for block in blocks:
        libc.memset(block, 1, 100_000)
    for block in blocks[:-1]:  # the last one keeps the heap from shrinking by itself
        libc.free(block)
    before = ServerProcesses(os.getpid()).held_bytes()
    keeping = Housekeeping(swept.set)
    keeping.start()
    assert swept.wait(60)
    keeping.worked()
    for _ in range(3000):
        if before - ServerProcesses(os.getpid()).held_bytes() > 40 * MB:
            break
        threading.Event().wait(0.02)
    keeping.stop()
    libc.free(blocks[-1])
    assert before - ServerProcesses(os.getpid()).held_bytes() > 40 * MB
