"""uvicorn's HTTP/1.1 connection with the guards it does not have: deadlines from the first byte to the last of an
answer, fair room among callers, a lingering close for refused uploads, and errors in the one JSON form."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from faceswap_server.http.connection_room import ConnectionRoom, network_of
from faceswap_server.http.lingering_transport import LingeringTransport
from faceswap_server.http.refusal_log import RefusalLog
from faceswap_server.http.settings import FrontSettings
from faceswap_server.http.strict_http import StrictHttp

_quiet = logging.getLogger("faceswap_server.http.uvicorn")
"""uvicorn's warnings have a line for every request that is not HTTP; `RefusalLog` bounds ours."""


class GuardedConnection(H11Protocol):
    """One connection.

    What it puts into `scope["state"]`: `abort()` drops it at once, for a caller who does not take the answer;
    `known()` says that the caller has shown the token; `in_reserve`, whether only health and metrics are answered.
    """

    limits = FrontSettings.model_construct()  # these four are replaced by `guarded_connection`
    room = ConnectionRoom(limits)
    refusals = RefusalLog()
    needs_token = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        state = {**app_state, "abort": self.drop, "known": self._become_known}
        super().__init__(config, server_state, state, _loop)
        self.conn = StrictHttp(self.limits.max_header_bytes)
        self.logger = _quiet
        self.network, self.port = "", 0
        self.in_reserve = False
        self._known = False
        self._lingering: LingeringTransport | None = None
        self._headers_due: asyncio.TimerHandle | None = None
        self._request_due: asyncio.TimerHandle | None = None
        self._flush_due: asyncio.TimerHandle | None = None

    @property
    def is_known(self) -> bool:
        """Whether the caller has shown the token, or, where none is asked for, a whole request."""
        return self._known or (not self.needs_token and self.conn.their_state is h11.DONE)

    def _become_known(self) -> None:
        self._known = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        limits = self.limits
        self._lingering = LingeringTransport(
            transport, self._is_still_sending, limits.max_body_bytes, limits.header_seconds
        )
        super().connection_made(cast(asyncio.Transport, self._lingering))
        self.network = network_of(self.client[0] if self.client else "")
        self.port = (self.server[1] if self.server else None) or 0
        for _ in range(self.room.admit(self)):
            self.refusals.report("connection", "a connection dropped: there are as many as the front takes")
        self.app_state["in_reserve"] = self.in_reserve
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None and self._lingering.is_lingering:
            self._lingering.discard(len(data))
            return
        if self._request_due is None:
            self._expect_answer()
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_headers()  # the first bytes of another request on this connection
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        self._request_due = _cancelled(self._request_due)
        self._known = self._known or self.is_known
        if not self.transport.is_closing() and (self.in_reserve or self._is_still_sending()):
            self.transport.close()  # what is left of the body would be read as the next request
        super().on_response_complete()
        self._expect_flush()
        if self.transport.is_closing():
            return
        if self.conn.their_state is not h11.IDLE or self.conn.trailing_data[0]:
            self._expect_answer()  # the next request came along with the last one, whole or in part
        if self.conn.trailing_data[0] and self.conn.their_state is h11.IDLE:
            self._expect_headers()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, has two framings, or headers over the limit."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.drop()  # another answer has begun
            return
        request_id = uuid.uuid4().hex
        self.refusals.report("BAD_REQUEST", f"request {request_id} refused: BAD_REQUEST 400")
        text = "BAD_REQUEST: the request is not HTTP/1.1, its headers are too large, or its length is given twice"
        body = json.dumps({"error": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        if self._lingering is not None:
            self._lingering.linger()
        self._stop_waiting()
        self._request_due = _cancelled(self._request_due)
        self._expect_flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.leave(self)
        self._stop_waiting()
        self._request_due = _cancelled(self._request_due)
        self._flush_due = _cancelled(self._flush_due)
        if self._lingering is not None:
            self._lingering.stop()
        super().connection_lost(exc)

    def drop(self) -> None:
        """Closes it at once."""
        self.transport.abort()

    def _is_still_sending(self) -> bool:
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.limits.header_seconds, self.drop)

    def _stop_waiting(self) -> None:
        self._headers_due = _cancelled(self._headers_due)

    def _expect_answer(self) -> None:
        """The deadline of a whole request, from its first byte until its answer is sent."""
        self._request_due = _cancelled(self._request_due)
        self._request_due = self.loop.call_later(self.limits.request_seconds, self.drop)

    def _expect_flush(self) -> None:
        """The last bytes of an answer must be taken in time too; nothing else waits for them."""
        self._flush_due = _cancelled(self._flush_due)
        self._flush_due = self.loop.call_later(self.limits.idle_seconds, self._abort_unflushed)

    def _abort_unflushed(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.transport.get_write_buffer_size() and not answering:
            self.drop()


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None


def guarded_connection(settings: FrontSettings, refusals: RefusalLog, *, needs_token: bool) -> type[GuardedConnection]:
    """The connection class with these limits, as uvicorn's `http` setting takes it."""
    own = {
        "limits": settings,
        "room": ConnectionRoom(settings),
        "refusals": refusals,
        "needs_token": needs_token,
    }
    return type("Connection", (GuardedConnection,), own)
