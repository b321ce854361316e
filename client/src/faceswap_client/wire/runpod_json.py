"""Requests as RunPod jobs, and jobs' endings as replies or errors. No network here.

The worker's side of this contract is docs/deploy/runpod.md, "A job".
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import httpx
from faceswap_contract import names
from faceswap_contract.limits import EMBEDDING_SIZE

from faceswap_client._errors import (
    BadAnswer,
    DeadlineExceeded,
    FaceSwapError,
    RequestCancelled,
    RequestError,
    ServerBusy,
    ServerError,
    error_from_text,
    one_line,
)
from faceswap_client.wire.tensors import InferReply, InferRequest, Tensor, bytes_items, bytes_tensor

PENDING = ("IN_QUEUE", "IN_PROGRESS", "RUNNING")

_IMAGES = {
    names.FACE_SWAP: {names.SOURCE_IMAGE: "source", names.TARGET_IMAGE: "target"},
    names.FACE_ANALYSIS: {names.IMAGE: "image"},
}
_EMBEDDING_BYTES = 4 * EMBEDDING_SIZE


def job_input(request: InferRequest) -> dict[str, Any]:
    """The job's `input`; raises RequestError for a model the worker does not offer."""
    if request.model not in _IMAGES:
        raise RequestError(f"a RunPod endpoint does not offer {request.model}", code="NOT_OFFERED")
    value: dict[str, Any] = {"task": "faces" if request.model == names.FACE_ANALYSIS else "swap", **request.parameters}
    for tensor in request.inputs:
        images = [base64.b64encode(item).decode("ascii") for item in bytes_items(tensor)]
        value[_IMAGES[request.model][tensor.name]] = images if tensor.name == names.SOURCE_IMAGE else images[0]
    return value


def reply(output: Any, request: InferRequest) -> InferReply:
    """The tensors of a job's output; raises BadAnswer."""
    try:
        if request.model == names.FACE_ANALYSIS:
            tensors = _analysis_tensors(output)
        else:
            image = base64.b64decode(output["image"], validate=True)
            faces = {name: output[name] for name in ("width", "height", "faces", "sources")}
            tensors = [bytes_tensor(names.SWAPPED_IMAGE, [image]), _faces_tensor(faces)]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        message = f"the job's output cannot be read ({type(error).__name__})"
        raise BadAnswer(message, request_id=request.request_id) from None
    return InferReply({tensor.name: tensor for tensor in tensors}, request.request_id)


def _analysis_tensors(output: Any) -> list[Tensor]:
    rows = [base64.b64decode(face["embedding"], validate=True) for face in output["faces"]]
    if any(len(row) != _EMBEDDING_BYTES for row in rows):
        raise ValueError
    faces = [{key: value for key, value in face.items() if key != "embedding"} for face in output["faces"]]
    document = {"width": output["width"], "height": output["height"], "faces": faces}
    return [_faces_tensor(document), Tensor(names.EMBEDDINGS, "FP32", (len(rows), EMBEDDING_SIZE), b"".join(rows))]


def _faces_tensor(document: dict[str, Any]) -> Tensor:
    return bytes_tensor(names.FACES, [json.dumps(document).encode()])


def ending_error(body: dict[str, Any], request_id: str) -> FaceSwapError | None:
    """The error of a finished job, or None when it has an output."""
    status, error = body.get("status"), body.get("error")
    if error:
        return _job_error(error, request_id)
    if status == "COMPLETED":
        if body.get("output") in (None, {}, []):
            message = "the job completed without output: its answer was too large for the platform, or lost"
            return BadAnswer(message, code="NO_OUTPUT", request_id=request_id)
        return None
    if status == "CANCELLED":
        return RequestCancelled("the job was cancelled", request_id=request_id)
    if status == "TIMED_OUT":
        return DeadlineExceeded("the job ran out of its time on the platform", code="TIMED_OUT", request_id=request_id)
    return ServerError(f"the job ended as {one_line(str(status))} with no error message", request_id=request_id)


def _job_error(error: Any, request_id: str) -> FaceSwapError:
    text = error if isinstance(error, str) else json.dumps(error)
    if text.startswith("{"):
        # the SDK's report of an uncaught exception: a traceback and a host name, internal to the worker
        return ServerError("the worker failed; its log has the details", code="WORKER_FAILED", request_id=request_id)
    return error_from_text(text, 500, request_id=request_id)


def http_error(response: httpx.Response, request_id: str) -> FaceSwapError:
    """The error for an HTTP status that is not success; bodies of gateways may be pages of HTML and are not shown."""
    status = response.status_code
    if status in (401, 403):
        return RequestError("RunPod refused the API key", code="UNAUTHORIZED", request_id=request_id)
    if status == 404:
        return RequestError("RunPod knows no such endpoint or job", code="NOT_FOUND", request_id=request_id)
    if status == 413:
        return RequestError("the request is too large for RunPod", code="BODY_TOO_LARGE", request_id=request_id)
    if status == 429:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isdecimal() else None
        return ServerBusy("RunPod limits the rate of requests", request_id=request_id, retry_after_s=seconds)
    if 400 <= status < 500:
        return RequestError(f"RunPod refused the request with status {status}", request_id=request_id)
    return ServerError(f"RunPod answered with status {status}", code="PLATFORM_ERROR", request_id=request_id)
