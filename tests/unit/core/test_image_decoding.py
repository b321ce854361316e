"""Decoding: the pixels other decoders give, orientation, alpha, 16 bits, CMYK, profiles, and strictness."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from faceswap_core.codecs.decoding import DecodedImage, KeptMetadata, decode_image
from faceswap_core.codecs.header import inspect_image
from faceswap_core.codecs.jpeg_segments import header_segments, jpeg_scans
from faceswap_core.errors import CorruptImage, FaceSwapError, TruncatedImage
from faceswap_core.limits import Limits
from faceswap_tools.adversarial.containers import png_chunk
from faceswap_tools.adversarial.images import photograph, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

LIMITS = Limits()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RGB = photograph(150, 201)
IMAGE = Image.fromarray(RGB)
ALPHA = np.add.outer(np.arange(150), np.arange(201)).astype(np.uint8)
TRANSPARENT = Image.fromarray(np.dstack((RGB, ALPHA)))


def decoded(data: bytes) -> DecodedImage:
    return decode_image(data, inspect_image(data, "T", LIMITS), "T")


def alpha_of(result: DecodedImage) -> NDArray[np.uint8]:
    assert result.alpha is not None
    return result.alpha


def by_opencv(data: bytes) -> NDArray[Any]:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert bgr is not None
    return np.asarray(bgr[..., ::-1])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(saved(IMAGE, "JPEG", subsampling=s, progressive=p, quality=q), id=f"{s} {p} {q}")
        for s in ("4:4:4", "4:2:2", "4:2:0")
        for p in (False, True)
        for q in (60, 95)
    ]
    + [
        pytest.param(saved(IMAGE.convert("L"), "JPEG"), id="grey"),
        pytest.param(saved(IMAGE, "JPEG", keep_rgb=True), id="stored as RGB"),
        pytest.param(simplejpeg.encode_jpeg(RGB, 90, "RGB", "440"), id="440"),
        pytest.param(simplejpeg.encode_jpeg(RGB, 90, "RGB", "411"), id="411"),
        pytest.param(saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)]), id="mpo"),
        pytest.param(saved(IMAGE, "WEBP", quality=80), id="webp"),
        pytest.param(saved(IMAGE, "PNG"), id="png"),
        pytest.param(saved(IMAGE.convert("L"), "PNG"), id="grey png"),
        pytest.param(cv2.imencode(".png", RGB.astype(np.uint16) * 201)[1].tobytes(), id="16-bit png"),
        pytest.param(cv2.imencode(".png", RGB[..., 0].astype(np.uint16) * 201)[1].tobytes(), id="16-bit grey png"),
        pytest.param(saved(IMAGE, "TIFF", compression="tiff_lzw"), id="tiff"),
        pytest.param(saved(IMAGE, "BMP"), id="bmp"),
    ],
)
def test_same_pixels_as_opencv(data: bytes) -> None:
    np.testing.assert_array_equal(decoded(data).rgb, by_opencv(data))


def test_same_pixels_as_opencv_for_a_photograph(group: Path) -> None:
    data = group.read_bytes()
    np.testing.assert_array_equal(decoded(data).rgb, by_opencv(data))


LOSSLESS: list[tuple[str, dict[str, object]]] = [
    ("PNG", {}),
    ("WEBP", {"lossless": True, "exact": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_formats_give_the_pixels_back(kind: str, options: dict[str, object], transparent: bool) -> None:
    result = decoded(saved(TRANSPARENT if transparent else IMAGE, kind, **options))
    np.testing.assert_array_equal(result.rgb, RGB)
    if transparent:
        np.testing.assert_array_equal(alpha_of(result), ALPHA)
    else:
        assert result.alpha is None


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(IMAGE.quantize(40), id="palette"),
        pytest.param(IMAGE.quantize(2), id="palette of two"),
        pytest.param(IMAGE.convert("1"), id="one bit"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "BMP"])
def test_other_layouts_look_as_pillow_shows_them(image: Image.Image, kind: str) -> None:
    result = decoded(saved(image, kind))
    np.testing.assert_array_equal(result.rgb, np.asarray(image.convert("RGB")))
    assert result.alpha is None


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_alpha(kind: str) -> None:
    image = TRANSPARENT.convert("LA")
    result = decoded(saved(image, kind))
    np.testing.assert_array_equal(result.rgb, np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(alpha_of(result), ALPHA)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_colour(kind: str) -> None:
    image = IMAGE.quantize(16)
    result = decoded(saved(image, kind, transparency=5))
    assert result.alpha is not None
    np.testing.assert_array_equal(result.alpha == 0, np.asarray(image) == 5)
    assert set(np.unique(result.alpha)) == {0, 255}


def test_palette_with_graded_transparency() -> None:
    image = IMAGE.quantize(16)
    grades = np.arange(16, dtype=np.uint8) * 17
    result = decoded(saved(image, "PNG", transparency=grades.tobytes()))
    np.testing.assert_array_equal(alpha_of(result), grades[np.asarray(image)])


def test_transparent_colour_of_an_rgb_png() -> None:
    key = tuple(int(v) for v in RGB[3, 4])
    result = decoded(saved(IMAGE, "PNG", transparency=key))
    assert result.alpha is not None
    np.testing.assert_array_equal(result.alpha == 0, (np.array(key) == RGB).all(axis=-1))


@pytest.mark.parametrize("grey", [True, False])
def test_transparent_colour_of_a_sixteen_bit_png(grey: bool) -> None:
    deep = RGB.astype(np.uint16) * np.uint16(256) + np.uint16(77)
    values = np.ascontiguousarray(deep[..., 0]) if grey else deep
    plain = cv2.imencode(".png", values if grey else values[..., ::-1])[1].tobytes()
    key = np.atleast_1d(values[3, 4]).astype(">u2")
    result = decoded(plain[:33] + png_chunk(b"tRNS", key.tobytes()) + plain[33:])
    same = values == key
    np.testing.assert_array_equal(alpha_of(result) == 0, same if grey else same.all(axis=-1))
    np.testing.assert_array_equal(result.rgb, RGB[..., [0, 0, 0]] if grey else RGB)


@pytest.mark.parametrize("factor", [256, 257])
@pytest.mark.parametrize("kind", ["png grey", "png rgb", "png rgba", "tiff grey", "tiff rgb", "tiff big-endian"])
def test_sixteen_bits_keep_eight_bit_values_exactly(kind: str, factor: int, tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * np.uint16(factor)
    file = tmp_path / "deep.tif"
    grey = "grey" in kind or "endian" in kind
    if kind.startswith("tiff"):
        order: Literal["<", ">"] = ">" if "endian" in kind else "<"
        tifffile.imwrite(
            file, deep[..., 0] if grey else deep, photometric="minisblack" if grey else "rgb", byteorder=order
        )
        data = file.read_bytes()
    elif kind == "png rgba":
        four = np.dstack((deep[..., ::-1], ALPHA.astype(np.uint16) * np.uint16(factor)))
        data = cv2.imencode(".png", four)[1].tobytes()
    else:
        data = cv2.imencode(".png", deep[..., 0] if grey else deep[..., ::-1])[1].tobytes()
    result = decoded(data)
    np.testing.assert_array_equal(result.rgb, RGB[..., [0, 0, 0]] if grey else RGB)
    if kind == "png rgba":
        np.testing.assert_array_equal(alpha_of(result), ALPHA)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_that_stores_ink(dtype: type[np.unsignedinteger[Any]], tmp_path: Path) -> None:
    largest = np.iinfo(dtype).max
    ink = largest - (RGB[..., 0].astype(dtype) * (largest // 255))
    file = tmp_path / "ink.tif"
    tifffile.imwrite(file, ink, photometric="miniswhite")
    np.testing.assert_array_equal(decoded(file.read_bytes()).rgb[..., 1], RGB[..., 0])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "image"),
    [("JPEG", IMAGE), *((kind, each) for kind in ("PNG", "WEBP", "TIFF") for each in (IMAGE, TRANSPARENT))],
)
def test_orientation_is_applied_once(kind: str, image: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    exact: dict[str, dict[str, object]] = {
        "WEBP": {"lossless": True, "exact": True},
        "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    }
    result = decoded(saved(image, kind, exif=exif, **exact.get(kind, {})))
    turned = image.copy()
    turned.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned))
    assert result.rgb.shape == (*expected.shape[:2], 3)
    difference = np.abs(result.rgb.astype(int) - expected[..., :3])
    assert difference.mean() < (4 if kind == "JPEG" else 1e-9)
    if image is TRANSPARENT:
        np.testing.assert_array_equal(alpha_of(result), expected[..., 3])


def test_arrays_are_contiguous_and_writable() -> None:
    exif = Image.Exif()
    exif[274] = 6
    for data in (saved(IMAGE, "JPEG", exif=exif), saved(TRANSPARENT, "PNG"), saved(IMAGE, "GIF")):
        rgb = decoded(data).rgb
        assert rgb.flags.c_contiguous
        assert rgb.flags.writeable
        assert rgb.dtype == np.uint8


def test_cmyk_without_a_profile_is_what_pillow_shows() -> None:
    image = IMAGE.convert("CMYK")
    data = saved(image, "JPEG", quality=95)
    difference = np.abs(decoded(data).rgb.astype(int) - np.asarray(Image.open(_stream(data)).convert("RGB")))
    assert difference.max() <= 1
    np.testing.assert_array_equal(decoded(saved(image, "TIFF")).rgb, np.asarray(image.convert("RGB")))


def _stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def test_grey_profile_is_converted_and_not_kept() -> None:
    """A grey profile with gamma 1 makes middle grey lighter in sRGB: 128/255 linear is 188."""
    profile = linear_grey_profile()
    flat = Image.new("L", (32, 32), 128)
    for kind in ("JPEG", "PNG", "TIFF"):
        result = decoded(saved(flat, kind, icc_profile=profile))
        assert np.abs(result.rgb.astype(int) - 188).max() <= 2, kind
        assert result.kept.icc_profile is None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_profile_is_converted_and_not_kept(kind: str) -> None:
    """In this profile only black ink counts: L* = 80 (1 - black), which is 40 and 60 for the greys below."""
    profile = black_only_cmyk_profile()
    for ink, expected in (((0, 0, 0, 128), 94), ((255, 255, 255, 64), 145), ((255, 255, 255, 255), 0)):
        result = decoded(saved(Image.new("CMYK", (32, 24), ink), kind, icc_profile=profile))
        assert np.abs(result.rgb.astype(int) - expected).max() <= 3
        assert result.kept.icc_profile is None


def linear_grey_profile() -> bytes:
    """A small ICC v2 grey profile: a tone curve of gamma 1 (ICC.1:2001-04)."""
    return icc_profile(b"mntrGRAYXYZ ", {b"kTRC": b"curv" + bytes(8)})


def black_only_cmyk_profile() -> bytes:
    """A small ICC v2 CMYK profile: a grid of two points an ink, L* = 80 (1 - black), a = b = 0."""
    straight = bytes(range(256))
    corners = b"".join(bytes((0 if corner & 1 else 204, 128, 128)) for corner in range(16))  # black varies fastest
    identity = b"".join((65536 if i % 4 == 0 else 0).to_bytes(4, "big") for i in range(9))
    table = b"mft1\0\0\0\0\4\3\2\0" + identity + straight * 4 + corners + straight * 3
    return icc_profile(b"prtrCMYKLab ", {b"A2B0": table})


def icc_profile(spaces: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC v2 profile of a class, a colour space and a connection space, with the tags every profile has."""
    white = b"".join(value.to_bytes(4, "big") for value in (63190, 65536, 54061))  # D50
    tags = {
        **tags,
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"desc": b"desc\0\0\0\0\0\0\0\2g\0" + bytes(80),
        b"cprt": b"text\0\0\0\0none",
    }
    table, parts, at = len(tags).to_bytes(4, "big"), b"", 128 + 4 + 12 * len(tags)
    for name, part in tags.items():
        table += name + (at + len(parts)).to_bytes(4, "big") + len(part).to_bytes(4, "big")
        parts += part + bytes(-len(part) % 4)
    head = bytearray(128)
    head[0:4] = (at + len(parts)).to_bytes(4, "big")
    head[8:12] = b"\2\x20\0\0"
    head[12:24] = spaces
    head[36:40] = b"acsp"
    head[68:80] = white
    return bytes(head) + table + parts


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_rgb_profile_is_kept_bit_for_bit(kind: str) -> None:
    assert decoded(saved(IMAGE, kind, icc_profile=SRGB)).kept.icc_profile == SRGB


