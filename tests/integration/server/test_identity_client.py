"""`client.identity` and the memory of sources, through the real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from faceswap_client import AsyncClient, Client, FaceError, Identity
from faceswap_server.triton import TritonServer
from faceswap_server.triton.statistics import difference, read_statistics


@pytest.fixture(params=["grpc", "http"])
def address(request: pytest.FixtureRequest, server: TritonServer) -> str:
    return server.grpc_address if request.param == "grpc" else server.http_url


def test_a_repeated_source_costs_the_detector_and_the_recogniser_nothing(
    address: str, server: TritonServer, portrait: Path, group: Path
) -> None:
    with Client(address) as client:
        first = client.swap(portrait, group, output_format="png")
        before = read_statistics(server.http_url)
        second = client.swap(portrait, group, output_format="png")
        counted = difference(read_statistics(server.http_url), before)
    assert counted["w600k_r50"].inferences == 0
    assert counted["det_10g"].inferences == 1, "the target's own"
    assert counted["face_swap"].inferences == 0
    assert second.image == first.image
    assert (second.faces, second.sources) == (first.faces, first.sources)


def test_a_remembered_source_does_not_carry_options_over(address: str, portrait: Path, group: Path) -> None:
    with Client(address) as client:
        everyone = client.swap(group, portrait, output_format="png")
        other_face = client.swap(group, portrait, output_format="png", source_face=0)
        again = client.swap(group, portrait, output_format="png")
        jpeg = client.swap(group, portrait, output_format="jpeg", target_faces=[0])
    assert other_face.sources[0].index == 0
    assert everyone.sources[0].index != 0
    assert other_face.image != everyone.image
    assert again.image == everyone.image
    assert jpeg.format == "jpeg"


def test_memory_switched_off_sends_the_source_each_time(server: TritonServer, portrait: Path, group: Path) -> None:
    with Client(server.grpc_address, remember_sources=0) as client:
        before = read_statistics(server.http_url)
        client.swap(portrait, group)
        client.swap(portrait, group)
        counted = difference(read_statistics(server.http_url), before)
    assert counted["w600k_r50"].inferences == 2


def test_an_identity_swaps_like_its_image(address: str, portrait: Path, group: Path, tmp_path: Path) -> None:
    with Client(address, remember_sources=0) as client:
        identity = client.identity(portrait)
        identity.save(tmp_path / "me")
        from_image = client.swap(portrait, group, output_format="png")
        from_identity = client.swap(Identity.load(tmp_path / "me"), group, output_format="png")
    assert from_identity.image == from_image.image
    assert from_identity.sources == ()


def test_several_photographs_of_one_person_are_averaged(server: TritonServer, portrait: Path, group: Path) -> None:
    with Client(server.grpc_address) as client:
        both = client.identity([portrait, group], source_face=0)
        one, other = client.identity(portrait), client.identity(group, source_face=0)
        swapped = client.swap([both, one], group, target_faces=[1, 4])
    assert both.photographs == 2
    expected = sum(each.embedding / np.linalg.norm(each.embedding) for each in (one, other))
    np.testing.assert_allclose(both.embedding, expected / np.linalg.norm(expected), atol=1e-6)
    assert {face.index: face.source for face in swapped.faces if face.swapped} == {1: 0, 4: 1}


def test_identities_and_images_do_not_mix(server: TritonServer, portrait: Path, group: Path) -> None:
    with Client(server.grpc_address) as client, pytest.raises(TypeError, match="all images or all identities"):
        client.swap([client.identity(portrait), portrait], group)  # type: ignore[arg-type]


def test_a_photograph_without_the_face_says_so(server: TritonServer, portrait: Path) -> None:
    with Client(server.grpc_address) as client:
        with pytest.raises(FaceError, match="NO_FACE_IN_SOURCE"):
            client.identity(np.zeros((64, 64, 3), np.uint8))
        with pytest.raises(FaceError, match="FACE_INDEX_OUT_OF_RANGE.*0 to 0"):
            client.identity(portrait, source_face=1)


def test_the_async_client_has_the_same(server: TritonServer, portrait: Path, group: Path) -> None:
    async def run() -> tuple[bytes, bytes, Identity]:
        async with AsyncClient(server.grpc_address) as client:
            first = await client.swap(portrait, group)
            second = await client.swap(portrait, group)
            return first.image, second.image, await client.identity([portrait, portrait])

    first, second, identity = asyncio.run(run())
    assert first == second
    assert identity.photographs == 2
