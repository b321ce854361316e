"""Docstrings of methods that take options, completed from the contract's table."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from faceswap_contract.options import Task, options_of

_Method = TypeVar("_Method", bound=Callable[..., Any])


def documents_options(task: Task) -> Callable[[_Method], _Method]:
    """Adds the meaning, range and default of each option of `task` to a method's docstring."""
    lines = ["", "", "Options; what is left out or None is the server's default:"]
    for each in options_of(task):
        choices = f" One of {', '.join(each.choices)}." if each.choices else ""
        text = f"{each.name}: {each.about}{choices} Default: {each.shown_default}."
        lines += textwrap.wrap(text, 112, initial_indent="    ", subsequent_indent="        ")

    def decorate(method: _Method) -> _Method:
        method.__doc__ = inspect.cleandoc(method.__doc__ or "") + "\n".join(lines)
        return method

    return decorate