def test_profile_in_several_jpeg_segments() -> None:
    long = (len(SRGB) + 150_000).to_bytes(4, "big") + SRGB[4:] + bytes(range(250)) * 600
    data = saved(IMAGE, "JPEG", icc_profile=long)
    assert sum(segment.marker == 0xE2 for segment in header_segments(data)) == 3
    assert decoded(data).kept.icc_profile == long


@pytest.mark.parametrize(
    "damage",
    [SRGB[:100], SRGB[:36] + b"xxxx" + SRGB[40:], bytes(1000), SRGB[:300]],
    ids=["in its header", "in its signature", "all zeros", "in its tags"],  # bytes as names hold the time it was made
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_damaged_profile_is_dropped(kind: str, damage: bytes) -> None:
    result = decoded(saved(IMAGE, kind, icc_profile=damage))
    assert result.kept.icc_profile is None
    assert result.rgb.shape == RGB.shape


def test_profile_for_other_colours_is_dropped() -> None:
    assert decoded(saved(IMAGE, "PNG", icc_profile=linear_grey_profile())).kept.icc_profile is None


def test_resolution_is_kept_and_turned() -> None:
    exif = Image.Exif()
    exif[274] = 6
    for kind in ("JPEG", "PNG"):
        assert decoded(saved(IMAGE, kind, dpi=(300, 150))).kept.pixels_per_metre == (11811, 5906)
        assert decoded(saved(IMAGE, kind, dpi=(300, 150), exif=exif)).kept.pixels_per_metre == (5906, 11811)
    assert decoded(saved(IMAGE, "WEBP")).kept == KeptMetadata()


JPEG = saved(IMAGE, "JPEG", quality=90)


@pytest.mark.parametrize("left_out", [2, 3, 20, 500, 4000])
@pytest.mark.parametrize("progressive", [False, True])
def test_cut_jpeg_is_refused(left_out: int, progressive: bool) -> None:
    data = saved(IMAGE, "JPEG", quality=90, progressive=progressive)
    with pytest.raises(TruncatedImage, match=r"^TRUNCATED_IMAGE: T: "):
        decoded(data[:-left_out])


def test_jpeg_with_damaged_pixels_is_refused() -> None:
    first = list(header_segments(JPEG))[-1].end
    middle = first + (len(JPEG) - first) // 2
    with pytest.raises(CorruptImage):
        decoded(JPEG[:middle] + JPEG[middle + 60 :])


def test_jpeg_with_far_too_many_scans_is_refused_before_decoding() -> None:
    whole = saved(IMAGE, "JPEG", progressive=True)
    assert 6 <= jpeg_scans(whole, 50) <= 12
    assert jpeg_scans(JPEG, 50) == 1
    last = whole[whole.rindex(b"\xff\xda") : -2]
    assert jpeg_scans(whole[:-2] + last * 20 + whole[-2:], 50) == jpeg_scans(whole, 50) + 20
    with pytest.raises(CorruptImage, match="more than 50 JPEG scans"):
        decoded(whole[:-2] + last * 60 + whole[-2:])


def test_jpeg_of_phones_with_odd_scan_parameters_is_fine() -> None:
    # Ss, Se, AhAl of the only scan are 0, 0, 0 instead of 0, 63, 0: libjpeg warns, the pixels are whole
    end = list(header_segments(JPEG))[-1].end
    assert JPEG[end - 3 : end] == b"\0\x3f\0"
    np.testing.assert_array_equal(decoded(JPEG[: end - 2] + b"\0" + JPEG[end - 1 :]).rgb, decoded(JPEG).rgb)


def test_header_of_another_image_is_refused() -> None:
    other = inspect_image(saved(IMAGE.resize((10, 10)), "JPEG"), "T", LIMITS)
    with pytest.raises(CorruptImage):
        decode_image(JPEG, other, "T")


@settings(deadline=None, max_examples=60)
@given(
    rgb=hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 300), st.just(3))),
    kind=st.sampled_from(["PNG", "BMP", "TIFF", "WEBP"]),
)
def test_any_size_comes_back(rgb: NDArray[np.uint8], kind: str) -> None:
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decoded(saved(Image.fromarray(rgb), kind, **options)).rgb, rgb)


LOSSY: list[tuple[str, dict[str, object]]] = [("JPEG", {}), ("JPEG", {"progressive": True}), ("GIF", {}), ("BMP", {})]
SEEDS = [
    saved(TRANSPARENT.resize((30, 20)) if kind != "JPEG" else IMAGE.resize((30, 20)), kind, **options)
    for kind, options in (*LOSSY, *LOSSLESS)
]


@settings(deadline=None, max_examples=300)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_damage_anywhere_only_raises_our_errors(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    try:
        header = inspect_image(bytes(data), "T", Limits(max_image_pixels=1_000_000))
        result = decode_image(bytes(data), header, "T")
    except FaceSwapError:
        return
    assert result.rgb.shape == (header.height, header.width, 3)
