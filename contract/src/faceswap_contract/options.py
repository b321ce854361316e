"""Options of a request: the one table that clients, command line, jobs, OpenAPI, TypeScript and docs are built from.

To add an option, add a row here, run `make contract`, and use it in the step that reads it.
"""

from __future__ import annotations

from collections.abc import Iterable

from faceswap_contract.limits import HIGHEST_INDEX, LONGEST_LIST, MAX_FACES, MAX_SIDE
from faceswap_contract.option import Default, Kind, Option, Reader, Task

__all__ = ["OPTIONS", "Default", "Kind", "Option", "Reader", "Task", "option", "options_of", "service_options"]

_BOTH = (Task.SWAP, Task.FACES)

OPTIONS = (
    Option(
        "source_face",
        Kind.FACE_INDEX,
        "largest",
        "'largest', or the index of a face in each source, from 0, left to right",
        "Index of the face to take from each source, from 0, left to right.",
        "'largest', or which face of each source: 0 is the leftmost.",
        (Reader.ALIGN_FACES,),
        minimum=0,
        maximum=HIGHEST_INDEX,
        word="largest",
        metavar="INDEX",
        more=f"an index is at most {HIGHEST_INDEX}",
    ),
    Option(
        "target_faces",
        Kind.FACE_INDEXES,
        "all",
        "'all', or indexes such as '0,2', from 0, left to right, each at most once",
        "Indexes of the faces to change, from 0, left to right.",
        "'all', or which faces to change, such as '0,2': 0 is the leftmost.",
        (Reader.ALIGN_FACES,),
        minimum=0,
        maximum=HIGHEST_INDEX,
        word="all",
        metavar="LIST",
        more=f"at most {MAX_FACES} indexes of at most {HIGHEST_INDEX}, {LONGEST_LIST} characters in all",
    ),
    Option(
        "max_faces",
        Kind.INTEGER,
        MAX_FACES,
        f"a whole number from 1 to {MAX_FACES}: only the largest are kept",
        f"1 to {MAX_FACES}; of more faces only the largest are kept.",
        f"1 to {MAX_FACES}: of more faces only the largest are kept.",
        (Reader.ALIGN_FACES,),
        _BOTH,
        minimum=1,
        maximum=MAX_FACES,
        metavar="N",
    ),
    Option(
        "min_face_size",
        Kind.INTEGER,
        0,
        f"pixels from 0 to {MAX_SIDE}: the shorter side of a target face's box",
        f"0 to {MAX_SIDE} pixels, the shorter side of a box; smaller target faces are left out.",
        f"0 to {MAX_SIDE}: faces whose box has a shorter side are left out.",
        (Reader.ALIGN_FACES,),
        _BOTH,
        minimum=0,
        maximum=MAX_SIDE,
        metavar="PIXELS",
    ),
    Option(
        "detection_threshold",
        Kind.NUMBER,
        0.5,
        "a number from 0.05 to 1",
        "0.05 to 1; the score from which a detection counts as a face.",
        "0.05 to 1: the score from which a detection counts as a face.",
        (Reader.ALIGN_FACES,),
        _BOTH,
        minimum=0.05,
        maximum=1.0,
        metavar="SCORE",
    ),
    Option(
        "max_side",
        Kind.INTEGER,
        None,
        f"a whole number from 64 to {MAX_SIDE}: the result's longer side; a larger target is scaled down to it",
        f"64 to {MAX_SIDE} pixels; a target with a longer side is scaled down to it.",
        f"64 to {MAX_SIDE}: a target with a longer side is scaled down to it.",
        (Reader.DECODE_IMAGES,),
        minimum=64,
        maximum=MAX_SIDE,
        metavar="PIXELS",
        default_text="as it is",
    ),
    Option(
        "output_format",
        Kind.CHOICE,
        "same",
        "'same', 'jpeg', 'png' or 'webp'",
        "Format of the result; `same` is the target's own, or PNG where that cannot be written (TIFF, BMP, GIF).",
        "jpeg, png, webp, or same: the target's own.",
        (Reader.DECODE_IMAGES, Reader.PASTE_FACES),
        choices=("same", "jpeg", "png", "webp"),
        metavar="FORMAT",
        command_line_default="by OUT's ending, else same",
    ),
    Option(
        "output_quality",
        Kind.INTEGER,
        95,
        "a whole number from 1 to 100 (jpeg and webp)",
        "1 to 100, for jpeg and webp.",
        "1 to 100, for jpeg and webp.",
        (Reader.PASTE_FACES,),
        minimum=1,
        maximum=100,
        metavar="N",
    ),
    Option(
        "on_no_face",
        Kind.CHOICE,
        "error",
        "'error' or 'passthrough'",
        "For a target without a face to swap: an error, or the target as it is.",
        "For a target without a face: error, or passthrough to get it back as it is.",
        (Reader.ALIGN_FACES,),
        choices=("error", "passthrough"),
        metavar="WHAT",
    ),
    Option(
        "blend",
        Kind.CHOICE,
        "fast",
        "'fast' or 'exact'",
        "How a swapped crop is pasted back: `exact` is insightface's arithmetic, `fast` its closed form.",
        "fast, or exact for insightface's own arithmetic.",
        (Reader.PASTE_FACES,),
        choices=("fast", "exact"),
        metavar="HOW",
    ),
    Option(
        "label",
        Kind.CHOICE,
        "off",
        "'off', or the corner of a visible \"AI\": 'top-left', 'top-right', 'bottom-left', 'bottom-right'",
        'Corner of a visible "AI". A deployment may force one.',
        'Draw a visible "AI": top-left, top-right, bottom-left or bottom-right.',
        (Reader.PASTE_FACES,),
        choices=("off", "top-left", "top-right", "bottom-left", "bottom-right"),
        metavar="CORNER",
    ),
    Option(
        "label_size",
        Kind.NUMBER,
        0.05,
        "a number from 0.01 to 0.25: height of the label's capitals as a share of the shorter side",
        "0.01 to 0.25, height of the label's capitals as a share of the shorter side.",
        "0.01 to 0.25 of the shorter side, its capitals.",
        (Reader.PASTE_FACES,),
        minimum=0.01,
        maximum=0.25,
        metavar="SHARE",
    ),
    Option(
        "allow_reencode",
        Kind.FLAG,
        False,
        "true or false",
        "Whether a result too large for the platform's answer may be sent as JPEG of lower quality; jobs only.",
        "Allow JPEG of lower quality where the answer is too large.",
        (Reader.JOBS,),
    ),
)
"""Every option, in the order of the documentation."""


def service_options(options: Iterable[Option] = OPTIONS) -> tuple[Option, ...]:
    """Options that Triton takes as request parameters."""
    return tuple(each for each in options if each.in_service)


def options_of(task: Task, options: Iterable[Option] = OPTIONS) -> tuple[Option, ...]:
    """Request parameters of a call: those of `swap`, or the fewer of `faces`."""
    return tuple(each for each in service_options(options) if task in each.tasks)


def option(name: str) -> Option:
    """The option of that name; raises KeyError."""
    for each in OPTIONS:
        if each.name == name:
            return each
    raise KeyError(name)
