"""The gate's arithmetic, and each way in which it must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from faceswap_core.provenance.gate.decision import (
    GateConfig,
    GateDecision,
    Verdict,
    could_not_decide,
    decide,
    decide_all,
    gate_pixels,
    normalised,
)
from numpy.typing import NDArray
from pydantic import ValidationError

BASE: dict[str, Any] = {"size": 16, "classes": ("normal", "nsfw"), "refused": {"nsfw"}, "threshold": 0.5}
CONFIG = GateConfig(**BASE)
PROBABILITIES = GateConfig(**BASE, scores="probabilities")
ALLOWED = GateDecision(Verdict.ALLOWED, 0.1, "below the threshold")
REFUSED = GateDecision(Verdict.REFUSED, 0.9, "a refused class reached the threshold")


def test_convention_values_channels_and_layout() -> None:
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[..., 0], frame[..., 1], frame[..., 2] = 255, 51, 0
    config = GateConfig(**BASE, mean=(0.5, 0.4, 0.3), std=(0.5, 0.2, 0.1))
    values = normalised(gate_pixels(frame, config), config)
    assert values.shape == (3, 16, 16)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, 3, 5], [1.0, -1.0, -3.0], atol=1e-6)


def test_convention_caffe_style_bgr_means_in_pixel_values() -> None:
    frame = np.zeros((40, 40, 3), np.uint8)
    frame[..., 0], frame[..., 2] = 200, 10
    config = GateConfig(**BASE, crop_from=20, scale=1, mean=(104, 117, 123), channels="BGR", layout="NHWC")
    values = normalised(gate_pixels(frame, config), config)
    assert values.shape == (16, 16, 3)
    np.testing.assert_allclose(values[0, 0], [10 - 104, 0 - 117, 200 - 123])


def halves() -> NDArray[np.uint8]:
    """uint8 [20, 60, 3]: left third red, rest blue."""
    frame = np.zeros((20, 60, 3), np.uint8)
    frame[:, :20, 0] = 255
    frame[:, 20:, 2] = 255
    return frame


def test_stretch_looks_at_the_whole_image() -> None:
    pixels = gate_pixels(halves(), CONFIG)
    assert pixels.shape == (16, 16, 3)
    assert pixels[:, :5, 0].min() == 255
    assert pixels[:, 6:, 2].min() == 255


def test_letterbox_keeps_the_shape_and_fills_with_black() -> None:
    pixels = gate_pixels(halves(), GateConfig(**BASE, resize="letterbox"))
    assert pixels[:5].max() == 0
    assert pixels[-5:].max() == 0
    assert pixels[8, 2, 0] == 255
    assert pixels[8, 12, 2] == 255


def test_center_crop_does_not_see_the_edges() -> None:
    pixels = gate_pixels(halves(), GateConfig(**BASE, resize="center-crop"))
    assert pixels[..., 0].max() == 0
    assert pixels[..., 2].min() == 255


def test_a_jpeg_step_loses_colour_detail() -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0] = 200
    assert (gate_pixels(stripes, CONFIG) == stripes).all()
    through = gate_pixels(stripes, GateConfig(**BASE, jpeg_quality=75)).astype(int)
    assert 10 < abs(through - stripes).mean() < 100


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (16, 16), (17, 15)])
def test_any_frame_fits(resize: Any, shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 9, np.uint8)
    assert gate_pixels(frame, GateConfig(**BASE, resize=resize)).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("scores", "verdict", "score"),
    [
        ([0.0, 0.0], Verdict.REFUSED, 0.5),
        ([0.1, 0.0], Verdict.ALLOWED, 1 / (1 + np.exp(0.1))),
        ([-900.0, 900.0], Verdict.REFUSED, 1.0),
        ([[900.0, -900.0]], Verdict.ALLOWED, 0.0),
    ],
)
def test_logits(scores: Any, verdict: Verdict, score: float) -> None:
    decision = decide(np.array(scores, np.float32), CONFIG)
    assert decision.verdict is verdict
    assert decision.score == pytest.approx(score)


def test_refused_classes_are_added_up() -> None:
    config = GateConfig(
        size=16,
        classes=("drawing", "hentai", "neutral", "porn", "sexy"),
        refused=frozenset({"hentai", "porn"}),
        threshold=0.6,
        scores="probabilities",
    )
    assert decide(np.array([0.2, 0.3, 0.1, 0.3, 0.1]), config).verdict is Verdict.REFUSED
    assert decide(np.array([0.2, 0.3, 0.1, 0.2, 0.2]), config).verdict is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("config", "scores"),
    [
        (CONFIG, [np.nan, 0.0]),
        (CONFIG, [np.inf, 0.0]),
        (CONFIG, [9.0]),
        (CONFIG, [9.0, 0.0, 0.0]),
        (CONFIG, [[9.0, 0.0], [9.0, 0.0]]),
        (CONFIG, []),
        (PROBABILITIES, [3.0, -2.0]),
        (PROBABILITIES, [0.2, 0.2]),
        (PROBABILITIES, [1.5, 0.0]),
    ],
)
def test_scores_that_make_no_sense_do_not_allow(config: GateConfig, scores: Any) -> None:
    decision = decide(np.array(scores, np.float32), config)
    assert decision.verdict is Verdict.COULD_NOT_DECIDE
    assert not decision.allowed


@pytest.mark.parametrize(
    ("decisions", "expected", "verdict"),
    [
        ([ALLOWED, ALLOWED], 2, Verdict.ALLOWED),
        ([ALLOWED, REFUSED], 2, Verdict.REFUSED),
        ([could_not_decide("x"), REFUSED], 2, Verdict.REFUSED),
        ([ALLOWED, could_not_decide("x")], 2, Verdict.COULD_NOT_DECIDE),
        ([ALLOWED], 2, Verdict.COULD_NOT_DECIDE),
        ([ALLOWED, ALLOWED], 1, Verdict.COULD_NOT_DECIDE),
        ([], 0, Verdict.COULD_NOT_DECIDE),
    ],
)
def test_a_request_is_allowed_only_when_every_image_is(
    decisions: list[GateDecision], expected: int, verdict: Verdict
) -> None:
    decision = decide_all(decisions, expected)
    assert decision.verdict is verdict
    assert decision.allowed == (verdict is Verdict.ALLOWED)


def test_a_decision_is_not_a_truth_value() -> None:
    with pytest.raises(TypeError, match=r"\.allowed"):
        bool(ALLOWED)


@pytest.mark.parametrize(
    "change",
    [
        {"refused": {"porn"}},
        {"refused": set()},
        {"classes": ("nsfw", "nsfw")},
        {"threshold": 0.0},
        {"threshold": 1.1},
        {"std": (1, 0, 1)},
        {"crop_from": 15, "size": 16},
        {"size": 4},
        {"colour": "RGB"},
    ],
)
def test_configurations_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateConfig(**{**BASE, **change})
