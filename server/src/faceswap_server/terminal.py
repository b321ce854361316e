"""A stream for messages that may be lost: a closed terminal, or a reader that has ended, must not end the server."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any


class LenientStream:
    """A text stream whose writes never fail; everything else is the wrapped stream's.

    Args:
        stream: usually `sys.stderr`.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written; returns the length of `text`."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
