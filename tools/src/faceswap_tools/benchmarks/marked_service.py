"""Throughput and CPU per request with every provenance mark on, against the default.

Both servers run at once and are asked alternately, so that background load affects both.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faceswap_core.provenance.c2pa.development_chain import new_development_chain
from faceswap_models.content_gate import install_gate
from faceswap_models.content_gate.networks import STAND_IN, build_stand_in
from faceswap_models.layout import lay_out_repository

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.service import BenchmarkedServer, benchmarked_server, middle
from faceswap_tools.benchmarks.table import Row, at_least

LEAST_SHARE = 0.97
"""Of the throughput without: what marks and signatures may leave."""
GATE = "content_gate"


@dataclass(slots=True)
class Runs:
    """Of one server: requests per second, CPU milliseconds and the gate's milliseconds per request, by round."""

    per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    gate_ms: list[float] = field(default_factory=list)


def measure_marked_service(pack: BenchmarkPack, *, in_flight: int, seconds: float, rounds: int) -> list[Row]:
    """Pairs at 1080p with one face: by default, with signature and label, and with a stand-in gate as well."""
    runs: dict[str, Runs] = {}
    target, source = target_image("1080p", 1, 400).jpeg, source_image().jpeg
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        running = _servers(pack, Path(directory), servers)
        for server in running.values():
            server.run(source, target, in_flight, seconds=1.0, memory=False)
        for _ in range(rounds):
            for name, server in running.items():
                _add(runs.setdefault(name, Runs()), server, source, target, in_flight, seconds)
    return _rows(runs, in_flight)


def _servers(pack: BenchmarkPack, scratch: Path, servers: ExitStack) -> dict[str, BenchmarkedServer]:
    chain = new_development_chain()
    for name, content in {"chain": chain.chain_pem, "key": chain.key_pem, "salt": secrets.token_bytes(32)}.items():
        (scratch / name).write_bytes(content)
    marked = {
        "FACESWAP_SIGN_CHAIN": str(scratch / "chain"),
        "FACESWAP_SIGN_KEY": str(scratch / "key"),
        "FACESWAP_LABEL": "top-right",
    }
    open_repository = lay_out_repository(pack.ours, scratch / "repository")
    gated = lay_out_repository(pack.ours, scratch / "gated")
    install_gate(gated, build_stand_in(), STAND_IN, "stand-in")
    ways = {"default": (open_repository, {}), "marked": (open_repository, marked), "gated": (gated, marked)}
    return {
        name: servers.enter_context(benchmarked_server(repository, scratch / f"{name}.log", environment=environment))
        for name, (repository, environment) in ways.items()
    }


def _add(runs: Runs, server: BenchmarkedServer, source: bytes, target: bytes, in_flight: int, seconds: float) -> None:
    run = server.run(source, target, in_flight, seconds=seconds, memory=False)
    gate = run.models[GATE]
    runs.per_second.append(run.loop.per_second)
    runs.cpu_ms.append(run.cpu.total * 1e3 / run.loop.requests)
    runs.gate_ms.append(gate.compute_ns / 1e6 / max(1, gate.executions))


def _rows(runs: dict[str, Runs], in_flight: int) -> list[Row]:
    label = f"service, 1080p, {in_flight} in flight"
    rows = [Row(f"{label}: {name}", *middle(each.per_second), "req/s") for name, each in runs.items()]
    default = runs["default"]
    for name, bound in (("marked", LEAST_SHARE), ("gated", None)):
        shares = [with_ / without for with_, without in zip(runs[name].per_second, default.per_second, strict=True)]
        rows.append(at_least(f"{label}: {name} / default, requests per second", *middle(shares), "x", bound))
        more = [with_ - without for with_, without in zip(runs[name].cpu_ms, default.cpu_ms, strict=True)]
        rows.append(Row(f"{label}: {name} - default, all CPU", *middle(more), "CPU ms/req"))
    rows.append(Row(f"{label}: default, all CPU", *middle(default.cpu_ms), "CPU ms/req"))
    rows.append(Row(f"{label}: the gate's place without a gate", *middle(default.gate_ms), "ms"))
    rows.append(Row(f"{label}: the gate's place with the stand-in", *middle(runs["gated"].gate_ms), "ms"))
    return rows
