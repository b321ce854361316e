"""What of Triton's errors callers may see."""

from __future__ import annotations

import json

import pytest
from faceswap_server.http.error_answers import error_answer

OURS = "in ensemble 'face_swap', NO_FACE_IN_TARGET: TARGET_IMAGE: no face was found"
FULL = "in ensemble 'face_swap', [request id: 1] Exceeds maximum queue size"


def said(text: object) -> bytes:
    return json.dumps({"error": text}).encode()


SHAPE = "unexpected shape for input 'IMAGE' for model 'face_analysis'"
FAILED = "INTERNAL: the server failed; its log has the details"
REFUSED = "BAD_REQUEST: the request cannot be used"
WAIT = "SERVER_BUSY: the memory budget is full; retry after 2300 ms"


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, OURS, (422, OURS.partition(", ")[2])),
        (400, f"[request id: 7] {OURS}", (422, OURS.partition(", ")[2])),
        (501, "UNSUPPORTED_FORMAT: x", (415, "UNSUPPORTED_FORMAT: x")),
        (500, "INTERNAL: details are in the log", (500, "INTERNAL: details are in the log")),
        (400, SHAPE, (400, SHAPE)),
        (500, "Stub process 'decode_images_0_0' is not healthy.", (500, FAILED)),
        (500, "INTERNAL: Traceback (most recent call last):", (500, FAILED)),
        (500, "INTERNAL: could not open /srv/models/1/model.onnx", (500, FAILED)),
        (400, 'Failed: File "/srv/a.py", line 3', (400, REFUSED)),
        (404, "Request for unknown model: 'x' in '/srv/models'", (404, "NOT_FOUND: there is no such model")),
        (502, "", (500, FAILED)),
        (400, None, (400, REFUSED)),
        (400, "x" * 1000, (400, "x" * 500)),
    ],
)
def test_texts(status: int, text: object, expected: tuple[int, str]) -> None:
    answer = error_answer(status, said(text))
    assert (answer.status, answer.text) == expected
    assert answer.headers == {}


@pytest.mark.parametrize(
    ("text", "expected", "seconds"),
    [
        (WAIT, WAIT, "3"),
        ("SERVER_BUSY: full; retry after 40 ms", "SERVER_BUSY: full; retry after 40 ms", "1"),
        (FULL, "SERVER_BUSY: the queue is full, or the server is stopping; try again", "1"),
        ("the stub at /usr/lib is gone", "SERVER_BUSY: try again", "1"),
    ],
)
def test_a_busy_server_says_when_to_come_back(text: str, expected: str, seconds: str) -> None:
    answer = error_answer(503, said(text))
    assert (answer.status, answer.text, answer.headers) == (503, expected, {"Retry-After": seconds})


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"error": 3}', b"[" * 100_000])
def test_what_is_not_tritons_form_says_nothing(body: bytes) -> None:
    assert error_answer(500, body).text == FAILED
