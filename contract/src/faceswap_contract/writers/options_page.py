"""Writes docs/reference/options.md."""

from __future__ import annotations

from collections.abc import Sequence

from faceswap_contract.options import Option, Reader, Task, service_options
from faceswap_contract.writers.markdown import code, page, table

_INTRODUCTION = """\
Request parameters, the same everywhere: keyword arguments in Python, `--options-with-dashes` in the shell, fields of a RunPod job and of the
plain API. Numbers may be sent as text. An unknown name or a value out of range is an error that names the option, the value and
what is allowed ([`UNKNOWN_OPTION`, `INVALID_OPTION`](errors.md))."""

_FACES = """\
Faces are counted left to right by the centre of their box, after `detection_threshold`, `min_face_size` and `max_faces` are applied. One source
goes to every chosen face; several sources go one to one, in the order of `target_faces`."""


def options_page(options: Sequence[Option]) -> str:
    """Text of the page: the options of a request, then those of jobs only."""
    jobs = [each for each in options if not each.in_service]
    parts = [_INTRODUCTION, _table(service_options(options)), _FACES]
    if jobs:
        parts += [
            "## Jobs only",
            "Fields of a RunPod job and of the plain API, beside the options above.",
            _table(jobs),
        ]
    return page("Options", "options.py", *parts)


def _table(options: Sequence[Option]) -> str:
    head = ("option", "default", "allowed", "what it does", "calls", "read by")
    return table(head, (_row(each) for each in options))


def _row(each: Option) -> tuple[str, ...]:
    calls = "swap, faces" if Task.FACES in each.tasks else "swap"
    readers = ", ".join(reader.value if reader is Reader.JOBS else code(reader.value) for reader in each.readers)
    allowed = f"{each.allowed} ({each.more})" if each.more else each.allowed
    return code(each.name), code(each.shown_default), allowed, each.about, calls, readers
