"""Custom Prometheus counters and gauges, exported by Triton's metrics endpoint, with one label.

    refused = Counter("faceswap_content_refused_total", "Requests the content gate refused", "verdict", ("refused",))
    refused.add("refused")

Every instance of a step may make the same counter: Triton adds them up. A gauge belongs to one process.
Make them in `initialize` and keep them: Triton removes a metric when its object is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

import triton_python_backend_utils as pb_utils


class Counter:
    """A number that only grows.

    Args:
        name: Prometheus name, ending in `_total`.
        description: one sentence.
        label: name of the label.
        values: every value the label can have; each is shown from the start, as 0.
    """

    def __init__(self, name: str, description: str, label: str, values: Sequence[str]) -> None:
        self._family, self._metrics = _metrics(name, description, pb_utils.MetricFamily.COUNTER, label, values)

    def add(self, value: str, amount: float = 1.0) -> None:
        """Adds to the number of one value of the label."""
        self._metrics[value].increment(amount)


class Gauge:
    """A number that goes up and down; arguments as of `Counter`."""

    def __init__(self, name: str, description: str, label: str, values: Sequence[str]) -> None:
        self._family, self._metrics = _metrics(name, description, pb_utils.MetricFamily.GAUGE, label, values)

    def set(self, value: str, number: float) -> None:
        """Sets the number of one value of the label."""
        self._metrics[value].set(number)


def _metrics(
    name: str, description: str, kind: int, label: str, values: Sequence[str]
) -> tuple[pb_utils.MetricFamily, dict[str, pb_utils.Metric]]:
    family = pb_utils.MetricFamily(name=name, description=description, kind=kind)
    return family, {value: family.Metric(labels={label: value}) for value in values}  # metrics end with their family
