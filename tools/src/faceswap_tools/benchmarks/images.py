"""Benchmark images: faces and frames of given sizes, made from packaged photographs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from faceswap_core.types import RgbImage
from numpy.typing import NDArray
from PIL import Image

from faceswap_tools.photographs import astronaut

# Where the astronaut's face is: the middle of the 128 x 128 swap crop and its side, in pixels of the 512 x 512 file.
FACE_CENTRE = (225.0, 114.0)
FACE_CROP_SIDE = 149.0
INPUT_QUALITY = 90
# Photographs have grain; without it an enlarged image compresses like no photograph does.
GRAIN = 4.0

FRAMES = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160), "12 MP": (4000, 3000)}
SOURCE_SIZE = (1280, 960)


@dataclass(frozen=True, slots=True)
class BenchmarkImage:
    """A JPEG (quality 90, 4:2:0) with faces whose swap crop is about `crop_side` pixels wide in the frame."""

    name: str
    width: int
    height: int
    faces: int
    crop_side: int
    jpeg: bytes

    def decoded(self) -> RgbImage:
        """RGB [height, width, 3]."""
        return np.asarray(simplejpeg.decode_jpeg(self.jpeg, "RGB"), np.uint8)


def target_image(frame: str, faces: int, crop_side: int) -> BenchmarkImage:
    """`faces` is 1 (in the middle) or 6 (in a grid of 3 by 2)."""
    width, height = FRAMES[frame]
    label = "1 face" if faces == 1 else f"{faces} faces"
    jpeg = _jpeg(width, height, faces, crop_side)
    return BenchmarkImage(f"{frame}, {label} of {crop_side} px", width, height, faces, crop_side, jpeg)


def source_image() -> BenchmarkImage:
    """A portrait as people send it: 1280 x 960, one face of 400 pixels."""
    width, height = SOURCE_SIZE
    return BenchmarkImage("source", width, height, 1, 400, _jpeg(width, height, 1, 400))


@lru_cache(maxsize=8)
def _jpeg(width: int, height: int, faces: int, crop_side: int) -> bytes:
    with as_file(files("skimage.data") / "coffee.png") as cup:  # a photograph without faces
        background = _rgb(cup)
    frame = _with_grain(cv2.resize(background, (width, height), interpolation=cv2.INTER_CUBIC))
    columns, rows = (3, 2) if faces == 6 else (faces, 1)
    face = _with_grain(_enlarged_portrait(crop_side))
    scale = crop_side / FACE_CROP_SIDE
    for number in range(faces):
        corner = (number % columns * width // columns, number // columns * height // rows)
        _place(frame, face, scale, corner, (width // columns, height // rows))
    return bytes(simplejpeg.encode_jpeg(frame, INPUT_QUALITY, "RGB", "420"))


def _place(frame: RgbImage, face: RgbImage, scale: float, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    """Puts the enlarged portrait into a cell of the frame, its face in the cell's middle."""
    begin, end, first = [], [], []
    for axis in (0, 1):
        middle = int(FACE_CENTRE[axis] * scale)
        before = min(middle, cell[axis] // 2)
        after = min(face.shape[1 - axis] - middle, cell[axis] - cell[axis] // 2)
        begin.append(corner[axis] + cell[axis] // 2 - before)
        end.append(corner[axis] + cell[axis] // 2 + after)
        first.append(middle - before)
    part = face[first[1] : first[1] + end[1] - begin[1], first[0] : first[0] + end[0] - begin[0]]
    frame[begin[1] : end[1], begin[0] : end[0]] = part


def _enlarged_portrait(crop_side: int) -> RgbImage:
    scale = crop_side / FACE_CROP_SIDE
    enlarged = cv2.resize(_rgb(astronaut()), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.uint8)


def _with_grain(image: NDArray[Any]) -> RgbImage:
    cv2.setRNGSeed(1)
    grain = np.empty(image.shape, np.int16)
    cv2.randn(grain, np.zeros(3), np.full(3, GRAIN))
    return np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)


def _rgb(path: Path) -> RgbImage:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
