"""Types of option values: how text and numbers from a request become values, and which are refused."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from faceswap_contract.limits import HIGHEST_INDEX, LONGEST_LIST, MAX_FACES
from faceswap_contract.options import Kind, option
from pydantic import BeforeValidator, Field

_ALL = option("target_faces").word
_LARGEST = option("source_face").word


def _number(value: object) -> object:
    # pydantic takes True for 1 and "1_0" for 10; a caller who sends either has made a mistake
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("not a number")
    return value


def _face_index(value: object) -> object:
    return None if value == _LARGEST else _number(value)


def _face_indexes(value: object) -> object:
    if value == _ALL:
        return None
    if isinstance(value, str) and len(value) <= LONGEST_LIST:
        return tuple(_number(part.strip()) for part in value.split(","))
    return (_number(value),)


Index = Annotated[int, Field(ge=0, le=HIGHEST_INDEX)]
WholeNumber = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number)]
FaceIndex = Annotated[Index | None, BeforeValidator(_face_index)]
FaceIndexes = Annotated[
    Annotated[tuple[Index, ...], Field(min_length=1, max_length=MAX_FACES)] | None, BeforeValidator(_face_indexes)
]


def field(name: str, choices: type[Enum] | None = None) -> Any:
    """A model field with default, range and description of the option `name`."""
    fact = option(name)
    if choices is not None:
        return Field(default=choices(fact.default), description=fact.allowed)
    if fact.kind in (Kind.FACE_INDEX, Kind.FACE_INDEXES):
        return Field(default=None, description=fact.allowed)
    finite = False if fact.kind is Kind.NUMBER else None
    return Field(default=fact.default, ge=fact.minimum, le=fact.maximum, allow_inf_nan=finite, description=fact.allowed)
