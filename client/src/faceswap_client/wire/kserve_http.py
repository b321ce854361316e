"""KServe v2 over HTTP with Triton's binary tensor extension: encodes requests and decodes replies. No network I/O.

A body is a JSON header followed by the tensors' raw bytes in the order the header names them;
`Inference-Header-Content-Length` says where the header ends, `binary_data_size` how long each tensor is.
Source: Triton's docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from faceswap_client._errors import BadAnswer, FaceSwapError, error_from_text, one_line
from faceswap_client.wire.tensors import InferReply, InferRequest, Tensor, time_limit

HEADER_LENGTH = "Inference-Header-Content-Length"


def encode_request(request: InferRequest, timeout: float | None = None) -> tuple[dict[str, str], bytes]:
    """The HTTP headers and body of an inference request.

    Args:
        timeout: seconds the caller waits, sent along because Triton does not notice that an HTTP caller hung up.
    """
    header = {
        "id": request.request_id,
        "parameters": {**request.parameters, **time_limit(timeout)},
        "inputs": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(tensor.data)},
            }
            for tensor in request.inputs
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in request.outputs],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(text))}
    return headers, b"".join((text, *(tensor.data for tensor in request.inputs)))


def decode_reply(headers: Mapping[str, str], body: bytes, request_id: str = "") -> InferReply:
    """The reply in a body with status 200.

    Args:
        headers: of the answer; looked up as `Inference-Header-Content-Length`, so pass a mapping that ignores case.
        body: the whole body.
        request_id: copied into errors and the reply.

    Raises:
        BadAnswer: not KServe v2, an output not sent as binary data, or fewer or more bytes than announced.
    """
    try:
        header_length = _header_length(headers, body)
        outputs = _outputs(_json_object(body[:header_length]), body, header_length)
    except BadAnswer as error:
        raise BadAnswer(error.message, request_id=request_id) from None
    return InferReply(outputs, request_id)


def decode_error(status: int, headers: Mapping[str, str], body: bytes, request_id: str = "") -> FaceSwapError:
    """The error in a body with any other status: Triton's `{"error": "..."}`, or what a proxy says instead."""
    try:
        text = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        text = None
    if not isinstance(text, str):
        kind = one_line(headers.get("Content-Type", "")) or "no content type"
        text = f"HTTP {status} that is not from the inference server ({kind})"
    return error_from_text(text, status, request_id=request_id, retry_after_s=_seconds(headers.get("Retry-After")))


def _header_length(headers: Mapping[str, str], body: bytes) -> int:
    text = headers.get(HEADER_LENGTH)
    if text is None:
        return len(body)  # an answer without binary data; its outputs are refused below, by name
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadAnswer(f"{HEADER_LENGTH} is not a number")
    if int(text) > len(body):
        raise BadAnswer(f"the answer is cut short: {len(body)} bytes of a header of {text}")
    return int(text)


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadAnswer("the answer is not KServe v2 (its header is not JSON)") from None
    if not isinstance(value, dict) or not isinstance(value.get("outputs"), list):
        raise BadAnswer("the answer is not KServe v2 (its header has no outputs)")
    return value


def _outputs(header: dict[str, Any], body: bytes, position: int) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}
    for entry in header["outputs"]:
        try:
            name, datatype = str(entry["name"]), str(entry["datatype"])
            shape = tuple(int(side) for side in entry["shape"])
            size = entry["parameters"]["binary_data_size"]
        except (KeyError, TypeError, ValueError):
            raise BadAnswer("an output is not described as binary data") from None
        if not isinstance(size, int) or size < 0 or position + size > len(body):
            raise BadAnswer(f"the answer is cut short: {name} should have {size} bytes")
        outputs[name] = Tensor(name, datatype, shape, body[position : position + size])
        position += size
    if position != len(body):
        raise BadAnswer(f"the answer has {len(body) - position} bytes too many")
    return outputs


def _seconds(retry_after: str | None) -> float | None:
    # the header may also hold a date; callers get None then
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    return None
