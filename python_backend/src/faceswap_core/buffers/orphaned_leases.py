"""Which leases will never be given back.

A request that ends between two steps cannot give back: a network failed, or Triton dropped a request whose caller had
given up, which it does wherever the request is between two steps. Nobody tells the steps. But between two steps a lease
says in its name to where it is on its way, and every way is first in, first out: so a lease is lost when

- requests that were decoded `OVERTAKEN_BY_SECONDS` later have arrived, and a second later it has not;
- the whole server has had nothing to do for `QUIET_SECONDS`;
- it is older than a request may become. This is also what ends a lease that a step holds.

Until that is certain its memory counts as held; but for how many requests are in flight it counts no longer as soon as
a later one has arrived (`missing`), because callers who give up can be many.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

TARGET = ".target"
TO_ALIGN, TO_PASTE, TO_PASTE_IDENTITY = "to-align", "to-paste", "to-paste-identity"
"""The ways between two Python steps. In `face_swap_identity` the second one leads past the recogniser, so that its
requests overtake those of `face_swap`."""
WAYS = (TO_ALIGN, TO_PASTE, TO_PASTE_IDENTITY)
OVERTAKEN_BY_SECONDS = 2.0
"""Two instances of a step can swap neighbours, and on two GPUs one batch can wait for another: not for so long."""
NEIGHBOURS_SECONDS = 0.2
"""Requests decoded within so little of each other may arrive in any order."""
QUIET_SECONDS = 5.0
QUIET_SHARE = 0.1
"""Of one core. A server at rest spends 0.02 of one; a network at work on a CPU all of one or more, and tritonserver
waiting for a GPU polls."""

LeaseFile = tuple[Path, os.stat_result]
"""A target's segment, `<token>.target` or `<token>.<way>.target`; modified when it was decoded."""


class OrphanedLeases:
    """Looks about once a second.

    Args:
        directory: of the frame store.
        request_seconds: how long a request may take from its lease to its last step.
        used_cpu_seconds: processor time that the server's processes have spent so far.
        waited_cpu_seconds: time in which their threads were ready to run and had no core, so far.
    """

    def __init__(
        self,
        directory: Path,
        request_seconds: float,
        used_cpu_seconds: Callable[[], float],
        waited_cpu_seconds: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._request_seconds = request_seconds
        self._used_cpu_seconds = used_cpu_seconds
        self._waited_cpu_seconds = waited_cpu_seconds
        self._looked_at = self._quiet_since = time.time()
        self._used: float | None = None
        self._waited: float | None = None
        self._arrived = dict.fromkeys(WAYS, 0.0)

    def among(self, targets: Sequence[LeaseFile]) -> list[Path]:
        """Those that are lost of all targets' segments."""
        now = time.time()
        quiet_since = self._server_is_quiet_since(now, min((stat.st_mtime for _, stat in targets), default=now))
        for_age = now - self._request_seconds
        for_quiet = quiet_since if now - quiet_since > QUIET_SECONDS else for_age
        arrived, self._arrived = self._arrived, {way: self._last_arrived(way) for way in WAYS}

        def orphaned_before(path: Path) -> float:
            way = way_of(path)
            overtaken = arrived[way] - OVERTAKEN_BY_SECONDS if way in arrived else for_age
            return max(for_age, for_quiet, overtaken)

        return [path for path, stat in targets if stat.st_mtime < orphaned_before(path)]

    def missing(self, targets: Sequence[LeaseFile]) -> int:
        """How many seem to be lost: a later request has come the same way already."""
        arrived = {way: self._last_arrived(way) for way in WAYS}
        return sum(stat.st_mtime < arrived.get(way_of(path), 0.0) - NEIGHBOURS_SECONDS for path, stat in targets)

    def arrived(self, way: str, decoded_at: float) -> None:
        """To be called when a step takes up a request that has come this way and was decoded then."""
        if decoded_at <= self._last_arrived(way):
            return
        marker = self._marker(way)
        made = marker.with_suffix(f".{secrets.token_hex(4)}")
        made.touch()
        os.utime(made, (decoded_at, decoded_at))
        made.replace(marker)  # nobody may see the time at which it was made

    def _last_arrived(self, way: str) -> float:
        with suppress(FileNotFoundError):
            return self._marker(way).stat().st_mtime
        return 0.0

    def _marker(self, way: str) -> Path:
        return self._directory / f"arrived-{way}"

    def _server_is_quiet_since(self, now: float, oldest_lease: float) -> float:
        if now - oldest_lease < QUIET_SECONDS:  # the usual case, and looking at every process costs 1 ms
            self._quiet_since, self._used = now, None
            return now
        if self._has_had_work(QUIET_SHARE * (now - self._looked_at)):
            self._quiet_since = now
        self._looked_at = now
        return self._quiet_since

    def _has_had_work(self, enough: float) -> bool:
        """Whether the server used or waited for more processor time than this since the last look; yes at the first."""
        before, self._used = self._used, self._used_cpu_seconds()
        if before is None or self._used - before > enough:
            self._waited = None  # looking at every thread costs 12 ms, and nothing depends on it
            return True
        waited_before, self._waited = self._waited, self._waited_cpu_seconds()
        return waited_before is None or self._used - before + self._waited - waited_before > enough


def way_of(target: Path) -> str:
    """The way a lease is on, by the name of its target's segment; empty while a step holds it."""
    return Path(target.stem).suffix.removeprefix(".")
