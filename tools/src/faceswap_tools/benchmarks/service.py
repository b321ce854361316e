"""Benchmark of the service against an insightface loop: throughput, latency, CPU, batch sizes, memory."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faceswap_client import Client
from faceswap_models.layout import lay_out_repository
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.statistics import ModelStatistics, difference, read_statistics

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.closed_loop import ClosedLoop, run_closed_loop
from faceswap_tools.benchmarks.images import BenchmarkImage, source_image
from faceswap_tools.benchmarks.insightface_loop import InsightfaceLoop, insightface_loop
from faceswap_tools.benchmarks.server_processes import CpuSeconds, ServerProcesses, watch_memory

START_TIMEOUT_S = 240.0  # the random-weight networks are 730 MB, and the machine may be busy


@dataclass(frozen=True, slots=True)
class ServiceRun:
    """One closed loop against the server, and what the server spent on it."""

    loop: ClosedLoop
    cpu: CpuSeconds
    models: dict[str, ModelStatistics]
    peak_bytes: int


@dataclass(slots=True)
class Series:
    """Several runs of one side at one number in flight."""

    loops: list[ClosedLoop] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # outside the networks, per request
    peaks: list[int] = field(default_factory=list)
    models: list[dict[str, ModelStatistics]] = field(default_factory=list)

    @property
    def per_second(self) -> list[float]:
        return [loop.per_second for loop in self.loops]

    def percentile(self, percent: int) -> float:
        """Over the requests of all runs."""
        together = [value for loop in self.loops for value in loop.latencies_ms]
        return ClosedLoop(1, 1.0, together).percentile(percent)

    def mean_batch(self, model: str) -> float:
        """Inferences per execution, over all runs."""
        counted = [run[model] for run in self.models]
        executions = sum(each.executions for each in counted)
        return sum(each.inferences for each in counted) / executions if executions else 0.0


class BenchmarkedServer:
    """A running server with its processes and two clients; `client` sends the source with every request."""

    def __init__(self, server: TritonServer, client: Client, remembering: Client) -> None:
        self.server, self.client, self._remembering = server, client, remembering
        models = frozenset(path.name for path in server.settings.repository.iterdir() if path.is_dir())
        self.processes = ServerProcesses(server.pid, models)

    def run(
        self,
        source: bytes,
        target: bytes,
        in_flight: int,
        *,
        seconds: float,
        requests: tuple[int, int] = (1, 100_000),
        memory: bool = True,
        look_every_s: float = 0.5,
        remember: bool = False,
    ) -> ServiceRun:
        """One closed loop of swaps; with `remember` the client sends the identity of a source it has sent before."""
        client = self._remembering if remember else self.client

        def call() -> None:
            client.swap(source, target, timeout=300.0)

        before, counted = self.processes.cpu(), read_statistics(self.server.http_url)
        if memory:
            # seldom: walking page tables slows the processes that are being measured
            with watch_memory(self.processes, look_every_s) as peak:
                loop = run_closed_loop(call, in_flight, seconds=seconds, requests=requests)
        else:
            peak = None
            loop = run_closed_loop(call, in_flight, seconds=seconds, requests=requests)
        cpu = self.processes.cpu() - before
        models = difference(read_statistics(self.server.http_url), counted)
        return ServiceRun(loop, cpu, models, peak.bytes if peak else 0)


@contextmanager
def benchmarked_server(
    repository: Path, log: Path, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[BenchmarkedServer]:
    """Starts a server on a repository with prepared networks and ends it."""
    settings = ServerSettings(
        repository,
        log=log,
        arguments=tuple(arguments),
        environment=dict(environment or {}),
        start_timeout_s=START_TIMEOUT_S,
    )
    with (
        TritonServer(settings) as server,
        Client(server.grpc_address, timeout=300.0, remember_sources=0, retries=0) as client,
        Client(server.grpc_address, timeout=300.0, retries=0) as remembering,
    ):
        yield BenchmarkedServer(server, client, remembering)


@contextmanager
def pack_server(pack: BenchmarkPack, scratch: Path) -> Iterator[BenchmarkedServer]:
    """A server for a pack, with the checkout's configs and steps."""
    repository = lay_out_repository(pack.ours, scratch / f"repository-{pack.name}")
    with benchmarked_server(repository, scratch / f"server-{pack.name}.log") as server:
        yield server


def compare_service(
    pack: BenchmarkPack,
    target: BenchmarkImage,
    in_flight: Sequence[int],
    *,
    seconds: float,
    rounds: int,
) -> dict[int, tuple[Series, Series]]:
    """Our runs and insightface's, interleaved, by number in flight.

    Args:
        seconds: of each run; `rounds` runs of each side at each number in flight.
    """
    source = source_image()
    results = {number: (Series(), Series()) for number in in_flight}
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        (scratch / "source.jpg").write_bytes(source.jpeg)
        (scratch / "target.jpg").write_bytes(target.jpeg)
        with (
            pack_server(pack, scratch) as server,
            insightface_loop(pack.theirs, scratch / "source.jpg", scratch / "target.jpg") as theirs,
        ):
            # steps' memory and onnxruntime's arenas grow to their size before anything counts
            server.run(source.jpeg, target.jpeg, max(in_flight), seconds=1.0, requests=(max(in_flight), 1000))
            for _ in range(rounds):
                for number in in_flight:
                    _add_ours(results[number][0], server.run(source.jpeg, target.jpeg, number, seconds=seconds))
                    _add_theirs(results[number][1], theirs, number, seconds)
    return results


def _add_ours(series: Series, run: ServiceRun) -> None:
    series.loops.append(run.loop)
    series.cpu_ms.append(run.cpu.outside_networks * 1e3 / run.loop.requests)
    series.peaks.append(run.peak_bytes)
    series.models.append(run.models)


def _add_theirs(series: Series, loop: InsightfaceLoop, in_flight: int, seconds: float) -> None:
    with watch_memory(ServerProcesses(loop.pid, frozenset()), period_s=0.5) as peak:
        result = loop.run(in_flight, seconds=seconds)
    series.loops.append(result.loop)
    series.peaks.append(peak.bytes)
    if result.outside_networks_seconds is not None:
        series.cpu_ms.append(result.outside_networks_seconds * 1e3 / result.loop.requests)


def middle(values: Sequence[float]) -> tuple[float, float]:
    """Median, and half the range."""
    return statistics.median(values), (max(values) - min(values)) / 2
