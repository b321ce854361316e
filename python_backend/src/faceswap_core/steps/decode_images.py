"""Step `decode_images`: encoded images to RGB pixels and the detector's input.

Routes a request by its inputs: a swap of source images, a swap of embeddings (identities), or an analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from faceswap_contract.limits import DETECTOR_SIZE, EMBEDDING_SIZE
from numpy.typing import NDArray

from faceswap_core.buffers.request_images import Allocate, RequestImages, Size, own_memory
from faceswap_core.codecs.decoding import DecodedImage, ImageMetadata, KeptMetadata, decode_image, read_metadata
from faceswap_core.codecs.header import ImageHeader, inspect_image
from faceswap_core.errors import (
    BadDimensions,
    InvalidIdentity,
    InvalidOption,
    InvalidTensor,
    TooManyPixels,
    WrongImageCount,
)
from faceswap_core.faces.letterbox import letterbox
from faceswap_core.limits import Limits
from faceswap_core.options import Options, OutputFormat
from faceswap_core.steps.target_image import TargetImage, attached_bytes
from faceswap_core.types import RgbImage

SHORTEST_EMBEDDING, LONGEST_EMBEDDING = 1e-3, 1e4
"""ArcFace's raw embeddings are about 20 long, normalised ones 1; outside of this range float32 loses digits."""


Look = Callable[[DecodedImage], None]
"""Called with each image as soon as it is decoded, sources in order, target last: profile and alpha are still there."""


@dataclass(frozen=True, slots=True)
class DecodeInputs:
    """Inputs of the step; each ensemble maps some of them, and None means that it has not sent one.

    sources: encoded images, at least one; `face_swap`.
    embeddings: float32 [identities, 512], in place of sources; `face_swap_identity`.
    target: encoded images, exactly one is allowed; `face_swap` and `face_swap_identity`.
    frame: a raw RGB frame in place of the encoded target; `face_swap_identity`.
    analysed: encoded images, exactly one is allowed; `face_analysis`.
    """

    sources: Sequence[bytes] | None = None
    embeddings: NDArray[np.float32] | None = None
    target: Sequence[bytes] | None = None
    frame: NDArray[np.uint8] | None = None
    analysed: Sequence[bytes] | None = None


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """What the step computed.

    images: the decoded images, upright.
    detector_images: uint8 [S + 1, 640, 640, 3] RGB, letterboxed: the sources in order, the target last.
    target: the target with alpha and metadata; None where nothing will be encoded: a raw frame, an analysis.
    source_formats: `ImageFormat` values of the sources, in order.
    """

    images: RequestImages
    detector_images: NDArray[np.uint8]
    target: TargetImage | None = None
    source_formats: tuple[str, ...] = ()


def decode_request(
    inputs: DecodeInputs,
    options: Options,
    limits: Limits,
    allocate: Allocate = own_memory,
    look: Look | None = None,
) -> DecodedRequest:
    """Decodes whatever kind of request it is.

    Args:
        allocate: allocates memory for the images, after every header has been accepted.
        look: sees each decoded image; what it raises ends the request.

    Raises:
        InvalidTensor: neither sources nor embeddings came with a swap.
        FaceSwapError: as `decode_images`, `accept_frame` and `check_identities`.
    """
    if inputs.analysed is not None:
        return decode_images(
            None, inputs.analysed, limits, name="IMAGE", max_side=options.max_side, allocate=allocate, look=look
        )
    if inputs.embeddings is not None:
        check_identities(inputs.embeddings, limits)
    elif inputs.sources is None:
        raise InvalidTensor("input 'source_embeddings' is missing")
    if inputs.frame is not None and inputs.target is None:
        return accept_frame(inputs.frame, options, limits, allocate, look)
    return decode_images(
        inputs.sources,
        inputs.target or [],
        limits,
        keep_target=True,
        max_side=options.max_side,
        allocate=allocate,
        look=look,
    )


def decode_images(
    sources: Sequence[bytes] | None,
    targets: Sequence[bytes],
    limits: Limits,
    *,
    keep_target: bool = False,
    name: str = "TARGET_IMAGE",
    max_side: int | None = None,
    allocate: Allocate = own_memory,
    look: Look | None = None,
) -> DecodedRequest:
    """Inspects every header, then decodes: nothing is decoded for a request that will be refused.

    Args:
        sources: encoded images, at least one; None for a request that has none.
        targets: encoded images, exactly one.
        keep_target: the result will have a `target`, for `paste_faces`.
        name: of the target in error messages.
        max_side: a target whose longer side is above it is scaled down to it.
        allocate: allocates memory for the images, after every header has been accepted.
        look: sees each decoded image, the target scaled; what it raises ends the request.

    Raises:
        WrongImageCount: not exactly one target, no source, or more than `limits.max_sources`.
        ImageError: an image cannot be used; the message says which.
        ServerBusy: from `allocate`.
    """
    if len(targets) != 1:
        raise WrongImageCount(f"{name} must hold exactly one image, not {len(targets)}")
    if sources is not None and not 1 <= len(sources) <= limits.max_sources:
        raise WrongImageCount(f"SOURCE_IMAGE holds {len(sources)} images, allowed: 1 to {limits.max_sources}")
    sources = sources or ()
    names = [f"SOURCE_IMAGE[{i}]" for i in range(len(sources))]
    headers = [inspect_image(data, each, limits) for data, each in zip(sources, names, strict=True)]
    encoded = targets[0]
    header = inspect_image(encoded, name, limits)
    metadata = read_metadata(encoded, header, name)
    size = scaled_size((header.height, header.width), max_side)
    behind = attached_bytes(encoded, header, metadata, size) if keep_target else 0
    images = allocate(size, [(each.height, each.width) for each in headers], behind)
    for data, each, source_name, out in zip(sources, headers, names, images.sources, strict=True):
        source = decode_image(data, each, source_name, out)
        if look is not None:
            look(source)
    decoded = _decode_target(encoded, header, metadata, name, images.target)
    if look is not None:
        look(decoded)
    return DecodedRequest(
        images=images,
        detector_images=_letterboxed(images),
        target=TargetImage(encoded, header, decoded.rgb, decoded.alpha, decoded.kept) if keep_target else None,
        source_formats=tuple(each.format.value for each in headers),
    )


