"""A/B benchmark of one model configuration setting against the checkout's.

    python -m faceswap_tools.benchmarks.config_variants [--only NAME,...] [--in-flight 4] [--frame 1080p] [--faces 1]

Both servers run at once and are asked alternately, so that background load affects both; while one works the other
waits and costs nothing. The networks are the offline pack's, or random-weight ones with --random-weights.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faceswap_contract.names import FACE_NETWORKS
from faceswap_models.layout import lay_out_repository
from rich.console import Console
from rich.table import Table

from faceswap_tools.benchmarks.benchmark_packs import (
    BenchmarkPack,
    offline_benchmark_pack,
    random_weights_benchmark_pack,
)
from faceswap_tools.benchmarks.images import FRAMES, source_image, target_image
from faceswap_tools.benchmarks.service import BenchmarkedServer, benchmarked_server

STEPS = ("decode_images", "align_faces", "paste_faces")


@dataclass(frozen=True, slots=True)
class Edit:
    """In the configs of `models`, every match of `pattern` becomes `replacement`; there must be one."""

    models: tuple[str, ...]
    pattern: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One change: edits of configs, arguments of tritonserver, or its environment, which its steps inherit."""

    name: str
    edits: tuple[Edit, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def _parameter(models: tuple[str, ...], key: str, value: int) -> Edit:
    return Edit(models, rf'(key: "{re.escape(key)}" value {{ string_value: )"[^"]*"', rf'\1"{value}"')


def _instances(models: tuple[str, ...], count: int) -> Edit:
    return Edit(models, r"(instance_group \[ \{[^}]*count: )\d+", rf"\g<1>{count}")


def _batching(models: tuple[str, ...], content: str) -> Edit:
    return Edit(models, r"dynamic_batching \{[^}]*\}", f"dynamic_batching {{ {content} }}")


def _shm(mebibytes: int) -> tuple[str, ...]:
    return (f"--backend-config=python,shm-default-byte-size={mebibytes << 20}",)


# glibc gives blocks of a frame's size back to the kernel when they are freed, and takes them again page by page,
# zeroed, for the next request. Above these sizes it would; below, the pages stay (mallopt(3)).
KEEP_PAGES = (("MALLOC_MMAP_THRESHOLD_", str(1 << 30)), ("MALLOC_TRIM_THRESHOLD_", str(1 << 30)))

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("unchanged"),  # what the comparison itself is worth
        Variant("network threads 1", (_parameter(FACE_NETWORKS, "intra_op_thread_count", 1),)),
        Variant("spinning on", (_parameter(FACE_NETWORKS, "session.intra_op.allow_spinning", 1),)),
        Variant("steps 1 instance", (_instances(STEPS, 1),)),
        Variant("steps 3 instances", (_instances(STEPS, 3),)),
        Variant("decode 1 instance", (_instances(("decode_images",), 1),)),
        Variant("paste 1 instance", (_instances(("paste_faces",), 1),)),
        Variant("align 1 instance", (_instances(("align_faces",), 1),)),
        Variant("networks 2 instances", (_instances(FACE_NETWORKS, 2),)),
        Variant(
            "networks 2 instances of 1 thread",
            (_instances(FACE_NETWORKS, 2), _parameter(FACE_NETWORKS, "intra_op_thread_count", 1)),
        ),
        Variant("batching delay 2 ms", (_batching(FACE_NETWORKS, "max_queue_delay_microseconds: 2000"),)),
        Variant("batching delay 10 ms", (_batching(FACE_NETWORKS, "max_queue_delay_microseconds: 10000"),)),
        Variant("detector batch 4", (Edit(("det_10g",), r"max_batch_size: \d+", "max_batch_size: 4"),)),
        Variant("malloc keeps pages", environment=KEEP_PAGES),
        Variant("shm 16 MiB", arguments=_shm(16)),
        Variant("shm 64 MiB", arguments=_shm(64)),
        Variant("shm 128 MiB", arguments=_shm(128)),
    )
}


@dataclass(slots=True)
class Measurements:
    """Of one server. Rates and times per round; memory at the end."""

    first_ms: float = 0.0
    per_second: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    outside_ms: list[float] = field(default_factory=list)
    detector_batch: float = 0.0
    memory_bytes: int = 0
    shm_bytes: int = 0


