"""Memory use of the server and its steps with 12-megapixel targets in flight."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.service import pack_server
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most

FRAME = "12 MP"
PER_REQUEST_TARGET = 4.0  # times the decoded target


def measure_memory(pack: BenchmarkPack, in_flight: Sequence[int] = (1, 2, 4, 8)) -> list[Row]:
    """Peak memory with each number of requests in flight, and what one more adds.

    Each number gets a separate server, because steps and arenas keep the memory they once had. What one more
    request adds is the slope of the straight line that fits the peaks best.
    """
    peaks = [_peak(pack, number) for number in in_flight]
    idle = min(base for base, _ in peaks)
    decoded = target_image(FRAME, 1, 400).decoded().nbytes
    slope = _slope(in_flight, [peak for _, peak in peaks])
    label = f"memory, {pack.name} networks, {FRAME}"
    return [
        Row(f"{label}: idle", idle / 1e6, 0.0, "MB"),
        *(
            Row(f"{label}: peak with {number} in flight", peak / 1e6, 0.0, "MB")
            for number, (_, peak) in zip(in_flight, peaks, strict=True)
        ),
        Row(f"{label}: first request, over idle", (peaks[0][1] - idle) / decoded, 0.0, "x decoded target"),
        at_most(f"{label}: each request more", slope / decoded, 0.0, "x decoded target", PER_REQUEST_TARGET),
    ]


def _peak(pack: BenchmarkPack, in_flight: int) -> tuple[int, int]:
    """Bytes before and at the peak of three requests per caller."""
    source, target = source_image().jpeg, target_image(FRAME, 1, 400).jpeg
    with tempfile.TemporaryDirectory() as scratch, pack_server(pack, Path(scratch)) as server:
        before = server.processes.memory_bytes()
        run = server.run(
            source, target, in_flight, seconds=0.0, requests=(3 * in_flight, 3 * in_flight), look_every_s=0.1
        )
        return before, run.peak_bytes


def _slope(numbers: Sequence[int], values: Sequence[int]) -> float:
    """Of the least-squares line."""
    mean, middle = sum(numbers) / len(numbers), sum(values) / len(values)
    spread = sum((number - mean) ** 2 for number in numbers)
    pairs = zip(numbers, values, strict=True)
    return sum((number - mean) * (value - middle) for number, value in pairs) / spread if spread else 0.0
