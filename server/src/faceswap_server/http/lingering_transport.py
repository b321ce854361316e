"""Lingering close (RFC 9112, 9.6): ends the answer, reads on and discards a bounded amount, then closes the socket.

Closing a socket with unread bytes resets the connection, and the reset may overtake the answer: Node, Python and curl
then report a broken connection in place of the status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class LingeringTransport:
    """The part of an asyncio transport that uvicorn uses; `close` lingers while the caller is still sending.

    Args:
        transport: the connection's own.
        still_sending: whether a part of the request has not arrived yet.
        most_bytes: what is discarded at most.
        seconds: how long at most.
    """

    def __init__(
        self, transport: asyncio.Transport, still_sending: Callable[[], bool], most_bytes: int, seconds: float
    ) -> None:
        self._transport = transport
        self._still_sending = still_sending
        self._bytes_left = most_bytes
        self._seconds = seconds
        self._due: asyncio.TimerHandle | None = None

    @property
    def is_lingering(self) -> bool:
        """Whether the answer is over and what still arrives goes to `discard`."""
        return self._due is not None

    def close(self) -> None:
        """Closes, or lingers first; called again it closes now."""
        if self.is_lingering or not self._still_sending():
            self._finish()
        else:
            self.linger()

    def linger(self) -> None:
        """Ends what we send; `discard` takes what the caller sends until the bounds are reached."""
        if self._transport.is_closing() or self.is_lingering:
            return
        self._due = asyncio.get_running_loop().call_later(self._seconds, self._finish)
        self._transport.write_eof()
        self._transport.resume_reading()

    def discard(self, count: int) -> None:
        """Counts so many bytes that arrived while lingering."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            self._finish()

    def stop(self) -> None:
        """Cancels the deadline: the connection is lost."""
        if self._due is not None:
            self._due.cancel()

    def _finish(self) -> None:
        self.stop()
        if self.is_lingering and self._transport.get_write_buffer_size():
            self._transport.abort()  # the answer is not taken either
        else:
            self._transport.close()

    def is_closing(self) -> bool:
        """True from `close` on, lingering included."""
        return self.is_lingering or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Sends; ignored when the answer is over."""
        if not self.is_lingering:
            self._transport.write(data)

    def abort(self) -> None:
        """Closes at once with a reset."""
        self._transport.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The connection's addresses and socket."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Bytes of the answer that the caller has not taken."""
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Flow control; never while lingering."""
        if not self.is_lingering:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Flow control."""
        self._transport.resume_reading()
