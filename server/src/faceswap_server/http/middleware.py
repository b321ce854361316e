"""ASGI layers around every route: request ids, the token, hang-ups, and one form for all errors."""

from __future__ import annotations

import asyncio
import logging
import traceback
import uuid
from collections.abc import Collection

from faceswap_contract.errors import http_status
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from faceswap_server.http.access_token import AccessToken
from faceswap_server.http.answer_sender import AnswerSender
from faceswap_server.http.http_error import HttpError, error_response
from faceswap_server.http.refusal_log import RefusalLog
from faceswap_server.jobs.job_errors import JobError

logger = logging.getLogger("faceswap_server.http")


class ErrorMiddleware:
    """The outermost layer: gives every request an id, and turns every exception into an answer or a log line.

    The log has a line per refusal, of which there are only so many, then counts: request id, code, status. Never an
    address, a query, a header or a body.

    Args:
        app: what is inside.
        idle_seconds: time a caller may take for each piece of an answer.
        reserve_paths: what is answered on connections of the reserve.
        needs_token: whether `app` asks for a token.
    """

    def __init__(
        self, app: ASGIApp, idle_seconds: float, reserve_paths: Collection[str] = (), *, needs_token: bool = False
    ) -> None:
        self._app = app
        self._idle_seconds = idle_seconds
        self._reserve_paths = frozenset(reserve_paths)
        self.needs_token = needs_token
        self.refusals = RefusalLog()
        self.cut_off = 0  # requests that did not finish before the server stopped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            self.refusals.end_period()  # the server has stopped
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        scope["app"] = self  # with it the router raises what it does not know, instead of answering
        sender = AnswerSender(scope, send, self._idle_seconds)
        try:
            if scope["state"].get("in_reserve") and scope["path"] not in self._reserve_paths:
                raise HttpError("SERVER_BUSY", "the front has as many connections as it takes; try again")
            await self._app(scope, receive, sender)
        except ClientDisconnect:
            self.refusals.report("hung up", f"request {request_id}: the caller hung up")
        except asyncio.CancelledError:  # the server's drain time is over
            self.cut_off += 1
            logger.warning("request %s cut off: the server stops", request_id)
            _abort(scope)
        except Exception as error:
            refusal = _as_http_error(error, request_id)
            status = http_status(refusal.code)
            self.refusals.report(refusal.code, f"request {request_id} refused: {refusal.code} {status}")
            await _refuse(refusal, scope, receive, sender)


async def _refuse(error: HttpError, scope: Scope, receive: Receive, sender: AnswerSender) -> None:
    """Sends the error; a caller whose answer has begun, or who does not read it, is disconnected instead."""
    state = scope["state"]
    if sender.started:
        _abort(scope)
        return
    response = error_response(error.code, str(error), state["request_id"], close=not state.get("body_read"))
    try:
        await response(scope, receive, sender)
    except HttpError:
        _abort(scope)


def _as_http_error(error: Exception, request_id: str) -> HttpError:
    if isinstance(error, HttpError):
        return error
    if isinstance(error, JobError):
        return HttpError(error.code, error.message)
    if isinstance(error, HTTPException):  # the router's
        if error.status_code == 405:
            return HttpError("METHOD_NOT_ALLOWED", "this call has another method")
        return HttpError("NOT_FOUND", "there is no such call here")
    # the exception's own text may hold what the caller sent
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)))
    logger.error("request %s: %s in %s", request_id, type(error).__name__, places)
    return HttpError("INTERNAL", "the front failed; its log has the details")


def _abort(scope: Scope) -> None:
    abort = scope["state"].get("abort")  # of the guarded connection
    if abort is not None:
        abort()


class AuthMiddleware:
    """Bearer token check for every path but the open ones."""

    def __init__(self, app: ASGIApp, token: AccessToken, open_paths: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HttpError (UNAUTHORIZED)."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(given) != 1 or not self._token.opens(given[0]):
                raise HttpError("UNAUTHORIZED", "send `Authorization: Bearer` and the token")
            known = scope["state"].get("known")  # of the guarded connection
            if known is not None:
                known()
        await self._app(scope, receive, send)
