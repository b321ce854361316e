"""First step: from encoded images to RGB frames and the detector's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.request_images import Allocate, RequestImages, Size, own_memory
from faceswap_core.codecs.decoding import DecodedImage, KeptMetadata, decode_image
from faceswap_core.codecs.header import ImageHeader, inspect_image
from faceswap_core.errors import (
    BadDimensions,
    InvalidIdentity,
    InvalidOption,
    InvalidTensor,
    TooManyPixels,
    WrongImageCount,
)
from faceswap_core.faces.letterbox import DETECTOR_SIZE, letterbox
from faceswap_core.limits import Limits
from faceswap_core.options import Options, OutputFormat
from faceswap_core.types import RgbImage

EMBEDDING_SIZE = 512
SHORTEST_EMBEDDING, LONGEST_EMBEDDING = 1e-3, 1e4
"""ArcFace's raw embeddings are about 20 long, normalised ones 1; outside of this range float32 loses digits."""


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """What the step made.

    frames: the images, upright.
    detector_images: uint8 [S + 1, 640, 640, 3] RGB, letterboxed: the sources in order, the target last.
    target_alpha: uint8 [H, W], or [0, 0] when the target has none.
    target_profile: its ICC profile, or no bytes.
    target_density: int32 [2], its resolution (x, y) in pixels per metre, or (0, 0) when unknown.
    source_formats: `ImageFormat` values of the sources, in order.
    """

    frames: RequestImages
    detector_images: NDArray[np.uint8]
    target_alpha: NDArray[np.uint8]
    target_profile: bytes
    target_density: NDArray[np.int32]
    source_formats: tuple[str, ...] = ()


NO_ALPHA: NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)


def decode_images(
    sources: Sequence[bytes],
    targets: Sequence[bytes],
    limits: Limits,
    *,
    needs_source: bool = True,
    target_name: str = "TARGET_IMAGE",
    max_side: int | None = None,
    allocate: Allocate = own_memory,
) -> DecodedRequest:
    """Checks every header first, then decodes: nothing is decoded for a request that will be refused.

    Args:
        max_side: a target whose longer side is above it is scaled down to it; the frame is then that size.
        allocate: makes room for the frames, when every header has been accepted.

    Raises:
        WrongImageCount: more sources than `limits.max_sources`, or not exactly one target.
        ImageError: an image cannot be used; the message says which.
        ServerBusy: from `allocate`.
    """
    if len(targets) != 1:
        raise WrongImageCount(f"{target_name} must hold exactly one image, not {len(targets)}")
    if len(sources) > limits.max_sources or (needs_source and not sources):
        raise WrongImageCount(f"SOURCE_IMAGE holds {len(sources)} images, allowed: 1 to {limits.max_sources}")
    names = [f"SOURCE_IMAGE[{i}]" for i in range(len(sources))]
    headers = [inspect_image(data, name, limits) for data, name in zip(sources, names, strict=True)]
    target_header = inspect_image(targets[0], target_name, limits)
    size = scaled_size((target_header.height, target_header.width), max_side)
    frames = allocate(size, [(header.height, header.width) for header in headers])
    for data, header, name, frame in zip(sources, headers, names, frames.sources, strict=True):
        decode_image(data, header, name, frame)
    target = _decode_target(targets[0], target_header, target_name, frames.target)
    formats = tuple(header.format.value for header in headers)
    return _decoded(frames, target.alpha, target.kept, formats)


def scaled_size(size: Size, max_side: int | None) -> Size:
    """(height, width) of a frame whose longer side may be `max_side` at most; the shape stays, to a pixel."""
    longest = max(size)
    if max_side is None or longest <= max_side:
        return size
    height, width = (max(1, round(side * max_side / longest)) for side in size)
    return height, width


def _decode_target(data: bytes, header: ImageHeader, name: str, frame: RgbImage) -> DecodedImage:
    if (header.height, header.width) == frame.shape[:2]:
        return decode_image(data, header, name, frame)
    whole = decode_image(data, header, name)
    height, width = frame.shape[:2]
    # INTER_AREA averages what falls onto a pixel, so nothing is skipped when an image shrinks
    cv2.resize(whole.rgb, (width, height), dst=frame, interpolation=cv2.INTER_AREA)
    alpha = None
    if whole.alpha is not None:
        alpha = np.asarray(cv2.resize(whole.alpha, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return DecodedImage(frame, alpha, KeptMetadata(whole.kept.icc_profile))


def _decoded(
    frames: RequestImages, alpha: NDArray[np.uint8] | None, kept: KeptMetadata, source_formats: tuple[str, ...] = ()
) -> DecodedRequest:
    images = np.empty((len(frames.sources) + 1, DETECTOR_SIZE, DETECTOR_SIZE, 3), dtype=np.uint8)
    for row, frame in enumerate((*frames.sources, frames.target)):
        letterbox(frame, out=images[row])
    return DecodedRequest(
        frames=frames,
        detector_images=images,
        target_alpha=NO_ALPHA if alpha is None else alpha,
        target_profile=kept.icc_profile or b"",
        target_density=np.array(kept.pixels_per_metre or (0, 0), dtype=np.int32),
        source_formats=source_formats,
    )


def accept_frame(
    frame: NDArray[np.uint8], options: Options, limits: Limits, allocate: Allocate = own_memory
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
    frames = allocate((height, width), [])
    np.copyto(frames.target, frame)
    return _decoded(frames, None, KeptMetadata())


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
