"""Face code of the stand-in recogniser and swapper: the appearance of a face as 512 numbers.

A face is sampled under a soft ellipse in the ArcFace frame (112 x 112 pixels, insightface's dst112),
as luma and chroma, minus a fixed average face, in its lowest spatial frequencies (cosine transform).
Number 0 is a constant, from which the length of the code can be computed after L2 normalisation.

Every table is rounded to a multiple of 2^-22, so that the last bit of a machine's `cos` and `exp` cannot
change the bytes of the pack.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from faceswap_contract.limits import EMBEDDING_SIZE
from numpy.typing import NDArray

# The part of the 112 x 112 frame that is coded: rows 28..111, columns 18..93.
TOP, LEFT = 28, 18
ROWS, COLUMNS = 84, 76

# The soft ellipse, in the 112 frame: centre between eyes and mouth, from above the brows to the chin.
CENTRE_X, CENTRE_Y = 56.0, 70.0
RADIUS_X, RADIUS_Y = 36.0, 41.0
SOLID_SHARE = 0.6  # inside this share of the radius the window is 1, then it falls to 0

# Share of the 512 numbers: 1 constant, the rest cosine coefficients, most of them luma, because the eye
# sees colour coarsely.
LUMA_COEFFICIENTS = 391
CHROMA_COEFFICIENTS = 60

# Coefficients fall about as 1/frequency in images. Weighting them up evens that out, so that embeddings
# of different people share less.
WEIGHT_PER_FREQUENCY = 0.35

# Value of number 0. The length of a whole code was 30 to 40 for eight portraits, so this is about a ninth.
SCALE_MARK = 4.0

# RGB in 0..1 to luma, blue difference, red difference: ITU-R BT.601, full range, as in JFIF.
RGB_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
YCC_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32)


class Frequency(NamedTuple):
    """One cosine coefficient: half waves down and across the coded part."""

    down: int
    across: int


class Blob(NamedTuple):
    """One soft spot of the average face: centre and extent in pixels of the 112 frame, change of luma."""

    x: float
    y: float
    extent_x: float
    extent_y: float
    luma: float


# Skin of middle brightness, with the shadows every upright face has. Drawn by hand at the landmarks of
# dst112; it only has to be what most faces share.
AVERAGE_YCC = (0.52, -0.05, 0.07)
AVERAGE_BLOBS = (
    Blob(38.3, 51.7, 8.0, 4.0, -0.22),
    Blob(73.5, 51.5, 8.0, 4.0, -0.22),
    Blob(37.0, 42.0, 10.0, 3.0, -0.14),
    Blob(75.0, 42.0, 10.0, 3.0, -0.14),
    Blob(56.0, 76.5, 8.0, 3.0, -0.14),
    Blob(56.0, 92.3, 14.0, 4.5, -0.14),
    Blob(56.0, 64.0, 4.5, 10.0, 0.06),
    Blob(36.0, 72.0, 9.0, 9.0, 0.05),
    Blob(76.0, 72.0, 9.0, 9.0, 0.05),
)


def fixed_point(values: Iterable[float], shape: tuple[int, ...], bits: int = 22) -> NDArray[np.float32]:
    """Round to multiples of 2^-bits and store as float32 of `shape`."""
    step = 2.0**bits
    return np.array([round(value * step) / step for value in values], np.float32).reshape(shape)


def cosine_table(size: int, frequencies: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II: float32 [frequencies, size]; row f has f half waves along `size` samples."""

    def entry(frequency: int, sample: int) -> float:
        scale = math.sqrt((1.0 if frequency == 0 else 2.0) / size)
        return scale * math.cos(math.pi * frequency * (2 * sample + 1) / (2 * size))

    values = (entry(f, s) for f in range(frequencies) for s in range(size))
    return fixed_point(values, (frequencies, size))


def lowest_frequencies(count: int) -> list[Frequency]:
    """The `count` frequencies with the longest waves in pixels, constant first, ties in reading order."""
    candidates = [Frequency(d, a) for d in range(ROWS) for a in range(COLUMNS)]
    # (d/ROWS)^2 + (a/COLUMNS)^2 over a common denominator: whole numbers sort the same everywhere.
    candidates.sort(key=lambda f: ((f.down * COLUMNS) ** 2 + (f.across * ROWS) ** 2, f))
    return candidates[:count]


def coefficient_weights(frequencies: list[Frequency]) -> NDArray[np.float32]:
    """float32 [len(frequencies)]: what the recogniser multiplies each coefficient with."""
    lengths = (math.hypot(f.down, f.across * ROWS / COLUMNS) for f in frequencies)
    return fixed_point((1.0 + WEIGHT_PER_FREQUENCY * length for length in lengths), (len(frequencies),))


def window() -> NDArray[np.float32]:
    """The soft ellipse over the coded part: float32 [84, 76] in 0..1, 0 at and beyond its edge."""

    def entry(row: int, column: int) -> float:
        radius = math.hypot((column + LEFT - CENTRE_X) / RADIUS_X, (row + TOP - CENTRE_Y) / RADIUS_Y)
        inward = min(max((1.0 - radius) / (1.0 - SOLID_SHARE), 0.0), 1.0)
        return inward * inward * (3.0 - 2.0 * inward)

    return fixed_point((entry(r, c) for r in range(ROWS) for c in range(COLUMNS)), (ROWS, COLUMNS))


def average_face() -> NDArray[np.float32]:
    """The fixed average face over the coded part: float32 [3, 84, 76], luma and chroma, 1 = full range."""

    def luma(row: int, column: int) -> float:
        x, y = column + LEFT, row + TOP
        spots = (
            blob.luma * math.exp(-0.5 * (((x - blob.x) / blob.extent_x) ** 2 + ((y - blob.y) / blob.extent_y) ** 2))
            for blob in AVERAGE_BLOBS
        )
        return AVERAGE_YCC[0] + sum(spots)

    planes = [fixed_point((luma(r, c) for r in range(ROWS) for c in range(COLUMNS)), (ROWS, COLUMNS))]
    planes += [np.full((ROWS, COLUMNS), chroma, np.float32) for chroma in AVERAGE_YCC[1:]]
    return np.stack(planes)


def emap() -> NDArray[np.float32]:
    """The offline pack's emap: float32 [512, 512], orthogonal, and not symmetric.

    A Sylvester-Hadamard matrix over sqrt(512) with its rows reordered and every third one negated: exact
    on every machine, mixes all 512 numbers, and its inverse is its transpose.
    """
    hadamard = np.ones((1, 1), np.float32)
    while len(hadamard) < EMBEDDING_SIZE:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    order = [(181 * row + 7) % EMBEDDING_SIZE for row in range(EMBEDDING_SIZE)]  # 181 is odd: each row once
    signs = np.where(np.arange(EMBEDDING_SIZE) % 3 == 0, -1.0, 1.0).astype(np.float32)
    return np.asarray(signs[:, None] * hadamard[order] * np.float32(1.0 / math.sqrt(EMBEDDING_SIZE)), np.float32)
