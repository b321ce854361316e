"""A step's malloc keeps what a frame needs, and gives it back when asked: glibc's own numbers before and after."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURE = """
import sys
from pathlib import Path
from faceswap_core.buffers.heap import keep_freed_memory, trim_heap

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

if sys.argv[1] == "keep":
    keep_freed_memory()
blocks = [bytearray(b"x") * 2**21 for _ in range(6)]
full = held()
blocks.clear()
freed = held()
trim_heap()
print(full - freed, freed - held())
"""


def measured(mode: str) -> tuple[float, float]:
    """MiB of 12 that go back at once, and with the trim."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, mode],
        env={"MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    at_once, trimmed = done.stdout.split()
    return float(at_once), float(trimmed)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_freed_memory_is_kept_until_the_trim() -> None:
    at_once, trimmed = measured("keep")
    assert at_once < 3
    assert trimmed > 9
    at_once, _ = measured("as the environment says")
    assert at_once > 9
