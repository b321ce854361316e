"""Step `paste_faces`: pastes swapped crops back into the target and encodes the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_core.blending.paste_back import paste_face
from faceswap_core.codecs.encoding import encode_image, output_format
from faceswap_core.codecs.header import ImageFormat, ImageHeader
from faceswap_core.errors import InvalidTensor
from faceswap_core.options import Blend, Options, OutputFormat
from faceswap_core.provenance.result_marks import ResultMarks
from faceswap_core.provenance.xmp.mark import MarkedFormat
from faceswap_core.steps.target_image import TargetImage
from faceswap_core.types import RgbImage

MARKED: dict[ImageFormat, MarkedFormat] = {
    ImageFormat.JPEG: "jpeg",
    ImageFormat.PNG: "png",
    ImageFormat.WEBP: "webp",
}

NO_FRAME: RgbImage = np.zeros((0, 0, 3), dtype=np.uint8)
"""What `swapped_frame` holds when the target was an encoded image."""


@dataclass(frozen=True, slots=True)
class SwappedCrops:
    """Output of the swapper network.

    crops: uint8 [K, 128, 128, 3] RGB.
    affines: float64 [K, 2, 3], target pixels (x, y) to crop pixels.
    count: how many of the K rows are faces; 0 when the one row is a blank.
    """

    crops: NDArray[np.uint8]
    affines: NDArray[np.float64]
    count: int


UNSIGNED = ResultMarks()
"""The mark in the metadata alone."""


def paste_faces(
    target: TargetImage,
    swapped: SwappedCrops,
    options: Options,
    *,
    marks: ResultMarks = UNSIGNED,
    source_formats: Sequence[str] = (),
) -> bytes:
    """Pastes the crops one after another, in the order of the rows, encodes the image and marks it as synthetic.

    The mark is IPTC's DigitalSourceType in the image's XMP, which holds nothing else: the target's own XMP is left out.
    A target in which nothing was swapped is not marked, and is returned as it was sent when its format, orientation
    and size allow.

    Args:
        marks: what the deployment adds: label, mark, signature.
        source_formats: `ImageFormat` values of the source images, for the manifest.

    Raises:
        InvalidTensor: rows of crops and affines disagree.
        InvalidOption: the target is too large for the wanted format.
        SigningFailed, InternalError: from `marks`.
    """
    header, (height, width) = target.header, target.rgb.shape[:2]
    if swapped.count == 0 and (header.height, header.width) == (height, width) and _can_stay(header, options):
        return target.encoded
    header = replace(header, height=height, width=width)  # `max_side` may have scaled it
    paste_all(target.rgb, swapped, options.blend)
    alpha, kept = target.alpha, target.kept
    if swapped.count:
        alpha, profile = marks.draw(target.rgb, alpha, options, kept.icc_profile)
        kept = replace(kept, icc_profile=profile)
    written = output_format(header, options.output_format)
    encoded = encode_image(
        target.rgb,
        alpha,
        target=header,
        kept=kept,
        format=written,
        quality=options.output_quality,
    )
    if swapped.count == 0:
        return encoded
    return marks.seal(encoded, MARKED[written], target.encoded, header.format.value, source_formats)


def paste_into_frame(frame: RgbImage, swapped: SwappedCrops, options: Options, marks: ResultMarks = UNSIGNED) -> None:
    """Pastes the crops into a raw RGB frame [H, W, 3], in place, and draws the visible label if there is one.

    Raises InvalidTensor when rows of crops and affines disagree.
    """
    paste_all(frame, swapped, options.blend)
    if swapped.count:
        marks.draw(frame, None, options)


def paste_all(target: RgbImage, swapped: SwappedCrops, blend: Blend) -> None:
    """Pastes the first `swapped.count` crops into `target`, in place; raises InvalidTensor when rows disagree."""
    if len(swapped.crops) != len(swapped.affines) or swapped.count > len(swapped.crops):
        raise InvalidTensor(
            f"{len(swapped.crops)} crops, {len(swapped.affines)} affines and a count of {swapped.count} do not agree"
        )
    for row in range(swapped.count):
        paste_face(target, swapped.crops[row], swapped.affines[row], blend)


def _can_stay(header: ImageHeader, options: Options) -> bool:
    own_format = output_format(header, OutputFormat.SAME) is header.format
    wanted = output_format(header, options.output_format) is header.format
    return own_format and wanted and header.orientation == 1
