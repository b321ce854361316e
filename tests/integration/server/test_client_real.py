"""The client against the real server: both protocols, threads, asyncio, every kind of image, refusals, deadlines."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    FaceError,
    FaceSwapError,
    ImageError,
    OptionError,
    RequestError,
    SwapResult,
    draw_faces,
)
from faceswap_client._calls import swap_call
from faceswap_client._source_cache import SourceCache
from faceswap_client.cli import ExitCode, app
from faceswap_client.transports.address import parse_address
from faceswap_client.transports.grpc import GrpcTransport
from faceswap_client.transports.http import HttpTransport
from faceswap_server.triton import TritonServer
from PIL import Image
from typer.testing import CliRunner

SIX = 6


def address(server: TritonServer, protocol: str) -> str:
    return server.grpc_address if protocol == "grpc" else server.http_url


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: TritonServer, protocol: str) -> Iterator[Client]:
    with Client(address(server, protocol)) as opened:
        yield opened


@pytest.fixture
def nobody() -> bytes:
    """An image without a face."""
    return encoded(Image.new("RGB", (320, 240), "gray"), "JPEG")


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def test_the_server_is_ready(client: Client) -> None:
    assert client.ready()


def test_six_people_become_one(client: Client, portrait: Path, group: Path) -> None:
    result = client.swap(portrait, group)
    assert (result.format, result.width, result.height) == ("jpeg", 1280, 886)
    assert [face.index for face in result.faces] == list(range(SIX))
    assert all(face.swapped and face.source == 0 for face in result.faces)
    centres = [face.box.x0 + face.box.x1 for face in result.faces]
    assert centres == sorted(centres)
    (source,) = result.sources
    assert (source.width, source.height) == (512, 512)
    assert result.to_array().shape == (886, 1280, 3)
    for face in result.faces:
        marks = face.landmarks
        assert marks.left_eye.x < marks.right_eye.x
        assert marks.left_eye.y < marks.left_mouth.y


def test_both_protocols_give_the_same_answer(server: TritonServer, portrait: Path, group: Path) -> None:
    results = []
    for protocol in ("grpc", "http"):
        with Client(address(server, protocol)) as client:
            results.append(client.swap(portrait, group, target_faces=[1, 4], output_format="png"))
    assert results[0].image == results[1].image
    assert results[0].faces == results[1].faces
    assert results[0].sources == results[1].sources


def test_arrays_paths_bytes_and_images_are_the_same_image(client: Client, portrait: Path, group: Path) -> None:
    with Image.open(group) as opened:
        image = opened.convert("RGB")
    array = np.array(image)
    from_array = client.swap(np.array(Image.open(portrait).convert("RGB")), array, target_faces=0)
    assert from_array.format == "png"
    from_image = client.swap(portrait.read_bytes(), image, target_faces=0)
    assert from_array.image == from_image.image
    swapped = from_array.to_array()
    x0, y0, x1, y1 = (round(side) for side in from_array.faces[0].box)
    assert not np.array_equal(swapped[y0:y1, x0:x1], array[y0:y1, x0:x1])
    right = round(from_array.faces[SIX - 1].box.x0)
    assert np.array_equal(swapped[:, right:], array[:, right:]), "far from the swapped face every pixel is the target's"


def test_analysis_knows_a_face_again(client: Client, group: Path) -> None:
    analysis = client.faces(group)
    assert (analysis.width, analysis.height, len(analysis.faces)) == (1280, 886, SIX)
    embeddings = np.stack([face.embedding for face in analysis.faces])
    assert embeddings.shape == (SIX, 512)
    again = np.stack([face.embedding for face in client.faces(np.array(Image.open(group).convert("RGB"))).faces])
    assert (cosines(embeddings, again).argmax(axis=1) == np.arange(SIX)).all()
    assert (cosines(embeddings, embeddings) - np.eye(SIX) < 0.999).all(), "six different people"


def cosines(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    lengths = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.asarray(a @ b.T / lengths)


def test_an_analysis_without_a_face_is_empty(client: Client, nobody: bytes) -> None:
    assert client.faces(nobody).faces == ()


def test_sixteen_threads_each_get_their_own_answer(client: Client, portrait: Path, group: Path) -> None:
    with Image.open(group) as opened:
        whole = opened.convert("RGB")
    # 16 targets of 16 sizes, so that an answer to somebody else's request shows
    targets = [encoded(whole.resize((600 + 8 * index, 400 + 8 * index)), "JPEG") for index in range(16)]
    together = threading.Barrier(16)

    def swap(target: bytes) -> SwapResult:
        together.wait(60)
        return client.swap(portrait, target, target_faces=0)

    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(swap, targets))
    assert [result.width for result in results] == [600 + 8 * index for index in range(16)]
    assert [result.to_array().shape[:2] for result in results] == [(400 + 8 * i, 600 + 8 * i) for i in range(16)]
    assert len({result.request_id for result in results}) == 16


def test_async_calls_wait_together(server: TritonServer, protocol: str, portrait: Path, group: Path) -> None:
    async def run() -> list[SwapResult]:
        async with AsyncClient(address(server, protocol)) as client:
            assert await client.ready()
            calls = (client.swap(portrait, group, target_faces=index) for index in range(SIX))
            return await asyncio.gather(*calls)

    results = asyncio.run(run())
    swapped = [[face.index for face in result.faces if face.swapped] for result in results]
    assert swapped == [[index] for index in range(SIX)]


def test_one_bad_request_does_not_hurt_its_neighbours(client: Client, portrait: Path, group: Path) -> None:
    def swap(index: int) -> object:
        try:
            return client.swap(portrait, group, target_faces=99 if index == 3 else index % SIX).width
        except FaceSwapError as error:
            return error.code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(swap, range(8)))
    assert answers == [1280, 1280, 1280, "FACE_INDEX_OUT_OF_RANGE", 1280, 1280, 1280, 1280]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_faces": 65}, "max_faces"),
        ({"max_faces": 2**70}, "max_faces"),
        ({"max_faces": True}, "max_faces"),
        ({"min_face_size": -1}, "min_face_size"),
        ({"detection_threshold": 0.01}, "detection_threshold"),
        ({"detection_threshold": float("nan")}, "detection_threshold"),
        ({"output_quality": 0}, "output_quality"),
        ({"output_format": "gif"}, "output_format"),
        ({"on_no_face": "shrug"}, "on_no_face"),
        ({"blend": "magic"}, "blend"),
        ({"source_face": -1}, "source_face"),
        ({"target_faces": []}, "target_faces"),
        ({"target_faces": [1, 1]}, "target_faces"),
    ],
)
def test_an_option_out_of_range_is_named(
    client: Client, portrait: Path, group: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(OptionError, match=named) as caught:
        client.swap(portrait, group, **options)
    assert caught.value.code == "INVALID_OPTION"
    assert caught.value.request_id


def test_an_unknown_option_is_refused_with_the_list_of_known_ones(server: TritonServer, protocol: str) -> None:
    kind = GrpcTransport if protocol == "grpc" else HttpTransport
    transport = kind(parse_address(address(server, protocol)))
    try:
        with pytest.raises(OptionError, match="target_faces") as caught:
            transport.infer(swap_call(b"s", b"t", {"colour": "red"}, SourceCache(0)).request, 30)
    finally:
        transport.close()
    assert caught.value.code == "UNKNOWN_OPTION"


@pytest.mark.parametrize(
    ("source", "target", "options", "kind", "code"),
    [
        (b"", "group", {}, ImageError, "EMPTY_IMAGE"),
        (b"not an image at all", "group", {}, ImageError, "NOT_AN_IMAGE"),
        ("portrait", b"not an image at all", {}, ImageError, "NOT_AN_IMAGE"),
        ("nobody", "group", {}, FaceError, "NO_FACE_IN_SOURCE"),
        ("portrait", "nobody", {}, FaceError, "NO_FACE_IN_TARGET"),
        ("portrait", "group", {"target_faces": 6}, FaceError, "FACE_INDEX_OUT_OF_RANGE"),
        ("portrait", "group", {"source_face": 40}, FaceError, "FACE_INDEX_OUT_OF_RANGE"),
        (["portrait"] * 2, "group", {}, RequestError, "SOURCE_COUNT_MISMATCH"),
        (["portrait"] * 9, "group", {}, RequestError, "WRONG_PICTURE_COUNT"),
    ],
)
def test_what_cannot_be_done_has_its_code(
    request: pytest.FixtureRequest,
    client: Client,
    source: Any,
    target: Any,
    options: dict[str, Any],
    kind: type[FaceSwapError],
    code: str,
) -> None:
    def image(name: Any) -> Any:
        return request.getfixturevalue(name) if isinstance(name, str) else name

    sources = [image(name) for name in source] if isinstance(source, list) else image(source)
    with pytest.raises(kind) as caught:
        client.swap(sources, image(target), **options)
    assert caught.value.code == code
    assert "/" not in caught.value.message, "no path reaches a caller"


def test_passthrough_gives_the_target_back(client: Client, portrait: Path, nobody: bytes) -> None:
    result = client.swap(portrait, nobody, on_no_face="passthrough")
    assert (result.faces, result.width, result.height, result.format) == ((), 320, 240, "jpeg")


def test_several_sources_go_left_to_right(client: Client, portrait: Path, group: Path) -> None:
    result = client.swap([portrait, group], group, target_faces=[1, 3], source_face=0)
    assert [(face.index, face.source) for face in result.faces if face.swapped] == [(1, 0), (3, 1)]
    assert [source.faces for source in result.sources][1] == SIX


def test_a_deadline_ends_the_wait_and_nothing_else(client: Client, portrait: Path, group: Path) -> None:
    with pytest.raises(DeadlineExceeded):
        client.swap(portrait, group, timeout=0.01)
    assert client.swap(portrait, group).width == 1280


def test_an_async_deadline_ends_the_wait_and_nothing_else(
    server: TritonServer, protocol: str, portrait: Path, group: Path
) -> None:
    async def run() -> int:
        async with AsyncClient(address(server, protocol)) as client:
            with pytest.raises(DeadlineExceeded):
                await client.swap(portrait, group, timeout=0.01)
            return (await client.swap(portrait, group)).width

    assert asyncio.run(run()) == 1280


def test_the_command_line_swaps_and_finds(
    server: TritonServer, protocol: str, portrait: Path, group: Path, tmp_path: Path
) -> None:
    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(a) for a in arguments], env={"FACESWAP_SERVER": address(server, protocol)})

    out, drawn = tmp_path / "out.webp", tmp_path / "drawn.png"
    swapped = run("swap", portrait, group, "-o", out, "--target-faces", "0,5")
    assert (swapped.exit_code, "2 of 6 faces swapped, webp 1280x886" in swapped.stderr) == (ExitCode.OK, True), (
        swapped.output
    )
    with Image.open(out) as image:
        assert (image.format, image.size) == ("WEBP", (1280, 886))
    found = run("faces", group, "--json", "--draw", drawn)
    assert len(json.loads(found.stdout)["faces"]) == SIX
    with Image.open(drawn) as image:
        assert image.size == (1280, 886)
    refused = run("swap", portrait, group, "-o", out, "--blend", "magic")
    assert refused.exit_code == ExitCode.USAGE
    assert refused.stderr.startswith("faceswap: INVALID_OPTION: ")
    assert refused.stderr.count("\n") == 1


def test_found_faces_can_be_drawn(client: Client, group: Path) -> None:
    drawn = np.array(draw_faces(group, client.faces(group).faces))
    assert not np.array_equal(drawn, np.array(Image.open(group).convert("RGB")))
