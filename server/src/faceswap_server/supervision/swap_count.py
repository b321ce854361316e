"""Counts the swaps a server has answered: callers' traffic as a health signal that costs nothing."""

from __future__ import annotations

import httpx
from faceswap_contract.names import FACE_SWAP, FACE_SWAP_IDENTITY

from faceswap_server.triton.statistics import read_statistics

SWAPS = (FACE_SWAP, FACE_SWAP_IDENTITY)
"""The ensembles that run every network and step a swap needs."""
TIMEOUT_SECONDS = 2.0


def succeeded_swaps(http_url: str, timeout_s: float = TIMEOUT_SECONDS) -> int | None:
    """Swaps that have succeeded since the server's start; None when it does not say."""
    try:
        counted = read_statistics(http_url, timeout_s)
    except httpx.HTTPError:
        return None
    return sum(counted[name].succeeded for name in SWAPS if name in counted)


def is_more(now: int | None, before: int | None) -> bool:
    """Whether swaps have succeeded between two counts; not where one of them is missing."""
    return now is not None and before is not None and now > before
