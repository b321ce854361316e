"""Runs a job of runpod-worker-inswapper: both images analysed, faces paired, one swap, the answer in its form."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from faceswap_client import Analysis, Identity, SwapResult
from faceswap_contract.limits import MAX_SOURCES

from faceswap_server.jobs.inswapper.job import InswapperJob
from faceswap_server.jobs.inswapper.pairing import Pairing, pair_faces
from faceswap_server.jobs.job_errors import JobError, to_job_error
from faceswap_server.jobs.output import Document, encoded_size

_Result = TypeVar("_Result")

JPEG_QUALITY = 75
"""Pillow's default, which that worker saves with."""


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """The two calls a job makes; each raises FaceSwapError or JobError."""

    faces: Callable[[bytes], Awaitable[Analysis]]
    swap: Callable[[Sequence[Identity], bytes, dict[str, Any]], Awaitable[SwapResult]]


async def run_inswapper_job(
    job: InswapperJob, source: bytes, target: bytes, calls: ServiceCalls, max_bytes: int
) -> Document:
    """The job's output: `{"status": "ok", "image": BASE64}`, and `notes` where a field had no effect.

    Args:
        job: the checked input.
        source, target: its images, encoded.
        calls: the service.
        max_bytes: the platform's limit for the answer.

    Raises:
        JobError: of the images, of the choice of faces, or OUTPUT_TOO_LARGE. Messages name the job's own fields.
    """
    found, targets = await asyncio.gather(
        _named(calls.faces(source), "IMAGE", "source_image"), _named(calls.faces(target), "IMAGE", "target_image")
    )
    pairing = pair_faces(job, found, targets)
    result = await _named(
        calls.swap(_identities(pairing, found), target, swap_options(job, pairing)), "TARGET_IMAGE", "target_image"
    )
    output = inswapper_output(result, (*job.notes, *pairing.notes))
    if encoded_size([output]) > max_bytes:
        raise JobError(
            "OUTPUT_TOO_LARGE",
            f"the answer would have {encoded_size([output])} bytes, the platform takes {max_bytes}; "
            "use output_format JPEG or a smaller target_image",
        )
    return output


def swap_options(job: InswapperJob, pairing: Pairing) -> dict[str, Any]:
    """Options of the swap, in the order of the pairs."""
    options: dict[str, Any] = {"target_faces": [target for _, target in pairing.pairs]}
    options["output_format"] = job.output_format
    if job.output_format == "jpeg":
        options["output_quality"] = JPEG_QUALITY
    return options


def inswapper_output(result: SwapResult, notes: Sequence[str]) -> Document:
    """A swap in that worker's form; `notes` only where there are some."""
    output: Document = {"status": "ok", "image": base64.b64encode(result.image).decode("ascii")}
    if notes:
        output["notes"] = list(notes)
    return output


def _identities(pairing: Pairing, source: Analysis) -> list[Identity]:
    """One identity for all targets where they share a source face, else one for each."""
    chosen = [index for index, _ in pairing.pairs]
    if len(set(chosen)) == 1:
        chosen = chosen[:1]
    if len(chosen) > MAX_SOURCES:
        raise JobError(
            "WRONG_PICTURE_COUNT",
            f"the job pairs {len(chosen)} source faces, at most {MAX_SOURCES} are allowed; name fewer in "
            "source_indexes and target_indexes",
        )
    return [Identity(source.faces[index].embedding) for index in chosen]


async def _named(call: Awaitable[_Result], tensor: str, field: str) -> _Result:
    """Awaits a call; its errors name the job's field instead of the tensor."""
    try:
        return await call
    except Exception as error:
        known = to_job_error(error)
        raise JobError(known.code, known.message.replace(f"{tensor}: ", f"{field}: ", 1)) from None
