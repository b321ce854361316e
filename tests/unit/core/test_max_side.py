"""`max_side`: a larger target is scaled down before anything else sees it, and only when asked."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from faceswap_core.errors import InvalidOption
from faceswap_core.limits import Limits
from faceswap_core.options import parse_options
from faceswap_core.steps.decode_images import accept_frame, decode_images, scaled_size
from faceswap_core.steps.paste_faces import SwappedCrops, paste_faces
from faceswap_core.steps.target_image import TargetImage
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


def decoded_target(encoded: bytes, max_side: int | None = None) -> TargetImage:
    target = decode_images(None, [encoded], LIMITS, keep_target=True, max_side=max_side).target
    assert target is not None
    return target


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
    assert decoded.images.target.shape == (150, 250, 3)
    assert decoded.images.sources[0].shape == (300, 500, 3)
    whole = decode_images([source], [target], LIMITS)
    mean = cv2.resize(whole.images.target, (250, 150), interpolation=cv2.INTER_AREA)
    assert np.array_equal(decoded.images.target, mean)


def test_transparency_is_scaled_along() -> None:
    alpha = decoded_target(image(400, 200, "RGBA"), max_side=100).alpha
    assert alpha is not None
    assert alpha.shape == (50, 100)


def test_resolution_is_not_kept_because_it_has_changed() -> None:
    target = image(400, 200, kind="JPEG", dpi=(300, 300))
    assert decoded_target(target).kept.pixels_per_metre == (11811, 11811)
    assert decoded_target(target, max_side=100).kept.pixels_per_metre is None


def test_a_target_without_faces_comes_back_scaled_too() -> None:
    encoded = image(1000, 600, kind="JPEG")
    options = parse_options({"max_side": 250})
    scaled = decoded_target(encoded, max_side=options.max_side)
    result = Image.open(io.BytesIO(paste_faces(scaled, NOTHING, options)))
    assert result.size == (250, 150)
    assert paste_faces(decoded_target(encoded), NOTHING, parse_options({})) == encoded


def test_an_image_too_long_for_webp_may_become_one_when_it_is_scaled() -> None:
    encoded = image(17_000, 40, kind="PNG")
    options = parse_options({"max_side": 1000, "output_format": "webp"})
    scaled = decoded_target(encoded, max_side=options.max_side)
    assert Image.open(io.BytesIO(paste_faces(scaled, NOTHING, options))).size == (1000, 2)
    with pytest.raises(InvalidOption):
        paste_faces(decoded_target(encoded), NOTHING, parse_options({"output_format": "webp"}))


def test_a_raw_frame_keeps_its_size() -> None:
    with pytest.raises(InvalidOption, match="max_side=250 is not allowed: a raw TARGET_FRAME keeps its size"):
        accept_frame(np.zeros((300, 500, 3), np.uint8), parse_options({"max_side": 250}), LIMITS)


@pytest.mark.parametrize("value", [0, 63, 65_536, True, "wide", 1.5])
def test_values_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(InvalidOption, match="max_side="):
        parse_options({"max_side": value})  # type: ignore[dict-item]
