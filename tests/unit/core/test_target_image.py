"""`TargetImage`: what `paste_faces` finds in the buffer pool is what `decode_images` put there."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from faceswap_core.buffers.buffer_pool import BufferPool
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.new_lease import NewLease
from faceswap_core.buffers.orphaned_leases import OrphanedLeases
from faceswap_core.buffers.private_folder import PrivateFolder
from faceswap_core.codecs.decoding import decode_image, read_metadata
from faceswap_core.codecs.header import inspect_image
from faceswap_core.errors import FaceSwapError, InvalidTensor
from faceswap_core.limits import Limits
from faceswap_core.steps.decode_images import decode_images
from faceswap_core.steps.target_image import TargetImage, attached_bytes
from faceswap_tools.adversarial.all_images import all_adversarial_images
from faceswap_tools.adversarial.images import LIMIT_BYTES, LIMIT_PIXELS, LIMIT_SIDE
from PIL import Image, ImageCms

LIMITS = Limits()
SMALL = Limits(max_image_bytes=LIMIT_BYTES, max_image_pixels=LIMIT_PIXELS, max_image_side=LIMIT_SIDE)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(kind: str, mode: str, size: tuple[int, int] = (7, 5), **saved: object) -> bytes:
    """An image of `size` (width, height)."""
    values = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(values, "RGBA").convert(mode).save(out, kind, **saved)
    return out.getvalue()


TARGETS = {
    "JPEG": encoded("JPEG", "RGB"),
    "JPEG with profile and density": encoded("JPEG", "RGB", icc_profile=SRGB, dpi=(300, 200)),
    "PNG": encoded("PNG", "RGB"),
    "PNG with everything": encoded("PNG", "RGBA", icc_profile=SRGB, dpi=(300, 200)),
    "PNG of one row": encoded("PNG", "RGBA", (9, 1)),
    "PNG of one column": encoded("PNG", "RGBA", (1, 9)),
    "PNG of one pixel": encoded("PNG", "RGBA", (1, 1)),
    "PNG with grey and alpha": encoded("PNG", "LA"),
    "PNG with palette and transparency": encoded("PNG", "P", transparency=0),
    "WebP": encoded("WEBP", "RGB", lossless=True),
    "WebP with alpha": encoded("WEBP", "RGBA", lossless=True, icc_profile=SRGB),
    "TIFF with alpha": encoded("TIFF", "RGBA"),
    "GIF with transparency": encoded("GIF", "P", transparency=0),
    "BMP": encoded("BMP", "RGB"),
}


def make_pool(folder: Path) -> BufferPool:
    joined = PrivateFolder.join(folder)
    orphans = OrphanedLeases(joined, 60.0, time.time, lambda: 0.0)
    return BufferPool(joined, MemoryBudget(10**12, 8, lambda: 0), 60.0, orphans)


@pytest.mark.parametrize("max_side", [None, 4])
@pytest.mark.parametrize("data", TARGETS.values(), ids=TARGETS)
def test_a_target_comes_out_of_the_pool_as_it_went_in(data: bytes, max_side: int | None, tmp_path: Path) -> None:
    with NewLease(make_pool(tmp_path)) as new:
        decoded = decode_images(None, [data], LIMITS, keep_target=True, max_side=max_side, allocate=new.allocate).target
        assert decoded is not None
        new.attach(decoded.parts())
    lease, reader = Lease.parse(new.lease.encode()), make_pool(tmp_path)
    read = TargetImage.from_parts(reader.open_target(lease), reader.attached(lease))
    assert (read.encoded, read.header, read.kept) == (data, inspect_image(data, "T", LIMITS), decoded.kept)
    assert np.array_equal(read.rgb, decoded.rgb)
    assert (read.alpha is None) == (decoded.alpha is None)
    if read.alpha is not None and decoded.alpha is not None:
        assert np.array_equal(read.alpha, decoded.alpha)
    whole = decode_image(data, inspect_image(data, "T", LIMITS), "T")
    assert (whole.alpha is None) == (read.alpha is None)
    assert read.kept.icc_profile == whole.kept.icc_profile


def test_an_analysis_keeps_nothing_beside_its_pixels(tmp_path: Path) -> None:
    with NewLease(make_pool(tmp_path)) as new:
        decoded = decode_images(None, [TARGETS["PNG with everything"]], LIMITS, allocate=new.allocate)
    assert decoded.target is None
    assert new.lease.attached == ()


def assert_enough_room(data: bytes) -> None:
    header = inspect_image(data, "T", LIMITS)
    decoded = decode_image(data, header, "T")
    metadata = read_metadata(data, header, "T")
    assert decoded.alpha is None or metadata.may_have_alpha
    target = TargetImage(data, header, decoded.rgb, decoded.alpha, decoded.kept)
    needed = sum(len(part) if isinstance(part, bytes) else part.size for part in target.parts())
    assert needed <= attached_bytes(data, header, metadata, (header.height, header.width))


@pytest.mark.parametrize("data", TARGETS.values(), ids=TARGETS)
def test_the_room_asked_for_is_enough(data: bytes) -> None:
    assert_enough_room(data)


def test_the_room_asked_for_is_enough_for_every_adversarial_image_that_decodes() -> None:
    decodable = 0
    for case in all_adversarial_images():
        try:
            decode_image(case.data, inspect_image(case.data, "T", SMALL), "T")
        except FaceSwapError:
            continue
        decodable += 1
        assert_enough_room(case.data)
    assert decodable > 5


def test_a_tiff_that_does_not_say_what_its_fourth_sample_is_has_room_for_alpha() -> None:
    """Pillow reads it as RGBA; without ExtraSamples the header declares no transparency."""
    data = encoded("TIFF", "RGBA")
    tag = data.index(b"\x52\x01\x03\x00")  # ExtraSamples, 338, SHORT, little endian
    data = data[:tag] + b"\x53\x01" + data[tag + 2 :]  # renamed to SampleFormat, 339
    value = tag + 8
    data = data[:value] + b"\x01\x00" + data[value + 2 :]
    header = inspect_image(data, "T", LIMITS)
    assert not header.has_alpha
    assert decode_image(data, header, "T").alpha is not None
    assert_enough_room(data)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"x", b"", b"{}", b""),
        (b"x", b"", b"\xff", b""),
        (b"x", b"", b"[]", b""),
        (b"x", b"", json.dumps({"header": {"format": "heic"}, "pixels_per_metre": None}).encode(), b""),
        (b"x", b"", json.dumps({"header": {"format": "png"}, "pixels_per_metre": None}).encode(), b""),
        (b"x", b"", json.dumps({"header": 3, "pixels_per_metre": None}).encode(), b""),
    ],
)
def test_parts_that_are_no_target_are_refused(parts: tuple[bytes, ...]) -> None:
    views = [np.frombuffer(part, np.uint8) for part in parts]
    with pytest.raises(InvalidTensor):
        TargetImage.from_parts(np.zeros((5, 7, 3), np.uint8), views)


def test_alpha_of_another_size_than_the_pixels_is_refused() -> None:
    target = decode_images(None, [TARGETS["PNG with everything"]], LIMITS, keep_target=True).target
    assert target is not None
    views = [np.frombuffer(p, np.uint8) if isinstance(p, bytes) else p.reshape(-1) for p in target.parts()]
    assert TargetImage.from_parts(target.rgb, views).alpha is not None
    with pytest.raises(InvalidTensor):
        TargetImage.from_parts(target.rgb[1:], views)
