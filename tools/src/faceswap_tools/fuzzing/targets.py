"""Fuzz targets, one for each parser: any bytes give a result within limits or one of our errors.

A target raises `BrokenPromise`, or lets through what the reader raised; everything else, a crash of a C library or
memory above the limit included, is the fuzzer's to find.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from faceswap_contract.limits import DETECTOR_SIZE
from faceswap_core.codecs.decoding import decode_image
from faceswap_core.codecs.header import ImageHeader, inspect_image
from faceswap_core.errors import FaceSwapError
from faceswap_core.faces.scrfd import (
    ANCHORS_PER_CELL,
    MAX_CANDIDATES,
    STRIDES,
    DetectorHeads,
    decode_faces,
)
from faceswap_core.limits import Limits
from faceswap_core.options import MAX_FACES, OPTION_NAMES, Parameter, parse_options
from faceswap_core.types import Floats

from faceswap_tools.fuzzing import seeds

LIMITS = Limits.model_construct(max_image_bytes=2**16, max_image_pixels=40_000, max_image_side=2_000, max_sources=8)
"""Small, so that a reader that goes beyond them shows in the memory."""

LONGEST_MESSAGE = 600
_NAME = "SOURCE_IMAGE[0]"
_FEW = 12  # anchors of each size with something in them


class BrokenPromise(AssertionError):
    """A reader gave what it must not give."""


@dataclass(frozen=True, slots=True)
class Target:
    """A function of any bytes, what to begin with, and the memory its process may take."""

    run: Callable[[bytes], None]
    seeds: Callable[[], dict[str, bytes]]
    memory_mb: int


def inspecting_headers(data: bytes) -> None:
    """`inspect_image`: sides and pixels within the limits."""
    with_own_errors(lambda: _inspected(data))


def decoding(data: bytes) -> None:
    """`inspect_image` and `decode_image`: the array has the size that the header promised."""

    def decoded() -> None:
        header = _inspected(data)
        image = decode_image(data, header, _NAME)
        promise(image.rgb.shape == (header.height, header.width, 3), "the shape of the pixels")
        promise(image.rgb.dtype == np.uint8, "the type of the pixels")
        if image.alpha is not None:
            promise(image.alpha.shape == (header.height, header.width), "the shape of the alpha channel")

    with_own_errors(decoded)


def parsing_options(data: bytes) -> None:
    """`parse_options`: every option within its documented range."""
    parameters = dict(_parameters(data))

    def parsed() -> None:
        options = parse_options(parameters)
        promise(1 <= options.max_faces <= MAX_FACES, "max_faces")
        promise(0 <= options.min_face_size <= 65535, "min_face_size")
        promise(0.05 <= options.detection_threshold <= 1.0, "detection_threshold")
        promise(1 <= options.output_quality <= 100, "output_quality")
        indexes = options.target_faces or ()
        promise(len(indexes) <= MAX_FACES and len(set(indexes)) == len(indexes), "target_faces")
        promise(all(0 <= index < 4096 for index in (*indexes, options.source_face or 0)), "an index")

    with_own_errors(parsed)


def decoding_faces(data: bytes) -> None:
    """`decode_faces`: no more faces than candidates, strongest first, none below the threshold, all numbers finite."""
    threshold = 0.05 + 0.95 * (data[0] if data else 0) / 255
    scale = ((data[1] if len(data) > 1 else 0) + 1) / 64
    crowded = len(data) > 2 and data[2] == 255  # every anchor of the image: slow, so seldom
    faces = decode_faces(_heads(data[3:], None if crowded else _FEW), threshold, scale)
    scores = [face.score for face in faces]
    promise(len(faces) <= MAX_CANDIDATES, "the number of faces")
    promise(scores == sorted(scores, reverse=True), "the order of faces")
    promise(all(score >= np.float32(threshold) - 1e-6 for score in scores), "a score")
    numbers = [number for face in faces for number in (*face.box, face.score, *face.landmarks.ravel().tolist())]
    promise(all(math.isfinite(number) for number in numbers), "a number that is none")


TARGETS = {
    "inspecting_headers": Target(inspecting_headers, seeds.images, 512),
    "decoding": Target(decoding, seeds.images, 768),
    "parsing_options": Target(parsing_options, lambda: seeds.OPTION_SEEDS, 512),
    "decoding_faces": Target(decoding_faces, lambda: seeds.HEAD_SEEDS, 768),
}


def promise(kept: bool, what: str) -> None:
    """Raises BrokenPromise unless `kept`."""
    if not kept:
        raise BrokenPromise(what)


def with_own_errors(read: Callable[[], object]) -> None:
    """Runs `read`; errors of our tree are answers, if they are fit for a caller."""
    try:
        read()
    except FaceSwapError as error:
        promise(bool(error.code), "an error without a code")
        promise(len(str(error)) <= LONGEST_MESSAGE, "the length of a message")
        promise("Traceback" not in str(error) and ".py" not in str(error), "a message with a traceback")


def _inspected(data: bytes) -> ImageHeader:
    header = inspect_image(data, _NAME, LIMITS)
    promise(min(header.width, header.height) >= 1, "a side below 1")
    promise(max(header.width, header.height) <= LIMITS.max_image_side, "a side above the limit")
    promise(header.width * header.height <= LIMITS.max_image_pixels, "pixels above the limit")
    return header


def _parameters(data: bytes) -> Iterator[tuple[str, Parameter]]:
    """Names and values of all types from bytes: one byte for the name, one for the type, then the value."""
    position = 0
    while position + 2 <= len(data) and position < 512:
        name, kind = data[position], data[position + 1] % 6
        position += 2
        if name < 240:
            option = OPTION_NAMES[name % len(OPTION_NAMES)]
        else:
            option = data[position : position + name - 239].decode("utf-8", "replace")
            position += name - 239
        eight = data[position : position + 8].ljust(8, b"\0")
        if kind <= 2:
            length = eight[0]
            yield option, data[position + 1 : position + 1 + length].decode("utf-8", "replace")
            position += 1 + length
        else:
            value: Parameter = struct.unpack("<q", eight)[0]
            if kind == 4:
                value = struct.unpack("<d", eight)[0]
            elif kind == 5:
                value = bool(eight[0] & 1)
            yield option, value
            position += 8


def _heads(data: bytes, anchors: int | None) -> DetectorHeads:
    """Nine arrays of the detector's shapes; the first `anchors` rows of each have the bytes as float32, repeated."""
    values = np.frombuffer(data[: len(data) // 4 * 4], "<f4")
    cells = [ANCHORS_PER_CELL * (DETECTOR_SIZE // stride) ** 2 for stride in STRIDES]

    def filled(rows: int, columns: int) -> Floats:
        head = np.zeros((rows, columns), np.float32)
        if len(values):
            head[:anchors] = np.resize(values, head[:anchors].shape)
        return head

    scores, boxes, landmarks = ([filled(rows, columns) for rows in cells] for columns in (1, 4, 10))
    return DetectorHeads(scores, boxes, landmarks)
