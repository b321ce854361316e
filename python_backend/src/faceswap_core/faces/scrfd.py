"""SCRFD post-processing: anchors, box and landmark decoding, non-maximum suppression.

The arithmetic and its float32 precision are those of `insightface/model_zoo/scrfd.py` (version 2.1) at one
640x640 scale, so that boxes, scores and landmarks are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from faceswap_contract.limits import DETECTOR_SIZE
from numpy.typing import NDArray

from faceswap_core.types import Face, Floats

STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2
NMS_IOU = 0.4
"""Overlap above which the weaker of two boxes is dropped (`nms_thresh` in insightface's scrfd.py)."""

MAX_CANDIDATES = 2000
"""Boxes that enter suppression, strongest first. A photograph of 100 faces gives about 900; the limit
bounds suppression, which is quadratic."""

FARTHEST = 10_000.0
"""Longest valid distance or offset from an anchor, in strides; the whole image is 80. A network that overflows (half
precision) outputs inf and NaN, which must not become faces."""


@dataclass(frozen=True, slots=True)
class DetectorHeads:
    """One image's detector outputs, one array per stride 8, 16, 32; rows ordered (row, column, anchor).

    scores [cells, 1] in 0..1; boxes [cells, 4] are distances left, top, right, bottom from the anchor, and
    landmarks [cells, 10] offsets (dx, dy) x 5 from it, both in units of the stride.
    """

    scores: Sequence[Floats]
    boxes: Sequence[Floats]
    landmarks: Sequence[Floats]


@lru_cache(maxsize=8)
def anchor_centres(stride: int, size: int = DETECTOR_SIZE) -> Floats:
    """Anchor positions (x, y) = (column * stride, row * stride), each twice; float32 [cells, 2]."""
    cells = size // stride
    rows, columns = np.mgrid[:cells, :cells]
    centres = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32) * np.float32(stride)
    centres = np.repeat(centres, ANCHORS_PER_CELL, axis=0)
    centres.flags.writeable = False
    return centres


def decode_faces(heads: DetectorHeads, threshold: float, scale: float) -> list[Face]:
    """Faces of one image, strongest first.

    Args:
        heads: the nine outputs for the letterboxed image.
        threshold: scores below it are dropped.
        scale: letterboxed pixels per image pixel; results are divided by it, so they are in pixels of
            the full image. They are not clipped to it.

    Anchors with a number that is not finite, or beyond `FARTHEST`, are dropped.
    """
    scores, boxes, landmarks = _candidates(heads, threshold)
    if len(scores) == 0:
        return []
    # a Python float keeps the division in float32, as insightface's is
    boxes, landmarks = boxes / float(scale), landmarks / float(scale)
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    scores, boxes, landmarks = scores[order], boxes[order], landmarks[order]
    return [
        Face(
            box=(float(boxes[i, 0]), float(boxes[i, 1]), float(boxes[i, 2]), float(boxes[i, 3])),
            score=float(scores[i]),
            landmarks=landmarks[i].reshape(5, 2),
        )
        for i in suppress_overlaps(boxes)
    ]


def _candidates(heads: DetectorHeads, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Scores [n], boxes [n, 4] as corners and landmarks [n, 10], in letterboxed pixels, of kept anchors."""
    scores, boxes, landmarks = [], [], []
    for stride, level_scores, distances, offsets in zip(
        STRIDES, heads.scores, heads.boxes, heads.landmarks, strict=True
    ):
        # decode only what passes: the same numbers as decoding all 16800 and selecting afterwards
        kept = np.flatnonzero(level_scores[:, 0] >= threshold)
        reach = np.abs(np.hstack([distances[kept], offsets[kept]])).max(axis=1, initial=0.0)
        kept = kept[(reach <= FARTHEST) & np.isfinite(level_scores[kept, 0])]
        centres = anchor_centres(stride)[kept]
        distance = distances[kept] * stride
        scores.append(level_scores[kept, 0])
        boxes.append(np.hstack([centres - distance[:, :2], centres + distance[:, 2:]]))
        landmarks.append(np.tile(centres, 5) + offsets[kept] * stride)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(landmarks)


def suppress_overlaps(boxes: Floats, iou_threshold: float = NMS_IOU) -> list[int]:
    """Greedy non-maximum suppression.

    Args:
        boxes: float32 [n, 4] corners in pixels, strongest first.
        iou_threshold: a box overlapping a stronger one by more is dropped.

    Returns:
        Indexes of the boxes kept, strongest first. Areas count both border pixels (+1), as in insightface.
    """
    left, top, right, bottom = boxes.T
    areas = (right - left + 1) * (bottom - top + 1)
    remaining: NDArray[np.intp] = np.arange(len(boxes))
    kept: list[int] = []
    while remaining.size:
        strongest, rest = remaining[0], remaining[1:]
        kept.append(int(strongest))
        width = np.maximum(0.0, np.minimum(right[strongest], right[rest]) - np.maximum(left[strongest], left[rest]) + 1)
        height = np.maximum(
            0.0, np.minimum(bottom[strongest], bottom[rest]) - np.maximum(top[strongest], top[rest]) + 1
        )
        shared = width * height
        iou = shared / (areas[strongest] + areas[rest] - shared)
        remaining = rest[iou <= iou_threshold]
    return kept
