"""Detects orphaned leases: those that no step will ever release.

Triton may drop a request between two steps (a network failed, the caller cancelled) and tells no step. While a lease
is between two steps the name of its segment says on which edge of the ensemble, and every edge is first in, first
out. So a lease is orphaned when

- requests that were decoded `OVERTAKEN_BY_SECONDS` later have arrived, and a second later it still has not;
- the whole server has had nothing to do for `QUIET_SECONDS`;
- it is older than a request may become. This also ends a lease whose step hangs.

Its memory counts as held until then; its place among the requests in flight is free as soon as a later request has
arrived (`overtaken`), because cancelling callers can be many. docs/adr/0021-orphaned-leases.md has the reasons.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from faceswap_core.buffers.private_folder import PrivateFolder

TARGET = ".target"
TO_ALIGN, TO_PASTE, TO_PASTE_IDENTITY = "to-align", "to-paste", "to-paste-identity"
"""Edges of the ensembles between two Python steps. In `face_swap_identity` the second edge bypasses the recogniser, so
its requests overtake those of `face_swap`."""
EDGES = (TO_ALIGN, TO_PASTE, TO_PASTE_IDENTITY)
OVERTAKEN_BY_SECONDS = 2.0
"""Longer than two instances of a step, or two GPUs, can reorder requests."""
NEIGHBOURS_SECONDS = 0.2
"""Requests decoded within this time of each other may arrive in any order."""
QUIET_SECONDS = 5.0
QUIET_SHARE = 0.1
"""Share of one core below which the server counts as idle: an idle one uses 0.02, a working network at least 1."""

LeaseFile = tuple[str, os.stat_result]
"""Name of a target's segment, `<token>.target` or `<token>.<edge>.target`; its stamp is when it was decoded, in
seconds of CLOCK_MONOTONIC."""


class OrphanedLeases:
    """Finds orphaned leases among the segments of one buffer pool; called about once a second.

    Args:
        folder: of the buffer pool.
        request_seconds: how long a request may take from its lease to its last step.
        used_cpu_seconds: processor time that the server's processes have spent so far.
        waited_cpu_seconds: time in which their threads were ready to run and had no core, so far.
    """

    def __init__(
        self,
        folder: PrivateFolder,
        request_seconds: float,
        used_cpu_seconds: Callable[[], float],
        waited_cpu_seconds: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._request_seconds = request_seconds
        self._used_cpu_seconds = used_cpu_seconds
        self._waited_cpu_seconds = waited_cpu_seconds
        self._looked_at = self._quiet_since = time.monotonic()
        self._used: float | None = None
        self._waited: float | None = None
        self._arrived = dict.fromkeys(EDGES, 0.0)

    def among(self, targets: Sequence[LeaseFile]) -> list[str]:
        """The orphaned ones of all targets' segments."""
        now = time.monotonic()
        quiet_since = self._server_is_quiet_since(now, min((stat.st_atime for _, stat in targets), default=now))
        for_age = now - self._request_seconds
        for_quiet = quiet_since if now - quiet_since > QUIET_SECONDS else for_age
        arrived, self._arrived = self._arrived, {edge: self._last_arrived(edge) for edge in EDGES}

        def orphaned_before(name: str) -> float:
            edge = edge_of(name)
            overtaken = arrived[edge] - OVERTAKEN_BY_SECONDS if edge in arrived else for_age
            return max(for_age, for_quiet, overtaken)

        return [name for name, stat in targets if stat.st_atime < orphaned_before(name)]

    def overtaken(self, targets: Sequence[LeaseFile]) -> int:
        """How many are probably orphaned: a later request has arrived over the same edge."""
        arrived = {edge: self._last_arrived(edge) for edge in EDGES}
        return sum(stat.st_atime < arrived.get(edge_of(name), 0.0) - NEIGHBOURS_SECONDS for name, stat in targets)

    def arrived(self, edge: str, decoded_at: float) -> None:
        """Records that a step has opened a request that came over this edge and was decoded at this time."""
        if decoded_at > self._last_arrived(edge):
            self._folder.mark(_marker(edge), decoded_at)

    def _last_arrived(self, edge: str) -> float:
        with suppress(FileNotFoundError):
            at = self._folder.stat(_marker(edge)).st_atime
            if at <= time.monotonic():  # a time ahead is none of this clock, and would end every lease
                return at
        return 0.0

    def _server_is_quiet_since(self, now: float, oldest_lease: float) -> float:
        if now - oldest_lease < QUIET_SECONDS:  # the usual case, and reading every process costs 1 ms
            self._quiet_since, self._used = now, None
            return now
        if self._has_had_work(QUIET_SHARE * (now - self._looked_at)):
            self._quiet_since = now
        self._looked_at = now
        return self._quiet_since

    def _has_had_work(self, enough: float) -> bool:
        """Whether the server used or waited for more CPU seconds than this since the last call; True at the first."""
        before, self._used = self._used, self._used_cpu_seconds()
        if before is None or self._used - before > enough:
            self._waited = None  # reading every thread costs 12 ms, and nothing depends on it here
            return True
        waited_before, self._waited = self._waited, self._waited_cpu_seconds()
        return waited_before is None or self._used - before + self._waited - waited_before > enough


def edge_of(target: str) -> str:
    """The edge a lease is on, from the name of its target's segment; empty while a step holds it."""
    return target.removesuffix(TARGET).partition(".")[2]


def _marker(edge: str) -> str:
    return f"arrived-{edge}"
