"""First step: from encoded pictures to RGB frames and the detector's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_core.errors import (
    BadDimensions,
    InvalidIdentity,
    InvalidOption,
    InvalidTensor,
    TooManyPixels,
    WrongPictureCount,
)
from faceswap_core.image_decoding import DecodedImage, decode_image
from faceswap_core.image_header import inspect_image
from faceswap_core.letterbox import letterbox
from faceswap_core.limits import Limits
from faceswap_core.options import Options, OutputFormat
from faceswap_core.steps.frames import pack_frames
from faceswap_core.types import Picture

EMBEDDING_SIZE = 512
SHORTEST_EMBEDDING, LONGEST_EMBEDDING = 1e-3, 1e4
"""ArcFace's raw embeddings are about 20 long, normalised ones 1; outside of this range float32 loses digits."""


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """Tensors of the step, by name.

    detector_pictures: uint8 [S + 1, 640, 640, 3] RGB, letterboxed: the sources in order, the target last.
    source_frames, source_sizes: see `pack_frames`; empty without sources.
    target_frame: uint8 [H, W, 3] RGB, upright.
    target_alpha: uint8 [H, W], or [0, 0] when the target has none.
    target_profile: its ICC profile, or no bytes.
    target_density: int32 [2], its resolution (x, y) in pixels per metre, or (0, 0) when unknown.
    """

    detector_pictures: NDArray[np.uint8]
    source_frames: NDArray[np.uint8]
    source_sizes: NDArray[np.int32]
    target_frame: Picture
    target_alpha: NDArray[np.uint8]
    target_profile: bytes
    target_density: NDArray[np.int32]


def decode_images(
    sources: Sequence[bytes],
    targets: Sequence[bytes],
    limits: Limits,
    *,
    needs_source: bool = True,
    target_name: str = "TARGET_IMAGE",
) -> DecodedRequest:
    """Checks every header first, then decodes: nothing is decoded for a request that will be refused.

    Raises:
        WrongPictureCount: more sources than `limits.max_sources`, or not exactly one target.
        ImageError: a picture cannot be used; the message says which.
    """
    if len(targets) != 1:
        raise WrongPictureCount(f"{target_name} must hold exactly one picture, not {len(targets)}")
    if len(sources) > limits.max_sources or (needs_source and not sources):
        raise WrongPictureCount(f"SOURCE_IMAGE holds {len(sources)} pictures, allowed: 1 to {limits.max_sources}")
    named = [(data, f"SOURCE_IMAGE[{i}]") for i, data in enumerate(sources)] + [(targets[0], target_name)]
    headers = [inspect_image(data, name, limits) for data, name in named]
    decoded: list[DecodedImage] = [
        decode_image(data, header, name) for (data, name), header in zip(named, headers, strict=True)
    ]
    target = decoded[-1]
    frames, sizes = pack_frames([each.rgb for each in decoded[:-1]])
    return DecodedRequest(
        detector_pictures=np.stack([letterbox(each.rgb)[0] for each in decoded]),
        source_frames=frames,
        source_sizes=sizes,
        target_frame=target.rgb,
        target_alpha=np.zeros((0, 0), dtype=np.uint8) if target.alpha is None else target.alpha,
        target_profile=target.kept.icc_profile or b"",
        target_density=np.array(target.kept.pixels_per_metre or (0, 0), dtype=np.int32),
    )


def accept_frame(frame: NDArray[np.uint8], options: Options, limits: Limits) -> DecodedRequest:
    """A raw RGB frame [H, W, 3] in place of an encoded target: checked, letterboxed, passed on as it is.

    Raises:
        InvalidTensor, BadDimensions, TooManyPixels: the frame cannot be used.
        InvalidOption: an output format was asked for; a raw frame comes back raw.
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
    return DecodedRequest(
        detector_pictures=letterbox(frame)[0][np.newaxis],
        source_frames=np.empty(0, dtype=np.uint8),
        source_sizes=np.empty((0, 2), dtype=np.int32),
        target_frame=frame,
        target_alpha=np.zeros((0, 0), dtype=np.uint8),
        target_profile=b"",
        target_density=np.zeros(2, dtype=np.int32),
    )


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
