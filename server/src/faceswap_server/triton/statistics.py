"""What Triton counted: executions, inferences and time per model (`/v2/models/stats`)."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """Counters since the server started. `inferences / executions` is the mean batch."""

    inferences: int
    executions: int
    queue_ns: int
    compute_ns: int

    def __sub__(self, before: ModelStatistics) -> ModelStatistics:
        return ModelStatistics(
            self.inferences - before.inferences,
            self.executions - before.executions,
            self.queue_ns - before.queue_ns,
            self.compute_ns - before.compute_ns,
        )

    @property
    def mean_batch(self) -> float:
        return self.inferences / self.executions if self.executions else 0.0


NOTHING = ModelStatistics(0, 0, 0, 0)


def read_statistics(http_url: str) -> dict[str, ModelStatistics]:
    """Asks the server; raises httpx.HTTPError when it does not answer. Compute time includes input and output."""
    answer = httpx.get(f"{http_url}/v2/models/stats", timeout=10.0, trust_env=False).raise_for_status().json()
    return {model["name"]: _statistics(model) for model in answer["model_stats"]}


def _statistics(model: dict[str, object]) -> ModelStatistics:
    inference = model["inference_stats"]
    if not isinstance(inference, dict):
        raise httpx.DecodingError("unexpected statistics")
    compute = sum(int(inference[f"compute_{part}"].get("ns", 0)) for part in ("input", "infer", "output"))
    return ModelStatistics(
        inferences=int(str(model.get("inference_count", 0))),
        executions=int(str(model.get("execution_count", 0))),
        queue_ns=int(inference["queue"].get("ns", 0)),
        compute_ns=compute,
    )


def difference(after: dict[str, ModelStatistics], before: dict[str, ModelStatistics]) -> dict[str, ModelStatistics]:
    """What happened between two readings, by model."""
    return {name: counted - before.get(name, NOTHING) for name, counted in after.items()}