def compare(
    pack: BenchmarkPack, variant: Variant, frame: str, faces: int, in_flight: int, seconds: float, rounds: int
) -> tuple[Measurements, Measurements]:
    """The checkout's configs and the variant, interleaved."""
    source, target = source_image().jpeg, target_image(frame, faces, 400).jpeg
    sides = (Measurements(), Measurements())
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        servers = []
        for name, change in (("base", Variant("base")), ("variant", variant)):
            repository = lay_out_repository(pack.ours, Path(directory) / name)
            apply_edits(repository, change.edits)
            log = Path(directory) / f"{name}.log"
            servers.append(
                stack.enter_context(benchmarked_server(repository, log, change.arguments, dict(change.environment)))
            )
        for server, side in zip(servers, sides, strict=True):
            began = time.perf_counter()
            server.client.swap(source, target)
            side.first_ms = (time.perf_counter() - began) * 1e3
            server.run(source, target, in_flight, seconds=0.0, requests=(2 * in_flight, 2 * in_flight), memory=False)
        for _ in range(rounds):
            for server, side in zip(servers, sides, strict=True):
                _add_round(server, side, source, target, in_flight, seconds)
        for server, side in zip(servers, sides, strict=True):
            side.memory_bytes = server.processes.memory_bytes()
            side.shm_bytes = server.processes.shared_memory_bytes()
    return sides


def apply_edits(repository: Path, edits: Sequence[Edit]) -> None:
    """Changes configs of a laid out repository; raises ValueError when a pattern is not found."""
    for edit in edits:
        for model in edit.models:
            path = repository / model / "config.pbtxt"
            text, count = re.subn(edit.pattern, edit.replacement, path.read_text())
            if not count:
                raise ValueError(f"{model}/config.pbtxt has nothing like {edit.pattern}")
            path.write_text(text)


def _add_round(
    server: BenchmarkedServer, side: Measurements, source: bytes, target: bytes, in_flight: int, seconds: float
) -> None:
    run = server.run(source, target, in_flight, seconds=seconds, requests=(in_flight, 10_000), memory=False)
    side.per_second.append(run.loop.per_second)
    side.latencies_ms += run.loop.latencies_ms
    side.cpu_ms.append(run.cpu.total * 1e3 / run.loop.requests)
    side.outside_ms.append(run.cpu.outside_networks * 1e3 / run.loop.requests)
    side.detector_batch = run.models["det_10g"].mean_batch


def rows_of(variant: Variant, base: Measurements, changed: Measurements) -> list[list[str]]:
    """Two rows of the table; the second ends with how many times the base's rate it reached, round by round."""
    ratios = [mine / other for mine, other in zip(changed.per_second, base.per_second, strict=True)]
    verdict = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    rows = []
    for name, side, times in ((f"before {variant.name}", base, ""), (variant.name, changed, verdict)):
        row = [
            name,
            f"{statistics.median(side.per_second):.2f}",
            f"{statistics.median(side.latencies_ms):.0f}",
            f"{statistics.median(side.cpu_ms):.0f}",
            f"{statistics.median(side.outside_ms):.0f}",
            f"{side.first_ms:.0f}",
            f"{side.detector_batch:.1f}",
            f"{side.memory_bytes / 1e6:.0f}",
            f"{side.shm_bytes / 1e6:.0f}",
            times,
        ]
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="python -m faceswap_tools.benchmarks.config_variants")
    parser.add_argument("--only", help=f"of: {', '.join(VARIANTS)}")
    parser.add_argument("--frame", choices=list(FRAMES), default="1080p")
    parser.add_argument("--faces", type=int, choices=(1, 6), default=1)
    parser.add_argument("--in-flight", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--random-weights", action="store_true", help="instead of the offline pack's networks")
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",") if chosen.only else list(VARIANTS)
    if unknown := [name for name in names if name not in VARIANTS]:
        parser.error(f"there is no variant {', '.join(unknown)}")
    table = Table(title=f"{chosen.frame}, {chosen.faces} face(s), {chosen.in_flight} in flight")
    headings = (
        "",
        "req/s",
        "p50 ms",
        "CPU ms/req",
        "outside networks",
        "first ms",
        "det batch",
        "MB",
        "shm MB",
        "times",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 140)
    with tempfile.TemporaryDirectory() as scratch:
        pack = (random_weights_benchmark_pack if chosen.random_weights else offline_benchmark_pack)(Path(scratch))
        for name in names:
            with console.status(name):
                base, changed = compare(
                    pack, VARIANTS[name], chosen.frame, chosen.faces, chosen.in_flight, chosen.seconds, chosen.rounds
                )
            for row in rows_of(VARIANTS[name], base, changed):
                table.add_row(*row)
                console.print("  ".join(row))  # a long run that is stopped has said what it knew
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
