"""Writes client/src/faceswap_client/_swap_options.py: options as keyword arguments, for `Unpack`."""

from __future__ import annotations

from collections.abc import Sequence

from faceswap_contract.options import Kind, Option, Task, options_of
from faceswap_contract.writers.python_text import docstring, heading

_TYPES = {
    Kind.INTEGER: "int",
    Kind.NUMBER: "float",
    Kind.FLAG: "bool",
    Kind.FACE_INDEXES: "FaceIndexes",
}


def client_options(options: Sequence[Option]) -> str:
    """Text of the module: an alias for each choice, and a TypedDict for each call."""
    swap = options_of(Task.SWAP, options)
    parts = [
        heading("Options of calls as keyword arguments.", "contract/src/faceswap_contract/options.py"),
        "from __future__ import annotations\n",
        "from collections.abc import Iterable",
        "from typing import Literal, TypeAlias, TypedDict\n",
        'FaceIndexes: TypeAlias = Iterable[int] | int | Literal["all"]',
        *(_alias(each) for each in swap if each.kind is Kind.CHOICE),
        _typed_dict(
            "FacesOptions", "Options of `faces`; what is left out or None is the server's default.", Task.FACES, options
        ),
        _typed_dict(
            "SwapOptions", "Options of `swap`; what is left out or None is the server's default.", Task.SWAP, options
        ),
    ]
    return "\n".join(parts)


def _alias(option: Option) -> str:
    words = ", ".join(f'"{word}"' for word in option.choices)
    return f"{option.type_name}: TypeAlias = Literal[{words}]"


def _typed_dict(name: str, about: str, task: Task, options: Sequence[Option]) -> str:
    lines = [f"\n\nclass {name}(TypedDict, total=False):", docstring(about, "    "), ""]
    for each in options_of(task, options):
        lines.append(f"    {each.name}: {_type(each)} | None")
        lines.append(docstring(f"{each.about} Default: {each.shown_default}.", "    "))
    return "\n".join(lines).rstrip() + ("\n" if task is Task.SWAP else "")


def _type(option: Option) -> str:
    if option.kind is Kind.CHOICE:
        return option.type_name
    if option.kind is Kind.FACE_INDEX:
        return f'int | Literal["{option.word}"]'
    return _TYPES[option.kind]
