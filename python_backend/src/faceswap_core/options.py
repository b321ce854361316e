"""Request parameters: how a request's options are read and checked.

Triton forwards request parameters to every step of the ensemble as strings, integers, floats or booleans.
`parse_options` is the only reader of them. Lists travel as text ("0,2,5") because a parameter is a scalar. Names,
ranges, defaults and texts stand in `faceswap_contract.options`, from which `option_fields` is generated.
"""

from __future__ import annotations

from collections.abc import Mapping

from faceswap_contract.limits import MAX_FACES
from faceswap_contract.options import option
from pydantic import ValidationError

from faceswap_core.errors import InvalidOption, UnknownOption
from faceswap_core.option_fields import Blend, Label, OnNoFace, Options, OutputFormat

__all__ = [
    "MAX_FACES",
    "OPTION_NAMES",
    "Blend",
    "Label",
    "OnNoFace",
    "Options",
    "OutputFormat",
    "Parameter",
    "parse_options",
]

Parameter = str | int | float | bool

OPTION_NAMES = tuple(Options.model_fields)


def parse_options(parameters: Mapping[str, Parameter], most_faces: int = MAX_FACES) -> Options:
    """Checks a request's parameters and fills in defaults.

    Args:
        parameters: by name, as Triton hands them over.
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
    fact = option(name)
    limit = f" ({fact.more})" if fact.more else ""
    return InvalidOption(f"{name}={_shown(value)} is not allowed: {fact.allowed}{limit}")


def _shown(value: Parameter) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
