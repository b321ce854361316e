"""Admission among Triton's metrics: the limits, what is used of them, and what was refused."""

from __future__ import annotations

from faceswap_core.errors import FaceSwapError, ServerBusy
from faceswap_core.frames.frame_store import FrameStore
from faceswap_core.triton.metrics import Counter, Gauge


class AdmissionMetrics:
    """Of the step that admits; made in its `initialize`."""

    def __init__(self) -> None:
        self._refused = Counter(
            "faceswap_refused_busy_total",
            "Requests refused because the server was full",
            "limit",
            ("requests", "memory"),
        )
        self._requests = Gauge(
            "faceswap_requests", "Requests in flight, and how many may be", "kind", ("used", "limit")
        )
        self._memory = Gauge(
            "faceswap_memory_bytes",
            "Memory of all server processes, decoded frames in use, frames kept for reuse, and the limit of all",
            "kind",
            ("processes", "frames", "spare", "limit"),
        )

    def refresh(self, store: FrameStore) -> None:
        """Shows what the store and the processes hold now."""
        usage, budget = store.usage(), store.budget
        self._requests.set("used", usage.requests)
        self._requests.set("limit", budget.max_in_flight)
        self._memory.set("processes", budget.processes_bytes())
        self._memory.set("frames", usage.leased_bytes)
        self._memory.set("spare", usage.free_bytes)
        self._memory.set("limit", budget.limit_bytes)

    def count(self, error: FaceSwapError) -> None:
        """Counts an error that is a refusal for lack of room; others are not its business."""
        if isinstance(error, ServerBusy):
            self._refused.add("memory" if "memory" in error.message else "requests")
