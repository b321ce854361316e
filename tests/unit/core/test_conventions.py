"""Each row of python_backend/CONVENTIONS.md, pinned by one test here or by the one that the table names."""

from __future__ import annotations

import re
from itertools import pairwise

import cv2
import numpy as np
import onnxruntime
import pytest
from faceswap_core.codecs.decoding import decode_image
from faceswap_core.codecs.encoding import encode_image
from faceswap_core.codecs.header import ImageFormat, inspect_image
from faceswap_core.faces.geometry import crop_affine, crop_template, warp_crop
from faceswap_core.faces.letterbox import letterbox
from faceswap_core.faces.scrfd import DetectorHeads
from faceswap_core.faces.selection import ordered_faces
from faceswap_core.limits import Limits
from faceswap_core.options import OnNoFace, Options
from faceswap_core.provenance.xmp.read_back import xmp_packets
from faceswap_core.steps.align_faces import align_faces
from faceswap_core.steps.decode_images import decode_images, scaled_size
from faceswap_core.types import Face
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection
from numpy.typing import NDArray
from PIL import Image
from support.affine import transform_points
from support.paths import ROOT

LIMITS = Limits()
TABLE = (ROOT / "python_backend" / "CONVENTIONS.md").read_text()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """RGB pixels as a PNG."""
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def face(left: float, top: float, side: float = 10.0) -> Face:
    return Face((left, top, left + side, top + side), 0.9, np.zeros((5, 2), np.float32))


def test_every_row_of_the_table_names_a_test_that_exists() -> None:
    named = re.findall(r"`(test_\w+)`", TABLE)
    tests = "\n".join(path.read_text() for path in (ROOT / "tests" / "unit").rglob("test_*.py"))
    assert len(named) == TABLE.count("\n| ") - 1, "one test in each row but the heading"
    assert not [name for name in named if f"def {name}(" not in tests]


def test_convention_colour_is_rgb_from_the_decoder_to_the_encoder() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    data = png(red)
    header = inspect_image(data, "T", LIMITS)
    decoded = decode_image(data, header, "T")
    assert decoded.rgb[0, 0].tolist() == [255, 0, 0]
    for written in (ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.JPEG):
        encoded = encode_image(decoded.rgb, None, target=header, kept=decoded.kept, format=written, quality=95)
        again = decode_image(encoded, inspect_image(encoded, "T", LIMITS), "T").rgb[4, 4].astype(int)
        assert np.abs(again - (255, 0, 0)).max() <= 4


def test_convention_images_are_uint8_height_width_3_and_contiguous() -> None:
    data = png(np.zeros((5, 7, 3), np.uint8))
    rgb = decode_image(data, inspect_image(data, "T", LIMITS), "T").rgb
    assert rgb.dtype == np.uint8
    assert (rgb.shape, rgb.flags.c_contiguous) == ((5, 7, 3), True)
    crop = warp_crop(rgb, np.eye(2, 3), 128)
    assert crop.dtype == np.uint8
    assert (crop.shape, crop.flags.c_contiguous) == ((128, 128, 3), True)


def test_convention_sizes_are_height_width() -> None:
    assert scaled_size((100, 200), 50) == (25, 50)
    decoded = decode_images(None, [png(np.zeros((5, 7, 3), np.uint8))], LIMITS)
    assert decoded.images.target.shape[:2] == (5, 7)


def test_convention_points_are_x_y_and_boxes_left_top_right_bottom() -> None:
    found = Face((10.0, 20.0, 40.0, 80.0), 0.9, np.zeros((5, 2), np.float32))
    assert found.centre_x == 25.0
    assert found.shorter_side == 30.0
    left_eye, right_eye, nose, left_mouth, right_mouth = crop_template(112)
    assert left_eye[0] < nose[0] < right_eye[0], "x comes first: the eyes are beside each other"
    assert left_eye[1] < nose[1] < left_mouth[1], "and y grows downwards"
    assert left_mouth[0] < right_mouth[0], "left as seen in the image"


