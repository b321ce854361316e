"""Bodies of the plain API as a job's input: JSON as it is, multipart forms with their files as bytes in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from faceswap_server.http.body_budget import BodyRoom
from faceswap_server.http.body_reader import body_chunks, read_body
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.settings import FrontSettings

_MOST_PARTS = 128


class _InMemory(MultiPartParser):
    spool_max_size = 2**31  # images are never written to disk; `body_chunks` bounds them


async def read_job(request: Request, task: str, settings: FrontSettings, room: BodyRoom) -> dict[str, Any]:
    """What `job_input.parse_input` takes, with `task` filled in.

    Raises:
        HttpError: of `body_chunks`, or BAD_INPUT for a body that is neither JSON nor multipart.
        ClientDisconnect: the caller hung up.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        value = await _form(request, settings, room)
    elif kind == "application/json":
        value = await _json(request, settings, room)
    else:
        raise HttpError("BAD_INPUT", "send application/json or multipart/form-data")
    if value.setdefault("task", task) != task:
        raise HttpError("BAD_INPUT", f"task is '{task}' here")
    return value


async def _json(request: Request, settings: FrontSettings, room: BodyRoom) -> dict[str, Any]:
    body = await read_body(request, settings, room)
    try:
        value = await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise HttpError("BAD_INPUT", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise HttpError("BAD_INPUT", "the body must be an object")
    return value


async def _form(request: Request, settings: FrontSettings, room: BodyRoom) -> dict[str, Any]:
    parser = _InMemory(
        request.headers,
        body_chunks(request, settings, room),
        max_files=_MOST_PARTS,
        max_fields=_MOST_PARTS,
        max_part_size=settings.max_body_bytes,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise HttpError("BAD_INPUT", "the multipart body cannot be read") from None
    value: dict[str, Any] = {}
    try:
        for name in form:
            parts = [await part.read() if isinstance(part, UploadFile) else part for part in form.getlist(name)]
            value[name] = parts if len(parts) > 1 else parts[0]
    finally:
        await form.close()
    if value.get("allow_reencode") in ("true", "false"):  # a form holds text only
        value["allow_reencode"] = value["allow_reencode"] == "true"
    return value
