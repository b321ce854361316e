"""What a deployment puts on a result, and what happens when it cannot."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from faceswap_client.images.verification import verify_image
from faceswap_core.errors import InternalError, InvalidTensor, SigningFailed
from faceswap_core.options import Label, Options
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.c2pa.signing import SigningError
from faceswap_core.provenance.result_marks import ResultMarks


class AwaySigner:
    """Stands for a signer whose key service is away; the real one is tried in tests/server."""

    def sign(self, *_: object) -> bytes:
        raise SigningError("the key service said: no route to host")


def test_without_a_key_there_is_the_mark_alone(encode: Any) -> None:
    marks = ResultMarks()
    sealed = marks.seal(encode("png"), "png", encode("jpeg"), "jpeg", ["jpeg"])
    found = verify_image(sealed)
    assert (found.xmp_mark, found.c2pa_state, marks.sign_state) == (True, "none", "off")


def test_what_cannot_be_signed_is_not_handed_out(encode: Any) -> None:
    marks = ResultMarks(AwaySigner())  # type: ignore[arg-type]
    with pytest.raises(SigningFailed) as caught:
        marks.seal(encode("png"), "png", encode("png"), "png", [])
    assert "route" not in caught.value.message, "the reason is for the log"
    assert isinstance(caught.value.__cause__, SigningError)


class StrippingSigner:
    """Stands for anything behind the writer that loses the mark."""

    def __init__(self, unmarked: bytes) -> None:
        self._unmarked = unmarked

    def sign(self, *_: object) -> bytes:
        return self._unmarked


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_a_result_without_a_readable_mark_is_not_handed_out(format: Any, encode: Any) -> None:
    marks = ResultMarks(StrippingSigner(encode(format)))  # type: ignore[arg-type]
    with pytest.raises(InternalError, match="not marked as synthetic"):
        marks.seal(encode(format), format, encode(format), format, [])


@pytest.mark.parametrize(
    ("forced", "asked", "drawn"),
    [
        (Label.OFF, Label.OFF, Label.OFF),
        (Label.OFF, Label.TOP_LEFT, Label.TOP_LEFT),
        (Label.TOP_RIGHT, Label.OFF, Label.TOP_RIGHT),
        (Label.TOP_RIGHT, Label.BOTTOM_LEFT, Label.BOTTOM_LEFT),
    ],
)
def test_a_forced_label_can_be_moved_but_not_left_out(forced: Label, asked: Label, drawn: Label) -> None:
    assert ResultMarks(forced_label=forced).label(Options(label=asked)) is drawn


def test_the_alpha_channel_that_came_in_is_not_written_to() -> None:
    frame, alpha = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), np.uint8)
    alpha.setflags(write=False)  # as Triton hands it over
    opaque, _ = ResultMarks().draw(frame, alpha, Options(label=Label.TOP_LEFT))
    assert opaque is not None
    assert not alpha.any()
    np.testing.assert_array_equal(opaque == 255, frame.any(axis=2) | (opaque == 255))
    assert opaque.any()


def test_records_come_back_as_they_were() -> None:
    record = RequestRecord("analysis", ("jpeg", ""), ("ab",), "cd", 3, 2)
    assert RequestRecord.parse(record.encode()) == record
    assert RequestRecord.parse(RequestRecord().encode()) == RequestRecord()


@pytest.mark.parametrize("sent", [b"", b"{}", b"[]", b"\xff", json.dumps({"task": "swap", "sources": 1}).encode()])
def test_records_that_somebody_made_up_are_refused(sent: bytes) -> None:
    with pytest.raises(InvalidTensor):
        RequestRecord.parse(sent)
