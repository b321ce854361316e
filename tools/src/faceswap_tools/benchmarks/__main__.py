"""`make bench`: every measurement in one command, one table, and `out/bench.json`.

    python -m faceswap_tools.benchmarks [--quick] [--only stages,service] [--detector FILE] [--output FILE]

A whole run takes about 15 minutes on two cores, a quick one about 4; the quick one's numbers are rough. Nothing
else should run on the machine during a run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap_contract.names import PACK_NETWORKS
from faceswap_models.checkout import Checkout, NotACheckout
from faceswap_server.triton import SetupError
from rich.console import Console

from faceswap_tools.benchmarks import codecs, paste_back
from faceswap_tools.benchmarks.benchmark_packs import offline_benchmark_pack, random_weights_benchmark_pack
from faceswap_tools.benchmarks.machine import measurement_facts
from faceswap_tools.benchmarks.marked_service import measure_marked_service
from faceswap_tools.benchmarks.marking_cost import measure_marking
from faceswap_tools.benchmarks.memory import measure_memory
from faceswap_tools.benchmarks.repeated_source import measure_repeated_source
from faceswap_tools.benchmarks.report import write_report
from faceswap_tools.benchmarks.saturation import measure_saturation
from faceswap_tools.benchmarks.service_rows import measure_service, measure_service_cpu
from faceswap_tools.benchmarks.stages import measure_stages
from faceswap_tools.benchmarks.table import Row, print_rows
from faceswap_tools.in_process import InProcessPipeline


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `scratch` is an empty directory."""

    quick: bool
    scratch: Path
    detector: Path | None


def _stages(plan: Plan) -> list[Row]:
    pack = offline_benchmark_pack(plan.scratch).ours
    pipeline = InProcessPipeline({name: pack / f"{name}.onnx" for name in PACK_NETWORKS})
    frames = ("1080p", "4K") if plan.quick else ("720p", "1080p", "4K", "12 MP")
    return measure_stages(pipeline, frames, seconds=1.5 if plan.quick else 5.0)


def _paste(plan: Plan) -> list[Row]:
    return paste_back.measure(seconds=2.0 if plan.quick else 8.0)


def _codecs(plan: Plan) -> list[Row]:
    return codecs.measure(("1080p",) if plan.quick else ("1080p", "12 MP"), seconds=0.7 if plan.quick else 1.5)


def _service(plan: Plan) -> list[Row]:
    pack = offline_benchmark_pack(plan.scratch)
    seconds, rounds = (2.0, 2) if plan.quick else (5.0, 3)
    return measure_service(pack, (1, 4) if plan.quick else (1, 4, 8, 16), seconds=seconds, rounds=rounds)


def _service_cpu(plan: Plan) -> list[Row]:
    pack = offline_benchmark_pack(plan.scratch)
    seconds, rounds = (2.0, 1) if plan.quick else (5.0, 2)
    return measure_service_cpu(pack, (("4K", 1, 400), ("1080p", 6, 400)), seconds=seconds, rounds=rounds)


def _repeated(plan: Plan) -> list[Row]:
    seconds, rounds = (2.0, 2) if plan.quick else (4.0, 3)
    return measure_repeated_source(offline_benchmark_pack(plan.scratch), seconds=seconds, rounds=rounds)


def _marks(plan: Plan) -> list[Row]:
    seconds, rounds = (2.0, 2) if plan.quick else (5.0, 5)
    service = measure_marked_service(offline_benchmark_pack(plan.scratch), in_flight=4, seconds=seconds, rounds=rounds)
    return measure_marking(seconds=3.0 if plan.quick else 10.0) + service


def _memory(plan: Plan) -> list[Row]:
    return measure_memory(offline_benchmark_pack(plan.scratch), (1, 4) if plan.quick else (1, 2, 4, 8))


def _saturation(plan: Plan) -> list[Row]:
    pack = random_weights_benchmark_pack(plan.scratch, plan.detector)
    return measure_saturation(pack, in_flight=4 if plan.quick else 8, requests=8 if plan.quick else 32)


PARTS: dict[str, tuple[str, Callable[[Plan], list[Row]]]] = {
    "paste": ("Paste-back, CPU ms per face", _paste),
    "codecs": ("Decoding and encoding", _codecs),
    "stages": ("Stages around the networks, ours beside insightface", _stages),
    "service": ("The service beside an insightface loop", _service),
    "service-cpu": ("CPU of the service outside the networks, larger images and more faces", _service_cpu),
    "repeated-source": ("One face into many images", _repeated),
    "marks": ("Marks, signatures and the content gate", _marks),
    "memory": ("Memory with 12 MP targets", _memory),
    "saturation": ("The service saturated with networks that cost what the real ones cost", _saturation),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything was measured, whatever the targets say; 1 when something could not be."""
    chosen = _parse(arguments)
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 140)
    try:
        root = Checkout.find().root
        facts = measurement_facts(root)
        rows = _measure(chosen, console)
    except (NotACheckout, SetupError, OSError) as error:
        Console(stderr=True, markup=False, emoji=False).print(f"bench: {error}", style="red")
        return 1
    output: Path = chosen.output or root / "out" / "bench.json"
    write_report(output, {**facts, "quick": chosen.quick}, rows)
    missed = [row for row in rows if row.ok is False]
    console.print(f"{len(rows)} rows, {len(missed)} below target, written to {output}")
    return 0


def _measure(chosen: argparse.Namespace, console: Console) -> list[Row]:
    rows: list[Row] = []
    for part in chosen.only:
        title, measure = PARTS[part]
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch, console.status(title):
            found = measure(Plan(chosen.quick, Path(scratch), chosen.detector))
        print_rows(f"{title} ({time.monotonic() - began:.0f} s)", found, console)
        rows += found
    return rows


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faceswap_tools.benchmarks", description="Measures everything.")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds: rough numbers in minutes")
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"parts, from {', '.join(PARTS)}")
    parser.add_argument("--detector", type=Path, help="SCRFD file for the saturated run (default: the offline pack's)")
    parser.add_argument("--output", type=Path, help="default: out/bench.json")
    return parser.parse_args(arguments)


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
