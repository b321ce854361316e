"""KServe v2 request bodies: validation of an inference request before Triton sees a byte.

Triton 24.10 has no limit on a body, and known vulnerabilities in reading chunked bodies and in shared-memory parameters
(CVE-2025-23310 and related ones). So bodies are read here, counted while they arrive, and sent on with their length;
their JSON part is checked against the one form we serve and written anew, so that both readers see the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from faceswap_contract.names import FACE_SWAP, FACE_SWAP_IDENTITY, SWAPPED_IMAGE
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictFloat, StrictInt, ValidationError
from starlette.requests import Request

from faceswap_server.http.body_budget import BodyRoom
from faceswap_server.http.body_reader import read_body
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.settings import FrontSettings

HEADER_LENGTH = "inference-header-content-length"
_PIECE = 2**18  # bytes handed to the connection to Triton at a time

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
Size = Annotated[StrictInt, Field(ge=0, lt=2**31)]
Text = Annotated[str, Field(max_length=4096, strict=True)]
Whole = Annotated[StrictInt, Field(ge=-(2**63), lt=2**64)]
Scalar = StrictBool | Whole | StrictFloat | Text


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _InputParameters(_Form):
    binary_data_size: Size | None = None  # shared_memory_region and its like are refused by not being here


class _Input(_Form):
    name: Name
    datatype: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]
    shape: Annotated[list[Size], Field(max_length=8)]
    parameters: _InputParameters | None = None
    data: list[JsonValue] | None = None


class _OutputParameters(_Form):
    binary_data: StrictBool


class _Output(_Form):
    name: Name
    parameters: _OutputParameters | None = None


class InferHeader(_Form):
    """The JSON part of a KServe v2 request, as far as this service uses it."""

    id: Annotated[str, Field(max_length=128, pattern=r"^[\x20-\x7e]*$")] | None = None
    parameters: Annotated[dict[Name, Scalar], Field(max_length=64)] | None = None
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=16)]
    outputs: Annotated[list[_Output], Field(max_length=16)] | None = None


@dataclass(frozen=True, slots=True)
class InferBody:
    """A checked body: JSON written anew, and the tensors' bytes as they arrived."""

    header: bytes
    tensors: memoryview

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that tell Triton where its parts are."""
        return {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(self.header) + len(self.tensors)),
            "Inference-Header-Content-Length": str(len(self.header)),
        }

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, without a second copy of all of it."""
        yield self.header
        for start in range(0, len(self.tensors), _PIECE):
            yield bytes(self.tensors[start : start + _PIECE])


async def read_infer_body(request: Request, settings: FrontSettings, room: BodyRoom) -> InferBody:
    """Reads and checks the body.

    Raises:
        HttpError: of `read_body`; BODY_TOO_LARGE for the JSON part; BAD_REQUEST, also for an image not asked for as
            binary data.
        ClientDisconnect: the caller hung up.
    """
    body = await read_body(request, settings, room)
    length = _header_length(request, len(body))
    if length > settings.max_json_bytes:
        raise HttpError(
            "BODY_TOO_LARGE", f"the JSON part has more than {settings.max_json_bytes} bytes: send binary data"
        )
    whole = memoryview(body)
    try:
        header = InferHeader.model_validate_json(bytes(whole[:length]))
    except ValidationError as error:
        raise HttpError("BAD_REQUEST", f"the JSON part is not a KServe v2 request: {_where(error)}") from None
    _check_image_output(header, request.path_params.get("model"))
    announced = sum((each.parameters and each.parameters.binary_data_size) or 0 for each in header.inputs)
    if announced != len(body) - length:
        raise HttpError("BAD_REQUEST", f"binary_data_size adds up to {announced} bytes, {len(body) - length} were sent")
    return InferBody(header.model_dump_json(exclude_none=True).encode(), whole[length:])


def _check_image_output(header: InferHeader, model: object) -> None:
    """Raises HttpError (BAD_REQUEST) when the image would be put into JSON: Triton answers 200 and what is no JSON."""
    if header.outputs:
        as_text = any(
            output.name == SWAPPED_IMAGE and not (output.parameters and output.parameters.binary_data)
            for output in header.outputs
        )
    else:
        everything_binary = (header.parameters or {}).get("binary_data_output") is True
        as_text = model in (FACE_SWAP, FACE_SWAP_IDENTITY) and not everything_binary
    if as_text:
        hint = f'{{"name": "{SWAPPED_IMAGE}", "parameters": {{"binary_data": true}}}}'
        raise HttpError("BAD_REQUEST", f"an image cannot be sent in JSON; ask for it with outputs: [{hint}]")


def _header_length(request: Request, size: int) -> int:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return size
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= size):
        raise HttpError("BAD_REQUEST", "Inference-Header-Content-Length is not a length within the body")
    return int(text)


def _where(error: ValidationError) -> str:
    """Place and kind of the first fault. Not its value: that may be an image. Unknown names are the caller's own."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    known = [part for part in fault["loc"] if isinstance(part, int) or part in _KNOWN]
    place = ".".join(str(part) for part in known)
    return f"{fault['type']} at {place}" if place else str(fault["type"])


_KNOWN = frozenset(
    name for form in (InferHeader, _Input, _Output, _InputParameters, _OutputParameters) for name in form.model_fields
)
