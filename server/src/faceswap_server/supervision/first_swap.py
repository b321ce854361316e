"""Readiness of a server that has just loaded: one swap must work before it is called healthy."""

from __future__ import annotations

import time

from faceswap_server.supervision.answer_count import answered, more_answers, more_swaps
from faceswap_server.supervision.swap_probe import NotReady, check_swap

RETRY_SECONDS = 0.5
"""From a first swap that was refused because the server is busy to the next."""


def prove_swap(http_url: str, seconds: float) -> None:
    """Returns when a swap has worked: the probe's, or while the server is too busy for it, a caller's.

    Callers who have waited for the server fill its queue before the first probe is sent. Where all of them want
    something else, an analysis for example, and get it, that will do when the time is over.

    Args:
        http_url: http://HOST:PORT.
        seconds: until when one of them must have worked.

    Raises:
        NotReady: none has, or the probe was answered with an error.
    """
    deadline = time.monotonic() + seconds
    before = answered(http_url)
    while (busy := _busy(http_url, max(deadline - time.monotonic(), RETRY_SECONDS))) is not None:
        now = answered(http_url)
        if more_swaps(now, before):
            return
        if time.monotonic() >= deadline:
            if more_answers(now, before):
                return
            raise busy
        time.sleep(RETRY_SECONDS)


def _busy(http_url: str, seconds: float) -> NotReady | None:
    """The answer of a server that has no room for one more swap; None when it swaps; raises any other NotReady."""
    try:
        check_swap(http_url, seconds)
    except NotReady as error:
        if error.busy:
            return error
        raise
    return None
