"""The visible label: asked for, forced by the deployment, and on images that could hide it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import Client
from faceswap_server.triton import TritonServer
from integration.server.conftest import StrictServer
from numpy.typing import NDArray
from PIL import Image
from support.icc_profiles import matrix_profile
from support.label_contrast import displayed_contrast
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import np_to_triton_dtype

CORNERS = {"top-left": (0, 0), "top-right": (0, 1), "bottom-left": (1, 0), "bottom-right": (1, 1)}
SIDE = 512  # of the portrait, pixels


def pixels(encoded: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image.convert(mode))


def label_box(labelled: NDArray[np.uint8], plain: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((labelled != plain).any(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def corner_of(box: tuple[int, int, int, int]) -> str:
    top, left, bottom, right = box
    place = (int(top + bottom > SIDE), int(left + right > SIDE))
    return next(name for name, where in CORNERS.items() if where == place)


@pytest.fixture(scope="module")
def plain(server: TritonServer, portrait: Path) -> NDArray[np.uint8]:
    with Client(server.grpc_address) as client:
        return pixels(client.swap(portrait, portrait).image)


@pytest.mark.parametrize("corner", CORNERS)
def test_it_is_drawn_where_it_is_asked_for_and_nowhere_else(
    corner: Any, server: TritonServer, portrait: Path, plain: NDArray[np.uint8]
) -> None:
    with Client(server.grpc_address) as client:
        labelled = pixels(client.swap(portrait, portrait, label=corner, label_size=0.04).image)
    box = label_box(labelled, plain)
    assert corner_of(box) == corner
    assert 0.04 * SIDE < box[2] - box[0] < 0.1 * SIDE
    inside = labelled[box[0] : box[2], box[1] : box[3]].astype(int).mean(axis=2)
    assert (inside.max(), np.median(inside) < 40) == (255, True)


@pytest.mark.parametrize(
    ("asked", "corner", "capitals"),
    [
        ({}, "bottom-left", 0.05),
        ({"label": "top-right", "label_size": 0.01}, "top-right", 0.05),
        ({"label_size": 0.1}, "bottom-left", 0.1),
    ],
)  # fmt: skip
def test_a_deployment_forces_it(
    asked: Any, corner: str, capitals: float, strict: StrictServer, portrait: Path, plain: NDArray[np.uint8]
) -> None:
    with Client(strict.address) as client:
        labelled = pixels(client.swap(portrait, portrait, **asked).image)
    box = label_box(labelled, plain)
    assert corner_of(box) == corner
    assert capitals * SIDE < box[2] - box[0] < 2 * capitals * SIDE


def test_a_transparent_corner_does_not_hide_it(server: TritonServer, portrait: Path) -> None:
    with Image.open(portrait) as image:
        target = np.dstack([np.array(image.convert("RGB")), np.zeros((SIDE, SIDE), np.uint8)])
    target[100:400, 100:400, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(target).save(buffer, "PNG")
    with Client(server.grpc_address) as client:
        without = pixels(client.swap(portrait, buffer.getvalue()).image, "RGBA")
        labelled = pixels(client.swap(portrait, buffer.getvalue(), label="top-right").image, "RGBA")
    top, left, bottom, right = label_box(labelled, without)
    assert corner_of((top, left, bottom, right)) == "top-right"
    assert (labelled[top:bottom, left:right, 3] == 255).all()
    assert (labelled[bottom:, :, 3] == without[bottom:, :, 3]).all()


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_profile_and_transparency_do_not_wash_a_forced_label_out(
    transparent: bool, level: int, strict: StrictServer, portrait: Path
) -> None:
    profile = matrix_profile((lambda value: value**0.02,) * 3)
    buffer = io.BytesIO()
    with Image.open(portrait) as image:
        target = image.convert("RGBA")
    if transparent:  # but for the face: the tests' classifier has no scores for a black image
        alpha = Image.new("L", target.size, 0)
        alpha.paste(255, (100, 50, 400, 350))
        target.putalpha(alpha)
    target.save(buffer, "PNG", icc_profile=profile)
    with Client(strict.address) as client:
        result = client.swap(portrait, buffer.getvalue()).image
    assert displayed_contrast(result, "bottom-left", level) >= 4.5


def test_a_raw_frame_is_labelled_and_its_faces_say_that_it_is_synthetic(server: TritonServer, portrait: Path) -> None:
    with Client(server.grpc_address) as client:
        embedding = client.identity(portrait).embedding[None]
    frame = pixels(portrait.read_bytes())
    answers = {}
    for label in ("off", "top-left"):
        tensors = []
        for name, array in (("SOURCE_EMBEDDINGS", embedding), ("TARGET_FRAME", frame)):
            tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        triton = InferenceServerClient(server.grpc_address)
        answers[label] = triton.infer("face_swap_identity", tensors, parameters={"label": label})
    frames = {label: answer.as_numpy("SWAPPED_FRAME") for label, answer in answers.items()}
    assert corner_of(label_box(frames["top-left"], frames["off"])) == "top-left"
    source_type = json.loads(answers["off"].as_numpy("FACES")[0])["digital_source_type"]
    assert source_type == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def test_a_target_without_a_face_is_not_called_synthetic(server: TritonServer, portrait: Path) -> None:
    triton = InferenceServerClient(server.grpc_address)
    tensors = []
    for name, array in (
        ("SOURCE_EMBEDDINGS", np.ones((1, 512), np.float32)),
        ("TARGET_FRAME", np.zeros((64, 64, 3), np.uint8)),
    ):
        tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    answer = triton.infer("face_swap_identity", tensors, parameters={"on_no_face": "passthrough", "label": "top-left"})
    assert json.loads(answer.as_numpy("FACES")[0])["digital_source_type"] is None
    assert not answer.as_numpy("SWAPPED_FRAME").any()
