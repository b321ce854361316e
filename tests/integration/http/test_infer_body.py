"""The one form of a request that goes on to Triton."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

INPUT = {"name": "IMAGE", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 8}}
IMAGE = b"\4\0\0\0text"


def answer_to(caller: httpx.Client, header: Any, tail: bytes = IMAGE, length: str | None = None) -> httpx.Response:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    headers = {"Inference-Header-Content-Length": length or str(len(text))}
    return caller.post("/v2/models/face_analysis/infer", headers=headers, content=text + tail)


def test_a_good_one_arrives(caller: httpx.Client) -> None:
    good = {"inputs": [INPUT], "outputs": [{"name": "FACES", "parameters": {"binary_data": False}}]}
    assert "NOT_AN_IMAGE: IMAGE" in answer_to(caller, good).json()["error"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"not json",
        b"[1]",
        b"{}",
        b"[" * 5000,
        b'{"inputs": [{"name": "IMAGE", "datatype": "BYTES", "shape": [NaN]}]}',
        {"inputs": []},
        {"inputs": [INPUT] * 17},
        {"inputs": [INPUT], "more": 1},
        {"inputs": [INPUT | {"name": "a/b"}]},
        {"inputs": [INPUT | {"shape": [-1]}]},
        {"inputs": [INPUT | {"shape": [2**40]}]},
        {"inputs": [INPUT | {"shape": [1.0]}]},
        {"inputs": [INPUT | {"parameters": {"binary_data_size": -8}}]},
        {"inputs": [INPUT | {"parameters": {"binary_data_size": True}}]},
        {"inputs": [INPUT | {"parameters": {"binary_data_size": 9}}]},
        {"inputs": [INPUT | {"parameters": {"binary_data_size": 7}}]},
        {"inputs": [INPUT | {"parameters": {"shared_memory_region": "x", "shared_memory_byte_size": 8}}]},
        {"inputs": [INPUT], "outputs": [{"name": "FACES", "parameters": {"shared_memory_region": "x"}}]},
        {"inputs": [INPUT], "outputs": [{"name": "FACES", "parameters": {"classification": 3}}]},
        {"inputs": [INPUT], "parameters": {"a": [1]}},
        {"inputs": [INPUT], "parameters": {"a": {"b": 1}}},
        {"inputs": [INPUT], "parameters": {"a": None}},
        {"inputs": [INPUT], "parameters": {"a\nb": 1}},
        {"inputs": [INPUT], "id": "two\nlines"},
        {"inputs": [INPUT], "id": "x" * 129},
    ],
)
def test_another_form_is_refused_without_repeating_it(header: Any, caller: httpx.Client) -> None:
    answer = answer_to(caller, header)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("BAD_REQUEST: ")
    assert "text" not in answer.text.replace("context", "")


@pytest.mark.parametrize("length", ["-1", "1e3", "99999", "9" * 30, "0x10", "\u00b2"])
def test_a_header_length_outside_the_body_is_refused(length: str, caller: httpx.Client) -> None:
    headers = {b"Inference-Header-Content-Length": length.encode("latin-1")}
    answer = caller.post("/v2/models/face_analysis/infer", headers=headers, content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("BAD_REQUEST: ")


def test_of_two_values_for_a_name_triton_sees_the_one_that_was_checked(caller: httpx.Client) -> None:
    """Triton reads the first of two, Python the last."""
    twice = b'{"inputs": [{"name": "IMAGE", "datatype": "BYTES", "shape": [1], "parameters": {"shared_memory_region":'
    twice += b' "x", "shared_memory_byte_size": 8}, "parameters": {"binary_data_size": 8}}]}'
    answer = answer_to(caller, twice)
    assert "NOT_AN_IMAGE: IMAGE" in answer.json()["error"]
