"""`max_side`: a larger target is scaled down before anything else sees it, and only when asked."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from faceswap_core.codecs.decoding import KeptMetadata
from faceswap_core.errors import InvalidOption
from faceswap_core.limits import Limits
from faceswap_core.options import parse_options
from faceswap_core.steps.decode_images import accept_frame, decode_images, scaled_size
from faceswap_core.steps.paste_faces import SwappedCrops, TargetImage, paste_faces
from PIL import Image

LIMITS = Limits()
NOTHING = SwappedCrops(np.zeros((1, 128, 128, 3), np.uint8), np.eye(2, 3)[None], 0)


def image(width: int, height: int, mode: str = "RGB", kind: str = "PNG", **saved: object) -> bytes:
    rng = np.random.default_rng(3)
    channels = len(mode)
    pixels = cv2.resize(rng.integers(0, 255, (30, 40, channels), dtype=np.uint8), (width, height))
    out = io.BytesIO()
    Image.fromarray(pixels, mode).save(out, kind, **saved)
    return out.getvalue()


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        ((1080, 1920), None, (1080, 1920)),
        ((1080, 1920), 1920, (1080, 1920)),
        ((1080, 1920), 960, (540, 960)),
        ((1920, 1080), 960, (960, 540)),
        ((1, 30_000), 64, (1, 64)),
        ((333, 1000), 100, (33, 100)),
    ],
)
def test_the_longer_side_decides(size: tuple[int, int], most: int | None, expected: tuple[int, int]) -> None:
    assert scaled_size(size, most) == expected


def test_the_target_is_scaled_and_the_sources_are_not() -> None:
    source, target = image(500, 300), image(1000, 600)
    decoded = decode_images([source], [target], LIMITS, max_side=250)
    assert decoded.frames.target.shape == (150, 250, 3)
    assert decoded.frames.sources[0].shape == (300, 500, 3)
    whole = decode_images([source], [target], LIMITS)
    mean = cv2.resize(whole.frames.target, (250, 150), interpolation=cv2.INTER_AREA)
    assert np.array_equal(decoded.frames.target, mean)


def test_transparency_is_scaled_along() -> None:
    decoded = decode_images([image(64, 64)], [image(400, 200, "RGBA")], LIMITS, max_side=100)
    assert decoded.target_alpha.shape == (50, 100)


def test_resolution_is_not_kept_because_it_has_changed() -> None:
    target = image(400, 200, kind="JPEG", dpi=(300, 300))
    assert decode_images([image(64, 64)], [target], LIMITS).target_density.any()
    assert not decode_images([image(64, 64)], [target], LIMITS, max_side=100).target_density.any()


def test_a_target_without_faces_comes_back_scaled_too() -> None:
    encoded = image(1000, 600, kind="JPEG")
    options = parse_options({"max_side": 250})
    decoded = decode_images([image(64, 64)], [encoded], LIMITS, max_side=options.max_side)
    target = TargetImage(encoded, decoded.frames.target, None, kept=_kept())
    result = Image.open(io.BytesIO(paste_faces(target, NOTHING, options, LIMITS)))
    assert result.size == (250, 150)
    unscaled = TargetImage(encoded, decode_images([encoded], [encoded], LIMITS).frames.target, None, kept=_kept())
    assert paste_faces(unscaled, NOTHING, parse_options({}), LIMITS) == encoded


def test_an_image_too_long_for_webp_may_become_one_when_it_is_scaled() -> None:
    encoded = image(17_000, 40, kind="PNG")
    options = parse_options({"max_side": 1000, "output_format": "webp"})
    decoded = decode_images([image(64, 64)], [encoded], LIMITS, max_side=options.max_side)
    target = TargetImage(encoded, decoded.frames.target, None, kept=_kept())
    assert Image.open(io.BytesIO(paste_faces(target, NOTHING, options, LIMITS))).size == (1000, 2)
    whole = TargetImage(encoded, decode_images([encoded], [encoded], LIMITS).frames.target, None, kept=_kept())
    with pytest.raises(InvalidOption):
        paste_faces(whole, NOTHING, parse_options({"output_format": "webp"}), LIMITS)


def test_a_raw_frame_keeps_its_size() -> None:
    with pytest.raises(InvalidOption, match="max_side=250 is not allowed: a raw TARGET_FRAME keeps its size"):
        accept_frame(np.zeros((300, 500, 3), np.uint8), parse_options({"max_side": 250}), LIMITS)


@pytest.mark.parametrize("value", [0, 63, 65_536, True, "wide", 1.5])
def test_values_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(InvalidOption, match="max_side="):
        parse_options({"max_side": value})  # type: ignore[dict-item]


def _kept() -> KeptMetadata:
    return KeptMetadata()
