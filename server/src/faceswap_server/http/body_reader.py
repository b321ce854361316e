"""Reads request bodies under limits: bytes, deadlines for the whole and between two pieces, and the memory budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect, Request

from faceswap_server.http.body_budget import BodyRoom
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.settings import FrontSettings

_LONGEST_LENGTH = 19  # digits of a Content-Length


async def body_chunks(request: Request, settings: FrontSettings, room: BodyRoom) -> AsyncGenerator[bytes, None]:
    """The body as it arrives.

    Args:
        room: takes the bytes as they arrive; the caller gives it back when the body is no longer held.

    Raises:
        HttpError: COMPRESSED_BODY, BODY_TOO_LARGE (announced or found), SERVER_BUSY (no room), SLOW_REQUEST.
        ClientDisconnect: the caller hung up.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise HttpError("COMPRESSED_BODY", "send the body as it is, not compressed")
    too_large = HttpError("BODY_TOO_LARGE", f"the body has more than {settings.max_body_bytes} bytes")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > _LONGEST_LENGTH or int(announced) > settings.max_body_bytes:
        raise too_large
    room.check(int(announced))
    clock = asyncio.get_running_loop()
    deadline = clock.time() + settings.body_seconds
    stream = request.stream()
    size = 0
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), min(settings.idle_seconds, deadline - clock.time()))
        except StopAsyncIteration:
            break
        except asyncio.TimeoutError:
            raise HttpError("SLOW_REQUEST", "the body did not arrive in time") from None
        size += len(chunk)
        if size > settings.max_body_bytes:
            raise too_large
        room.reach(size)
        yield chunk
    request.scope["state"]["body_read"] = True


async def read_body(request: Request, settings: FrontSettings, room: BodyRoom) -> bytearray:
    """The whole body; raises as `body_chunks`."""
    body = bytearray()
    async for chunk in body_chunks(request, settings, room):
        body += chunk
    return body


__all__ = ["ClientDisconnect", "body_chunks", "read_body"]
