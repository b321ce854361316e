"""Detects Python backend stubs of a running server that have died.

Triton loads a network again when its file's ctime changes: the file is touched, or linked. Then the old stub
ends when the new one is ready: that is no death.
"""

from __future__ import annotations

import logging

from faceswap_server.triton.stub_processes import find_stubs

logger = logging.getLogger(__name__)


class StubWatch:
    """The stubs that one run of a server had when this was made, and those that have taken their place."""

    def __init__(self, server_pid: int) -> None:
        self._pid = server_pid
        self._stubs = find_stubs(server_pid)

    def dead(self) -> list[str]:
        """Instances whose process has ended and has no successor; Triton 24.10 gives none to one that was killed."""
        ended = {stub.instance for stub in self._stubs if stub.has_ended()}
        if not ended:
            return []
        alive = [stub for stub in find_stubs(self._pid) if not stub.has_ended()]
        dead = sorted(ended - {stub.instance for stub in alive})
        if not dead:
            logger.info("Triton has loaded again: %s", ", ".join(sorted(ended)))
            self._stubs = alive
        return dead
