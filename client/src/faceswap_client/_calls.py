"""Builds the inference requests of a faceswap server's calls, and results from their replies.

The only place of the client that knows models and tensors; clients and transports do not.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from faceswap_contract import names
from faceswap_contract.limits import MAX_SOURCES
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

Source: TypeAlias = "ImageInput | Identity | Sequence[ImageInput] | Sequence[Identity]"
"""Source faces of a swap: one image or identity, or up to 8 of one kind."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """A request, and the function that builds the result from its reply."""

    request: InferRequest
    result: Callable[[InferReply], Result]


def swap_call(
    source: Source, target: ImageInput, parameters: Mapping[str, Parameter], memory: SourceCache
) -> Call[SwapResult]:
    """A swap: with identities and with sources cached in `memory` by `face_swap_identity`, else by `face_swap`.

    Raises what `image_bytes` raises, RequestError without any source, and TypeError for a mixture of images and
    identities.
    """
    identities = _identities(source)
    if identities is not None:
        return _identity_call([identity.embedding for identity in identities], target, parameters, [])
    sources = images_bytes(source)  # type: ignore[arg-type]  # no identity among them
    if not sources:
        raise RequestError("a swap needs at least one source image", code="WRONG_PICTURE_COUNT")
    # too many sources are sent as images, so that the server's error is about images
    known = memory.recall(sources, parameters) if len(sources) <= MAX_SOURCES else None
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
        raise TypeError("sources are all images or all identities; `client.identity` makes an identity of an image")
    return [each for each in source if isinstance(each, Identity)]


def _image_call(
    sources: Sequence[bytes], target: ImageInput, parameters: Mapping[str, Parameter], memory: SourceCache
) -> Call[SwapResult]:
    """`face_swap`: SOURCE_IMAGE BYTES [S] and TARGET_IMAGE BYTES [1] to SWAPPED_IMAGE BYTES [1], FACES BYTES [1] and
    EMBEDDINGS FP32 [S, 512], which `memory` caches for the next swap."""
    inputs = (bytes_tensor(names.SOURCE_IMAGE, sources), bytes_tensor(names.TARGET_IMAGE, [image_bytes(target)]))
    outputs = (names.SWAPPED_IMAGE, names.FACES, *((names.EMBEDDINGS,) if memory.is_on else ()))

    def result(reply: InferReply) -> SwapResult:
        swapped = swap_result(_one(reply, names.SWAPPED_IMAGE), _one(reply, names.FACES), reply.request_id)
        if memory.is_on:
            rows = float_array(reply.tensor(names.EMBEDDINGS))
            known = [CachedSource(face, row.copy()) for face, row in zip(swapped.sources, rows, strict=False)]
            memory.remember(sources, parameters, known)
        return swapped

    return Call(_request(names.FACE_SWAP, inputs, outputs, parameters), result)


def _identity_call(
    embeddings: Sequence[NDArray[np.float32]],
    target: ImageInput,
    parameters: Mapping[str, Parameter],
    known: Sequence[CachedSource],
) -> Call[SwapResult]:
    """`face_swap_identity`: SOURCE_EMBEDDINGS FP32 [S, 512] and TARGET_IMAGE BYTES [1] to SWAPPED_IMAGE and FACES.

    Options that choose a face in a source do not apply to embeddings and are not sent.
    """
    inputs = (
        float_tensor(names.SOURCE_EMBEDDINGS, np.stack(embeddings)),
        bytes_tensor(names.TARGET_IMAGE, [image_bytes(target)]),
    )
    sent = {name: value for name, value in parameters.items() if name not in OPTIONS_OF_SOURCES}

    def result(reply: InferReply) -> SwapResult:
        swapped = swap_result(_one(reply, names.SWAPPED_IMAGE), _one(reply, names.FACES), reply.request_id)
        return with_known_sources(swapped, [each.face for each in known])

    return Call(_request(names.FACE_SWAP_IDENTITY, inputs, (names.SWAPPED_IMAGE, names.FACES), sent), result)


def faces_call(image: ImageInput, parameters: Mapping[str, Parameter]) -> Call[Analysis]:
    """`face_analysis`: IMAGE BYTES [1] to FACES BYTES [1] and EMBEDDINGS FP32 [max(N, 1), 512].

    Raises what `image_bytes` raises.
    """
    inputs = (bytes_tensor(names.IMAGE, [image_bytes(image)]),)

    def result(reply: InferReply) -> Analysis:
        return analysis(_one(reply, names.FACES), float_array(reply.tensor(names.EMBEDDINGS)), reply.request_id)

    return Call(_request(names.FACE_ANALYSIS, inputs, (names.FACES, names.EMBEDDINGS), parameters), result)


def _request(
    model: str, inputs: tuple[Tensor, ...], outputs: tuple[str, ...], parameters: Mapping[str, Parameter]
) -> InferRequest:
    return InferRequest(model, inputs, outputs, parameters, request_id=uuid.uuid4().hex)


def _one(reply: InferReply, name: str) -> bytes:
    items = bytes_items(reply.tensor(name))
    if len(items) != 1:
        raise BadAnswer(f"{name} has {len(items)} elements, expected 1", request_id=reply.request_id)
    return items[0]
