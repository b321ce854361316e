"""One line for every request of a server that keeps them, and nothing in it that shows a person."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import Client, ContentRefused, FaceSwapError
from integration.server.conftest import StrictServer
from integration.server.test_content_gate import solid
from support.gate_networks import MAGENTA
from tritonclient.grpc import InferenceServerClient, InferInput

FIELDS = (
    "time", "request_id", "code", "task", "operator_tag", "faces_found", "faces_swapped", "sources", "target",
    "output", "marked", "signed", "labelled",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(strict: StrictServer) -> Client:
    return Client(strict.address, remember_sources=0)


@pytest.fixture
def new_lines(strict: StrictServer) -> Any:
    """The lines written since the test began."""
    before = len(strict.audit.read_text().splitlines())
    return lambda: [json.loads(line) for line in strict.audit.read_text().splitlines()[before:]]


def keyed(strict: StrictServer, data: bytes) -> str:
    return hmac.new(strict.salt, data, hashlib.sha256).hexdigest()


def test_a_swap(client: Client, strict: StrictServer, portrait: Path, group: Path, new_lines: Any) -> None:
    result = client.swap(portrait, group, target_faces=[0, 2], output_format="webp")
    (line,) = new_lines()
    assert tuple(line) == FIELDS
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "request_id": result.request_id,
        "code": "OK",
        "task": "swap",
        "operator_tag": "tests",
        "faces_found": 6,
        "faces_swapped": 2,
        "sources": [keyed(strict, portrait.read_bytes())],
        "target": keyed(strict, group.read_bytes()),
        "output": keyed(strict, result.image),
        "marked": True,
        "signed": "signed",
        "labelled": True,
    }


def test_an_analysis(client: Client, strict: StrictServer, group: Path, new_lines: Any) -> None:
    client.faces(group)
    (line,) = new_lines()
    assert (line["task"], line["code"], line["faces_found"], line["faces_swapped"]) == ("analysis", "OK", 6, 0)
    assert (line["target"], line["output"]) == (keyed(strict, group.read_bytes()), None)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"not an image", "NOT_AN_IMAGE"),
        (solid(MAGENTA), "CONTENT_REFUSED"),
        (solid((120, 120, 120)), "NO_FACE_IN_TARGET"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_leave_their_code_whichever_step_they_end_in(
    target: bytes, code: str, client: Client, strict: StrictServer, portrait: Path, new_lines: Any
) -> None:
    with pytest.raises(FaceSwapError) as caught:
        client.swap(portrait, target)
    (line,) = new_lines()
    assert (line["code"], line["request_id"]) == (code, caught.value.request_id)
    assert (line["target"], line["output"]) == (keyed(strict, target), None)
    assert (line["marked"], line["signed"], line["labelled"]) == (False, "off", False)


def test_a_raw_frame_is_hashed_by_its_pixels(strict: StrictServer, new_lines: Any) -> None:
    frame = np.full((64, 96, 3), 120, np.uint8)
    embedding = InferInput("SOURCE_EMBEDDINGS", [1, 512], "FP32")
    embedding.set_data_from_numpy(np.ones((1, 512), np.float32))
    target = InferInput("TARGET_FRAME", list(frame.shape), "UINT8")
    target.set_data_from_numpy(frame)
    triton = InferenceServerClient(strict.address)
    triton.infer("face_swap_identity", [embedding, target], request_id="f-1", parameters={"on_no_face": "passthrough"})
    (line,) = new_lines()
    assert (line["request_id"], line["sources"], line["faces_swapped"], line["marked"]) == ("f-1", [], 0, False)
    assert line["target"] == line["output"] == keyed(strict, frame.tobytes())


def test_the_file_is_private_and_holds_no_plain_hash(client: Client, strict: StrictServer, portrait: Path) -> None:
    client.swap(portrait, portrait)
    with pytest.raises(ContentRefused):
        client.swap(portrait, solid(MAGENTA))
    text = strict.audit.read_text()
    assert stat.S_IMODE(strict.audit.stat().st_mode) == 0o600
    for known in (portrait.read_bytes(), solid(MAGENTA)):
        assert hashlib.sha256(known).hexdigest() not in text
    assert max(map(len, text.splitlines())) < 1000
