"""Passes a server's log on to stderr, as a container wants it, and keeps what each start wrote in a file."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

LAST_LINES_SECONDS = 2.0
"""From the server's end to the last line of its log; its steps may hold the pipe open for a moment."""


class LogRelay:
    """Reads a server's output until it ends, in its own thread."""

    def __init__(self, output: IO[bytes], log: Path) -> None:
        """Starts at once; `log` is appended to until `stop_keeping`."""
        self._output = output
        self._log = log
        self._keeps = True
        self._thread = threading.Thread(target=self._relay, name="tritonserver-log", daemon=True)
        self._thread.start()

    def stop_keeping(self) -> None:
        """The server has started: from now on its log goes to stderr alone, and fills no disk."""
        self._keeps = False

    def wait(self) -> None:
        """The server has ended: waits for its last lines."""
        self._thread.join(LAST_LINES_SECONDS)

    def _relay(self) -> None:
        with self._output as lines, self._log.open("ab") as log:
            for line in lines:
                # whatever becomes of stderr or the disk, the server must not wait for a reader
                with suppress(OSError, ValueError):
                    sys.stderr.buffer.write(line)
                    sys.stderr.buffer.flush()
                if self._keeps:
                    with suppress(OSError):
                        log.write(line)
                        log.flush()
