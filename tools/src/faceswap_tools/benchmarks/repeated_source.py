"""Benchmark of the client's source cache: one face into many images."""

from __future__ import annotations

import tempfile
from pathlib import Path

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.service import middle, pack_server
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most


def measure_repeated_source(
    pack: BenchmarkPack, *, in_flight: int = 4, seconds: float = 4.0, rounds: int = 3
) -> list[Row]:
    """Network executions for the source, and throughput and CPU with and without the cache, interleaved."""
    source, target = source_image().jpeg, target_image("1080p", 1, 400).jpeg
    rates: dict[bool, list[float]] = {False: [], True: []}
    cpu: dict[bool, list[float]] = {False: [], True: []}
    for_the_source = 0
    with tempfile.TemporaryDirectory() as scratch, pack_server(pack, Path(scratch)) as server:
        for remember in (False, True):  # the first request of each: steps grow, the client learns the source
            server.run(source, target, 1, seconds=0.0, requests=(1, 1), memory=False, remember=remember)
        for _ in range(rounds):
            for remember in (False, True):
                run = server.run(source, target, in_flight, seconds=seconds, memory=False, remember=remember)
                rates[remember].append(run.loop.per_second)
                cpu[remember].append(run.cpu.outside_networks * 1e3 / run.loop.requests)
                if remember:
                    images, faces = run.models["det_10g"].inferences, run.models["w600k_r50"].inferences
                    for_the_source += images - run.loop.requests + faces
    label = f"repeated source, {pack.name} networks, 1080p, {in_flight} in flight"
    rows = [at_most(f"{label}: images detected and faces recognised for it", for_the_source, 0.0, "items", 0.0)]
    for remember, name in ((True, "remembered"), (False, "sent each time")):
        rows.append(Row(f"{label}: {name}", *middle(rates[remember]), "req/s"))
        rows.append(Row(f"{label}: {name}, outside the networks", *middle(cpu[remember]), "CPU ms/req"))
    return rows
