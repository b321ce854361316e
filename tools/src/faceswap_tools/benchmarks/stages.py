"""CPU time of each stage around the networks: ours and insightface's on the same images, interleaved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from faceswap_core.faces.geometry import crop_affine
from faceswap_core.faces.letterbox import letterbox
from faceswap_core.faces.scrfd import DetectorHeads
from numpy.typing import NDArray

from faceswap_tools.benchmarks.images import FRAMES, BenchmarkImage, source_image, target_image
from faceswap_tools.benchmarks.insightface_stages import InsightfaceStages
from faceswap_tools.benchmarks.our_stages import OurStages, codec_floor
from faceswap_tools.benchmarks.pairing import Measured, alternate, ratio
from faceswap_tools.benchmarks.table import Row, at_least
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.in_process import InProcessPipeline

SMALL = {"720p": 200, "1080p": 400, "4K": 400, "12 MP": 400}
LARGE_SHARE = 0.9
"""Side of a large face's crop, as a share of the frame's height."""
OURS, THEIRS, FLOOR = "ours", "insightface", "codecs alone"

# Whole requests with a target: times faster than insightface, and times the codec floor.
FASTER = {("1080p", 1, 400): 6.0, ("4K", 1, 400): 8.0, ("1080p", 6, 400): 12.0}
ABOVE_FLOOR = {("1080p", 1, 400): 2.0}


@dataclass(frozen=True, slots=True)
class StagesCase:
    """One target image with what a detector says about it and about the source."""

    target: BenchmarkImage
    source: BenchmarkImage
    target_heads: DetectorHeads
    source_heads: DetectorHeads


def measure_stages(
    pipeline: InProcessPipeline, frames: tuple[str, ...] = tuple(FRAMES), seconds: float = 4.0
) -> list[Row]:
    """Rows for every frame size with a small face, a large face and six faces.

    Args:
        pipeline: its detector is run once per image; both sides then get the same nine outputs.
        seconds: wall time for the whole request of each case, and again for its stages.
    """
    rows = []
    with one_opencv_thread():
        for frame in frames:
            for faces, crop_side in ((1, SMALL[frame]), (1, large_crop(frame)), (6, SMALL[frame])):
                rows += _measure_case(_case(pipeline, target_image(frame, faces, crop_side)), frame, seconds)
    return rows


def large_crop(frame: str) -> int:
    return round(FRAMES[frame][1] * LARGE_SHARE)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """CPU time is compared, not elapsed time; threads would only add their own cost, to insightface more than to us."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _case(pipeline: InProcessPipeline, target: BenchmarkImage) -> StagesCase:
    source = source_image()
    images = []
    for image in (target, source):
        encoded = np.frombuffer(image.jpeg, np.uint8)
        images.append(letterbox(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8))[0])
    target_heads, source_heads = pipeline.detect(np.stack(images))
    return StagesCase(target, source, target_heads, source_heads)


def _measure_case(case: StagesCase, frame: str, seconds: float) -> list[Row]:
    ours = OurStages(case.source_heads, case.target_heads, case.target.faces)
    with tempfile.TemporaryDirectory() as scratch:
        theirs = InsightfaceStages(Path(scratch), _flat(case.source_heads), _flat(case.target_heads))
    stages = _stage_ways(case, ours, theirs)
    label = case.target.name
    rows: list[Row] = []
    for stage, ways in stages.items():
        # decode and encode differ little; the time goes where the difference is
        measured = alternate(ways, seconds=seconds / len(stages))
        rows += _pair_rows(f"{stage}, {label}", measured)
    key = (frame, case.target.faces, case.target.crop_side)
    whole = alternate(_whole_ways(case, ours, theirs), seconds=seconds, rounds=(5, 31))
    rows += _pair_rows(f"whole request without networks, {label}", whole, FASTER.get(key))
    return rows + _floor_rows(label, whole, ABOVE_FLOOR.get(key))


def _stage_ways(
    case: StagesCase, ours: OurStages, theirs: InsightfaceStages
) -> dict[str, dict[str, Callable[[], object]]]:
    source, target = case.source.jpeg, case.target.jpeg
    decoded, our_source = ours.decode(target), ours.decode(source).rgb
    frame = decoded.rgb
    our_faces = ours.detect(frame, case.target_heads)
    our_source_face = ours.detect(our_source, case.source_heads)[0]
    if len(our_faces) != case.target.faces:
        raise RuntimeError(f"{case.target.name}: the detector found {len(our_faces)} faces")
    affines = np.array([crop_affine(face.landmarks, 128) for face in our_faces])
    bgr, bgr_source = theirs.decode(target), theirs.decode(source)
    faces, source_face = theirs.detect(bgr, is_source=False), theirs.detect(bgr_source, is_source=True)[0]
    theirs.align(bgr_source, [source_face])

    def detect_ours() -> None:
        ours.detect(our_source, case.source_heads)
        ours.detect(frame, case.target_heads)

    def detect_theirs() -> None:
        theirs.detect(bgr_source, is_source=True)
        theirs.detect(bgr, is_source=False)

    def align_theirs() -> None:
        theirs.align(bgr_source, [source_face])
        theirs.align(bgr, faces)
        theirs.crop_for_swap(bgr, faces, source_face)

    return {
        "decode": {
            OURS: lambda: (ours.decode(source), ours.decode(target)),
            THEIRS: lambda: (theirs.decode(source), theirs.decode(target)),
        },
        "detector before and after": {OURS: detect_ours, THEIRS: detect_theirs},
        "align": {OURS: lambda: ours.align(our_source, our_source_face, frame, our_faces), THEIRS: align_theirs},
        "paste": {
            OURS: lambda: ours.paste(frame, affines),
            # its swap crop is cut in the same call: the small part of it
            THEIRS: lambda: theirs.crop_and_paste(bgr, faces, source_face),
        },
        "encode": {OURS: lambda: ours.encode(frame, target, decoded), THEIRS: lambda: theirs.encode(bgr)},
    }


def _whole_ways(case: StagesCase, ours: OurStages, theirs: InsightfaceStages) -> dict[str, Callable[[], object]]:
    source, target = case.source.jpeg, case.target.jpeg
    frame = ours.decode(target).rgb
    return {
        OURS: lambda: ours.request(source, target),
        THEIRS: lambda: theirs.request(source, target),
        FLOOR: lambda: codec_floor(source, target, frame),
    }


def _pair_rows(name: str, measured: dict[str, Measured], bound: float | None = None) -> list[Row]:
    ours, theirs = measured[OURS], measured[THEIRS]
    return [
        Row(f"{name}: ours", ours.median, ours.spread, "CPU ms"),
        Row(f"{name}: insightface", theirs.median, theirs.spread, "CPU ms"),
        at_least(f"{name}: insightface / ours", *ratio(theirs, ours), "x", bound),
    ]


def _floor_rows(label: str, measured: dict[str, Measured], bound: float | None) -> list[Row]:
    ours, floor = measured[OURS], measured[FLOOR]
    name = f"whole request without networks, {label}"
    return [
        Row(f"{name}: {FLOOR}", floor.median, floor.spread, "CPU ms"),
        at_most(f"{name}: ours / {FLOOR}", *ratio(ours, floor), "x", bound),
    ]


def _flat(heads: DetectorHeads) -> list[NDArray[np.float32]]:
    return [*heads.scores, *heads.boxes, *heads.landmarks]
