"""Fake `triton_python_backend_utils`: what the three Python steps use of it, so that they run without Triton."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

MODULE = "triton_python_backend_utils"


class Tensor:
    """A named array."""

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        self._name, self._array = name, array

    def name(self) -> str:
        """Its name."""
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        """Its array."""
        return self._array


class InferenceRequest:
    """A request without timeout that is never cancelled."""

    def __init__(self, inputs: Mapping[str, Tensor], wanted: Sequence[str], parameters: Mapping[str, object]) -> None:
        self.inputs, self._wanted, self._parameters = inputs, wanted, parameters

    def requested_output_names(self) -> Sequence[str]:
        """Outputs that are requested."""
        return self._wanted

    def request_id(self) -> str:
        """A constant."""
        return "fake"

    def parameters(self) -> str:
        """JSON of the request parameters."""
        return json.dumps(self._parameters)

    def is_cancelled(self) -> bool:
        """Never."""
        return False

    def timeout(self) -> int:
        """Microseconds; 0 is none."""
        return 0


class TritonError:
    """An error of one request."""

    INVALID_ARG = CANCELLED = UNSUPPORTED = UNAVAILABLE = INTERNAL = 0

    def __init__(self, message: str, code: int = 0) -> None:
        self.message, self.code = message, code


class InferenceResponse:
    """Output tensors, or an error."""

    def __init__(self, output_tensors: Sequence[Tensor] = (), error: TritonError | None = None) -> None:
        self.output_tensors, self.error = output_tensors, error


class Metric:
    """A metric that counts nothing."""

    def increment(self, _amount: float) -> None:
        """Does nothing."""

    def set(self, _value: float) -> None:
        """Does nothing."""


class MetricFamily:
    """Metrics of one name."""

    COUNTER, GAUGE = "counter", "gauge"

    def __init__(self, **_about: object) -> None:
        pass

    def Metric(self, **_about: object) -> Metric:  # noqa: N802 (Triton's name)
        """One metric."""
        return Metric()


class Logger:
    """Triton's log, on stderr."""

    @staticmethod
    def log_error(text: str) -> None:
        """Writes a line."""
        sys.stderr.write(f"{text}\n")


def install() -> None:
    """Puts the fake where the steps import Triton's module from."""
    module = ModuleType(MODULE)
    members: dict[str, object] = {
        "Tensor": Tensor,
        "InferenceResponse": InferenceResponse,
        "TritonError": TritonError,
        "TritonModelException": RuntimeError,
        "MetricFamily": MetricFamily,
        "Metric": Metric,
        "Logger": Logger,
        "get_input_tensor_by_name": lambda request, name: request.inputs.get(name),
    }
    vars(module).update(members)
    sys.modules[MODULE] = module
