"""Sending again: only what the server cannot have worked on, and only while the caller still waits.

Two refusals qualify. A `ServerBusy` in which our server, its queue or its front said that it turned the request away;
and a connection that was refused before anything was sent. Nothing else does: after a timeout, a broken connection or
INTERNAL the server may have done the work, and may fail or be slow at it again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from faceswap_client._errors import ConnectionFailed, FaceSwapError, ServerBusy
from faceswap_client.wire.tensors import InferReply

DEFAULT_RETRIES = 3
"""How often a call is sent again at most."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_SPREAD = 0.5  # callers who were turned away together come back within this share of the pause, not together


def send(infer: Callable[[float | None], InferReply], timeout: float | None, retries: int) -> InferReply:
    """`infer(seconds left)`, sent again up to `retries` times; raises the last error as it came."""
    deadline = None if timeout is None else time.monotonic() + timeout
    left = timeout
    for turn in range(retries + 1):
        try:
            return infer(left)
        except (ServerBusy, ConnectionFailed) as error:
            pause = pause_before_retry(error, turn, retries, _left(deadline))
            if pause is None:
                raise
        time.sleep(pause)
        left = _left(deadline)
    raise AssertionError("the last turn returns or raises")


async def send_async(
    infer: Callable[[float | None], Awaitable[InferReply]], timeout: float | None, retries: int
) -> InferReply:
    """As `send`, for asyncio."""
    deadline = None if timeout is None else time.monotonic() + timeout
    left = timeout
    for turn in range(retries + 1):
        try:
            return await infer(left)
        except (ServerBusy, ConnectionFailed) as error:
            pause = pause_before_retry(error, turn, retries, _left(deadline))
            if pause is None:
                raise
        await asyncio.sleep(pause)
        left = _left(deadline)
    raise AssertionError("the last turn returns or raises")


def pause_before_retry(error: FaceSwapError, turn: int, retries: int, left: float | None) -> float | None:
    """Seconds to wait before sending again, or None when the error is to be raised.

    Args:
        error: what the last turn ended in.
        turn: how often the call was sent again so far.
        retries: how often it may be.
        left: seconds until the caller's deadline, None for none.
    """
    if turn >= retries or not _never_worked_on(error):
        return None
    asked = error.retry_after_s if isinstance(error, ServerBusy) else None
    # The server's wish is a lower bound, and the pause doubles from turn to turn: a server that is short of memory
    # spends it on what is sent again. (48 callers with 23 MB each and room for 5 who only waited as long as they were
    # asked to: 5 answered in 200 s.)
    least = max(asked or 0.0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(turn, 16)))
    pause = least * random.uniform(1.0, 1.0 + _SPREAD)  # noqa: S311  jitter, not a secret
    return pause if left is None or pause < left else None


def checked_retries(retries: int) -> int:
    """`retries` itself; raises ValueError when it is negative."""
    if retries < 0:
        raise ValueError(f"retries={retries} is not allowed: 0 or more")
    return retries


def _never_worked_on(error: FaceSwapError) -> bool:
    if isinstance(error, ServerBusy):
        return error.turned_away
    return isinstance(error, ConnectionFailed) and error.nothing_sent


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()
