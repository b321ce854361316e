"""Writes python_backend/src/faceswap_core/option_fields.py: the options of a request as a typed model."""

from __future__ import annotations

from collections.abc import Sequence

from faceswap_contract.options import Kind, Option, service_options
from faceswap_contract.writers.python_text import docstring, heading

_TYPES = {
    Kind.INTEGER: "WholeNumber",
    Kind.NUMBER: "Number",
    Kind.FACE_INDEX: "FaceIndex",
    Kind.FACE_INDEXES: "FaceIndexes",
    Kind.FLAG: "bool",
}


def core_options(options: Sequence[Option]) -> str:
    """Text of the module: an enum for each choice, and the model `Options`.

    Defaults, ranges and texts are not written out: the model's fields read them from the contract.
    """
    kept = service_options(options)
    choices = [each for each in kept if each.kind is Kind.CHOICE]
    used = sorted({_TYPES[each.kind] for each in kept if each.kind is not Kind.CHOICE} - {"bool"})
    parts = [
        heading("Options of a request as a typed model.", "contract/src/faceswap_contract/options.py"),
        "from __future__ import annotations\n",
        "from enum import Enum\n" if choices else "",
        "from pydantic import BaseModel, ConfigDict\n",
        f"from faceswap_core.option_types import {', '.join([*used, 'field'])}",
        *(_enum(each) for each in choices),
        "\n\nclass Options(BaseModel):",
        '    """Options of one request. Field descriptions are the texts of error messages and documentation."""\n',
        '    model_config = ConfigDict(frozen=True, extra="forbid")\n',
        *(_field(each) for each in kept),
    ]
    return "\n".join(parts) + "\n"


def _enum(option: Option) -> str:
    members = [f'    {word.upper().replace("-", "_")} = "{word}"' for word in option.choices]
    return "\n".join([f"\n\nclass {option.type_name}(str, Enum):", docstring(option.about, "    "), "", *members])


def _field(option: Option) -> str:
    if option.kind is Kind.CHOICE:
        return f'    {option.name}: {option.type_name} = field("{option.name}", {option.type_name})'
    optional = " | None" if option.default is None else ""
    return f'    {option.name}: {_TYPES[option.kind]}{optional} = field("{option.name}")'
