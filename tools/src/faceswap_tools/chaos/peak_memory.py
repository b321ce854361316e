"""The most memory a server held while something was done to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from faceswap_tools.local_server import LocalServer
from faceswap_tools.soak.readings import read_server


@contextmanager
def peak_memory(server: LocalServer) -> Iterator[list[float]]:
    """Highest memory in MB between entering and leaving, frames included, looked at 50 times a second."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            now = read_server(server.pid, server.region_prefix)
            peak[0] = max(peak[0], now.memory_mb + now.frames_mb)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
