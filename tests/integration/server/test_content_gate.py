"""The content gate in the real server: what it refuses, and each way in which it fails closed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import Client, ContentRefused, FaceError, ServerError
from integration.server.conftest import StrictServer
from PIL import Image
from support.gate_networks import BLACK, GREEN, GREY, MAGENTA
from support.icc_profiles import matrix_profile, swapping_profile
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

YELLOW = (255, 255, 0)


def solid(colour: tuple[int, int, int], profile: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(buffer, "PNG", icc_profile=profile)
    return buffer.getvalue()


def striped() -> bytes:
    """Yellow and magenta, which are no magenta on average; the yellow is transparent."""
    pixels = np.zeros((200, 300, 4), np.uint8)
    pixels[::2, :, :3], pixels[1::2] = YELLOW, (*MAGENTA, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def client(strict: StrictServer) -> Client:
    return Client(strict.address, remember_sources=0)


@pytest.fixture
def refused(strict: StrictServer) -> Callable[[], dict[str, float]]:
    """How many more refusals there are than at the start of the test, by verdict."""
    before = strict.refusals()
    return lambda: {verdict: count - before[verdict] for verdict, count in strict.refusals().items()}


def test_images_below_the_threshold_are_swapped(client: Client, portrait: Path, refused: Any) -> None:
    assert client.swap(portrait, portrait).faces[0].swapped
    assert refused() == {"refused": 0, "could not decide": 0}


@pytest.mark.parametrize("place", ["target", "source"])
def test_target_and_source_are_looked_at(place: str, client: Client, portrait: Path, refused: Any) -> None:
    images: dict[str, Path | bytes] = {"source": portrait, "target": portrait, place: solid(MAGENTA)}
    with pytest.raises(ContentRefused, match="refuses an image") as caught:
        client.swap(images["source"], images["target"])
    assert caught.value.code == "CONTENT_REFUSED"
    assert refused() == {"refused": 1, "could not decide": 0}


@pytest.mark.parametrize("place", ["target", "source"])
@pytest.mark.parametrize("image", [solid(YELLOW, swapping_profile()), striped()], ids=["profile", "transparency"])
def test_images_are_judged_as_they_are_displayed(
    image: bytes, place: str, client: Client, portrait: Path, refused: Any
) -> None:
    images: dict[str, Path | bytes] = {"source": portrait, "target": portrait, place: image}
    with pytest.raises(ContentRefused, match="refuses an image"):
        client.swap(images["source"], images["target"])
    with pytest.raises(ContentRefused):
        client.faces(image)
    assert refused() == {"refused": 2, "could not decide": 0}


def test_profile_and_transparency_alone_are_no_reason_to_refuse(
    client: Client, portrait: Path, group: Path, refused: Any
) -> None:
    buffer = io.BytesIO()
    with Image.open(portrait) as image:
        target = image.convert("RGBA")
    target.paste((0, 0, 0, 0), (0, 0, 40, 40))
    target.save(buffer, "PNG", icc_profile=matrix_profile((lambda value: value**1.8,) * 3))
    assert client.swap(portrait, buffer.getvalue()).faces[0].swapped
    client.swap([portrait.read_bytes(), buffer.getvalue()], group, target_faces=[0, 1])
    assert refused() == {"refused": 0, "could not decide": 0}


def test_a_profile_that_contradicts_itself_is_not_judged(client: Client, portrait: Path, refused: Any) -> None:
    tables = matrix_profile(tables={b"A2B0": (54.0, 0.0, 0.0), b"A2B1": (60.0, 98.0, -61.0)})
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 200), (*GREY, 0)).save(buffer, "PNG", icc_profile=tables)
    with pytest.raises(ContentRefused, match="could not decide"):
        client.swap(portrait, buffer.getvalue(), on_no_face="passthrough")
    assert refused() == {"refused": 0, "could not decide": 1}


def test_one_source_of_several_is_enough(client: Client, portrait: Path, group: Path) -> None:
    with pytest.raises(ContentRefused):
        client.swap([portrait.read_bytes(), solid(MAGENTA)], group, target_faces=[0, 1])


def test_a_refusal_comes_before_anything_is_said_about_faces(client: Client, portrait: Path) -> None:
    with pytest.raises(FaceError, match="NO_FACE_IN_TARGET"):
        client.swap(portrait, solid(GREY))
    with pytest.raises(ContentRefused):
        client.swap(portrait, solid(MAGENTA), on_no_face="passthrough")


def test_scores_that_are_no_numbers_refuse(client: Client, portrait: Path, refused: Any) -> None:
    with pytest.raises(ContentRefused, match="could not decide"):
        client.swap(portrait, solid(BLACK), on_no_face="passthrough")
    assert refused() == {"refused": 0, "could not decide": 1}


def test_a_classifier_that_fails_stops_the_request(client: Client, portrait: Path) -> None:
    with pytest.raises(ServerError, match="INTERNAL: the network failed"):
        client.swap(portrait, solid(GREEN), on_no_face="passthrough")
    assert client.swap(portrait, portrait).faces[0].swapped, "and no other one"


def test_there_is_no_way_around_through_embeddings_and_frames(client: Client, strict: StrictServer) -> None:
    with pytest.raises(ContentRefused):
        client.faces(solid(MAGENTA))
    frame = np.full((200, 300, 3), MAGENTA, np.uint8)
    embedding = InferInput("SOURCE_EMBEDDINGS", [1, 512], "FP32")
    embedding.set_data_from_numpy(np.ones((1, 512), np.float32))
    target = InferInput("TARGET_FRAME", list(frame.shape), "UINT8")
    target.set_data_from_numpy(frame)
    with pytest.raises(InferenceServerException, match="CONTENT_REFUSED"):
        InferenceServerClient(strict.address).infer("face_swap_identity", [embedding, target])
