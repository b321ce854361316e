"""Base class of the step that leases buffers: sweeps the pool and exports admission metrics."""

from __future__ import annotations

from collections.abc import Mapping

from faceswap_core.errors import FaceSwapError, ServerBusy
from faceswap_core.triton.adapter import StepModel
from faceswap_core.triton.metrics import Counter, Gauge


class AdmittingStep(StepModel):
    """A step that admits requests; exports the limits, their use and the refusals as Triton metrics."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Called by Triton once; what it raises stops the server."""
        self._refused = Counter(
            "faceswap_refused_busy_total", "Requests refused for lack of room", "limit", ("requests", "memory")
        )
        self._requests = Gauge("faceswap_requests", "Requests in flight, and the limit", "kind", ("used", "limit"))
        self._memory = Gauge(
            "faceswap_memory_bytes",
            "Memory of all server processes, buffers in use, buffers kept for reuse, and the limit of all",
            "kind",
            ("processes", "frames", "spare", "limit"),
        )
        self._starts = Gauge("faceswap_server_starts", "How often the server was started again", "kind", ("again",))
        super().initialize(args)

    def keep_house(self) -> None:
        """Sweeps the pool and sets the gauges; called about every second."""
        self.pool.sweep()
        usage, budget = self.pool.usage(), self.pool.budget
        self._starts.set("again", self.limits.server_restarts)
        self._requests.set("used", usage.requests)
        self._requests.set("limit", budget.max_in_flight)
        self._memory.set("processes", budget.processes_bytes())
        self._memory.set("frames", usage.leased_bytes)
        self._memory.set("spare", usage.free_bytes)
        self._memory.set("limit", budget.limit_bytes)

    def failed(self, error: FaceSwapError) -> None:
        """Counts refusals for lack of room."""
        if isinstance(error, ServerBusy):
            self._refused.add("memory" if "memory" in error.message else "requests")
