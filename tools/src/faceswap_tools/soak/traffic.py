"""Mixed traffic: small and large, valid and invalid, answered and abandoned requests."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from faceswap_client import AsyncClient, DeadlineExceeded, FaceSwapError, Identity

from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.photographs import astronaut, six_people

ABANDONED = "abandoned by the caller"
ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    call: sends it. outcomes: what may come of it: `ANSWERED`, `ABANDONED` or error codes.
    weight: how often, relative to the others.
    """

    name: str
    weight: int
    outcomes: frozenset[str]
    call: Callable[[AsyncClient], Awaitable[object]]


@dataclass(slots=True)
class Tally:
    """Requests by kind and outcome, and those whose outcome was none of the expected."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return sum(self.outcomes.values())

    def add(self, kind: Kind, outcome: str) -> None:
        self.outcomes[kind.name, outcome] += 1
        if outcome not in kind.outcomes and len(self.surprises) < 20:
            self.surprises.append(f"{kind.name}: {outcome}")


BUSY = "SERVER_BUSY"


def all_kinds() -> list[Kind]:
    """The mix. Images are made once and kept."""
    portrait, group = astronaut().read_bytes(), six_people().read_bytes()
    source = source_image().jpeg
    flat = _flat_png(3000, 4000)
    largest = target_image("12 MP", 1, 2700).jpeg
    identity = np.random.default_rng(1).standard_normal(512).astype(np.float32)

    def swap(sent: bytes, target: bytes, **options: Any) -> Callable[[AsyncClient], Awaitable[object]]:
        return lambda client: client.swap(sent, target, **options)

    def abandoned(after_s: float) -> Callable[[AsyncClient], Awaitable[object]]:
        return lambda client: asyncio.wait_for(client.swap(source, group), after_s)

    def kind(name: str, weight: int, call: Callable[[AsyncClient], Awaitable[object]], *outcomes: str) -> Kind:
        return Kind(name, weight, frozenset({*outcomes, BUSY}), call)

    return [
        kind("six faces", 6, swap(portrait, group), ANSWERED),
        kind("one face, 1080p", 6, swap(source, target_image("1080p", 1, 400).jpeg), ANSWERED),
        kind("one large face, 12 MP", 1, swap(source, largest), ANSWERED),
        kind("PNG with exact blend", 2, swap(portrait, portrait, output_format="png", blend="exact"), ANSWERED),
        kind("WebP, scaled down", 2, swap(portrait, group, output_format="webp", max_side=800), ANSWERED),
        kind("an identity", 3, lambda client: client.swap(Identity(identity), group), ANSWERED),
        kind("analysis", 2, lambda client: client.faces(group), ANSWERED),
        kind("12 MP without a face", 1, swap(portrait, flat), "NO_FACE_IN_TARGET"),
        kind("no face in the source", 1, swap(_flat_png(200, 200), group), "NO_FACE_IN_SOURCE"),
        kind("cut off", 2, swap(portrait, group[: len(group) // 2]), "TRUNCATED_IMAGE"),
        kind("not an image", 2, swap(portrait, b"<html>not found</html>"), "NOT_AN_IMAGE"),
        kind("a bomb", 2, swap(portrait, _claiming_png(100_000, 100_000)), "BAD_DIMENSIONS", "TOO_MANY_PIXELS"),
        kind("an option out of range", 1, swap(portrait, group, detection_threshold=7), "INVALID_OPTION"),
        kind("abandoned at once", 2, abandoned(0.005), ANSWERED, ABANDONED),
        kind("abandoned later", 2, swap(source, group, timeout=0.15), ANSWERED, ABANDONED),
    ]


async def run_traffic(address: str, kinds: list[Kind], *, requests: int, in_flight: int, seed: int) -> Tally:
    """Sends so many requests, `in_flight` at a time, in an order that the seed decides."""
    order = random.Random(seed).choices(kinds, [kind.weight for kind in kinds], k=requests)  # noqa: S311
    waiting, tally = iter(order), Tally()

    async def one_caller(client: AsyncClient) -> None:
        for kind in waiting:
            tally.add(kind, await _outcome(kind, client))

    async with AsyncClient(address, timeout=120.0, remember_sources=0) as client:
        await asyncio.gather(*(one_caller(client) for _ in range(in_flight)))
    return tally


async def _outcome(kind: Kind, client: AsyncClient) -> str:
    try:
        await kind.call(client)
    except DeadlineExceeded as error:
        return ABANDONED if ABANDONED in kind.outcomes else error.code
    except FaceSwapError as error:
        return error.code
    except asyncio.TimeoutError:
        return ABANDONED
    return ANSWERED


def _flat_png(height: int, width: int) -> bytes:
    written, data = cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))
    if not written:
        raise RuntimeError("OpenCV cannot write a PNG")
    return data.tobytes()


def _claiming_png(width: int, height: int) -> bytes:
    """A PNG whose header claims a size its few bytes do not have."""
    small = bytearray(_flat_png(8, 8))
    small[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    return bytes(small)
