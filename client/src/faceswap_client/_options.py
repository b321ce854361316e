"""Options of calls as request parameters. Ranges and defaults are the server's; nothing is checked twice."""

from __future__ import annotations

import difflib
import math
import operator
import sys
from collections.abc import Mapping
from typing import Any

from faceswap_client._swap_options import FacesOptions, SwapOptions
from faceswap_client.wire.tensors import Parameter

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

__all__ = ["FacesOptions", "SwapOptions", "Unpack", "to_parameters"]

_LARGEST_INT64 = 2**63 - 1


def to_parameters(call: str, known: type, options: Mapping[str, Any]) -> dict[str, Parameter]:
    """Options that are not None as request parameters.

    Lists become text ("0,2"), because a parameter is a scalar. So do numbers that the protocols cannot carry; the
    server reads text too, and says what is wrong with them.

    Args:
        call: the method's name, for messages.
        known: the TypedDict of the options that the call has.
        options: by name, as the caller gave them.

    Raises:
        TypeError: an option that the call does not have, or a value that is neither text, a number, a boolean nor a
            sequence of whole numbers.
    """
    names = known.__annotations__
    for name in options:
        if name not in names:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}{_nearest(name, names)}")
    return {name: _parameter(name, value) for name, value in options.items() if value is not None}


def _nearest(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


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
