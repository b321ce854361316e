"""Writes python_backend/src/faceswap_core/errors.py: an exception class for each code of the service."""

from __future__ import annotations

from collections.abc import Iterable

from faceswap_contract.error_fact import ErrorFact, Family, Origin
from faceswap_contract.writers.python_text import docstring, heading

_BASES = {
    Family.IMAGE: "ImageError",
    Family.OPTION: "OptionError",
    Family.REQUEST: "RequestError",
    Family.FACE: "FaceError",
}
_ROOT = "FaceSwapError"
_OTHERS = ("Status", "all_errors")
_ABOUT = """Errors a caller can receive, each with a stable code.

A step turns an error into a response with the text `CODE: message`; `status` names the Triton status it is sent with. A
caller never receives a traceback or a path."""


def core_errors(facts: Iterable[ErrorFact]) -> str:
    """Text of the module."""
    kept = [fact for fact in facts if Origin.SERVICE in fact.origins]
    bases = [*_BASES.values(), _ROOT]
    imported = sorted([*bases, *_OTHERS], key=lambda name: (name[0].islower(), name))
    exported = sorted([*imported, *(fact.class_name for fact in kept)], key=lambda name: (name[0].islower(), name))
    parts = [
        heading(_ABOUT, "contract/src/faceswap_contract/service_errors.py"),
        "from __future__ import annotations\n",
        "from faceswap_core.error_bases import (",
        *(f"    {name}," for name in imported),
        ")\n",
        "__all__ = [",
        *(f'    "{name}",' for name in exported),
        "]",
        *(_class(fact) for fact in kept),
    ]
    return "\n".join(parts) + "\n"


def _class(fact: ErrorFact) -> str:
    base = _BASES.get(fact.family, _ROOT)
    text = docstring(fact.meaning, "    ")
    return f'\n\nclass {fact.class_name}({base}):\n{text}\n\n    code = "{fact.code}"'
