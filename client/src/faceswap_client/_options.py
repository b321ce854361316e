"""Options as request parameters. Their ranges and defaults live in the server; nothing is checked twice."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from faceswap_client.wire.tensors import Parameter

FaceIndexes: TypeAlias = "Iterable[int] | int | Literal['all']"
OutputFormat: TypeAlias = Literal["same", "jpeg", "png", "webp"]
OnNoFace: TypeAlias = Literal["error", "passthrough"]
Blend: TypeAlias = Literal["fast", "exact"]
Label: TypeAlias = Literal["off", "top-left", "top-right", "bottom-left", "bottom-right"]

_LARGEST_INT64 = 2**63 - 1


def to_parameters(**options: Any) -> dict[str, Parameter]:
    """Options that are not None as parameters.

    Lists become text ("0,2"), because a parameter is a scalar. So do numbers that the protocols cannot carry; the
    server reads text too, and says what is wrong with them.

    Raises:
        TypeError: a value that is neither text, a number, a boolean nor a sequence of whole numbers.
    """
    return {name: _parameter(name, value) for name, value in options.items() if value is not None}


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, (str, bool)):
        return value
    if hasattr(value, "__index__") and not hasattr(value, "__iter__"):
        number = operator.index(value)
        return number if -_LARGEST_INT64 <= number <= _LARGEST_INT64 else str(number)
    if hasattr(value, "__float__") and not hasattr(value, "__iter__"):
        fraction = float(value)
        return fraction if math.isfinite(fraction) else repr(fraction)
    try:
        return ",".join(str(operator.index(index)) for index in value)
    except TypeError:
        raise TypeError(f"{name} cannot be {value!r:.80}") from None
