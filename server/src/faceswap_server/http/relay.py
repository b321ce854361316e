"""Relay of Triton's answer to the caller, at the caller's pace; cancelled when the caller hangs up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Send

from faceswap_server.http.answer_sender import PIECE
from faceswap_server.http.body_budget import BodyRoom
from faceswap_server.http.disconnect import unless_disconnected
from faceswap_server.http.error_answers import PASSED_HEADERS, error_answer
from faceswap_server.http.http_error import HttpError

_LONGEST_ERROR = 2**16  # bytes of an error's body that are read

Answer: TypeAlias = AbstractAsyncContextManager[httpx.Response]
"""Triton's answer with its body not read yet; leaving the block drops it."""

Ask: TypeAlias = Callable[[Request, BodyRoom], Awaitable[Answer]]
"""Reads a request's body, if it has one, and says what to ask of Triton."""


async def relay(answer: Answer, request: Request, send: Send) -> None:
    """Asks Triton, and sends its answer on piece by piece.

    Raises:
        ClientDisconnect: the caller hung up; the connection to Triton is closed.
        HttpError: of asking or sending, or INTERNAL when Triton broke off.
    """
    await unless_disconnected(request, _ask_and_send(answer, request, send))


async def _ask_and_send(answer: Answer, request: Request, send: Send) -> None:
    request_id = request.state.request_id
    async with answer as response:
        try:
            if response.status_code != httpx.codes.OK:
                error = error_answer(response.status_code, await _beginning(response))
                headers = {"X-Request-Id": request_id, **error.headers}
                sent = JSONResponse({"error": error.text}, status_code=error.status, headers=headers)
                await sent(request.scope, request.receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": _headers(response, request_id)})
            async for piece in response.aiter_raw(PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except httpx.TimeoutException:
            raise HttpError("DEADLINE_EXCEEDED", "the server stopped answering") from None
        except httpx.HTTPError:
            raise HttpError("INTERNAL", "the server broke off; it may be starting again") from None


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw(PIECE):
        body += piece
        if len(body) > _LONGEST_ERROR:
            break
    return bytes(body)


def _headers(response: httpx.Response, request_id: str) -> list[tuple[bytes, bytes]]:
    passed = [(name, response.headers[name]) for name in PASSED_HEADERS if name in response.headers]
    return [(name.encode(), value.encode("latin-1")) for name, value in [*passed, ("x-request-id", request_id)]]
