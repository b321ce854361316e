"""Callers whose deadline is far too short, beside callers that wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

from faceswap_client import AsyncClient, DeadlineExceeded
from faceswap_server.triton import TritonServer

from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos.callers import ANSWERED, outcome_of_swap
from faceswap_tools.chaos.incident import Incident
from faceswap_tools.soak.traffic import ABANDONED

SHORTEST_S, LONGEST_S = 0.05, 0.4
MOST_REFUSED = 0.6
"""Of the calls of those that wait, where as many requests may be in flight as there are callers. 0.36 was measured;
0.87 while a lost lease counted for ten seconds and networks worked for callers whose time was over."""
REFUSED_PAUSE_S = 0.2


def callers_who_give_up(
    server: TritonServer, *, impatient: int = 6, patient: int = 2, seconds: float = 30.0
) -> Incident:
    """As many callers as may be in flight; most abandon their request and send the next at once."""
    done = f"{impatient} callers that give up after {SHORTEST_S:g} to {LONGEST_S:g} s, {patient} that wait"
    source, target = source_image().jpeg, target_image("1080p", 1, 400).jpeg
    saw: dict[str, Counter[str]] = {"impatient": Counter(), "patient": Counter()}
    until = time.monotonic() + seconds

    async def one(client: AsyncClient, kind: str, seed: int) -> None:
        times = random.Random(seed)  # noqa: S311
        while time.monotonic() < until:
            patience = times.uniform(SHORTEST_S, LONGEST_S) if kind == "impatient" else None
            outcome = await outcome_of_swap(client, source, target, patience)
            if outcome == DeadlineExceeded.default_code and kind == "impatient":
                outcome = ABANDONED
            saw[kind][outcome] += 1
            if outcome not in (ANSWERED, ABANDONED):
                await asyncio.sleep(REFUSED_PAUSE_S)

    async def run() -> None:
        async with AsyncClient(server.grpc_address, timeout=60.0, remember_sources=0, retries=0) as client:
            kinds = ["impatient"] * impatient + ["patient"] * patient
            await asyncio.gather(*(one(client, kind, seed) for seed, kind in enumerate(kinds)))

    asyncio.run(run())
    waiting = saw["patient"]
    refused = waiting["SERVER_BUSY"] / max(1, waiting.total())
    return Incident(
        done,
        saw["impatient"] + waiting,
        waiting.total() - waiting[ANSWERED] - waiting["SERVER_BUSY"],
        rows=(
            Row(f"{done}: abandoned", saw["impatient"][ABANDONED], 0.0, "requests"),
            Row(f"{done}: answers to those that wait", waiting[ANSWERED], 0.0, "requests"),
            at_most(f"{done}: share of those that wait that is refused", refused, 0.0, "", MOST_REFUSED),
        ),
    )
