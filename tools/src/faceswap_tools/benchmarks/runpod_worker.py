"""Benchmark of the RunPod worker: cold start and its parts, overhead per job, jobs per second.

The real SDK in production mode works for a control plane on loopback. For all but the cold start the server is a stub
that waits 3 ms, so that what is measured is the worker.
"""

from __future__ import annotations

import base64
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faceswap_client import Client
from faceswap_models.packs import lay_out_offline_pack
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton import ServerSettings, TritonServer

from faceswap_tools.benchmarks.table import Row, at_least, print_rows
from faceswap_tools.command_line import no_options
from faceswap_tools.fakes.control_plane import ControlPlane
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository

STUB_SECONDS = 0.003
OVERHEAD_MS = 15.0  # the target: what a job may cost beyond the service itself
SINGLE_JOBS = 60
CONCURRENCIES = (1, 16, 32)
_READY = re.compile(r"server ready: loading ([\d.]+) s, proof ([\d.]+) s")


@contextmanager
def worker(plane: ControlPlane, repository: Path, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for `plane`; killed at the end."""
    variables = {"FACESWAP_TRITON": "bundled", "FACESWAP_MODEL_REPOSITORY": str(repository), **environment}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "faceswap_server.runpod"],
            env={**os.environ, **plane.worker_environment(), **variables},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def cold_start(runs: int = 5) -> list[Row]:
    """Seconds from process start to the first job's answer, with the offline pack, and what they went into."""
    image = base64.b64encode(probe_image()).decode()
    parts: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        repository = lay_out_offline_pack(Path(scratch) / "repository")
        for _ in range(runs):
            log = Path(scratch) / "worker.log"
            with ControlPlane() as plane:
                job_id = plane.submit({"source": image, "target": image})
                started = time.monotonic()
                with worker(plane, repository, log, FACESWAP_WARM_UP="0"):
                    job = plane.wait(job_id, 120)
            if job.taken is None or job.ended is None or job.error is not None:
                raise RuntimeError(f"the first job failed: {job.error}")
            loading, first = map(float, _READY.search(log.read_text()).groups())  # type: ignore[union-attr]
            total = job.ended - started
            answer = job.ended - job.taken
            for name, value in (
                ("cold start: process start to the first answer", total),
                ("  Triton loads every model", loading),
                ("  first swap", first),
                ("  first job", answer),
                ("  Python, the SDK and its fitness check", total - loading - first - answer),
            ):
                parts.setdefault(name, []).append(value)
    return [_row(name, values, "s") for name, values in parts.items()]


def overhead(repository: Path, scratch: Path) -> list[Row]:
    """Milliseconds a job takes in the worker, one at a time, beyond the same swap asked of the server."""
    image = probe_image()
    with TritonServer(ServerSettings(repository)) as server, Client(server.grpc_address, remember_sources=0) as client:
        direct = [_milliseconds(lambda: client.swap(image, image)) for _ in range(SINGLE_JOBS)]
    rows = [_row("a swap asked of the server itself (3 ms stub)", direct, "ms")]
    for name, sdk_loop in (("our job loop", "false"), ("the SDK's own job loop", "true")):
        with ControlPlane() as plane, worker(plane, repository, scratch / "log", FACESWAP_SDK_LOOP=sdk_loop):
            times = _single_jobs(plane)
        added = statistics.median(times) - statistics.median(direct)
        rows.append(_row(f"a job, taken to answered, {name}", times, "ms"))
        ok = added <= OVERHEAD_MS if sdk_loop == "false" else None
        target = f"at most {OVERHEAD_MS:g}" if ok is not None else ""
        rows.append(Row(f"  of that the worker's, {name}", added, _spread(times), "ms", target, ok))
    return rows


def throughput(repository: Path, scratch: Path, jobs: int = 300) -> list[Row]:
    """Jobs a second out of a full queue."""
    rows = []
    for name, sdk_loop in (("our job loop", "false"), ("the SDK's own job loop", "true")):
        for concurrency in CONCURRENCIES:
            environment = {"FACESWAP_SDK_LOOP": sdk_loop, "FACESWAP_CONCURRENCY": str(concurrency)}
            count = jobs if sdk_loop == "false" else min(jobs, 10 * concurrency)  # it may do one a second
            with ControlPlane() as plane, worker(plane, repository, scratch / "log", **environment):
                rate = _rate(plane, count)
            rows.append(at_least(f"{name}, {concurrency} at once", rate, 0.0, "jobs/s", None))
    return rows


def _single_jobs(plane: ControlPlane) -> list[float]:
    image = base64.b64encode(probe_image()).decode()
    times = []
    for number in range(SINGLE_JOBS + 5):
        job = plane.wait(plane.submit({"source": image, "target": image}), 120)
        if job.ended is not None and job.taken is not None and number >= 5:
            times.append((job.ended - job.taken) * 1e3)
        time.sleep(0.011 * (number % 10))  # not in step with anybody's polling
    return times


def _rate(plane: ControlPlane, count: int) -> float:
    image = base64.b64encode(probe_image()).decode()
    plane.wait(plane.submit({"source": image, "target": image}), 120)
    started = time.monotonic()
    for _ in range(count):
        plane.submit({"source": image, "target": image})
    plane.wait_all(300)
    return count / (time.monotonic() - started)


def _milliseconds(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return (time.perf_counter() - started) * 1e3


def _spread(values: Sequence[float]) -> float:
    quarters = statistics.quantiles(values, n=4)
    return (quarters[2] - quarters[0]) / 2


def _row(name: str, values: Sequence[float], unit: str) -> Row:
    return Row(name, statistics.median(values), _spread(values), unit)


def measure() -> dict[str, list[Row]]:
    """Every table by its title; needs the RunPod SDK."""
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        stub = lay_out_stub_repository(scratch / "stub", seconds=STUB_SECONDS, instances=2)
        return {
            "Cold start, offline pack on the CPU": cold_start(),
            "Worker overhead, one job at a time, 3 ms stub": overhead(stub, scratch),
            "Jobs a second, 3 ms stub": throughput(stub, scratch),
        }


def main() -> int:
    """Measures and prints everything."""
    no_options("faceswap_tools.benchmarks.runpod_worker", __doc__)
    for title, rows in measure().items():
        print_rows(title, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
