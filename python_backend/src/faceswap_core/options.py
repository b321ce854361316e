"""Request parameters: what a caller may ask for, with ranges and defaults.

Triton forwards request parameters to every step of the ensemble as strings, integers, floats or booleans.
`parse_options` is the only reader of them. Lists travel as text ("0,2,5") because a parameter is a scalar.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from faceswap_core.errors import InvalidOption, UnknownOption

Parameter = str | int | float | bool

LONGEST_LIST = 512
"""Characters of a list of indexes: 64 four-digit numbers with commas and blanks fit."""

MAX_FACES = 64
"""Most faces of one image; the swapper's `max_batch_size` is the same, because one request is one batch."""


class OutputFormat(str, Enum):
    """`same` is the target's own format, or PNG where the target's cannot be written (TIFF, BMP, GIF)."""

    SAME = "same"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


class OnNoFace(str, Enum):
    """What a target without a face to swap gets."""

    ERROR = "error"
    PASSTHROUGH = "passthrough"


class Blend(str, Enum):
    """How a swapped crop is pasted back: `exact` is insightface's arithmetic, `fast` its closed form."""

    FAST = "fast"
    EXACT = "exact"


class Label(str, Enum):
    """Where the visible label goes."""

    OFF = "off"
    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


def _number(value: object) -> object:
    # pydantic takes True for 1 and "1_0" for 10; a caller who sends either has made a mistake
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("not a number")
    return value


def _face_index(value: object) -> object:
    return None if value == "largest" else _number(value)


def _face_indexes(value: object) -> object:
    if value == "all":
        return None
    if isinstance(value, str) and len(value) <= LONGEST_LIST:
        return tuple(_number(part.strip()) for part in value.split(","))
    return (_number(value),)


HIGHEST_INDEX = 4095
Index = Annotated[int, Field(ge=0, le=HIGHEST_INDEX)]

_LIMITS = {
    "source_face": f"an index is at most {HIGHEST_INDEX}",
    "target_faces": f"at most {MAX_FACES} indexes of at most {HIGHEST_INDEX}, {LONGEST_LIST} characters in all",
}
"""Limits that the descriptions leave out, for error messages."""


class Options(BaseModel):
    """Options of one request. Field descriptions are the texts of error messages and of the documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_face: Annotated[Index | None, BeforeValidator(_face_index)] = Field(
        default=None, description="'largest', or the index of a face in each source, from 0, left to right"
    )
    target_faces: Annotated[
        Annotated[tuple[Index, ...], Field(min_length=1, max_length=MAX_FACES)] | None, BeforeValidator(_face_indexes)
    ] = Field(default=None, description="'all', or indexes such as '0,2', from 0, left to right, each at most once")
    max_faces: Annotated[int, BeforeValidator(_number)] = Field(
        default=MAX_FACES,
        ge=1,
        le=MAX_FACES,
        description=f"a whole number from 1 to {MAX_FACES}: only the largest are kept",
    )
    min_face_size: Annotated[int, BeforeValidator(_number)] = Field(
        default=0, ge=0, le=65535, description="pixels from 0 to 65535: the shorter side of a target face's box"
    )
    detection_threshold: Annotated[float, BeforeValidator(_number)] = Field(
        default=0.5, ge=0.05, le=1.0, allow_inf_nan=False, description="a number from 0.05 to 1"
    )
    max_side: Annotated[int | None, BeforeValidator(_number)] = Field(
        default=None,
        ge=64,
        le=65535,
        description="a whole number from 64 to 65535: the result's longer side; a larger target is scaled down to it",
    )
    output_format: OutputFormat = Field(default=OutputFormat.SAME, description="'same', 'jpeg', 'png' or 'webp'")
    output_quality: Annotated[int, BeforeValidator(_number)] = Field(
        default=95, ge=1, le=100, description="a whole number from 1 to 100 (jpeg and webp)"
    )
    on_no_face: OnNoFace = Field(default=OnNoFace.ERROR, description="'error' or 'passthrough'")
    blend: Blend = Field(default=Blend.FAST, description="'fast' or 'exact'")
    label: Label = Field(
        default=Label.OFF,
        description="'off', or the corner of a visible \"AI\": 'top-left', 'top-right', 'bottom-left', 'bottom-right'",
    )
    label_size: Annotated[float, BeforeValidator(_number)] = Field(
        default=0.05,
        ge=0.01,
        le=0.25,
        allow_inf_nan=False,
        description="a number from 0.01 to 0.25: height of the label's capitals as a share of the shorter side",
    )


OPTION_NAMES = tuple(Options.model_fields)


def parse_options(parameters: Mapping[str, Parameter], most_faces: int = MAX_FACES) -> Options:
    """Checks a request's parameters and fills in defaults.

    Args:
        most_faces: of one image, as this server allows; the default of `max_faces` and the most it may be.

    Raises:
        UnknownOption: a name is not in `OPTION_NAMES`; the message lists them.
        InvalidOption: wrong type or out of range; the message has the option, the value and what is allowed.
    """
    for name in parameters:
        if name not in Options.model_fields:
            known = ", ".join(OPTION_NAMES)
            raise UnknownOption(f"there is no option {_shown(name)}; known options: {known}")
    try:
        options = Options.model_validate(dict(parameters))
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise _invalid(name, parameters[name]) from None
    if options.target_faces is not None and len(set(options.target_faces)) != len(options.target_faces):
        raise _invalid("target_faces", parameters["target_faces"])
    if options.max_faces > most_faces:
        if "max_faces" in parameters:
            raise InvalidOption(
                f"max_faces={_shown(parameters['max_faces'])} is not allowed: this server takes 1 to {most_faces}"
            )
        return options.model_copy(update={"max_faces": most_faces})
    return options


def _invalid(name: str, value: Parameter) -> InvalidOption:
    limit = f" ({_LIMITS[name]})" if name in _LIMITS else ""
    return InvalidOption(f"{name}={_shown(value)} is not allowed: {Options.model_fields[name].description}{limit}")


def _shown(value: Parameter) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
