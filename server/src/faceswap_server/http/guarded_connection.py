"""uvicorn's HTTP/1.1 connection with the guards it does not have: deadlines for headers and for answers that are
not read, a limit on connections, and errors in the one JSON form."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from faceswap_server.http.settings import FrontSettings


class GuardedConnection(H11Protocol):
    """One connection. `scope["state"]["abort"]` drops it at once, for a caller who does not take the answer."""

    limits = FrontSettings.model_construct()  # replaced by `guarded_connection`

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "abort": self._abort}, _loop)
        self._headers_due: asyncio.TimerHandle | None = None
        self._flush_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # for each port, so that callers cannot shut out a health check on another port
        if sum(getattr(each, "server", None) == self.server for each in self.connections) > self.limits.max_connections:
            transport.abort()
            return
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_headers()  # the first bytes of another request on this connection
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_flush()
        if self.conn.trailing_data[0] and self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_headers()  # part of the next request came along with the last one

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP, or has headers over the limit."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._abort()  # another answer has begun
            return
        body = json.dumps({"error": "BAD_REQUEST: the request is not HTTP/1.1, or its headers are too large"}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", uuid.uuid4().hex.encode()),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._expect_flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._flush_due is not None:
            self._flush_due.cancel()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.limits.header_seconds, self._abort)

    def _stop_waiting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _expect_flush(self) -> None:
        """The last bytes of an answer must be taken in time too; nothing else waits for them."""
        if self._flush_due is not None:
            self._flush_due.cancel()
        self._flush_due = self.loop.call_later(self.limits.idle_seconds, self._abort_unflushed)

    def _abort_unflushed(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.transport.get_write_buffer_size() and not answering:
            self._abort()

    def _abort(self) -> None:
        self.transport.abort()


def guarded_connection(settings: FrontSettings) -> type[GuardedConnection]:
    """The connection class with these limits, as uvicorn's `http` setting takes it."""
    return type("Connection", (GuardedConnection,), {"limits": settings})
