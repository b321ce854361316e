"""Peak memory of a server during a fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from faceswap_server.triton import TritonServer

from faceswap_tools.soak.readings import read_server


@contextmanager
def peak_memory(server: TritonServer, times_a_second: float = 50.0) -> Iterator[list[float]]:
    """Highest memory in MB between entering and leaving, frames included.

    Args:
        server: running; steps included.
        times_a_second: how often to look; once costs 5 ms of a core.
    """
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(1 / times_a_second):
            now = read_server(server.pid, server.region_prefix)
            peak[0] = max(peak[0], now.memory_mb + now.frames_mb)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
