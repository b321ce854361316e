"""Jobs of runpod-worker-inswapper against a fake server: what it is asked for, and the answer's form."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from faceswap_server.jobs.inswapper.unsupported import NOT_RESTORED
from faceswap_server.runpod.handler import JobHandler
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision.swap_probe import probe_image
from support.fake_server import JPEG, Answer, FakeServer, Seen, face, packed, running_fake_server, usual_answer

FACE = base64.b64encode(probe_image()).decode()
JOB = {"source_image": FACE, "target_image": FACE, "face_restore": False}


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A server that finds two faces in every image."""
    with running_fake_server() as server:
        finds(server, 2)
        yield server


def answer(fake: FakeServer, job_input: dict[str, Any], schema: str = "inswapper", **settings: Any) -> dict[str, Any]:
    """What the worker's handler says; `settings` are the worker's, by the names of their fields."""

    async def run() -> dict[str, Any]:
        handler = JobHandler(WorkerSettings.model_validate({"jobs": schema, **settings}), fake.grpc_address)
        try:
            return await handler({"id": "a-job", "input": job_input})
        finally:
            await handler.close()

    return asyncio.run(run())


def analysis_of(count: int) -> Answer:
    """`count` faces left to right, the embedding of face i is all i+1."""
    document = {"width": 320, "height": 200, "faces": [face(i) for i in range(count)]}
    rows = b"".join(struct.pack("<512f", *[i + 1.0] * 512) for i in range(count))
    faces = ("FACES", "BYTES", [1], packed(json.dumps(document).encode()))
    return Answer([faces, ("EMBEDDINGS", "FP32", [count, 512], rows)])


def finds(fake: FakeServer, count: int) -> None:
    fake.answer = lambda seen: analysis_of(count) if seen.model == "face_analysis" else usual_answer(seen)


def test_an_old_job_gets_an_old_answer(fake: FakeServer) -> None:
    output = answer(fake, JOB)
    assert output.keys() == {"status", "image"}
    assert output["status"] == "ok"
    assert base64.b64decode(output["image"]) == JPEG + probe_image()
    assert [seen.model for seen in fake.seen] == ["face_analysis", "face_analysis", "face_swap_identity"]
    swap = fake.seen[-1].parameters
    assert (swap["target_faces"], swap["output_format"], swap["output_quality"]) == ("0,1", "jpeg", 75)


def test_the_chosen_faces_embeddings_are_sent_in_the_order_of_the_targets(fake: FakeServer) -> None:
    finds(fake, 3)
    output = answer(fake, {**JOB, "source_indexes": "2,0", "target_indexes": "2,1", "output_format": "PNG"})
    assert "error" not in output, output
    swap = fake.seen[-1]
    assert swap.parameters["target_faces"] == "2,1"
    assert swap.parameters["output_format"] == "png"
    assert "output_quality" not in swap.parameters
    rows = struct.unpack("<1024f", b"".join(swap.inputs["SOURCE_EMBEDDINGS"]))
    assert (rows[0], rows[512]) == (3.0, 1.0)


def test_one_source_face_is_sent_once(fake: FakeServer) -> None:
    finds(fake, 3)
    assert "error" not in answer(fake, {**JOB, "target_indexes": "0,1,2"})
    assert len(b"".join(fake.seen[-1].inputs["SOURCE_EMBEDDINGS"])) == 512 * 4
    assert fake.seen[-1].parameters["target_faces"] == "0,1,2"


def test_more_source_faces_than_one_request_may_have(fake: FakeServer) -> None:
    finds(fake, 9)
    assert answer(fake, JOB)["error"].startswith("WRONG_PICTURE_COUNT: the job pairs 9 source faces, at most 8 are")
    assert "face_swap_identity" not in [seen.model for seen in fake.seen]
    finds(fake, 8)
    assert answer(fake, JOB)["status"] == "ok"


def test_what_had_no_effect_is_said(fake: FakeServer) -> None:
    output = answer(fake, {"source_image": FACE, "target_image": FACE, "source_indexes": "1"})
    assert output["notes"] == [NOT_RESTORED, "source_indexes: no effect without target_indexes"]
    assert "image" in output


def test_a_refused_field_reaches_no_server(fake: FakeServer) -> None:
    output = answer(fake, {**JOB, "face_restore": True})
    assert output == {
        "error": "INVALID_OPTION: face_restore=true is not available: faces are not restored in this version; "
        "send face_restore=false"
    }
    assert fake.seen == []


@pytest.mark.parametrize(
    ("model", "text", "said"),
    [
        ("face_analysis", "NOT_AN_IMAGE: IMAGE: not an image", "NOT_AN_IMAGE: target_image: not an image"),
        ("face_swap_identity", "INVALID_OPTION: TARGET_IMAGE: no", "INVALID_OPTION: target_image: no"),
    ],
)
def test_errors_name_the_jobs_own_fields(model: str, text: str, said: str, fake: FakeServer) -> None:
    def broken(seen: Seen) -> Answer:
        if seen.model == model and seen.inputs.get("IMAGE", [b"text"]) == [b"text"]:
            raise fake.failure(text, grpc.StatusCode.INVALID_ARGUMENT, 400)
        return analysis_of(2) if seen.model == "face_analysis" else usual_answer(seen)

    fake.answer = broken
    target = base64.b64encode(b"text").decode()
    assert answer(fake, {**JOB, "target_image": target}) == {"error": said}


def test_an_answer_that_is_too_large(fake: FakeServer) -> None:
    output = answer(fake, JOB, run_bytes=1000)
    assert output["error"].startswith("OUTPUT_TOO_LARGE: the answer would have ")
    assert output["error"].endswith("use output_format JPEG or a smaller target_image")


def test_the_default_deployment_refuses_old_jobs(fake: FakeServer) -> None:
    assert answer(fake, JOB, schema="faceswap")["error"].startswith("UNKNOWN_OPTION: input has no field 'source_image'")


def test_our_own_jobs_are_answered_beside_old_ones(fake: FakeServer) -> None:
    output = answer(fake, {"source": FACE, "target": FACE})
    assert {"image", "format", "faces", "sources"} <= output.keys()
