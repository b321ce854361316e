"""The content gate sees what people see: colours by the profile, transparency over light and dark."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnxruntime
import pytest
from faceswap_core.codecs.decoding import DecodedImage, KeptMetadata
from faceswap_core.codecs.displayed_colours import display_transforms
from faceswap_core.errors import ContentRefused
from faceswap_core.limits import Limits
from faceswap_core.provenance.gate.decision import GateDecision, Verdict
from faceswap_core.provenance.gate.installed import ContentGate, GateImages
from faceswap_core.provenance.gate.views import MOST_VIEWS, TooManyViewsError, displayed_views
from faceswap_core.steps.decode_images import decode_images
from faceswap_models.content_gate import prepare_gate
from numpy.typing import NDArray
from PIL import Image, ImageCms
from support.gate_networks import MOODY, build_moody_classifier
from support.icc_profiles import BLUE, GREEN, RED, matrix_profile, srgb_curve, swapping_profile

YELLOW, MAGENTA, GREY = (255, 255, 0), (255, 0, 255), (120, 120, 120)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
HARMLESS_TABLE, MAGENTA_TABLE = (54.0, 0.0, 0.0), (60.0, 98.0, -61.0)
SIDE = 224


def solid(colour: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def decoded(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None, profile: bytes | None = None
) -> DecodedImage:
    return DecodedImage(rgb, alpha, KeptMetadata(profile))


@pytest.fixture(scope="module")
def judge() -> Any:
    """judge(image, ...) -> the decision about a request of these images, through the prepared network."""
    network = prepare_gate(build_moody_classifier(), MOODY).SerializeToString()
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    gate = ContentGate(MOODY)

    def judged(*images: DecodedImage) -> GateDecision:
        seen = GateImages(gate)
        for image in images:
            assert seen.look is not None
            seen.look(image)
        rows = seen.rows(len(images))
        scores = session.run(["scores"], {"image": rows, "scores_32": np.zeros((len(rows), 800, 1), np.float32)})[0]
        return gate.judge(np.asarray(scores), len(images))

    return judged


@pytest.mark.parametrize("alpha", [None, np.full((40, 60), 255, np.uint8)])
def test_nothing_is_computed_for_plain_and_opaque_images(alpha: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageCms, "buildTransform", None)
    image = decoded(solid(GREY), alpha)
    views = displayed_views(image, SIDE)
    assert len(views) == 1
    assert views[0] is image.rgb


def test_without_a_gate_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageCms, "buildTransform", None)
    seen = GateImages(ContentGate(None))
    assert seen.look is None
    assert seen.rows(3).shape == (3, 1, 1, 3)
    views = ContentGate(None).views(decoded(solid(YELLOW), np.zeros((40, 60), np.uint8), swapping_profile()))
    assert views.shape == (1, 1, 1, 3)


@pytest.mark.parametrize("profile", [SRGB, matrix_profile()])
def test_srgb_under_any_name_is_one_view(profile: bytes) -> None:
    assert len(displayed_views(decoded(solid(GREY), None, profile), SIDE)) == 1


def test_a_profile_is_applied() -> None:
    stored, shown = displayed_views(decoded(solid(YELLOW), None, swapping_profile()), SIDE)
    assert stored[0, 0].tolist() == list(YELLOW)
    assert np.abs(shown.astype(int) - MAGENTA).max() <= 2


def test_transparency_is_shown_over_white_and_over_black() -> None:
    alpha = np.full((40, 60), 128, np.uint8)
    stored, white, black = displayed_views(decoded(solid((200, 100, 0)), alpha), SIDE)
    assert stored[0, 0].tolist() == [200, 100, 0]
    assert white[0, 0].tolist() == [227, 177, 127]
    assert black[0, 0].tolist() == [100, 50, 0]


def test_profile_and_transparency_together_are_six_views() -> None:
    alpha = np.zeros((40, 60), np.uint8)
    views = displayed_views(decoded(solid(YELLOW), alpha, swapping_profile()), SIDE)
    assert len(views) == MOST_VIEWS
    means = [tuple(int(value) for value in view.mean(axis=(0, 1)).round()) for view in views]
    assert means[0] == YELLOW
    assert means.count((255, 255, 255)) == means.count((0, 0, 0)) == 2


def test_every_reading_of_a_profile_is_a_view() -> None:
    profile = matrix_profile(tables={b"A2B0": HARMLESS_TABLE, b"A2B1": MAGENTA_TABLE})
    stored, perceptual, colorimetric, curves = displayed_views(decoded(solid(GREY), None, profile), SIDE)
    assert np.ptp(perceptual[0, 0].astype(int)) < 10
    assert colorimetric[0, 0, 0] > 200
    assert colorimetric[0, 0, 1] < 100
    assert np.abs(stored.astype(int) - curves).max() <= 2, "the curves are sRGB's"
    same = matrix_profile(tables={b"A2B0": MAGENTA_TABLE, b"A2B1": MAGENTA_TABLE})
    assert len(display_transforms(same)) == 2


def test_what_cannot_be_judged_is_refused() -> None:
    contradicting = matrix_profile(tables={b"A2B0": HARMLESS_TABLE, b"A2B1": MAGENTA_TABLE})
    transparent = np.zeros((40, 60), np.uint8)
    with pytest.raises(TooManyViewsError):
        displayed_views(decoded(solid(GREY), transparent, contradicting), SIDE)
    with pytest.raises(ContentRefused, match="could not decide"):
        ContentGate(MOODY).views(decoded(solid(GREY), transparent, contradicting))
    with pytest.raises(ContentRefused, match="could not decide"):
        ContentGate(MOODY).views(decoded(solid(GREY), None, b"no profile at all" * 20))


def test_large_images_are_shrunk_and_keep_their_look() -> None:
    image = solid(YELLOW, (2500, 1900))
    image[:, 1250:] = GREY
    _, shown = displayed_views(decoded(image, None, swapping_profile()), SIDE)
    assert shown.shape == (475, 625, 3)
    assert np.abs(shown[:, :310].astype(int) - MAGENTA).max() <= 2
    assert np.abs(shown[:, 315:].astype(int) - GREY).max() <= 2


def test_the_strictest_view_of_any_image_counts(judge: Any) -> None:
    harmless, profile = decoded(solid(YELLOW)), swapping_profile()
    shown = decoded(solid(YELLOW), None, profile)
    assert judge(harmless, harmless).allowed
    assert judge(shown).verdict is Verdict.REFUSED
    assert judge(harmless, shown).verdict is judge(shown, harmless).verdict is Verdict.REFUSED
    assert judge(decoded(solid(MAGENTA), None, profile)).verdict is Verdict.REFUSED, "the profile can be taken off"
    hidden = decoded(solid(MAGENTA), np.zeros((40, 60), np.uint8))
    assert judge(hidden).verdict is Verdict.REFUSED, "and so can the transparency"


def test_what_transparency_leaves_is_judged(judge: Any) -> None:
    """Yellow and magenta alternate, which is no magenta on average; but the yellow cannot be seen."""
    rgb, alpha = solid(YELLOW), np.zeros((40, 60), np.uint8)
    rgb[::2], alpha[::2] = MAGENTA, 255
    assert judge(decoded(rgb)).allowed
    assert judge(decoded(rgb, alpha)).verdict is Verdict.REFUSED


def test_colours_are_converted_before_they_are_averaged(judge: Any) -> None:
    """Green of 0 and 255 shows as 0, the average of both as 255."""

    def hill(value: float) -> float:
        return srgb_curve(1 - abs(2 * value - 1))

    profile = matrix_profile((srgb_curve, hill, srgb_curve), (RED, GREEN, BLUE))
    rgb = solid(MAGENTA, (1000, 1000))
    rgb[::2, ::2, 1] = rgb[1::2, 1::2, 1] = 255
    assert judge(decoded(rgb)).allowed
    assert judge(decoded(rgb, None, profile)).verdict is Verdict.REFUSED


def test_steps_show_every_image_with_profile_and_transparency() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.dstack((solid(YELLOW), np.zeros((40, 60), np.uint8)))).save(
        buffer, "PNG", icc_profile=swapping_profile()
    )
    seen: list[DecodedImage] = []
    decode_images([buffer.getvalue()] * 2, [buffer.getvalue()], Limits(), max_side=30, look=seen.append)
    assert [image.rgb.shape[1] for image in seen] == [60, 60, 30], "sources, then the target"
    for image in seen:
        assert image.alpha is not None
        assert image.kept.icc_profile == swapping_profile()
