"""Triton's own counters per model (`/v2/models/stats`): requests, executions, inferences and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """Counters since the server's start.

    Attributes:
        succeeded: requests answered without an error.
        failed: requests answered with one.
        inferences: rows that were computed; `inferences / executions` is the mean batch.
        executions: runs of the model.
        queue_ns: time that requests waited, in nanoseconds.
        compute_ns: time that executions took, input and output included, in nanoseconds.
    """

    succeeded: int
    inferences: int
    executions: int
    queue_ns: int
    compute_ns: int
    failed: int = 0

    def __sub__(self, before: ModelStatistics) -> ModelStatistics:
        return ModelStatistics(
            self.succeeded - before.succeeded,
            self.inferences - before.inferences,
            self.executions - before.executions,
            self.queue_ns - before.queue_ns,
            self.compute_ns - before.compute_ns,
            self.failed - before.failed,
        )

    @property
    def mean_batch(self) -> float:
        return self.inferences / self.executions if self.executions else 0.0


NOTHING = ModelStatistics(0, 0, 0, 0, 0)


def read_statistics(http_url: str, timeout_s: float = TIMEOUT_SECONDS) -> dict[str, ModelStatistics]:
    """The counters of every model, by its name.

    Args:
        http_url: http://HOST:PORT of the server.
        timeout_s: for the connection and for each read, in seconds.

    Raises:
        httpx.HTTPError: the server does not answer, or not with statistics.
    """
    answer = httpx.get(f"{http_url}/v2/models/stats", timeout=timeout_s, trust_env=False).raise_for_status()
    try:
        return {str(model["name"]): _statistics(model) for model in answer.json()["model_stats"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise httpx.DecodingError(f"unexpected statistics: {error!r}") from error


def _statistics(model: Mapping[str, Any]) -> ModelStatistics:
    inference = model["inference_stats"]
    return ModelStatistics(
        succeeded=int(inference["success"].get("count", 0)),
        inferences=int(model.get("inference_count", 0)),
        executions=int(model.get("execution_count", 0)),
        failed=int(inference["fail"].get("count", 0)),
        queue_ns=int(inference["queue"].get("ns", 0)),
        compute_ns=sum(int(inference[f"compute_{part}"].get("ns", 0)) for part in ("input", "infer", "output")),
    )


def difference(after: dict[str, ModelStatistics], before: dict[str, ModelStatistics]) -> dict[str, ModelStatistics]:
    """What was counted between two readings, by model."""
    return {name: counted - before.get(name, NOTHING) for name, counted in after.items()}
