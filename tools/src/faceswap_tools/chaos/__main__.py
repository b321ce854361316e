"""`make chaos`: injects every fault into a real server and reports what callers saw."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from faceswap_models.checkout import Checkout
from rich.console import Console

from faceswap_tools.adversarial.all_requests import all_adversarial_requests
from faceswap_tools.benchmarks.report import report_bounds
from faceswap_tools.chaos.abandoned_requests import callers_who_give_up
from faceswap_tools.chaos.adversarial_inputs import every_adversarial_input, server_with_small_limits
from faceswap_tools.chaos.breaking import kill_parts, stop_in_order, supervised
from faceswap_tools.chaos.incident import Incident, incident_table
from faceswap_tools.chaos.pressure import (
    MOST_GRAIN,
    adversarial_requests,
    largest_images,
    limited_server,
    more_bodies_than_memory,
    too_many_callers,
)
from faceswap_tools.chaos.starting import failed_starts


def all_incidents(repository: Path, scratch: Path, console: Console) -> list[Incident]:
    """Every fault, one after the other."""
    incidents: list[Incident] = []

    def add(*found: Incident) -> None:
        incidents.extend(found)
        for incident in found:
            console.print(f"done: {incident.done}")

    with limited_server(repository, scratch / "limited.log") as server:
        add(too_many_callers(server))
        add(callers_who_give_up(server))
        add(largest_images(server))
        add(largest_images(server, grain=MOST_GRAIN))
        add(more_bodies_than_memory(server))
        add(adversarial_requests(server))
    with server_with_small_limits(repository, scratch / "adversarial.log") as server:
        add(every_adversarial_input(server, all_adversarial_requests()))
    supervisor = supervised(repository, scratch / "supervised.log")
    try:
        add(*kill_parts(supervisor))
        add(stop_in_order(supervisor))
    finally:
        supervisor.request_stop()
        supervisor.wait(60.0)
    add(*failed_starts(repository, scratch))
    return incidents


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing accepted was lost and every bound was kept, else 1."""
    argparse.ArgumentParser(prog="python -m faceswap_tools.chaos", description="Breaks a real server.").parse_args(
        arguments
    )
    checkout = Checkout.find()
    console = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory() as scratch:
        incidents = all_incidents(checkout.served_repository, Path(scratch), console)
    console.print(incident_table(incidents))
    rows = [row for incident in incidents for row in incident.all_rows()]
    return report_bounds(checkout.root, "chaos", rows, console)


if __name__ == "__main__":
    sys.exit(main())
