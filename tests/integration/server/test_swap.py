"""`face_swap` and `face_analysis` through the real server."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faceswap_client import Client, FaceSwapError
from faceswap_contract.names import FACE_NETWORKS
from faceswap_server.triton import TritonServer
from faceswap_server.triton.statistics import difference, read_statistics
from faceswap_tools.in_process import InProcessPipeline
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="module")
def client(server: TritonServer) -> Client:
    return Client(server.grpc_address)


@pytest.fixture(scope="module")
def pipeline(offline_repository: Path, server: TritonServer) -> InProcessPipeline:
    return InProcessPipeline.from_repository(offline_repository)


def pixels(encoded: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(np.int16)


def as_png(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.mark.parametrize("blend", ["fast", "exact"])
def test_served_equals_the_pure_functions(
    blend: str, client: Client, pipeline: InProcessPipeline, portrait: Path, group: Path
) -> None:
    target = as_png(group)
    served = client.swap(portrait, target, blend=blend)  # type: ignore[arg-type]
    expected = pipeline.swap([portrait.read_bytes()], target, blend=blend)
    np.testing.assert_array_equal(pixels(served.image), pixels(expected.image))
    report = json.loads(expected.aligned.faces)
    assert [tuple(face.box) for face in served.faces] == [tuple(face["box"]) for face in report["faces"]]


def test_six_faces_left_to_right_and_all_swapped(client: Client, portrait: Path, group: Path) -> None:
    result = client.swap(portrait, group)
    assert len(result.faces) == 6
    assert [face.index for face in result.faces] == list(range(6))
    centres = [(face.box.x0 + face.box.x1) / 2 for face in result.faces]
    assert centres == sorted(centres)
    assert all(face.swapped and face.source == 0 for face in result.faces)
    assert (result.format, result.width, result.height) == ("jpeg", 1280, 886)
    before, after = pixels(group.read_bytes()), pixels(result.image)
    for face in result.faces:
        middle = slice(int(face.box.y0), int(face.box.y1)), slice(int(face.box.x0), int(face.box.x1))
        assert np.abs(before[middle] - after[middle]).mean() > 3, f"face {face.index} has not changed"


def test_another_source_gives_a_visibly_different_face(client: Client, portrait: Path, group: Path) -> None:
    """Two different identities on the same face differ more than one identity from itself by far."""
    first = pixels(client.swap(portrait, portrait, output_format="png").image)
    other = client.swap(group, portrait, output_format="png", source_face=2)
    face = other.faces[0].box
    region = slice(int(face.y0), int(face.y1)), slice(int(face.x0), int(face.x1))
    assert np.abs(first[region] - pixels(other.image)[region]).mean() > 5


def test_pixels_outside_the_faces_are_the_targets_own(client: Client, portrait: Path, group: Path) -> None:
    target = as_png(group)
    result = client.swap(portrait, target, target_faces=[0])
    changed = np.argwhere((pixels(target) != pixels(result.image)).any(axis=2))
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    box = result.faces[0].box
    reach = 0.6 * (box.y1 - box.y0)  # the crop is wider than the face's box
    assert box.x0 - reach < left < right < box.x1 + reach
    assert box.y0 - reach < top < bottom < box.y1 + reach


def test_chosen_faces_only(client: Client, portrait: Path, group: Path) -> None:
    result = client.swap(portrait, group, target_faces=[4, 1])
    assert [face.swapped for face in result.faces] == [False, True, False, False, True, False]


def test_several_sources_go_one_to_one(
    client: Client, pipeline: InProcessPipeline, portrait: Path, group: Path
) -> None:
    target = as_png(group)
    result = client.swap([portrait, group], target, target_faces=[3, 0], source_face=0)
    assert {face.index: face.source for face in result.faces if face.swapped} == {3: 0, 0: 1}
    expected = pipeline.swap([portrait.read_bytes(), group.read_bytes()], target, target_faces="3,0", source_face=0)
    np.testing.assert_array_equal(pixels(result.image), pixels(expected.image))
    assert np.argmax(expected.latents[0] @ expected.latents.T) == 0


def test_filters_count_before_indexes(client: Client, portrait: Path, group: Path) -> None:
    largest = client.swap(portrait, group, max_faces=2)
    assert len(largest.faces) == 2
    all_faces = client.faces(group).faces
    areas = sorted(((f.box.x1 - f.box.x0) * (f.box.y1 - f.box.y0) for f in all_faces), reverse=True)
    assert min((f.box.x1 - f.box.x0) * (f.box.y1 - f.box.y0) for f in largest.faces) == pytest.approx(areas[1])
    tall = client.faces(group, min_face_size=97).faces
    assert 0 < len(tall) < 6
    assert all(min(f.box.x1 - f.box.x0, f.box.y1 - f.box.y0) >= 97 for f in tall)


def test_analysis_gives_the_recognisers_embeddings(client: Client, pipeline: InProcessPipeline, group: Path) -> None:
    analysis = client.faces(group)
    aligned, embeddings = pipeline.analyse(group.read_bytes())
    assert len(analysis.faces) == 6
    np.testing.assert_array_equal(np.stack([face.embedding for face in analysis.faces]), embeddings)
    assert json.loads(aligned.faces)["faces"][0]["box"] == list(analysis.faces[0].box)


def blank(width: int = 320, height: int = 200, fmt: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 40)).save(buffer, fmt)
    return buffer.getvalue()


def test_no_face_is_an_answer(client: Client, portrait: Path) -> None:
    with pytest.raises(FaceSwapError) as caught:
        client.swap(portrait, blank())
    assert caught.value.code == "NO_FACE_IN_TARGET"
    with pytest.raises(FaceSwapError) as caught:
        client.swap(blank(), portrait)
    assert caught.value.code == "NO_FACE_IN_SOURCE"
    assert client.faces(blank()).faces == ()


def test_passthrough_gives_the_target_back(client: Client, portrait: Path) -> None:
    target = blank()
    same = client.swap(portrait, target, on_no_face="passthrough")
    assert same.image == target
    assert same.faces == ()
    as_webp = client.swap(portrait, target, on_no_face="passthrough", output_format="webp")
    assert as_webp.format == "webp"
    np.testing.assert_allclose(pixels(as_webp.image), pixels(target), atol=4)


def test_sixteen_at_once_each_get_their_own_answer_in_batches(
    server: TritonServer, pipeline: InProcessPipeline, portrait: Path, group: Path
) -> None:
    """Each request swaps another face; dynamic batching must join them and must not mix them up."""
    target = as_png(group)
    before = read_statistics(server.http_url)
    with Client(server.grpc_address, remember_sources=0) as fresh, ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda i: fresh.swap(portrait, target, target_faces=[i % 6]), range(16)))
    counted = difference(read_statistics(server.http_url), before)
    expected = [pixels(pipeline.swap([portrait.read_bytes()], target, target_faces=i).image) for i in range(6)]
    for i, result in enumerate(results):
        assert [face.index for face in result.faces if face.swapped] == [i % 6]
        np.testing.assert_array_equal(pixels(result.image), expected[i % 6])
    assert counted["det_10g"].inferences == 32
    assert counted["inswapper_128"].inferences == 16
    assert counted["det_10g"].executions < 16, "two images of a request are one execution; requests must join too"
    assert sum(counted[name].executions for name in FACE_NETWORKS) < 16 * len(FACE_NETWORKS)


BAD_REQUESTS = [
    ({"blend": "poisson"}, "INVALID_OPTION"),
    ({"target_faces": [17]}, "FACE_INDEX_OUT_OF_RANGE"),
    ({"max_faces": 0}, "INVALID_OPTION"),
    ({"detection_threshold": 2.0}, "INVALID_OPTION"),
    ({"source_face": 9}, "FACE_INDEX_OUT_OF_RANGE"),
]


def test_a_bad_request_gets_its_code_while_its_neighbours_succeed(client: Client, portrait: Path, group: Path) -> None:
    def call(i: int) -> str:
        options = BAD_REQUESTS[i // 2 % len(BAD_REQUESTS)][0] if i % 2 else {}
        try:
            return str(len(client.swap(portrait, group, **options).faces))  # type: ignore[arg-type]
        except FaceSwapError as error:
            return str(error.code)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(20)))
    assert answers[0::2] == ["6"] * 10
    assert answers[1::2] == [BAD_REQUESTS[i // 2 % len(BAD_REQUESTS)][1] for i in range(1, 20, 2)]


@pytest.mark.parametrize(
    ("sources", "target", "code"),
    [
        ([b""], "ok", "EMPTY_IMAGE"),
        ([b"not an image at all, only words"], "ok", "NOT_AN_IMAGE"),
        (["ok"], b"\xff\xd8\xff\xe0 cut short", "TRUNCATED_IMAGE"),
        (["ok"] * 9, "ok", "WRONG_PICTURE_COUNT"),
        (["ok", "ok"], "ok", "SOURCE_COUNT_MISMATCH"),
    ],
)
def test_bad_images_have_codes_and_no_paths(
    sources: list[str | bytes], target: str | bytes, code: str, client: Client, portrait: Path, group: Path
) -> None:
    good = {"ok": portrait.read_bytes()}
    encoded = [good[s] if isinstance(s, str) else s for s in sources]
    with pytest.raises(FaceSwapError) as caught:
        client.swap(encoded, group.read_bytes() if isinstance(target, str) else target)
    assert caught.value.code == code
    assert "/" not in str(caught.value).replace("and/or", "")
    assert "Traceback" not in str(caught.value)