def scaled_size(size: Size, max_side: int | None) -> Size:
    """(height, width) of an image scaled down to `max_side` at most; the aspect ratio stays, to a pixel."""
    longest = max(size)
    if max_side is None or longest <= max_side:
        return size
    height, width = (max(1, round(side * max_side / longest)) for side in size)
    return height, width


def _decode_target(data: bytes, header: ImageHeader, metadata: ImageMetadata, name: str, out: RgbImage) -> DecodedImage:
    if (header.height, header.width) == out.shape[:2]:
        return decode_image(data, header, name, out, metadata)
    whole = decode_image(data, header, name, metadata=metadata)
    height, width = out.shape[:2]
    # INTER_AREA averages all pixels that fall onto one, where INTER_LINEAR would skip some
    cv2.resize(whole.rgb, (width, height), dst=out, interpolation=cv2.INTER_AREA)
    alpha = None
    if whole.alpha is not None:
        alpha = np.asarray(cv2.resize(whole.alpha, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return DecodedImage(out, alpha, KeptMetadata(whole.kept.icc_profile))


def _letterboxed(images: RequestImages) -> NDArray[np.uint8]:
    rows = np.empty((len(images.sources) + 1, DETECTOR_SIZE, DETECTOR_SIZE, 3), dtype=np.uint8)
    for row, image in zip(rows, (*images.sources, images.target), strict=True):
        letterbox(image, out=row)
    return rows


def accept_frame(
    frame: NDArray[np.uint8],
    options: Options,
    limits: Limits,
    allocate: Allocate = own_memory,
    look: Look | None = None,
) -> DecodedRequest:
    """A raw RGB frame [H, W, 3] in place of an encoded target: checked, copied and letterboxed.

    Raises:
        InvalidTensor, BadDimensions, TooManyPixels: the frame cannot be used.
        InvalidOption: another output format or size was asked for; a raw frame comes back raw and as large.
        ServerBusy: from `allocate`.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise InvalidTensor(f"TARGET_FRAME is {frame.dtype} {list(frame.shape)}, expected uint8 [H, W, 3]")
    height, width = frame.shape[:2]
    if min(height, width) == 0 or max(height, width) > limits.max_image_side:
        raise BadDimensions(f"TARGET_FRAME is {width} x {height}, sides from 1 to {limits.max_image_side} are allowed")
    if height * width > limits.max_image_pixels:
        raise TooManyPixels(f"TARGET_FRAME has {height * width} pixels, at most {limits.max_image_pixels} are allowed")
    if options.output_format is not OutputFormat.SAME:
        raise InvalidOption(
            f"output_format={options.output_format.value!r} is not allowed: a raw TARGET_FRAME comes back raw ('same')"
        )
    if options.max_side is not None:
        raise InvalidOption(f"max_side={options.max_side} is not allowed: a raw TARGET_FRAME keeps its size")
    images = allocate((height, width), [])
    np.copyto(images.target, frame)
    if look is not None:
        look(DecodedImage(images.target, None, KeptMetadata()))
    return DecodedRequest(images, _letterboxed(images))


def check_identities(embeddings: NDArray[np.float32], limits: Limits) -> None:
    """Raises InvalidIdentity unless embeddings are 1 to `limits.max_sources` finite, non-zero rows of 512 numbers."""
    if embeddings.ndim != 2 or embeddings.shape[1] != EMBEDDING_SIZE:
        raise InvalidIdentity(f"SOURCE_EMBEDDINGS is {list(embeddings.shape)}, expected [identities, {EMBEDDING_SIZE}]")
    if not 1 <= len(embeddings) <= limits.max_sources:
        raise InvalidIdentity(f"SOURCE_EMBEDDINGS has {len(embeddings)} rows, allowed: 1 to {limits.max_sources}")
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    for row, length in enumerate(lengths):
        if not SHORTEST_EMBEDDING <= length <= LONGEST_EMBEDDING:  # NaN fails both
            raise InvalidIdentity(
                f"SOURCE_EMBEDDINGS[{row}] has length {length:.3g}, "
                f"allowed: {SHORTEST_EMBEDDING:g} to {LONGEST_EMBEDDING:g} and no NaN"
            )
