"""Fields of settings classes: default, range and description of an environment variable in the contract."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

from faceswap_contract.environment import VARIABLES, VariableKind
from pydantic import Field


def setting(name: str, choices: type[Enum] | None = None) -> Any:
    """A pydantic field for the variable `name`.

    Args:
        name: the whole name, `FACESWAP_MAX_IMAGE_BYTES`. A name without the prefix becomes the field's alias.
        choices: the enum of a variable that is one of several words.

    Raises:
        KeyError: the contract has no such variable.
    """
    fact = VARIABLES[name]
    default: Any = fact.default
    if choices is not None:
        default = choices(default)
    elif fact.kind is VariableKind.PATH and default is not None:
        default = Path(default)
    return Field(
        default=default,
        ge=fact.minimum,
        gt=fact.above,
        le=fact.maximum,
        pattern=fact.pattern,
        max_length=fact.longest,
        description=fact.meaning,
        validation_alias=None if name.startswith("FACESWAP_") else name,
    )
