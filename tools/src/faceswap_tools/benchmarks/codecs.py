"""CPU time of decoding and encoding: ours, Pillow and OpenCV on the same images, interleaved.

Each gives its own natural result: ours and Pillow an RGB array, OpenCV a BGR one. Ours includes reading and checking
the header, orientation and metadata. Settings are each one's usual ones: quality 95 for JPEG and WebP, Pillow's and
OpenCV's default compression for PNG and default effort for WebP.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from faceswap_core.codecs.decoding import DecodedImage, KeptMetadata, decode_image
from faceswap_core.codecs.encoding import encode_image
from faceswap_core.codecs.header import ImageFormat, ImageHeader, inspect_image
from faceswap_core.limits import Limits
from faceswap_core.types import RgbImage
from PIL import Image

from faceswap_tools.benchmarks.images import FRAMES, target_image
from faceswap_tools.benchmarks.pairing import Measured, alternate
from faceswap_tools.benchmarks.table import Row, print_rows

FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP)
QUALITY = 95
_OPENCV_QUALITY = {
    ImageFormat.JPEG: [cv2.IMWRITE_JPEG_QUALITY, QUALITY],
    ImageFormat.PNG: [],
    ImageFormat.WEBP: [cv2.IMWRITE_WEBP_QUALITY, QUALITY],
}


def measure(frames: tuple[str, ...] = tuple(FRAMES), seconds: float = 1.5) -> list[Row]:
    """Rows for every frame size and format, decoding and encoding.

    Args:
        frames: keys of `images.FRAMES`.
        seconds: wall time for each comparison of the three; three rounds at least.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [row for frame in frames for row in _frame_rows(frame, seconds)]
    finally:
        cv2.setNumThreads(threads)


def _frame_rows(frame: str, seconds: float) -> list[Row]:
    rgb = _decode(target_image(frame, 1, 400).jpeg).rgb
    rows: list[Row] = []
    for kind in FORMATS:
        encoded = _encode(rgb, kind)
        encoders = _encoders(rgb, kind)
        sizes = {name: len(encoder()) for name, encoder in encoders.items()}
        rows += _rows(f"decode {kind.name} {frame}", alternate(_decoders(encoded), seconds=seconds))
        rows += _rows(f"encode {kind.name} {frame}", alternate(encoders, seconds=seconds))
        rows += [
            Row(f"encode {kind.name} {frame}: {name}, size", size / 1e3, 0.0, "kB") for name, size in sizes.items()
        ]
    return rows


def _rows(name: str, measured: dict[str, Measured]) -> list[Row]:
    return [Row(f"{name}: {way}", m.median, m.spread, "CPU ms") for way, m in measured.items()]


def _decode(data: bytes) -> DecodedImage:
    return decode_image(data, inspect_image(data, "image", Limits()), "image")


def _encode(rgb: RgbImage, kind: ImageFormat) -> bytes:
    target = ImageHeader(kind, rgb.shape[1], rgb.shape[0], 1, "RGB", 8, has_alpha=False, jpeg_subsampling="420")
    return encode_image(rgb, None, target=target, kept=KeptMetadata(), format=kind, quality=QUALITY)


def _decoders(data: bytes) -> dict[str, Callable[[], object]]:
    encoded = np.frombuffer(data, np.uint8)
    return {
        "ours": partial(_decode, data),
        "Pillow": lambda: np.array(Image.open(io.BytesIO(data)).convert("RGB")),
        "OpenCV": lambda: cv2.imdecode(encoded, cv2.IMREAD_COLOR),
    }


def _encoders(rgb: RgbImage, kind: ImageFormat) -> dict[str, Callable[[], bytes]]:
    bgr = np.ascontiguousarray(rgb[..., ::-1])

    def pillow() -> bytes:
        out = io.BytesIO()
        Image.fromarray(rgb).save(out, kind.name, quality=QUALITY)
        return out.getvalue()

    def opencv() -> bytes:
        return cv2.imencode("." + kind.value, bgr, _OPENCV_QUALITY[kind])[1].tobytes()

    return {
        "ours": partial(_encode, rgb, kind),
        "Pillow": pillow,
        "OpenCV": opencv,
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m faceswap_tools.benchmarks.codecs", description=__doc__)
    parser.add_argument("--frames", nargs="+", default=list(FRAMES), choices=list(FRAMES))
    print_rows("Decoding and encoding", measure(tuple(parser.parse_args().frames)))


if __name__ == "__main__":
    main()
