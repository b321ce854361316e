"""CPU time of paste-back per face against insightface's `INSwapper.get`, interleaved, one thread.

    python -m faceswap_tools.benchmarks.paste_back

insightface's time includes cutting the crop, about 0.1 ms, because its paste-back is not a separate function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
from faceswap_core.blending.paste_back import paste_face
from faceswap_core.faces.geometry import crop_affine, crop_template
from faceswap_core.options import Blend
from insightface.model_zoo.inswapper import INSwapper
from numpy.typing import NDArray

from faceswap_tools.benchmarks.pairing import Measured, alternate
from faceswap_tools.benchmarks.table import Row, at_least, print_rows
from faceswap_tools.command_line import no_options

ROLL_DEGREES = 8.0
"""Nobody holds the head quite upright; an upright face is a little cheaper for both."""


@dataclass(frozen=True, slots=True)
class Case:
    """A frame and the side of the face's crop in it, in pixels; how many times faster each blend should be."""

    name: str
    height: int
    width: int
    side: int
    fast_target: float | None = None
    exact_target: float | None = None


CASES = (
    Case("1080p / 400", 1080, 1920, 400, fast_target=60, exact_target=8),
    Case("1080p / 972", 1080, 1920, 972),
    Case("4K / 400", 2160, 3840, 400, fast_target=150, exact_target=20),
    Case("4K / 1944", 2160, 3840, 1944),
    Case("12 MP / 400", 3000, 4000, 400),
    Case("12 MP / 2700", 3000, 4000, 2700, fast_target=40),
)


def measure(*, threads: int = 1, seconds: float = 20.0, clock: Callable[[], float] = time.process_time) -> list[Row]:
    """One row for each way and each ratio.

    Args:
        threads: OpenCV's; a server runs one thread per instance and several instances.
        seconds: of wall time per case; at least three rounds.
        clock: CPU time by default, which other work on the machine disturbs least.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        return [row for case in CASES for row in _measure(case, seconds, clock)]
    finally:
        cv2.setNumThreads(before)


def _measure(case: Case, seconds: float, clock: Callable[[], float]) -> list[Row]:
    rng = np.random.default_rng(case.side)
    frame = _smooth(rng, case.height, case.width, 40)
    crop = _smooth(rng, 128, 128, 8)
    landmarks = _landmarks(case)
    affine = crop_affine(landmarks, 128)
    times = alternate(
        {
            "fast": partial(paste_face, frame.copy(), crop, affine, Blend.FAST),
            "exact": partial(paste_face, frame.copy(), crop, affine, Blend.EXACT),
            "insightface": _insightface(frame, crop, landmarks),
        },
        seconds=seconds,
        clock=clock,
    )
    rows = [Row(f"paste {case.name}, {way}", took.median, took.spread, "ms") for way, took in times.items()]
    for way, target in (("fast", case.fast_target), ("exact", case.exact_target)):
        name = f"paste {case.name}, insightface / {way}"
        rows.append(at_least(name, *_ratio(times["insightface"], times[way]), "x", target))
    return rows


def _ratio(slow: Measured, quick: Measured) -> tuple[float, float]:
    ratio = slow.median / quick.median
    return ratio, ratio * (slow.spread / slow.median + quick.spread / quick.median)


def _smooth(rng: np.random.Generator, height: int, width: int, grain: int) -> NDArray[np.uint8]:
    small = rng.integers(0, 256, (height // grain, width // grain, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _landmarks(case: Case) -> NDArray[np.float32]:
    """Of a face in the middle of the frame."""
    scale, roll = case.side / 128, np.deg2rad(ROLL_DEGREES)
    c, s = scale * np.cos(roll), scale * np.sin(roll)
    placed = np.array([[c, -s, case.width / 2], [s, c, case.height / 2]])
    centred = (crop_template(128) - np.float32(64)).astype(np.float64)
    return np.asarray(cv2.transform(centred[None], placed)[0], np.float32)


def _insightface(
    frame: NDArray[np.uint8], crop: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> Callable[[], object]:
    """`INSwapper.get` around a network that answers with `crop` at once."""
    answer = ((crop.astype(np.float32) + 0.5) / 255).transpose(2, 0, 1)[None]
    swapper = object.__new__(INSwapper)  # its constructor wants a model file
    swapper.session = SimpleNamespace(run=lambda names, feeds: [answer])
    swapper.input_names, swapper.output_names = ["target", "source"], ["output"]
    swapper.input_size, swapper.input_mean, swapper.input_std = (128, 128), 0.0, 255.0
    swapper.emap = np.eye(512, dtype=np.float32)
    source = SimpleNamespace(normed_embedding=np.full(512, 512**-0.5, dtype=np.float32))
    bgr = np.ascontiguousarray(frame[..., ::-1])
    return partial(swapper.get, bgr, SimpleNamespace(kps=landmarks), source)


if __name__ == "__main__":
    no_options("faceswap_tools.benchmarks.paste_back", __doc__)
    print_rows("Paste-back, CPU ms per face, one thread", measure())
