"""Target image of a swap: pixels, alpha and metadata, and how `paste_faces` finds them in the buffer pool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.request_images import Size
from faceswap_core.codecs.decoding import ImageMetadata, KeptMetadata
from faceswap_core.codecs.header import ImageFormat, ImageHeader
from faceswap_core.errors import InvalidTensor
from faceswap_core.types import RgbImage


@dataclass(frozen=True, slots=True)
class TargetImage:
    """The target as it was sent and as it was decoded.

    encoded: the bytes of the request.
    header: of these bytes, read once by `decode_images`.
    rgb: uint8 RGB [H, W, 3], upright, C-contiguous and writable: faces are pasted into it. With the option `max_side`
        it may be smaller than the header says.
    alpha: uint8 [H, W], 255 is opaque; None where the image has no transparency.
    kept: colour profile and resolution, for the result.
    """

    encoded: bytes
    header: ImageHeader
    rgb: RgbImage
    alpha: NDArray[np.uint8] | None
    kept: KeptMetadata

    def parts(self) -> tuple[bytes | NDArray[np.uint8], ...]:
        """Everything but the pixels, to be attached to them in the buffer pool."""
        alpha = b"" if self.alpha is None else self.alpha
        return self.encoded, self.kept.icc_profile or b"", _facts(self.header, self.kept), alpha

    @classmethod
    def from_parts(cls, rgb: RgbImage, parts: Sequence[NDArray[np.uint8]]) -> TargetImage:
        """The target whose pixels are `rgb` and whose `parts` were attached to them.

        Alpha stays a view of its part.

        Raises:
            InvalidTensor: the sizes of the parts are not those that were attached.
        """
        try:
            encoded, profile, facts, alpha = parts
            described = json.loads(facts.tobytes())
            density = described["pixels_per_metre"]
            return cls(
                encoded=encoded.tobytes(),
                header=ImageHeader(**described["header"] | {"format": ImageFormat(described["header"]["format"])}),
                rgb=rgb,
                alpha=alpha.reshape(rgb.shape[:2]) if alpha.size else None,
                kept=KeptMetadata(profile.tobytes() or None, None if density is None else (density[0], density[1])),
            )
        except (ValueError, TypeError, KeyError, IndexError):
            raise InvalidTensor("'lease' does not describe an encoded target") from None


def attached_bytes(encoded: bytes, header: ImageHeader, metadata: ImageMetadata, size: Size) -> int:
    """Most bytes that `TargetImage.parts` of this image will have; its pixels will be `size`, (height, width)."""
    alpha, kept = size[0] * size[1] if metadata.may_have_alpha else 0, metadata.kept
    return len(encoded) + len(kept.icc_profile or b"") + len(_facts(header, kept)) + alpha


def _facts(header: ImageHeader, kept: KeptMetadata) -> bytes:
    return json.dumps({"header": asdict(header), "pixels_per_metre": kept.pixels_per_metre}).encode()
