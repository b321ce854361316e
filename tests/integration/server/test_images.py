"""What comes back keeps what the target had, whatever kind of image it was."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from faceswap_client import Client, SwapResult
from faceswap_server.triton import TritonServer
from PIL import Image, ImageCms


@pytest.fixture(scope="module")
def client(server: TritonServer) -> Client:
    return Client(server.grpc_address)


@pytest.fixture(scope="module")
def face(portrait: Path) -> Image.Image:
    return Image.open(portrait).convert("RGB").resize((384, 384), Image.Resampling.LANCZOS)


def saved(image: Image.Image, fmt: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **how)
    return buffer.getvalue()


def opened(result: SwapResult) -> Image.Image:
    image = Image.open(io.BytesIO(result.image))
    image.load()
    return image


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a.convert("RGB"), np.int16) - np.asarray(b.convert("RGB"), np.int16)).mean())


def test_colour_profile_is_kept_bit_for_bit(client: Client, portrait: Path, face: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for fmt in ("JPEG", "PNG", "WEBP"):
        result = client.swap(portrait, saved(face, fmt, icc_profile=profile))
        assert opened(result).info["icc_profile"] == profile, fmt
        assert opened(result).format == fmt


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_not_left_in_the_metadata(
    orientation: int, client: Client, portrait: Path, face: Image.Image
) -> None:
    # stored so that the tag turns it back upright: the inverse of each of the eight operations
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    wide = face.crop((0, 0, 384, 300))
    stored = wide.transpose(inverse[orientation]) if orientation > 1 else wide
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = client.swap(portrait, saved(stored, "JPEG", exif=exif, quality=95))
    image = opened(result)
    assert image.size == wide.size == (result.width, result.height)
    assert image.getexif().get(0x0112, 1) == 1
    assert difference(image, wide) < 6, "not upright"
    assert len(result.faces) == 1


def test_alpha_is_kept(client: Client, portrait: Path, face: Image.Image) -> None:
    ramp = np.tile(np.linspace(0, 255, 384).astype(np.uint8), (384, 1))
    transparent = face.copy()
    transparent.putalpha(Image.fromarray(ramp))
    result = client.swap(portrait, saved(transparent, "PNG"))
    assert opened(result).mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(opened(result))[..., 3], ramp)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "I;16"])
def test_other_kinds_of_images_come_back_as_sensible_eight_bit_ones(
    mode: str, client: Client, portrait: Path, face: Image.Image
) -> None:
    grey = face.convert("L")
    if mode == "CMYK":
        encoded, looks_like = saved(face.convert("CMYK"), "JPEG", quality=95), face
    elif mode == "I;16":
        deep = np.asarray(grey).astype(np.uint16) * 257
        encoded, looks_like = saved(Image.fromarray(deep), "PNG"), grey
    elif mode == "P":
        encoded, looks_like = saved(face.quantize(256), "PNG"), face
    else:
        encoded, looks_like = saved(grey.convert(mode), "PNG"), grey
    result = client.swap(portrait, encoded)
    image = opened(result)
    assert image.mode in ("RGB", "RGBA")
    assert image.size == (384, 384)
    assert len(result.faces) == 1
    assert difference(image, looks_like) < 12


@pytest.mark.parametrize(("wanted", "fmt"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_output_format_and_quality(wanted: str, fmt: str, client: Client, portrait: Path, face: Image.Image) -> None:
    target = saved(face, "TIFF")
    low = client.swap(portrait, target, output_format=wanted, output_quality=20)  # type: ignore[arg-type]
    high = client.swap(portrait, target, output_format=wanted, output_quality=95)  # type: ignore[arg-type]
    assert opened(low).format == opened(high).format == fmt
    assert (len(low.image) < len(high.image)) == (fmt != "PNG")


def test_a_format_we_do_not_write_becomes_png(client: Client, portrait: Path, face: Image.Image) -> None:
    for fmt in ("TIFF", "BMP"):
        assert client.swap(portrait, saved(face, fmt)).format == "png"


def test_max_side_scales_the_result_and_its_coordinates(server: TritonServer, portrait: Path, group: Path) -> None:
    with Client(server.grpc_address) as client:
        whole = client.swap(portrait.read_bytes(), group.read_bytes())
        small = client.swap(portrait.read_bytes(), group.read_bytes(), max_side=640)
    assert max(small.width, small.height) == 640
    with Image.open(io.BytesIO(small.image)) as image:
        assert image.size == (small.width, small.height)
    assert [face.swapped for face in small.faces] == [face.swapped for face in whole.faces]
    scale = 640 / max(whole.width, whole.height)
    for found, expected in zip(small.faces, whole.faces, strict=True):
        assert np.allclose(found.box, np.array(expected.box) * scale, atol=12)