def test_convention_pixel_centres_are_whole_numbers() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    crop = warp_crop(image, np.array([[1.0, 0, -3], [0, 1.0, -5]]), 20)
    np.testing.assert_array_equal(crop, image[5:25, 3:23])


def test_convention_decoded_images_are_upright() -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by 90 degrees
    path = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    block = exif.tobytes()
    data = path[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + path[2:]
    rgb = decode_image(data, inspect_image(data, "T", LIMITS), "T").rgb
    assert rgb.shape == (32, 16, 3)
    assert rgb[:12].mean() > 200
    assert rgb[20:].mean() < 50


def test_convention_affines_map_image_x_y_to_crop_x_y() -> None:
    landmarks = crop_template(128).astype(np.float64) * 2 + (100, 50)
    affine = crop_affine(landmarks, 128)
    assert affine.dtype == np.float64
    assert affine.shape == (2, 3)
    np.testing.assert_allclose(transform_points(landmarks, affine), crop_template(128), atol=1e-4)
    image = np.zeros((400, 400, 3), np.uint8)
    cv2.circle(image, (int(landmarks[2][0]), int(landmarks[2][1])), 6, (255, 255, 255), -1)
    crop = cv2.warpAffine(image, affine, (128, 128))
    rows, columns = np.nonzero(crop[..., 0] > 128)
    np.testing.assert_allclose((columns.mean(), rows.mean()), crop_template(128)[2], atol=1.0)


def test_convention_faces_are_ordered_left_to_right_by_the_centre_of_the_box() -> None:
    faces = [face(300, 0), face(10, 200), face(100, 5, side=200)]
    assert [each.box[0] for each in ordered_faces(faces)] == [10, 100, 300]
    centres = [each.centre_x for each in ordered_faces(faces)]
    assert all(before < after for before, after in pairwise(centres))


def test_convention_the_letterboxed_image_is_in_the_upper_left_and_scaled_by_letterboxed_per_image_pixels() -> None:
    square, scale = letterbox(np.full((1280, 320, 3), 200, np.uint8))
    assert scale == 0.5
    assert square[639, 159].tolist() == [200, 200, 200]
    assert square[:, 160:].max() == 0


def test_convention_a_blank_row_stands_for_no_face() -> None:
    """Crops, affines and sources have one row at least, because a batching network takes no empty batch."""
    cells = (12800, 3200, 800)
    nothing = DetectorHeads(
        [np.zeros((n, 1), np.float32) for n in cells],
        [np.zeros((n, 4), np.float32) for n in cells],
        [np.zeros((n, 10), np.float32) for n in cells],
    )
    options = Options(on_no_face=OnNoFace.PASSTHROUGH)
    aligned = align_faces([nothing], [], np.zeros((50, 60, 3), np.uint8), options, identities=1)
    assert aligned.swap_count.tolist() == [0]
    assert (aligned.swap_crops.shape, aligned.swap_affines.shape, aligned.face_sources.shape) == (
        (1, 128, 128, 3),
        (1, 2, 3),
        (1,),
    )
    assert not aligned.swap_crops.any()


def test_convention_embeddings_are_raw_and_latents_have_unit_length() -> None:
    rng = np.random.default_rng(1)
    embeddings = (20 * rng.standard_normal((2, 512)) / 512**0.5).astype(np.float32)
    network = build_identity_projection(rng.standard_normal((512, 512)).astype(np.float32))
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"embedding": embeddings, "face_source": np.array([1, 0, 1], np.int32)}
    latents, identities = session.run(["latent", "identity"], inputs)
    assert latents.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(identities, embeddings)


@pytest.mark.parametrize("written", [ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.JPEG])
def test_convention_metadata_does_not_come_along(written: ImageFormat) -> None:
    data = png(np.zeros((8, 8, 3), np.uint8))
    header = inspect_image(data, "T", LIMITS)
    decoded = decode_image(data, header, "T")
    encoded = encode_image(decoded.rgb, None, target=header, kept=decoded.kept, format=written, quality=90)
    assert xmp_packets(encoded) == []
    assert b"Exif" not in encoded
