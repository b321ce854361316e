"""`make soak`: rounds of mixed traffic, and the server's resources after each.

The first rounds are not judged: steps, arenas and Triton's regions grow to their size in them. Between rounds the
server rests for as long as it takes to release the memory it keeps for the next image.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap_core.buffers.buffer_pool import FREE_FOR_SECONDS
from faceswap_models.checkout import Checkout
from faceswap_server.triton import ServerSettings, TritonServer
from rich.console import Console

from faceswap_tools.benchmarks.report import report_bounds
from faceswap_tools.benchmarks.table import Row, print_rows
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.soak.readings import Reading, read_server
from faceswap_tools.soak.traffic import Tally, all_kinds, run_traffic

REST_SECONDS = FREE_FOR_SECONDS + 4.0
WARM_UP_ROUNDS = 2
MOST_MEMORY_GROWTH = 0.05
"""From the last round of warm-up to the last of all; one 1080p frame lost in 75 requests would make 12 MB a round."""
MOST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Soak:
    """One run: the reading after each round, and all outcomes."""

    readings: list[Reading]
    tallies: list[Tally]
    seconds: float


def soak(
    server: TritonServer, *, rounds: int, requests: int, in_flight: int, most_seconds: float = MOST_SECONDS
) -> Soak:
    """Runs rounds of traffic against a server that is up; stops early when the time is over."""
    kinds, began = all_kinds(), time.monotonic()
    readings, tallies = [], []
    for number in range(rounds):
        tallies.append(
            asyncio.run(run_traffic(server.grpc_address, kinds, requests=requests, in_flight=in_flight, seed=number))
        )
        time.sleep(REST_SECONDS)
        readings.append(read_server(server.pid, server.region_prefix))
        if time.monotonic() - began > most_seconds:
            break
    return Soak(readings, tallies, time.monotonic() - began)


def rows_of(run: Soak) -> list[Row]:
    """The report; a row's `ok` is False where something grew or an outcome was none of the expected."""
    first, last = run.readings[min(WARM_UP_ROUNDS, len(run.readings)) - 1], run.readings[-1]
    sent = sum(tally.sent for tally in run.tallies)
    surprises = [text for tally in run.tallies for text in tally.surprises]
    answered = sum(count for tally in run.tallies for (_, what), count in tally.outcomes.items() if what == "answered")
    bound = first.memory_mb * (1 + MOST_MEMORY_GROWTH)
    return [
        Row("soak: requests sent", sent, 0.0, "requests"),
        Row("soak: answered with a result", answered, 0.0, "requests"),
        at_most("soak: unexpected outcomes", len(surprises), 0.0, "requests", 0),
        Row("soak: time", run.seconds, 0.0, "s"),
        *(
            Row(f"soak: memory after round {number}", reading.memory_mb, 0.0, "MB")
            for number, reading in enumerate(run.readings[:-1], 1)
        ),
        at_most("soak: memory after the last round", last.memory_mb, 0.0, "MB", bound),
        at_most("soak: frames left in shared memory", last.frames_mb, 0.0, "MB", 0),
        at_most("soak: Triton's shared regions", last.regions_mb, 0.0, "MB", first.regions_mb * 1.25),
        at_most("soak: file descriptors", last.descriptors, 0.0, "open", first.descriptors + 4),
        at_most("soak: threads", last.threads, 0.0, "threads", first.threads + 4),
        at_most("soak: processes", last.processes, 0.0, "processes", first.processes),
        at_most("soak: requests in flight at rest", last.in_flight, 0.0, "requests", 0),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing grew, 1 when something did."""
    parser = argparse.ArgumentParser(
        prog="python -m faceswap_tools.soak", description="Looks for unbounded growth under mixed traffic."
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=150, help="of each round")
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=900.0, help="no new round begins after so long")
    chosen = parser.parse_args(arguments)
    checkout = Checkout.find()
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 140)
    with tempfile.TemporaryDirectory() as scratch:
        settings = ServerSettings(checkout.served_repository, log=Path(scratch) / "server.log")
        with TritonServer(settings) as server:
            run = soak(
                server,
                rounds=chosen.rounds,
                requests=chosen.requests,
                in_flight=chosen.in_flight,
                most_seconds=chosen.seconds,
            )
    rows = rows_of(run)
    print_rows("soak", rows, console)
    for surprise in sorted({text for tally in run.tallies for text in tally.surprises}):
        console.print(f"unexpected: {surprise}")
    return report_bounds(checkout.root, "soak", rows, console)


if __name__ == "__main__":
    sys.exit(main())
