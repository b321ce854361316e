"""Overload: too many callers, memory pressure, adversarial images, callers that give up."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from faceswap_client import AsyncClient, Client, FaceSwapError
from faceswap_server.triton import ServerSettings, TritonServer

from faceswap_tools.benchmarks.images import source_image
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos.callers import ANSWERED, outcome_of_swap
from faceswap_tools.chaos.incident import Incident
from faceswap_tools.chaos.peak_memory import peak_memory
from faceswap_tools.photographs import six_people
from faceswap_tools.soak.readings import read_server
from faceswap_tools.soak.traffic import ABANDONED, all_kinds, run_traffic

MOST_IN_FLIGHT = 8
MEMORY_LIMIT_MB = 1800
LARGEST = (6000, 8300)
"""Height and width: 49.8 of the 50 megapixels that are allowed."""
MOST_GRAIN = 105
REFUSED_WITHIN_MS = 50.0
MOST_KEPT = 0.2
"""Of the memory before a burst, what the server may keep after it."""
IMAGES_IN_REGIONS, ROUNDING_IN_REGIONS_MB = 6, 10.0
"""By so much Triton's regions may grow, for good: each of the two instances of `decode_images` holds two images for a
moment, because Triton writes the next request before the step has let go of the last, and each of the two of
`paste_faces` one result."""
REST_SECONDS = 36.0


@contextmanager
def limited_server(repository: Path, log: Path) -> Iterator[TritonServer]:
    """A server with a small limit on requests in flight and on memory."""
    environment = {
        "FACESWAP_MAX_IN_FLIGHT": str(MOST_IN_FLIGHT),
        "FACESWAP_MEMORY_LIMIT_MB": str(MEMORY_LIMIT_MB),
    }
    with TritonServer(ServerSettings(repository, log=log, environment=environment)) as server:
        yield server


def too_many_callers(server: TritonServer, callers: int = 48, calls: int = 240) -> Incident:
    """Six times as many callers as may be in flight."""
    done = f"{callers} callers where {MOST_IN_FLIGHT} requests may be in flight"
    source, target = source_image().jpeg, six_people().read_bytes()
    times: dict[str, list[float]] = {}

    async def run() -> None:
        gate = asyncio.Semaphore(callers)
        async with AsyncClient(server.grpc_address, timeout=60.0, remember_sources=0, retries=0) as client:

            async def one() -> None:
                async with gate:
                    began = time.perf_counter()
                    outcome = await outcome_of_swap(client, source, target)
                    times.setdefault(outcome, []).append((time.perf_counter() - began) * 1e3)
                    if outcome != ANSWERED:
                        await asyncio.sleep(0.2)

            await asyncio.gather(*(one() for _ in range(calls)))

    asyncio.run(run())
    refused = times.get("SERVER_BUSY", [0.0])
    return Incident(
        done,
        Counter({outcome: len(each) for outcome, each in times.items()}),
        len(times.get("DEADLINE_EXCEEDED", [])),
        rows=(at_most(f"{done}: a refusal, median", statistics.median(refused), 0.0, "ms", REFUSED_WITHIN_MS),),
    )


def largest_images(server: TritonServer, *, grain: int = 0, callers: int = 16, calls: int = 24) -> Incident:
    """Two bursts of the largest images that are allowed, from more callers than memory has room for.

    A caller who is refused comes again, so that the server works at its limit until every call was answered.

    Args:
        grain: noise in the images, in levels: 0 for 3 MB, `MOST_GRAIN` for nearly the 25 MiB that are allowed.
    """
    source, target = source_image().jpeg, _largest_jpeg(grain)
    done = f"{callers} callers with 50 megapixels in {len(target) / 1e6:.0f} MB, {MEMORY_LIMIT_MB} MB of memory"
    with Client(server.grpc_address, timeout=300.0, remember_sources=0, retries=1000) as client:
        # steps, arenas and Triton's regions grow with the requests at once: that is not the large images' doing
        _burst(client, source, source, callers, 6 * callers)
        time.sleep(REST_SECONDS)
        before = read_server(server.pid, server.region_prefix)
        with peak_memory(server) as peak:
            saw = _burst(client, source, target, callers, calls)
            time.sleep(REST_SECONDS)
            once = read_server(server.pid, server.region_prefix)
            saw += _burst(client, source, target, callers, calls)
    time.sleep(REST_SECONDS)
    after = read_server(server.pid, server.region_prefix)
    limit = MEMORY_LIMIT_MB * 2**20 / 1e6
    # images of many bytes make Triton's regions grow, once and for good: then it is the second burst that is judged
    bound = (once if grain else before).memory_mb * (1 + MOST_KEPT)
    regions = before.regions_mb + IMAGES_IN_REGIONS * len(target) / 1e6 + ROUNDING_IN_REGIONS_MB
    beside_before, beside_after = (each.memory_mb - each.regions_mb for each in (before, after))
    return Incident(
        done,
        saw,
        saw.total() - saw[ANSWERED] - saw["SERVER_BUSY"],
        rows=(
            at_most(f"{done}: peak of memory", peak[0], 0.0, "MB", limit),
            Row(f"{done}: memory before any of them", before.memory_mb, 0.0, "MB"),
            Row(f"{done}: of it Triton's regions", before.regions_mb, 0.0, "MB"),
            Row(f"{done}: memory after the first burst", once.memory_mb, 0.0, "MB"),
            Row(f"{done}: of it Triton's regions then", once.regions_mb, 0.0, "MB"),
            at_most(f"{done}: memory after the second burst", after.memory_mb, 0.0, "MB", bound),
            at_most(f"{done}: of it not Triton's regions", beside_after, 0.0, "MB", beside_before * (1 + MOST_KEPT)),
            at_most(f"{done}: Triton's regions after that", after.regions_mb, 0.0, "MB", regions),
            at_most(f"{done}: frames left", after.frames_mb, 0.0, "MB", 0),
        ),
    )


def more_bodies_than_memory(server: TritonServer, callers: int = 48) -> Incident:
    """As many callers at once with the largest images as memory has no room for before any of them is accepted.

    Triton's own ports cannot refuse what is still arriving, so the peak has no bound; but each caller, refused and
    coming again, must be answered in the end.
    """
    source, target = source_image().jpeg, _largest_jpeg(MOST_GRAIN)
    done = f"{callers} callers at once with {len(target) / 1e6:.0f} MB each, {MEMORY_LIMIT_MB} MB of memory"
    with (
        Client(server.grpc_address, timeout=300.0, remember_sources=0, retries=1000) as client,
        peak_memory(server) as peak,
    ):
        saw = _burst(client, source, target, callers, callers)
    return Incident(done, saw, saw.total() - saw[ANSWERED], rows=(Row(f"{done}: peak of memory", peak[0], 0.0, "MB"),))


def _burst(client: Client, source: bytes, target: bytes, callers: int, calls: int) -> Counter[str]:
    with ThreadPoolExecutor(callers) as pool:
        return Counter(pool.map(lambda _: _swap(client, source, target), range(calls)))


def _swap(client: Client, source: bytes, target: bytes) -> str:
    try:
        client.swap(source, target, on_no_face="passthrough", output_format="jpeg")
    except FaceSwapError as error:
        return error.code
    return ANSWERED


def _largest_jpeg(grain: int) -> bytes:
    height, width = LARGEST
    random = np.random.default_rng(7)
    noise = random.integers(0, 255, (height // 100, width // 100, 3), dtype=np.uint8)
    frame = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    if grain:
        frame = cv2.add(frame, random.integers(0, grain, frame.shape, dtype=np.uint8))
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(frame), 85, "RGB", "420"))


def adversarial_requests(server: TritonServer, requests: int = 150) -> Incident:
    """Mixed traffic: bombs, cut-off and forged images, wrong options, callers that give up, and good requests."""
    done = "mixed traffic with adversarial requests and callers that give up"
    tally = asyncio.run(run_traffic(server.grpc_address, all_kinds(), requests=requests, in_flight=6, seed=11))
    time.sleep(REST_SECONDS)
    after = read_server(server.pid, server.region_prefix)
    saw: Counter[str] = Counter()
    for (_, outcome), count in tally.outcomes.items():
        saw[outcome] += count
    return Incident(
        done,
        saw,
        saw["DEADLINE_EXCEEDED"],
        rows=(
            at_most(f"{done}: unexpected outcomes", len(tally.surprises), 0.0, "requests", 0),
            at_most(f"{done}: still in flight at rest", after.in_flight, 0.0, "requests", 0),
            Row(f"{done}: abandoned", saw[ABANDONED], 0.0, "requests"),
        ),
    )
