"""Fields of runpod-worker-inswapper without an equivalent here: face restoration, other swappers, masks, gender, age.

A value that asks for nothing is accepted, any other is refused with what to send instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import shown

NOT_RESTORED = "face_restore: left out, which asks for CodeFormer there; faces are not restored here, send false"


@dataclass(frozen=True, slots=True)
class _Unsupported:
    name: str
    asks_nothing: tuple[object, ...]  # values that change nothing here or there
    instead: str


_RESTORATION = (
    _Unsupported("background_enhance", (False,), ""),
    _Unsupported("face_upsample", (False,), ""),
    _Unsupported("upscale", (1,), ""),
    _Unsupported("codeformer_fidelity", (), ""),
)
"""Settings of the restoration, which act there only with `face_restore`."""

_OTHERS = (
    _Unsupported("face_swapper_model", ("inswapper_128",), "the model pack has one swapper, inswapper_128"),
    _Unsupported("face_swapper_resolution", ("128x128",), "the swapper's crop is 128x128; leave it out"),
    _Unsupported("face_swapper_weight", (1.0, 0.5), "the source's embedding is used as it is; leave it out"),
    _Unsupported("face_mask_blur", (0.3,), "the soft edge is insightface's; leave it out"),
    _Unsupported("face_mask_padding", ("0,0,0,0",), "the soft edge is insightface's; leave it out"),
    _Unsupported("face_selector_gender", ("",), "gender is not estimated; name faces in target_indexes"),
    _Unsupported("face_selector_age_start", (), "age is not estimated; name faces in target_indexes"),
    _Unsupported("face_selector_age_end", (), "age is not estimated; name faces in target_indexes"),
)


def check_unsupported(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuses what has no equivalent; returns one line for each requested field that has no effect.

    Args:
        fields: the job's fields that are not null, their types checked.

    Raises:
        JobError: INVALID_OPTION; the message begins with the field and its value.
    """
    for each in _OTHERS:
        if each.name in fields and fields[each.name] not in each.asks_nothing:
            raise _refused(each.name, fields[each.name], each.instead)
    restore = fields.get("face_restore")
    if restore:
        raise _refused("face_restore", restore, "faces are not restored in this version; send face_restore=false")
    asked = [each.name for each in _RESTORATION if each.name in fields and fields[each.name] not in each.asks_nothing]
    if restore is None:
        if asked:
            name = asked[0]
            instead = "it belongs to face restoration, which this version does not have; send face_restore=false"
            raise _refused(name, fields[name], instead)
        return (NOT_RESTORED,)
    return tuple(f"{name}: no effect without face_restore" for name in asked)


def _refused(name: str, value: object, instead: str) -> JobError:
    text = str(value).lower() if isinstance(value, bool) else shown(value)
    return JobError("INVALID_OPTION", f"{name}={text} is not available: {instead}")
