"""Counts the requests a server has answered: callers' traffic as a health signal that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from faceswap_contract.names import ALIGN_FACES, ENSEMBLES, FACE_SWAP, FACE_SWAP_IDENTITY

from faceswap_server.triton.statistics import read_statistics

SWAPS = (FACE_SWAP, FACE_SWAP_IDENTITY)
"""The ensembles that run every network and step a swap needs."""
TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests answered since the server's start.

    Attributes:
        swaps: swaps that have succeeded.
        of_any_kind: those, analyses that have succeeded, and requests that `align_faces` refused (no face, the content
            gate): decoder, detector and gate have worked for these. Errors of other steps are not counted: they may
            be all that a broken server gives.
    """

    swaps: int
    of_any_kind: int


def answered(http_url: str, timeout_s: float = TIMEOUT_SECONDS) -> Answers | None:
    """The counts; None when the server does not say."""
    try:
        counted = read_statistics(http_url, timeout_s)
    except httpx.HTTPError:
        return None
    swaps, all_kinds = (
        sum(counted[name].succeeded for name in names if name in counted) for names in (SWAPS, ENSEMBLES)
    )
    refused = counted[ALIGN_FACES].failed if ALIGN_FACES in counted else 0
    return Answers(swaps, all_kinds + refused)


def more_swaps(now: Answers | None, before: Answers | None) -> bool:
    """Whether swaps have succeeded between two counts; not where one of them is missing."""
    return now is not None and before is not None and now.swaps > before.swaps


def more_answers(now: Answers | None, before: Answers | None) -> bool:
    """Whether requests of any kind were answered between two counts; not where one of them is missing."""
    return now is not None and before is not None and now.of_any_kind > before.of_any_kind
