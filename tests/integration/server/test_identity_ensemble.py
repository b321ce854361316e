"""`face_swap_identity`: embeddings in place of source images, raw frames in place of encoded ones."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_server.triton import TritonServer
from faceswap_server.triton.statistics import difference, read_statistics
from numpy.typing import NDArray
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


@pytest.fixture(scope="module")
def triton(server: TritonServer) -> InferenceServerClient:
    return InferenceServerClient(server.grpc_address)


def infer(triton: InferenceServerClient, model: str, parameters: dict[str, Any] | None = None, **inputs: Any) -> Any:
    tensors = []
    for name, value in inputs.items():
        array = np.array([value], dtype=np.object_) if isinstance(value, bytes) else value
        tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    return triton.infer(model, tensors, parameters=parameters)


def png(path: Path) -> bytes:
    with Image.open(path) as image:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def rgb(encoded: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image.convert("RGB"))


@pytest.fixture(scope="module")
def first_swap(triton: InferenceServerClient, portrait: Path, group: Path) -> Any:
    return infer(triton, "face_swap", SOURCE_IMAGE=portrait.read_bytes(), TARGET_IMAGE=png(group))


def test_same_pixels_as_with_the_source_image_and_no_work_on_it(
    triton: InferenceServerClient, server: TritonServer, first_swap: Any, group: Path
) -> None:
    embeddings = first_swap.as_numpy("EMBEDDINGS")
    assert embeddings.shape == (1, 512)
    before = read_statistics(server.http_url)
    again = infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=embeddings, TARGET_IMAGE=png(group))
    counted = difference(read_statistics(server.http_url), before)
    assert counted["w600k_r50"].executions == 0
    assert counted["det_10g"].inferences == 1, "the target's, and nothing for the source"
    np.testing.assert_array_equal(rgb(again.as_numpy("SWAPPED_IMAGE")[0]), rgb(first_swap.as_numpy("SWAPPED_IMAGE")[0]))
    assert again.as_numpy("SWAPPED_FRAME").shape == (0, 0, 3)
    faces = json.loads(again.as_numpy("FACES")[0])["faces"]
    assert [(face["source"], face["source_face"]) for face in faces] == [(0, None)] * 6


def test_a_raw_frame_comes_back_raw(triton: InferenceServerClient, first_swap: Any, group: Path) -> None:
    frame = rgb(group.read_bytes())
    answer = infer(
        triton, "face_swap_identity", SOURCE_EMBEDDINGS=first_swap.as_numpy("EMBEDDINGS"), TARGET_FRAME=frame
    )
    np.testing.assert_array_equal(answer.as_numpy("SWAPPED_FRAME"), rgb(first_swap.as_numpy("SWAPPED_IMAGE")[0]))
    assert answer.as_numpy("SWAPPED_IMAGE")[0] == b""


def test_the_length_of_an_embedding_does_not_matter(
    triton: InferenceServerClient, first_swap: Any, group: Path
) -> None:
    embeddings = first_swap.as_numpy("EMBEDDINGS")
    frame = rgb(group.read_bytes())
    unit = embeddings / np.linalg.norm(embeddings)
    answer = infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=unit, TARGET_FRAME=frame)
    swapped = rgb(first_swap.as_numpy("SWAPPED_IMAGE")[0]).astype(np.int16)
    assert np.abs(answer.as_numpy("SWAPPED_FRAME").astype(np.int16) - swapped).max() <= 1


def test_options_and_identities_do_not_leak_between_requests(
    triton: InferenceServerClient, first_swap: Any, group: Path
) -> None:
    embeddings = first_swap.as_numpy("EMBEDDINGS")
    frame = rgb(group.read_bytes())
    faces = {"target_faces": "1"}
    one = infer(triton, "face_swap_identity", faces, SOURCE_EMBEDDINGS=embeddings, TARGET_FRAME=frame)
    other = infer(triton, "face_swap_identity", faces, SOURCE_EMBEDDINGS=-embeddings, TARGET_FRAME=frame)
    plain = infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=embeddings, TARGET_FRAME=frame)
    swapped = [
        sum(face["swapped"] for face in json.loads(a.as_numpy("FACES")[0])["faces"]) for a in (one, other, plain)
    ]
    assert swapped == [1, 1, 6]
    assert (one.as_numpy("SWAPPED_FRAME") != other.as_numpy("SWAPPED_FRAME")).any()


@pytest.mark.parametrize(
    ("embeddings", "code"),
    [
        (np.full((1, 512), np.nan, np.float32), "INVALID_IDENTITY"),
        (np.full((1, 512), np.inf, np.float32), "INVALID_IDENTITY"),
        (np.zeros((1, 512), np.float32), "INVALID_IDENTITY"),
        (np.full((1, 512), 1e30, np.float32), "INVALID_IDENTITY"),
        (np.ones((9, 512), np.float32), "INVALID_IDENTITY"),
        (np.ones((2, 512), np.float32), "SOURCE_COUNT_MISMATCH"),
    ],
)
def test_identities_that_make_no_sense_are_refused(
    embeddings: NDArray[np.float32], code: str, triton: InferenceServerClient, group: Path
) -> None:
    with pytest.raises(InferenceServerException, match=f"{code}: "):
        infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=embeddings, TARGET_IMAGE=group.read_bytes())


def test_a_target_is_one_image_or_one_frame(triton: InferenceServerClient, first_swap: Any) -> None:
    embeddings = first_swap.as_numpy("EMBEDDINGS")
    with pytest.raises(InferenceServerException, match="WRONG_PICTURE_COUNT: TARGET_IMAGE"):
        infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=embeddings)
    with pytest.raises(InferenceServerException, match="INVALID_OPTION: output_format='png' is not allowed: a raw"):
        infer(
            triton,
            "face_swap_identity",
            {"output_format": "png"},
            SOURCE_EMBEDDINGS=embeddings,
            TARGET_FRAME=np.zeros((9, 9, 3), np.uint8),
        )
    with pytest.raises(InferenceServerException, match="NO_FACE_IN_TARGET"):
        infer(triton, "face_swap_identity", SOURCE_EMBEDDINGS=embeddings, TARGET_FRAME=np.zeros((1, 1, 3), np.uint8))
