"""Header inspection: every format, the order of the checks, and what messages say."""

from __future__ import annotations

import pytest
from faceswap_core.codecs.header import ImageFormat, ImageHeader, inspect_image
from faceswap_core.errors import (
    AnimatedImage,
    BadDimensions,
    EmptyImage,
    FaceSwapError,
    NotAnImage,
    TooManyBytes,
    TooManyPixels,
    UnsupportedFormat,
)
from faceswap_core.limits import Limits
from faceswap_tools.adversarial.containers import png_of, tiff_of
from faceswap_tools.adversarial.images import photograph, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

LIMITS = Limits()
IMAGE = Image.fromarray(photograph(40, 60))
TRANSPARENT = IMAGE.copy()
TRANSPARENT.putalpha(Image.linear_gradient("L").resize(IMAGE.size))


@pytest.mark.parametrize(
    ("image", "kind", "options", "expected"),
    [
        (IMAGE, "JPEG", {}, ("jpeg", "RGB", 8, False, "420")),
        (IMAGE, "JPEG", {"subsampling": "4:4:4"}, ("jpeg", "RGB", 8, False, "444")),
        (IMAGE, "JPEG", {"subsampling": "4:2:2"}, ("jpeg", "RGB", 8, False, "422")),
        (IMAGE, "JPEG", {"progressive": True}, ("jpeg", "RGB", 8, False, "420")),
        (IMAGE.convert("L"), "JPEG", {}, ("jpeg", "L", 8, False, "gray")),
        (IMAGE.convert("CMYK"), "JPEG", {}, ("jpeg", "CMYK", 8, False, "444")),
        (IMAGE, "MPO", {"save_all": True, "append_images": [IMAGE]}, ("jpeg", "RGB", 8, False, "420")),
        (IMAGE, "PNG", {}, ("png", "RGB", 8, False, None)),
        (IMAGE.convert("RGBA"), "PNG", {}, ("png", "RGBA", 8, True, None)),
        (IMAGE.convert("LA"), "PNG", {}, ("png", "LA", 8, True, None)),
        (IMAGE.convert("I;16"), "PNG", {}, ("png", "L", 16, False, None)),
        (IMAGE.convert("1"), "PNG", {}, ("png", "1", 1, False, None)),
        (IMAGE.quantize(16), "PNG", {}, ("png", "P", 4, False, None)),
        (IMAGE.quantize(256), "PNG", {"transparency": 3}, ("png", "P", 8, True, None)),
        (IMAGE, "WEBP", {}, ("webp", "RGB", 8, False, None)),
        (IMAGE, "WEBP", {"icc_profile": b"x"}, ("webp", "RGB", 8, False, None)),
        (IMAGE, "WEBP", {"lossless": True}, ("webp", "RGB", 8, False, None)),
        (TRANSPARENT, "WEBP", {"lossless": True}, ("webp", "RGBA", 8, True, None)),
        (TRANSPARENT, "WEBP", {}, ("webp", "RGBA", 8, True, None)),
        (IMAGE, "TIFF", {}, ("tiff", "RGB", 8, False, None)),
        (IMAGE.convert("I;16"), "TIFF", {}, ("tiff", "L", 16, False, None)),
        (IMAGE.convert("RGBA"), "TIFF", {}, ("tiff", "RGBA", 8, True, None)),
        (IMAGE.convert("CMYK"), "TIFF", {}, ("tiff", "CMYK", 8, False, None)),
        (IMAGE.convert("1"), "TIFF", {"compression": "group4"}, ("tiff", "1", 1, False, None)),
        (IMAGE, "TIFF", {"big_tiff": True}, ("tiff", "RGB", 8, False, None)),
        (IMAGE, "BMP", {}, ("bmp", "RGB", 8, False, None)),
        (IMAGE.quantize(16), "BMP", {}, ("bmp", "P", 8, False, None)),
        (IMAGE, "GIF", {}, ("gif", "P", 8, False, None)),
        (IMAGE.quantize(16), "GIF", {"transparency": 2}, ("gif", "P", 8, True, None)),
    ],
)
def test_every_format(
    image: Image.Image, kind: str, options: dict[str, object], expected: tuple[str, str, int, bool, str | None]
) -> None:
    form, mode, depth, alpha, subsampling = expected
    assert inspect_image(saved(image, kind, **options), "T", LIMITS) == ImageHeader(
        ImageFormat(form), 60, 40, 1, mode, depth, alpha, subsampling
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_that_of_the_upright_image(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    header = inspect_image(saved(IMAGE, kind, exif=exif), "T", LIMITS)
    assert header.orientation == orientation
    assert (header.width, header.height) == ((40, 60) if orientation >= 5 else (60, 40))


def test_png_exif_behind_the_pixels_counts() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = saved(IMAGE, "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert inspect_image(moved, "T", LIMITS).orientation == 6


ANIMATION = saved(IMAGE, "GIF", save_all=True, append_images=[IMAGE.rotate(90)])


@pytest.mark.parametrize(
    ("data", "limits", "error", "said"),
    [
        (b"", LIMITS, EmptyImage, ["no bytes"]),
        (b"x" * 11, Limits(max_image_bytes=10), TooManyBytes, ["11", "10"]),
        (b"x" * 10, Limits(max_image_bytes=10), NotAnImage, ["10 bytes", "JPEG"]),
        (b"\0\0\0\x18ftypheic", LIMITS, UnsupportedFormat, ["HEIF", "JPEG, PNG, WebP, TIFF, BMP and GIF"]),
        (png_of(0, 7), LIMITS, BadDimensions, ["0 x 7"]),
        (png_of(100_000, 100_000), LIMITS, BadDimensions, ["100000 x 100000", "30000"]),
        (png_of(25_000, 25_000), LIMITS, TooManyPixels, ["25000 x 25000", "625000000", "50000000"]),
        (ANIMATION, LIMITS, AnimatedImage, ["GIF", "limit is 1"]),
        # of two things that are wrong, the earlier check speaks
        (png_of(0, 100_000), LIMITS, BadDimensions, ["0 x 100000", "at least 1"]),
        (png_of(100_000, 100_000), Limits(max_image_bytes=20), TooManyBytes, ["33", "20"]),
        (ANIMATION, Limits(max_image_pixels=100), TooManyPixels, ["2400", "100"]),
    ],
)
def test_refusals_name_the_image_the_value_and_the_limit(
    data: bytes, limits: Limits, error: type[FaceSwapError], said: list[str]
) -> None:
    with pytest.raises(error) as caught:
        inspect_image(data, "SOURCE_IMAGE[3]", limits)
    assert caught.value.message.startswith("SOURCE_IMAGE[3]: ")
    for text in said:
        assert text in caught.value.message


def test_limits_are_inclusive() -> None:
    data = saved(IMAGE, "PNG")
    exact = Limits(max_image_bytes=len(data), max_image_pixels=2400, max_image_side=60)
    assert inspect_image(data, "T", exact).width == 60


def test_tiff_big_endian() -> None:
    little = tiff_of([(256, 4, 1, 5), (257, 4, 1, 7), (258, 3, 1, 8), (262, 3, 1, 1)])
    assert inspect_image(little, "T", LIMITS).width == 5
    entries = ((256, 4, 5), (257, 4, 7))
    big = b"MM\0*\0\0\0\x08\0\x02"
    for tag, kind, value in entries:
        big += tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + b"\0\0\0\1" + value.to_bytes(4, "big")
    header = inspect_image(big + bytes(4), "T", LIMITS)
    assert (header.width, header.height) == (5, 7)


SEEDS = [saved(IMAGE, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")]


@settings(deadline=None, max_examples=300)
@given(
    seed=st.sampled_from(SEEDS),
    cut=st.integers(0, 5000),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
def test_damaged_headers_only_raise_our_errors(seed: bytes, cut: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed[: max(1, len(seed) - cut)])
    for at, value in changes:
        data[at % len(data)] = value
    try:
        header = inspect_image(bytes(data), "T", LIMITS)
    except FaceSwapError as error:
        assert error.message.startswith("T: ")
    else:
        assert 1 <= header.width <= LIMITS.max_image_side
        assert header.width * header.height <= LIMITS.max_image_pixels
