"""An image that is not asked for as binary data is refused: in JSON it would make an answer that is none."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

ALL_BINARY = {"binary_data_output": True}
IMAGE = {"name": "SWAPPED_IMAGE"}
FACES = {"name": "FACES"}


def swap(caller: httpx.Client, image: bytes, outputs: Any, parameters: Any = None) -> httpx.Response:
    tensor = len(image).to_bytes(4, "little") + image
    inputs = [
        {"name": name, "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tensor)}}
        for name in ("SOURCE_IMAGE", "TARGET_IMAGE")
    ]
    more = {name: value for name, value in (("outputs", outputs), ("parameters", parameters)) if value is not None}
    header = json.dumps({"inputs": inputs, **more}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    return caller.post("/v2/models/face_swap/infer", content=header + tensor * 2, headers=headers)


@pytest.mark.parametrize(
    ("outputs", "parameters"),
    [
        (None, None),
        ([], None),
        (None, {"binary_data_output": False}),
        ([IMAGE], None),
        ([IMAGE, FACES], ALL_BINARY),
        ([IMAGE | {"parameters": {"binary_data": False}}], None),
    ],
)
def test_an_image_as_json_is_refused_with_a_hint(
    outputs: Any, parameters: Any, caller: httpx.Client, portrait: Path
) -> None:
    answer = swap(caller, portrait.read_bytes(), outputs, parameters)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("BAD_REQUEST: an image cannot be sent in JSON; ask for it with outputs: ")
    assert base64.b64encode(portrait.read_bytes())[:40].decode() not in answer.text


@pytest.mark.parametrize(
    ("outputs", "parameters"),
    [
        (None, ALL_BINARY),
        ([IMAGE | {"parameters": {"binary_data": True}}], None),
        ([IMAGE | {"parameters": {"binary_data": True}}, FACES], None),
    ],
)
def test_binary_images_arrive(outputs: Any, parameters: Any, caller: httpx.Client, portrait: Path) -> None:
    answer = swap(caller, portrait.read_bytes(), outputs, parameters)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    tensors = {tensor["name"] for tensor in json.loads(answer.content[:length])["outputs"]}
    assert "SWAPPED_IMAGE" in tensors
