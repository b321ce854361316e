"""A request's body as a job's input: JSON as it is, multipart with its files as bytes, in memory and bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from faceswap_server.jobs.job_errors import JobError

_MOST_PARTS = 128


class _InMemory(MultiPartParser):
    spool_max_size = 2**31  # images are never written to disk; `limited_stream` bounds them


async def job_input(request: Request, task: str, max_bytes: int) -> dict[str, Any]:
    """What `job_input.parse_input` takes, with `task` filled in.

    Raises:
        JobError: BODY_TOO_LARGE, or BAD_INPUT for a body that is neither JSON nor multipart.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        value = await _form(request, max_bytes)
    elif kind == "application/json":
        value = await _json(request, max_bytes)
    else:
        raise JobError("BAD_INPUT", "send application/json or multipart/form-data")
    if value.setdefault("task", task) != task:
        raise JobError("BAD_INPUT", f"task is '{task}' here")
    return value


async def limited_stream(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body's chunks; raises BODY_TOO_LARGE as soon as there are, or are announced, more than `max_bytes`."""
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else 0
    if size <= max_bytes:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                break
            yield chunk
    if size > max_bytes:
        raise JobError("BODY_TOO_LARGE", f"the request has more than {max_bytes} bytes")


async def _json(request: Request, max_bytes: int) -> dict[str, Any]:
    body = bytearray()
    async for chunk in limited_stream(request, max_bytes):
        body += chunk
    try:
        value = await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise JobError("BAD_INPUT", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise JobError("BAD_INPUT", "the body must be an object")
    return value


async def _form(request: Request, max_bytes: int) -> dict[str, Any]:
    parser = _InMemory(
        request.headers,
        limited_stream(request, max_bytes),
        max_files=_MOST_PARTS,
        max_fields=_MOST_PARTS,
        max_part_size=max_bytes,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise JobError("BAD_INPUT", "the multipart body cannot be read") from None
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
