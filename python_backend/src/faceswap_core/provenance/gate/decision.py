"""Content gate arithmetic: the classifier's input pixels, and a decision from its scores.

The gate fails closed. `GateDecision.allowed` is true for one verdict only, a decision cannot be used as a truth
value by mistake, scores that make no sense refuse, and so does an image that nothing was decided about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal, NoReturn

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from pydantic import BaseModel, ConfigDict, Field, model_validator

Triple = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]
Side = Annotated[int, Field(ge=16, le=2048)]


class GateConfig(BaseModel):
    """How one classifier wants its images and what of its answer refuses.

    `value = (pixel * scale - mean) / std`, with mean and std in the order of `channels`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Side = Field(description="side of the network's square input, in pixels")
    resize: Literal["stretch", "letterbox", "center-crop"] = Field(
        default="stretch",
        description="stretch: both sides at once. letterbox: whole image, black border. "
        "center-crop: shorter side first; what lies outside the middle square is NOT looked at",
    )
    crop_from: Side | None = Field(
        default=None, description="resize to this side, then cut `size` from the middle (Yahoo's open_nsfw: 256)"
    )
    jpeg_quality: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="save the resized image as a JPEG and decode it again: open_nsfw was trained behind such a step "
        "(75) and gives other scores without it (0.02 in place of 0.08 on a photograph of six people)",
    )
    scale: float = Field(default=1 / 255, gt=0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    channels: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    classes: tuple[str, ...] = Field(min_length=1, description="the network's outputs, in order")
    refused: frozenset[str] = Field(min_length=1, description="classes of which the scores are added up")
    scores: Literal["logits", "probabilities"] = Field(
        default="logits", description="logits get a softmax; probabilities are taken as they are"
    )
    threshold: float = Field(gt=0, le=1, description="a sum at or above this refuses")

    @model_validator(mode="after")
    def _consistent(self) -> GateConfig:
        unknown = self.refused.difference(self.classes)
        if unknown:
            raise ValueError(f"refused classes that the network does not have: {', '.join(sorted(unknown))}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        if self.crop_from is not None and self.crop_from < self.size:
            raise ValueError("crop_from is at least size")
        return self


class Verdict(Enum):
    """Verdict of the gate about an image."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    COULD_NOT_DECIDE = "could not decide"


MESSAGES = {
    Verdict.REFUSED: "the content gate refuses an image of this request",
    Verdict.COULD_NOT_DECIDE: "the content gate could not decide about this request, and so refuses it",
}
"""What callers are told; names neither image nor score."""


@dataclass(frozen=True, slots=True)
class GateDecision:
    """A verdict about one or more images; never a truth value: ask `allowed`.

    Attributes:
        verdict: what was decided.
        score: sum of the refused classes' probabilities, 0 to 1; None when it could not be computed.
        reason: for logs and metrics; names no image.
    """

    verdict: Verdict
    score: float | None
    reason: str

    @property
    def allowed(self) -> bool:
        """True for `Verdict.ALLOWED` alone."""
        return self.verdict is Verdict.ALLOWED

    def __bool__(self) -> NoReturn:
        raise TypeError("a GateDecision is not a truth value; ask .allowed")


def gate_pixels(image: npt.NDArray[np.uint8], config: GateConfig) -> npt.NDArray[np.uint8]:
    """An image at the network's size, still RGB bytes.

    Args:
        image: uint8 [height, width, 3], RGB, at least 1 by 1.
        config: `resize`, `size`, `crop_from` and `jpeg_quality` are used.

    Returns:
        uint8 [size, size, 3], RGB. Shrinking averages areas (cv2.INTER_AREA): a small explicit region is not skipped
        over, as it can be when pixels are sampled.
    """
    height, width = image.shape[:2]
    side = config.crop_from or config.size
    if config.resize == "stretch":
        out = _resized(image, side, side)
    elif config.resize == "letterbox":
        scale = side / max(height, width)
        inner = _resized(image, max(1, round(width * scale)), max(1, round(height * scale)))
        out = np.zeros((side, side, 3), np.uint8)
        top, left = (side - inner.shape[0]) // 2, (side - inner.shape[1]) // 2
        out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    else:
        square = min(height, width)
        top, left = (height - square) // 2, (width - square) // 2
        out = _resized(image[top : top + square, left : left + square], side, side)
    if config.jpeg_quality is not None:
        out = _through_jpeg(out, config.jpeg_quality)
    offset = (side - config.size) // 2
    return out[offset : offset + config.size, offset : offset + config.size]


def _through_jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "420")
    return np.asarray(simplejpeg.decode_jpeg(jpeg, "RGB"), np.uint8)


def _resized(image: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    # halves first, which cost a quarter of one large step: 9 ms in place of 40 for 4K; they average areas as well
    while image.shape[0] >= 4 * height and image.shape[1] >= 4 * width:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    shrinks = width < image.shape[1] or height < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def normalised(pixels: npt.NDArray[np.uint8], config: GateConfig) -> npt.NDArray[np.float32]:
    """The network's input from `gate_pixels`.

    Args:
        pixels: uint8 [size, size, 3], RGB.
        config: `scale`, `mean`, `std`, `channels` and `layout` are used.

    Returns:
        float32, [3, size, size] for NCHW or [size, size, 3] for NHWC; no batch dimension.
    """
    ordered = pixels if config.channels == "RGB" else pixels[:, :, ::-1]
    mean, std = np.asarray(config.mean, np.float32), np.asarray(config.std, np.float32)
    values = (ordered.astype(np.float32) * np.float32(config.scale) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1) if config.layout == "NCHW" else values)


def decide(scores: npt.NDArray[np.float32], config: GateConfig) -> GateDecision:
    """The verdict about one image.

    Args:
        scores: one number per class of `config.classes`, a batch dimension of 1 in front is taken off.
        config: classes, which of them refuse, the threshold, and whether the numbers are logits.

    Returns:
        `COULD_NOT_DECIDE` for another shape, NaN or infinity, and for "probabilities" outside 0 to 1 or not adding
        up to 1 within 0.01 (logits taken for probabilities).
    """
    values = np.asarray(scores, np.float64)
    if values.ndim == 2 and values.shape[0] == 1:
        values = values[0]
    if values.shape != (len(config.classes),):
        return could_not_decide(f"scores of shape {list(values.shape)} for {len(config.classes)} classes")
    if not np.isfinite(values).all():
        return could_not_decide("a score is not a finite number")
    if config.scores == "logits":
        powers = np.exp(values - values.max())
        values = powers / powers.sum()
    elif values.min() < 0 or values.max() > 1 or abs(values.sum() - 1) > 0.01:
        return could_not_decide("the scores are not probabilities")
    score = float(sum(value for name, value in zip(config.classes, values, strict=True) if name in config.refused))
    if score >= config.threshold:
        return GateDecision(Verdict.REFUSED, score, "a refused class reached the threshold")
    return GateDecision(Verdict.ALLOWED, score, "below the threshold")


def could_not_decide(reason: str) -> GateDecision:
    """The decision when the classifier did not run, answered nonsense, or is missing."""
    return GateDecision(Verdict.COULD_NOT_DECIDE, None, reason)


def decide_all(decisions: Sequence[GateDecision], expected: int) -> GateDecision:
    """One decision for a request: allowed only if there are `expected` decisions and every one allows.

    Args:
        decisions: one per image, target and sources.
        expected: how many images the request has, at least 1.

    Returns:
        The first refusal, else the first that could not be decided, else the allowed one with the highest score.
    """
    for verdict in (Verdict.REFUSED, Verdict.COULD_NOT_DECIDE):
        for decision in decisions:
            if decision.verdict is verdict:
                return decision
    if expected < 1 or len(decisions) != expected:
        return could_not_decide(f"{len(decisions)} decisions for {expected} images")
    return max(decisions, key=lambda decision: decision.score or 0.0)
