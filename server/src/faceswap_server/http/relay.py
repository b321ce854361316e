"""Triton's answer to the caller, as fast as the caller takes it; dropped when the caller hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Message, Send

from faceswap_server.http.error_answers import PASSED_HEADERS, error_answer
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.settings import FrontSettings

_LONGEST_ERROR = 2**16  # bytes of an error's body that are read
_PIECE = 2**16  # bytes of an answer sent at a time

Answer: TypeAlias = AbstractAsyncContextManager[httpx.Response]
"""Triton's answer with its body not read yet; leaving the block drops it."""

Ask: TypeAlias = Callable[[Request], Awaitable[Answer]]
"""Reads what there is to read of a request and says what to ask of Triton."""


async def relay(answer: Answer, request: Request, send: Send, settings: FrontSettings) -> None:
    """Asks, and sends what comes.

    Raises:
        ClientDisconnect: the caller hung up; the connection to Triton is closed.
        HttpError: of asking, or SLOW_REQUEST when the caller does not take the answer.
    """
    work = asyncio.ensure_future(_ask_and_send(answer, request, send, settings))
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        work.result()
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _ask_and_send(answer: Answer, request: Request, send: Send, settings: FrontSettings) -> None:
    request_id = request.scope["state"]["request_id"]

    async def in_time(message: Message) -> None:
        try:
            await asyncio.wait_for(send(message), settings.idle_seconds)
        except asyncio.TimeoutError:
            raise HttpError("SLOW_REQUEST", "the answer was not taken in time") from None

    async with answer as response:
        try:
            if response.status_code != httpx.codes.OK:
                error = error_answer(response.status_code, await _beginning(response))
                headers = {"X-Request-Id": request_id, **error.headers}
                sent = JSONResponse({"error": error.text}, status_code=error.status, headers=headers)
                await sent(request.scope, request.receive, in_time)
                return
            await in_time({"type": "http.response.start", "status": 200, "headers": _headers(response, request_id)})
            async for piece in response.aiter_raw(_PIECE):
                await in_time({"type": "http.response.body", "body": piece, "more_body": True})
            await in_time({"type": "http.response.body", "body": b""})
        except httpx.TimeoutException:
            raise HttpError("DEADLINE_EXCEEDED", "the server stopped answering") from None
        except httpx.HTTPError:
            raise HttpError("INTERNAL", "the server broke off; it may be starting again") from None


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw(_PIECE):
        body += piece
        if len(body) > _LONGEST_ERROR:
            break
    return bytes(body)


def _headers(response: httpx.Response, request_id: str) -> list[tuple[bytes, bytes]]:
    passed = [(name, response.headers[name]) for name in PASSED_HEADERS if name in response.headers]
    return [(name.encode(), value.encode("latin-1")) for name, value in [*passed, ("x-request-id", request_id)]]
