"""uvicorn's HTTP/1.1 connection with the two guards it does not have: for callers who never finish their headers, and
for more connections than we mean to hold."""

from __future__ import annotations

import asyncio
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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
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
        if self.conn.trailing_data[0] and self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_headers()  # part of the next request came along with the last one

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.limits.header_seconds, self._abort)

    def _stop_waiting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _abort(self) -> None:
        self.transport.abort()


def guarded_connection(settings: FrontSettings) -> type[GuardedConnection]:
    """The connection class with these limits, as uvicorn's `http` setting takes it."""
    return type("Connection", (GuardedConnection,), {"limits": settings})
