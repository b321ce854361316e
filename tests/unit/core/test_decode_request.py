"""Step `decode_images`: routing by inputs, raw frames, and embeddings, without Triton."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from faceswap_core.buffers.request_images import RequestImages, Size, own_memory
from faceswap_core.errors import (
    BadDimensions,
    InvalidIdentity,
    InvalidOption,
    InvalidTensor,
    TooManyPixels,
    WrongImageCount,
)
from faceswap_core.limits import Limits
from faceswap_core.options import Options, OutputFormat, parse_options
from faceswap_core.steps.decode_images import (
    LONGEST_EMBEDDING,
    SHORTEST_EMBEDDING,
    DecodeInputs,
    accept_frame,
    check_identities,
    decode_request,
)

LIMITS = Limits()
OPTIONS = Options()


def png(height: int, width: int) -> bytes:
    written, data = cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))
    assert written
    return data.tobytes()


def embeddings(rows: int, value: float = 1.0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.full((rows, 512), value, np.float32)


def test_a_swap_of_source_images() -> None:
    inputs = DecodeInputs(sources=[png(10, 20), png(30, 40)], target=[png(50, 60)])
    decoded = decode_request(inputs, OPTIONS, LIMITS)
    assert decoded.images.target.shape == (50, 60, 3)
    assert [source.shape for source in decoded.images.sources] == [(10, 20, 3), (30, 40, 3)]
    assert decoded.detector_images.shape == (3, 640, 640, 3)
    assert decoded.source_formats == ("png", "png")
    assert decoded.target is not None
    assert decoded.target.rgb is decoded.images.target, "faces are pasted into the pixels of the pool"


def test_a_swap_of_embeddings() -> None:
    decoded = decode_request(DecodeInputs(embeddings=embeddings(2), target=[png(50, 60)]), OPTIONS, LIMITS)
    assert decoded.images.sources == ()
    assert decoded.detector_images.shape == (1, 640, 640, 3)
    assert decoded.target is not None


def test_a_raw_frame_is_not_encoded() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    decoded = decode_request(DecodeInputs(embeddings=embeddings(1), frame=frame), OPTIONS, LIMITS)
    assert decoded.target is None
    assert np.array_equal(decoded.images.target, frame)
    assert not np.may_share_memory(decoded.images.target, frame)


def test_an_encoded_target_is_taken_where_a_frame_is_there_too() -> None:
    inputs = DecodeInputs(embeddings=embeddings(1), target=[png(50, 60)], frame=np.zeros((5, 5, 3), np.uint8))
    assert decode_request(inputs, OPTIONS, LIMITS).images.target.shape == (50, 60, 3)


def test_an_analysis_needs_no_identity_and_is_named_after_its_input() -> None:
    inputs = DecodeInputs(analysed=[png(50, 60)])
    decoded = decode_request(inputs, OPTIONS, LIMITS)
    assert decoded.target is None
    with pytest.raises(WrongImageCount, match="IMAGE must hold exactly one image, not 2"):
        decode_request(DecodeInputs(analysed=[png(5, 6)] * 2), OPTIONS, LIMITS)


@pytest.mark.parametrize(
    "inputs", [DecodeInputs(target=[png(5, 6)]), DecodeInputs(frame=np.zeros((5, 6, 3), np.uint8)), DecodeInputs()]
)
def test_a_swap_without_an_identity_is_no_analysis(inputs: DecodeInputs) -> None:
    with pytest.raises(InvalidTensor, match="input 'source_embeddings' is missing"):
        decode_request(inputs, OPTIONS, LIMITS)


@pytest.mark.parametrize("sources", [0, 9])
def test_one_to_eight_sources_are_allowed(sources: int) -> None:
    inputs = DecodeInputs(sources=[png(5, 6)] * sources, target=[png(5, 6)])
    with pytest.raises(WrongImageCount, match=f"SOURCE_IMAGE holds {sources} images, allowed: 1 to 8"):
        decode_request(inputs, OPTIONS, LIMITS)


@pytest.mark.parametrize("targets", [0, 2])
def test_exactly_one_target_is_allowed(targets: int) -> None:
    with pytest.raises(WrongImageCount, match=f"TARGET_IMAGE must hold exactly one image, not {targets}"):
        decode_request(DecodeInputs(sources=[png(5, 6)], target=[png(5, 6)] * targets), OPTIONS, LIMITS)


def test_nothing_is_allocated_for_a_request_that_is_refused() -> None:
    def allocate(target: Size, sources: Sequence[Size], attached_bytes: int = 0) -> RequestImages:
        pytest.fail("memory was allocated")

    inputs = DecodeInputs(sources=[png(5, 6), b"text"], target=[png(5, 6)])
    with pytest.raises(Exception, match=r"NOT_AN_IMAGE: SOURCE_IMAGE\[1\]"):
        decode_request(inputs, OPTIONS, LIMITS, allocate)


def test_room_for_what_is_kept_is_asked_for_with_the_pixels() -> None:
    asked: list[int] = []

    def allocate(target: Size, sources: Sequence[Size], attached_bytes: int = 0) -> RequestImages:
        asked.append(attached_bytes)
        return own_memory(target, sources)

    target = png(50, 60)
    decode_request(DecodeInputs(embeddings=embeddings(1), target=[target]), OPTIONS, LIMITS, allocate)
    decode_request(DecodeInputs(analysed=[target]), OPTIONS, LIMITS, allocate)
    frame = np.zeros((5, 5, 3), np.uint8)
    decode_request(DecodeInputs(embeddings=embeddings(1), frame=frame), OPTIONS, LIMITS, allocate)
    assert len(target) < asked[0] < len(target) + 1000
    assert asked[1:] == [0, 0]


@pytest.mark.parametrize("rows", [1, 8])
def test_one_to_eight_identities_are_accepted(rows: int) -> None:
    check_identities(embeddings(rows), LIMITS)


@pytest.mark.parametrize("rows", [0, 9])
def test_none_or_more_than_eight_identities_are_refused(rows: int) -> None:
    with pytest.raises(InvalidIdentity, match=f"SOURCE_EMBEDDINGS has {rows} rows, allowed: 1 to 8"):
        check_identities(embeddings(rows), LIMITS)


def test_a_server_may_allow_fewer_identities() -> None:
    limits = Limits(max_sources=2)
    check_identities(embeddings(2), limits)
    with pytest.raises(InvalidIdentity, match="has 3 rows, allowed: 1 to 2"):
        check_identities(embeddings(3), limits)


@pytest.mark.parametrize("shape", [(512,), (1, 511), (1, 513), (1, 1, 512)])
def test_identities_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidIdentity, match=r"expected \[identities, 512\]"):
        check_identities(np.ones(shape, np.float32), LIMITS)


@pytest.mark.parametrize("length", [SHORTEST_EMBEDDING * 1.01, 1.0, 20.0, LONGEST_EMBEDDING * 0.99])
def test_lengths_that_embeddings_have_are_accepted(length: float) -> None:
    check_identities(embeddings(1, length / np.sqrt(512)), LIMITS)


@pytest.mark.parametrize("value", [0.0, SHORTEST_EMBEDDING * 0.99 / 512**0.5, LONGEST_EMBEDDING * 1.01 / 512**0.5])
def test_lengths_that_no_embedding_has_are_refused(value: float) -> None:
    with pytest.raises(InvalidIdentity, match=r"SOURCE_EMBEDDINGS\[1\] has length"):
        check_identities(np.concatenate([embeddings(1), embeddings(1, value)]), LIMITS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_identity_with_one_number_that_is_not_finite_is_refused(value: float) -> None:
    broken = embeddings(1)
    broken[0, 300] = value
    with pytest.raises(InvalidIdentity):
        check_identities(broken, LIMITS)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((5, 6), np.uint8),
        np.zeros((5, 6, 4), np.uint8),
        np.zeros((5, 6, 1), np.uint8),
        np.zeros((1, 5, 6, 3), np.uint8),
        np.zeros((5, 6, 3), np.float32),
    ],
)
def test_frames_of_another_shape_or_type_are_refused(frame: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(InvalidTensor, match=r"expected uint8 \[H, W, 3\]"):
        accept_frame(frame, OPTIONS, LIMITS)


@pytest.mark.parametrize("shape", [(0, 6, 3), (5, 0, 3), (101, 6, 3), (5, 101, 3)])
def test_sides_of_a_frame_are_limited(shape: tuple[int, int, int]) -> None:
    with pytest.raises(BadDimensions, match="sides from 1 to 100 are allowed"):
        accept_frame(np.zeros(shape, np.uint8), OPTIONS, Limits(max_image_side=100))


def test_a_frame_at_the_limits_is_accepted() -> None:
    limits = Limits(max_image_side=100, max_image_pixels=5000)
    assert accept_frame(np.zeros((50, 100, 3), np.uint8), OPTIONS, limits).images.target.shape == (50, 100, 3)
    assert accept_frame(np.zeros((1, 1, 3), np.uint8), OPTIONS, limits).images.target.shape == (1, 1, 3)
    with pytest.raises(TooManyPixels, match="has 5100 pixels, at most 5000"):
        accept_frame(np.zeros((51, 100, 3), np.uint8), OPTIONS, limits)


@pytest.mark.parametrize("wanted", [each for each in OutputFormat if each is not OutputFormat.SAME])
def test_a_frame_comes_back_raw(wanted: OutputFormat) -> None:
    with pytest.raises(InvalidOption, match="a raw TARGET_FRAME comes back raw"):
        accept_frame(np.zeros((5, 6, 3), np.uint8), parse_options({"output_format": wanted.value}), LIMITS)
