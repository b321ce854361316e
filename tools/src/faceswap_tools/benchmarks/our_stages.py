"""Our pre- and post-processing with stub networks that answer at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import simplejpeg
from faceswap_contract.limits import RECOGNITION_SIZE, SWAP_SIZE
from faceswap_core.codecs.decoding import DecodedImage, decode_image
from faceswap_core.codecs.encoding import encode_image, output_format
from faceswap_core.codecs.header import inspect_image
from faceswap_core.faces.geometry import crop_affine, warp_crop
from faceswap_core.faces.letterbox import letterbox, letterbox_scale
from faceswap_core.faces.scrfd import DetectorHeads, decode_faces
from faceswap_core.limits import Limits
from faceswap_core.options import Options
from faceswap_core.steps.align_faces import align_faces
from faceswap_core.steps.decode_images import decode_images
from faceswap_core.steps.paste_faces import SwappedCrops, paste_all, paste_faces
from faceswap_core.types import Face, RgbImage
from numpy.typing import NDArray


class OurStages:
    """The three steps, whole and in parts, for one source and one target.

    Args:
        source_heads, target_heads: what the detector says about each letterboxed image.
        faces: how many faces of the target are swapped, so how many crops the swapper answers with.
    """

    def __init__(self, source_heads: DetectorHeads, target_heads: DetectorHeads, faces: int) -> None:
        self.source_heads, self.target_heads = source_heads, target_heads
        self._swapped = np.random.default_rng(1).integers(0, 256, (faces, SWAP_SIZE, SWAP_SIZE, 3), dtype=np.uint8)
        self._limits, self._options = Limits(), Options()

    def decode(self, encoded: bytes) -> DecodedImage:
        return decode_image(encoded, inspect_image(encoded, "image", self._limits), "image")

    def encode(self, frame: RgbImage, target: bytes, decoded: DecodedImage) -> bytes:
        header = inspect_image(target, "image", self._limits)
        return encode_image(
            frame,
            None,
            target=header,
            kept=decoded.kept,
            format=output_format(header, self._options.output_format),
            quality=self._options.output_quality,
        )

    def detect(self, frame: RgbImage, heads: DetectorHeads) -> list[Face]:
        """Letterbox, anchors, non-maximum suppression."""
        letterbox(frame)
        return decode_faces(heads, self._options.detection_threshold, letterbox_scale(*frame.shape[:2]))

    def align(self, source: RgbImage, source_face: Face, target: RgbImage, faces: Sequence[Face]) -> None:
        """The recogniser's crop of the source and the swapper's crops of the target."""
        warp_crop(source, crop_affine(source_face.landmarks, RECOGNITION_SIZE), RECOGNITION_SIZE)
        for face in faces:
            warp_crop(target, crop_affine(face.landmarks, SWAP_SIZE), SWAP_SIZE)

    def paste(self, frame: RgbImage, affines: NDArray[np.float64]) -> None:
        """All crops, in place."""
        paste_all(frame, SwappedCrops(self._swapped, affines, len(affines)), self._options.blend)

    def request(self, source: bytes, target: bytes) -> bytes:
        """The three steps as the server calls them."""
        decoded = decode_images([source], [target], self._limits, keep_target=True)
        heads = [self.source_heads, self.target_heads]
        aligned = align_faces(heads, decoded.images.sources, decoded.images.target, self._options)
        crops = SwappedCrops(self._swapped, aligned.swap_affines, int(aligned.swap_count[0]))
        if decoded.target is None:
            raise ValueError("the target was not kept")
        return paste_faces(decoded.target, crops, self._options)


def codec_floor(source: bytes, target: bytes, frame: RgbImage) -> bytes:
    """What no implementation can leave out: decode both inputs, encode the output, with the fastest codec available."""
    simplejpeg.decode_jpeg(source, "RGB")
    simplejpeg.decode_jpeg(target, "RGB")
    return bytes(simplejpeg.encode_jpeg(frame, 95, "RGB", "420"))
