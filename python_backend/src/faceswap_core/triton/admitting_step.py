"""Admission among Triton's metrics: the limits, what is used of them, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping

from faceswap_core.errors import FaceSwapError, ServerBusy
from faceswap_core.triton.adapter import StepModel
from faceswap_core.triton.metrics import Counter, Gauge


class AdmittingStep(StepModel):
    """The step that leases frames, and so decides who is let in."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Called by Triton once; what it raises stops the server."""
        self._refused = Counter(
            "faceswap_refused_busy_total", "Requests refused for lack of room", "limit", ("requests", "memory")
        )
        self._requests = Gauge("faceswap_requests", "Requests in flight, and the limit", "kind", ("used", "limit"))
        self._memory = Gauge(
            "faceswap_memory_bytes",
            "Memory of all server processes, decoded frames in use, frames kept for reuse, and the limit of all",
            "kind",
            ("processes", "frames", "spare", "limit"),
        )
        super().initialize(args)

    def keep_house(self) -> None:
        """Looks after the store, and shows what it and the processes hold; called about every second."""
        self.store.sweep()
        usage, budget = self.store.usage(), self.store.budget
        self._requests.set("used", usage.requests)
        self._requests.set("limit", budget.max_in_flight)
        self._memory.set("processes", budget.processes_bytes())
        self._memory.set("frames", usage.leased_bytes)
        self._memory.set("spare", usage.free_bytes)
        self._memory.set("limit", budget.limit_bytes)

    def failed(self, error: FaceSwapError) -> None:
        """Counts an error that is a refusal for lack of room; others are not its business."""
        if isinstance(error, ServerBusy):
            self._refused.add("memory" if "memory" in error.message else "requests")
