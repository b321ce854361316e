"""Input schema of runpod-worker-inswapper: parsing, types and ranges of each field.

Fields that ask for nothing this service lacks are accepted. Any other value is refused by the field's name, with what
to send instead. Pure; images are neither fetched nor decoded here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from faceswap_contract.limits import LONGEST_LIST

from faceswap_server.jobs.inswapper.unsupported import check_unsupported
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import ImageReference, InputLimits, image_reference, required, shown

TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "source_image": (str, bytes),
    "target_image": (str, bytes),
    "source_indexes": (str,),
    "target_indexes": (str,),
    "background_enhance": (bool,),
    "face_restore": (bool,),
    "face_upsample": (bool,),
    "upscale": (int,),
    "codeformer_fidelity": (int, float),
    "output_format": (str,),
    "min_face_size": (int, float),
    "face_swapper_model": (str,),
    "face_swapper_resolution": (str,),
    "face_swapper_weight": (int, float),
    "face_mask_blur": (int, float),
    "face_mask_padding": (str,),
    "face_selector_mode": (str,),
    "face_selector_order": (str,),
    "face_selector_gender": (str,),
    "face_selector_age_start": (int,),
    "face_selector_age_end": (int,),
}
"""Every field of the schema and the types of its values; bytes come from a form's file."""

OWN_FIELDS = frozenset(TYPES) - {"output_format", "min_face_size"}
"""Fields that this service's own jobs do not have; one of them marks a job of the other schema."""

OUTPUT_FORMATS = {"JPEG": "jpeg", "PNG": "png"}
MODES = ("many", "one")
ORDERS = ("left-right", "right-left", "top-bottom", "small-large", "large-small", "best-worst", "worst-best")
ALL = "-1"
"""The text of `source_indexes` and `target_indexes` that names no face."""

_INDEXES = re.compile(r"\d{1,4}(?: *, *\d{1,4})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class InswapperJob:
    """A job of runpod-worker-inswapper, checked.

    Attributes:
        source, target: the images.
        source_indexes, target_indexes: positions from 0 among the chosen faces; None for "-1".
        min_face_size: source faces narrower and lower than this per cent of the image's shorter side are left out.
        order: sort order of the target's faces, one of ORDERS.
        first_only: whether only the first target face of that order takes part.
        output_format: `jpeg` or `png`.
        notes: one line for each requested field that has no effect, as it had none there.
    """

    source: ImageReference
    target: ImageReference
    source_indexes: tuple[int, ...] | None
    target_indexes: tuple[int, ...] | None
    min_face_size: float
    order: str
    first_only: bool
    output_format: str
    notes: tuple[str, ...] = ()


def is_inswapper_job(value: object) -> bool:
    """Whether a job's input has a field that only runpod-worker-inswapper's schema has."""
    return isinstance(value, dict) and not OWN_FIELDS.isdisjoint(value)


def parse_inswapper_job(value: dict[Any, Any], limits: InputLimits) -> InswapperJob:
    """Checks every field of a job of runpod-worker-inswapper; `null` counts as left out.

    Raises:
        JobError: UNKNOWN_OPTION, BAD_INPUT (missing or of the wrong type), INVALID_OPTION (a value that has no
            equivalent here; the message names the field), or an error of the images as in `parse_input`.
    """
    fields = {name: each for name, each in value.items() if each is not None}
    for name, each in fields.items():
        _check_type(name, each)
    notes = check_unsupported(fields)
    return InswapperJob(
        source=image_reference("source_image", required(fields, "source_image"), limits),
        target=image_reference("target_image", required(fields, "target_image"), limits),
        source_indexes=_indexes("source_indexes", fields),
        target_indexes=_indexes("target_indexes", fields),
        min_face_size=_per_cent("min_face_size", fields.get("min_face_size", 0.0)),
        order=_one_of("face_selector_order", fields, ORDERS),
        first_only=_one_of("face_selector_mode", fields, MODES) == "one",
        output_format=OUTPUT_FORMATS[_one_of("output_format", fields, tuple(OUTPUT_FORMATS))],
        notes=notes,
    )


def _check_type(name: object, value: object) -> None:
    if name == "task" and value == "swap":  # the plain API's /swap adds it
        return
    if name not in TYPES:
        known = ", ".join(TYPES)
        raise JobError("UNKNOWN_OPTION", f"a job with source_image has no field {shown(name)}; known fields: {known}")
    allowed = TYPES[str(name)]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise JobError("BAD_INPUT", f"{name} must be {_type_name(allowed)}, not {shown(value)}")


def _type_name(types: tuple[type, ...]) -> str:
    if bool in types:
        return "true or false"
    if str in types:
        return "text"
    return "a number" if float in types else "a whole number"


def _one_of(name: str, fields: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    """The value of a field whose default is the first allowed one."""
    value: str = fields.get(name, allowed[0])
    if value not in allowed:
        raise JobError("INVALID_OPTION", f"{name}={shown(value)} is not allowed: {', '.join(allowed)}")
    return value


def _per_cent(name: str, value: float) -> float:
    if not (math.isfinite(value) and 0 <= value <= 100):
        raise JobError("INVALID_OPTION", f"{name}={value:g} is not allowed: per cent of the shorter side, 0 to 100")
    return float(value)


def _indexes(name: str, fields: Mapping[str, Any]) -> tuple[int, ...] | None:
    text = fields.get(name, ALL).strip()
    if text == ALL:
        return None
    if len(text) > LONGEST_LIST or not _INDEXES.fullmatch(text):
        raise JobError("INVALID_OPTION", f"{name}={shown(text)} is not allowed: '-1', or indexes such as '0,2'")
    return tuple(int(part) for part in text.split(","))
