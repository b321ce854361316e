"""Retry policy: which failures are retried, how often, and how long to wait before each retry.

Two failures are retried. A `ServerBusy` in which our server, its queue or its HTTP front said that it rejected the
request; and a connection that was refused before anything was sent. Nothing else is: after a timeout, a broken
connection or INTERNAL the server may have done the work, and may fail or be slow at it again.
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
_SPREAD = 0.5  # jitter: rejected callers come back within this share of the pause, not all at once

_RETRIED = (ServerBusy, ConnectionFailed)  # and of these, only what `_never_processed` accepts


class Attempts:
    """Counts the attempts of one call against its retries and its deadline.

    Args:
        timeout: seconds for the whole call, None for no limit.
        retries: how often the call may be sent again.
    """

    def __init__(self, timeout: float | None, retries: int) -> None:
        self.left = timeout
        """Seconds the next attempt may take."""
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._retries = retries
        self._failed = 0

    def pause_after(self, error: FaceSwapError) -> float | None:
        """Seconds to wait before the next attempt, or None when there is none and `error` is to be raised."""
        left = self._seconds_left()
        pause = pause_before_retry(error, self._failed, self._retries, left)
        self._failed += 1
        return pause

    def begin_next(self) -> None:
        """Takes the time: `left` is now what the next attempt may take."""
        self.left = self._seconds_left()

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()


def send(infer: Callable[[float | None], InferReply], attempts: Attempts) -> InferReply:
    """`infer(seconds left)`, retried as `attempts` allows; raises the last error unchanged."""
    while True:
        try:
            return infer(attempts.left)
        except _RETRIED as error:
            pause = attempts.pause_after(error)
            if pause is None:
                raise
        time.sleep(pause)
        attempts.begin_next()


async def send_async(infer: Callable[[float | None], Awaitable[InferReply]], attempts: Attempts) -> InferReply:
    """As `send`, for asyncio."""
    while True:
        try:
            return await infer(attempts.left)
        except _RETRIED as error:
            pause = attempts.pause_after(error)
            if pause is None:
                raise
        await asyncio.sleep(pause)
        attempts.begin_next()


def pause_before_retry(error: FaceSwapError, turn: int, retries: int, left: float | None) -> float | None:
    """Seconds to wait before a retry, or None when the error is to be raised.

    Args:
        error: what the last attempt ended in.
        turn: how often the call was retried so far.
        retries: how often it may be.
        left: seconds until the caller's deadline, None for none.
    """
    if turn >= retries or not _never_processed(error):
        return None
    asked = error.retry_after_s if isinstance(error, ServerBusy) else None
    # The server's hint is a lower bound, and the pause doubles with each retry: receiving a large request again costs
    # a server that is short of memory what it is short of, so fixed short pauses kept it busy with rejected requests.
    least = max(asked or 0.0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(turn, 16)))
    pause = least * random.uniform(1.0, 1.0 + _SPREAD)  # noqa: S311  jitter, not a secret
    return pause if left is None or pause < left else None


def checked_retries(retries: int) -> int:
    """`retries` itself; raises ValueError when it is negative."""
    if retries < 0:
        raise ValueError(f"retries={retries} is not allowed: 0 or more")
    return retries


def _never_processed(error: FaceSwapError) -> bool:
    if isinstance(error, ServerBusy):
        return error.turned_away
    return isinstance(error, ConnectionFailed) and error.nothing_sent
