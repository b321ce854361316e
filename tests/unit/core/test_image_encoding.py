"""Encoding: what a result keeps from its target, what it drops, and in which format it comes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from faceswap_core.codecs.compositing import BLACK, WHITE, over_background
from faceswap_core.codecs.decoding import DecodedImage, KeptMetadata, decode_image
from faceswap_core.codecs.encoding import encode_image, output_format
from faceswap_core.codecs.header import ImageFormat, ImageHeader, inspect_image
from faceswap_core.codecs.jpeg_segments import (
    APP1,
    APP2,
    MAX_PAYLOAD,
    header_segments,
    icc_segments,
    insert_segments,
    jpeg_icc_profile,
)
from faceswap_core.errors import InvalidOption
from faceswap_core.limits import Limits
from faceswap_core.options import OutputFormat
from faceswap_tools.adversarial.images import photograph, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms

LIMITS = Limits()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RGB = photograph(90, 131)
ALPHA = np.add.outer(np.arange(90), np.arange(131)).astype(np.uint8)
IMAGE = Image.fromarray(RGB)
WRITTEN = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP)


def head(
    kind: ImageFormat = ImageFormat.PNG, width: int = 131, height: int = 90, subsampling: str | None = None
) -> ImageHeader:
    return ImageHeader(kind, width, height, 1, "RGB", 8, False, subsampling)


def decoded(data: bytes) -> DecodedImage:
    return decode_image(data, inspect_image(data, "T", LIMITS), "T")


def encoded(
    kind: ImageFormat,
    rgb: NDArray[np.uint8] = RGB,
    alpha: NDArray[np.uint8] | None = None,
    *,
    kept: KeptMetadata | None = None,
    target: ImageHeader | None = None,
    quality: int = 95,
) -> bytes:
    kept = kept or KeptMetadata()
    return encode_image(rgb, alpha, target=target or head(), kept=kept, format=kind, quality=quality)


@pytest.mark.parametrize("kind", list(ImageFormat))
def test_same_format_or_png(kind: ImageFormat) -> None:
    expected = kind if kind in WRITTEN else ImageFormat.PNG
    assert output_format(head(kind), OutputFormat.SAME) is expected
    for wanted in (OutputFormat.JPEG, OutputFormat.PNG, OutputFormat.WEBP):
        assert output_format(head(kind), wanted).value == wanted.value


def test_webp_ends_at_16383_pixels() -> None:
    assert output_format(head(width=16383), OutputFormat.WEBP) is ImageFormat.WEBP
    with pytest.raises(InvalidOption, match=r"output_format='webp'.*16383.*20000 x 90"):
        output_format(head(width=20_000), OutputFormat.WEBP)


@settings(deadline=None, max_examples=50)
@given(
    rgba=hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4))),
    transparent=st.booleans(),
)
def test_png_is_bit_for_bit(rgba: NDArray[np.uint8], transparent: bool) -> None:
    rgb, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]) if transparent else None
    back = decoded(encoded(ImageFormat.PNG, rgb, alpha))
    np.testing.assert_array_equal(back.rgb, rgb)
    if alpha is not None:
        assert back.alpha is not None
        np.testing.assert_array_equal(back.alpha, alpha)
    else:
        assert back.alpha is None


@pytest.mark.parametrize("kind", WRITTEN)
def test_pixels_survive_about_as_well_as_the_quality_promises(kind: ImageFormat) -> None:
    smooth = np.asarray(Image.fromarray(RGB).resize((260, 180), Image.Resampling.BICUBIC))
    errors = [np.abs(decoded(encoded(kind, smooth, quality=q)).rgb.astype(int) - smooth).mean() for q in (10, 95)]
    assert errors[1] < 4
    assert kind is ImageFormat.PNG or errors[0] > errors[1]


def test_webp_keeps_alpha_and_colours_under_it() -> None:
    hidden = np.tile(np.repeat(np.array([0, 255], np.uint8), [100, 31]), (90, 1))
    back = decoded(encoded(ImageFormat.WEBP, RGB, hidden))
    assert back.alpha is not None
    np.testing.assert_array_equal(back.alpha, hidden)
    assert np.abs(back.rgb.astype(int) - RGB)[hidden == 0].mean() < 12
    graded = decoded(encoded(ImageFormat.WEBP, RGB, ALPHA))
    np.testing.assert_array_equal(graded.alpha if graded.alpha is not None else 0, ALPHA)


def test_jpeg_is_composited_over_white() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    for opacity, expected in ((255, (200, 0, 0)), (0, (255, 255, 255)), (128, (227, 127, 127))):
        back = decoded(encoded(ImageFormat.JPEG, red, np.full((32, 32), opacity, np.uint8))).rgb
        assert np.abs(back.reshape(-1, 3).mean(axis=0) - expected).max() <= 2


@pytest.mark.parametrize(("subsampling", "expected"), [("444", "444"), ("420", "420"), ("422", "420"), (None, "420")])
def test_chroma_subsampling(subsampling: str | None, expected: str) -> None:
    data = encoded(ImageFormat.JPEG, target=head(ImageFormat.JPEG, subsampling=subsampling))
    assert inspect_image(data, "T", LIMITS).jpeg_subsampling == expected


@pytest.mark.parametrize("kind", WRITTEN)
def test_profile_and_resolution_are_kept(kind: ImageFormat) -> None:
    kept = KeptMetadata(SRGB, (11811, 5906))
    data = encoded(kind, kept=kept)
    back = decoded(data)
    assert back.kept.icc_profile == SRGB
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == SRGB
    if kind is not ImageFormat.WEBP:
        assert back.kept.pixels_per_metre == (11811, 5906)
        assert Image.open(io.BytesIO(data)).info["dpi"] == pytest.approx((300, 150), abs=0.1)
    np.testing.assert_array_equal(back.rgb, decoded(encoded(kind)).rgb)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_exif_with_its_position_is_dropped(source: str, kind: ImageFormat) -> None:
    exif = Image.Exif()
    exif[274] = 6
    exif[0x010F] = "SECRET MAKER"
    exif.get_ifd(0x8825)[29] = "2020:SECRET"
    target = saved(IMAGE, source, exif=exif, icc_profile=SRGB)
    assert b"SECRET" in target
    header = inspect_image(target, "T", LIMITS)
    image = decode_image(target, header, "T")
    result = encode_image(image.rgb, image.alpha, target=header, kept=image.kept, format=kind, quality=90)
    assert b"SECRET" not in result
    shown = Image.open(io.BytesIO(result))
    assert shown.size == (90, 131)
    assert not shown.getexif()
    assert inspect_image(result, "T", LIMITS).orientation == 1


@settings(deadline=None, max_examples=30)
@given(length=st.one_of(st.integers(1, 300), st.sampled_from([65518, 65519, 65520, 131_038, 131_039, 500_000])))
def test_profile_in_jpeg_segments_comes_back_bit_for_bit(length: int) -> None:
    profile = np.random.default_rng(length).bytes(length)
    data = insert_segments(encoded(ImageFormat.JPEG), icc_segments(profile))
    assert jpeg_icc_profile(data) == profile
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))).shape, RGB.shape)


def test_segments_go_behind_jfif_and_leave_the_rest_alone() -> None:
    plain = encoded(ImageFormat.JPEG)
    data = insert_segments(plain, [(APP1, b"first"), (APP2, b"second")])
    segments = list(header_segments(data))
    assert [segment.marker for segment in segments[:3]] == [0xE0, APP1, APP2]
    assert [data[s.start : s.end] for s in segments[1:3]] == [b"first", b"second"]
    assert data.replace(b"\xff\xe1\0\x07first", b"").replace(b"\xff\xe2\0\x08second", b"") == plain


def test_what_does_not_fit_into_segments() -> None:
    jpeg = encoded(ImageFormat.JPEG)
    assert insert_segments(jpeg, [(APP1, bytes(MAX_PAYLOAD))])[:2] == b"\xff\xd8"
    with pytest.raises(ValueError, match="65533"):
        insert_segments(jpeg, [(APP1, bytes(MAX_PAYLOAD + 1))])
    with pytest.raises(ValueError, match="not a JPEG"):
        insert_segments(encoded(ImageFormat.PNG), [])
    with pytest.raises(ValueError, match="does not fit"):
        icc_segments(bytes(255 * 65519 + 1))


def test_encoding_leaves_the_frame_alone() -> None:
    frame, alpha = RGB.copy(), ALPHA.copy()
    frame.flags.writeable = alpha.flags.writeable = False
    for kind in WRITTEN:
        encoded(kind, frame, alpha)
    np.testing.assert_array_equal(frame, RGB)


@pytest.mark.parametrize("level", [WHITE, BLACK])
def test_compositing_rounds_every_value_to_the_nearest(level: Any) -> None:
    values, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    exact = (values.astype(int) * alpha + (255 - alpha.astype(int)) * level + 127) // 255
    found = over_background(np.repeat(values[..., None], 3, axis=2), np.ascontiguousarray(alpha), level)
    assert (found == exact[..., None]).all()
