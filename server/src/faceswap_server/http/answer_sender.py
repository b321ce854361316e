"""Sends answers in pieces, each within a deadline, so that a caller who does not read cannot block one indefinitely."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Send

from faceswap_server.http.http_error import HttpError

PIECE = 2**16
"""Bytes handed to the connection at a time, about what it buffers before it waits for the caller."""


class AnswerSender:
    """ASGI `send` with a deadline for every piece; `started` says whether anything has been sent."""

    def __init__(self, send: Send, idle_seconds: float) -> None:
        self._send = send
        self._seconds = idle_seconds
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Raises HttpError (SLOW_REQUEST) when the caller does not take a piece in time."""
        self.started = True
        body = memoryview(message.get("body", b""))
        if len(body) <= PIECE:
            await self._send_in_time(message)
            return
        for start in range(0, len(body), PIECE):
            more = start + PIECE < len(body) or bool(message.get("more_body"))
            piece = bytes(body[start : start + PIECE])
            await self._send_in_time({"type": "http.response.body", "body": piece, "more_body": more})

    async def _send_in_time(self, message: Message) -> None:
        try:
            await asyncio.wait_for(self._send(message), self._seconds)
        except asyncio.TimeoutError:
            raise HttpError("SLOW_REQUEST", "the answer was not taken in time") from None
