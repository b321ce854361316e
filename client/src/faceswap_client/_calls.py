"""The calls of a faceswap server: model and tensor names, and how arguments become requests and replies results.

The only place that knows the contract; clients and transports do not. Names are the ensembles' own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceswap_client._errors import BadAnswer, RequestError
from faceswap_client._identity import Identity
from faceswap_client._results import Analysis, SwapResult, analysis, swap_result, with_known_sources
from faceswap_client._source_cache import OPTIONS_OF_SOURCES, CachedSource, SourceCache
from faceswap_client.images.inputs import ImageInput, image_bytes, images_bytes
from faceswap_client.wire.tensors import (
    InferReply,
    InferRequest,
    Parameter,
    Tensor,
    bytes_items,
    bytes_tensor,
    float_array,
    float_tensor,
)

SWAP_MODEL = "face_swap"
IDENTITY_MODEL = "face_swap_identity"
ANALYSIS_MODEL = "face_analysis"
MOST_SOURCES = 8

Source: TypeAlias = "ImageInput | Identity | Sequence[ImageInput] | Sequence[Identity]"
"""Who to become: one image or identity, or up to 8 of one kind."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """A request, and what makes a result of its reply."""

    request: InferRequest
    result: Callable[[InferReply], Result]


def swap_call(
    source: Source, target: ImageInput, parameters: Mapping[str, Parameter], memory: SourceCache
) -> Call[SwapResult]:
    """A swap: of identities and of sources in `memory` by `face_swap_identity`, of other sources by `face_swap`.

    Raises what `image_bytes` raises, RequestError without any source, and TypeError for a mixture of images and
    identities.
    """
    identities = _identities(source)
    if identities is not None:
        return _identity_call([identity.embedding for identity in identities], target, parameters, [])
    sources = images_bytes(source)  # type: ignore[arg-type]  # no identity among them
    if not sources:
        raise RequestError("a swap needs at least one source image", code="WRONG_PICTURE_COUNT")
    # more than the server takes go to it as images, for its own words about images
    known = memory.recall(sources, parameters) if len(sources) <= MOST_SOURCES else None
    if known is not None:
        return _identity_call([each.embedding for each in known], target, parameters, known)
    return _image_call(sources, target, parameters, memory)


def _identities(source: Source) -> list[Identity] | None:
    if isinstance(source, Identity):
        return [source]
    if not isinstance(source, Sequence) or isinstance(source, (str, bytes, bytearray, memoryview)):
        return None
    kinds = [isinstance(each, Identity) for each in source]
    if not any(kinds):
        return None
    if not all(kinds):
        raise TypeError("sources are all images or all identities; `client.identity` makes one of the other")
    return [each for each in source if isinstance(each, Identity)]


def _image_call(
    sources: Sequence[bytes], target: ImageInput, parameters: Mapping[str, Parameter], memory: SourceCache
) -> Call[SwapResult]:
    """`face_swap`: SOURCE_IMAGE BYTES [S] and TARGET_IMAGE BYTES [1] to SWAPPED_IMAGE BYTES [1], FACES BYTES [1] and
    EMBEDDINGS FP32 [S, 512], which `memory` keeps for the next swap."""
    inputs = (bytes_tensor("SOURCE_IMAGE", sources), bytes_tensor("TARGET_IMAGE", [image_bytes(target)]))
    outputs = ("SWAPPED_IMAGE", "FACES", *(("EMBEDDINGS",) if memory.is_on else ()))

    def result(reply: InferReply) -> SwapResult:
        swapped = swap_result(_one(reply, "SWAPPED_IMAGE"), _one(reply, "FACES"), reply.request_id)
        if memory.is_on:
            rows = float_array(reply.tensor("EMBEDDINGS"))
            known = [CachedSource(face, row.copy()) for face, row in zip(swapped.sources, rows, strict=False)]
            memory.remember(sources, parameters, known)
        return swapped

    return Call(_request(SWAP_MODEL, inputs, outputs, parameters), result)


def _identity_call(
    embeddings: Sequence[NDArray[np.float32]],
    target: ImageInput,
    parameters: Mapping[str, Parameter],
    known: Sequence[CachedSource],
) -> Call[SwapResult]:
    """`face_swap_identity`: SOURCE_EMBEDDINGS FP32 [S, 512] and TARGET_IMAGE BYTES [1] to SWAPPED_IMAGE and FACES.

    Options that choose a face in a source have done their work and are not sent.
    """
    inputs = (
        float_tensor("SOURCE_EMBEDDINGS", np.stack(embeddings)),
        bytes_tensor("TARGET_IMAGE", [image_bytes(target)]),
    )
    sent = {name: value for name, value in parameters.items() if name not in OPTIONS_OF_SOURCES}

    def result(reply: InferReply) -> SwapResult:
        swapped = swap_result(_one(reply, "SWAPPED_IMAGE"), _one(reply, "FACES"), reply.request_id)
        return with_known_sources(swapped, [each.face for each in known])

    return Call(_request(IDENTITY_MODEL, inputs, ("SWAPPED_IMAGE", "FACES"), sent), result)


def faces_call(image: ImageInput, parameters: Mapping[str, Parameter]) -> Call[Analysis]:
    """`face_analysis`: IMAGE BYTES [1] to FACES BYTES [1] and EMBEDDINGS FP32 [max(N, 1), 512].

    Raises what `image_bytes` raises.
    """
    inputs = (bytes_tensor("IMAGE", [image_bytes(image)]),)

    def result(reply: InferReply) -> Analysis:
        return analysis(_one(reply, "FACES"), float_array(reply.tensor("EMBEDDINGS")), reply.request_id)

    return Call(_request(ANALYSIS_MODEL, inputs, ("FACES", "EMBEDDINGS"), parameters), result)


def _request(
    model: str, inputs: tuple[Tensor, ...], outputs: tuple[str, ...], parameters: Mapping[str, Parameter]
) -> InferRequest:
    return InferRequest(model, inputs, outputs, parameters, request_id=uuid.uuid4().hex)


def _one(reply: InferReply, name: str) -> bytes:
    items = bytes_items(reply.tensor(name))
    if len(items) != 1:
        raise BadAnswer(f"{name} has {len(items)} elements, expected 1", request_id=reply.request_id)
    return items[0]
