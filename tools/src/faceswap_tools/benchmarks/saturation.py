"""Saturation benchmark: whether the networks are the bottleneck, at the cost of the real ones."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.machine import available_cores
from faceswap_tools.benchmarks.server_processes import CpuSeconds
from faceswap_tools.benchmarks.service import pack_server
from faceswap_tools.benchmarks.table import Row, at_least

SWAPPER = "inswapper_128"
SHARE_TARGET = 92.0  # per cent


@dataclass(frozen=True, slots=True)
class Saturation:
    """One saturated run.

    cpu: of the server's processes.
    wall_s: of the run; foreign_s: CPU seconds of programs that have nothing to do with it.
    swapper_s: wall time in which the swapper, the slowest network, was executing.
    """

    cpu: CpuSeconds
    cores: int
    wall_s: float
    foreign_s: float
    swapper_s: float
    requests: int

    @property
    def network_share_of_cores(self) -> float:
        """Of the core time the service could have had, what the networks computed in. The target's measure.

        On a GPU one would ask how long it was busy. Here networks and steps share the cores, so their time is
        the cores' time: wall time times cores, less what other programs took.
        """
        return self.cpu.networks / (self.wall_s * self.cores - self.foreign_s)

    @property
    def network_share_of_cpu(self) -> float:
        """Of the CPU time the service used, the networks' part."""
        return self.cpu.networks / self.cpu.total

    @property
    def swapper_share_of_wall(self) -> float:
        """How much of the time the slowest network was at work; one instance, so at most 1."""
        return self.swapper_s / self.wall_s


def measure_saturation(pack: BenchmarkPack, *, in_flight: int = 8, requests: int = 24) -> list[Row]:
    """Rows for `requests` swaps at 1080p with one face, `in_flight` at a time."""
    run = run_saturated(pack, in_flight, requests)
    label = f"saturated with {pack.name}, 1080p, {in_flight} in flight"
    shares = (
        ("networks' share of the available core time", run.network_share_of_cores, SHARE_TARGET),
        ("networks' share of the service's CPU time", run.network_share_of_cpu, None),
        ("share of wall time the swapper was executing", run.swapper_share_of_wall, None),
    )
    rows = [at_least(f"{label}: {name}", share * 100, 0.0, "%", bound) for name, share, bound in shares]
    per_request = [(name, spent / run.requests * 1e3) for name, spent in run.cpu.by_model.items() if spent]
    rows += [Row(f"{label}: CPU of {name}", spent, 0.0, "CPU ms/req") for name, spent in per_request]
    return [*rows, Row(label, run.requests / run.wall_s, 0.0, "req/s")]


def run_saturated(pack: BenchmarkPack, in_flight: int, requests: int) -> Saturation:
    """Starts a server for the pack, fills it, measures, ends it."""
    source, target = source_image().jpeg, target_image("1080p", 1, 400).jpeg
    with tempfile.TemporaryDirectory() as scratch, pack_server(pack, Path(scratch)) as server:
        server.run(source, target, in_flight, seconds=0.0, requests=(in_flight, in_flight), memory=False)
        machine, own, swapper = _machine_cpu(), time.process_time(), _executing_s(server.server.http_url, SWAPPER)
        run = server.run(source, target, in_flight, seconds=0.0, requests=(requests, requests), memory=False)
        ours = run.cpu.total + time.process_time() - own
        return Saturation(
            cpu=run.cpu,
            cores=available_cores(),
            wall_s=run.loop.seconds,
            foreign_s=max(0.0, _machine_cpu() - machine - ours),
            swapper_s=_executing_s(server.server.http_url, SWAPPER) - swapper,
            requests=run.loop.requests,
        )


def _machine_cpu() -> float:
    """Core seconds in which anything ran, here or, by the hypervisor's account, on our cores elsewhere."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _executing_s(http_url: str, model: str) -> float:
    """Seconds of a model's executions, each once however many requests it served, since the server started."""
    answer = httpx.get(f"{http_url}/v2/models/{model}/stats", timeout=10.0, trust_env=False).raise_for_status()
    batches = answer.json()["model_stats"][0].get("batch_stats", [])
    return sum(int(batch["compute_infer"].get("ns", 0)) for batch in batches) / 1e9
