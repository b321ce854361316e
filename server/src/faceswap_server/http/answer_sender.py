"""Sends answers in pieces, each within a deadline, so that a caller who does not read cannot block one indefinitely."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Scope, Send

from faceswap_server.http.http_error import HttpError

CLOSE = (b"connection", b"close")
PIECE = 2**16
"""Bytes handed to the connection at a time, about what it buffers before it waits for the caller."""


class AnswerSender:
    """ASGI `send` with a deadline for every piece; `started` says whether anything has been sent.

    An answer after which the connection closes says so: where the body has not been read, or the caller has a place
    in the reserve.
    """

    def __init__(self, scope: Scope, send: Send, idle_seconds: float) -> None:
        self._scope = scope
        self._send = send
        self._seconds = idle_seconds
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Raises HttpError (SLOW_REQUEST) when the caller does not take a piece in time."""
        self.started = True
        if message["type"] == "http.response.start" and self._closes():
            message = {**message, "headers": [*_without_connection(message.get("headers", ())), CLOSE]}
        body = memoryview(message.get("body", b""))
        if len(body) <= PIECE:
            await self._send_in_time(message)
            return
        for start in range(0, len(body), PIECE):
            more = start + PIECE < len(body) or bool(message.get("more_body"))
            piece = bytes(body[start : start + PIECE])
            await self._send_in_time({"type": "http.response.body", "body": piece, "more_body": more})

    def _closes(self) -> bool:
        state = self._scope["state"]
        if state.get("in_reserve"):
            return True
        headers = dict(self._scope["headers"])
        has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        return has_body and not state.get("body_read")

    async def _send_in_time(self, message: Message) -> None:
        try:
            await asyncio.wait_for(self._send(message), self._seconds)
        except asyncio.TimeoutError:
            raise HttpError("SLOW_REQUEST", "the answer was not taken in time") from None


def _without_connection(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() != b"connection"]
