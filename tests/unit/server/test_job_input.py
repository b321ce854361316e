"""What a job may say, and what it hears when it says something else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from faceswap_client._swap_options import FacesOptions, SwapOptions
from faceswap_contract.errors import ERRORS
from faceswap_core.options import OPTION_NAMES
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import FACES_OPTIONS, ImageReference, InputLimits, decode_inline, parse_input
from hypothesis import given
from hypothesis import strategies as st

LIMITS = InputLimits(max_sources=2, max_targets=3, max_image_bytes=1000, max_job_bytes=2000)
IMAGE = base64.b64encode(b"image").decode()


def refusal(value: Any) -> JobError:
    with pytest.raises(JobError) as caught:
        parse_input(value, LIMITS)
    assert caught.value.code in ERRORS
    return caught.value


def test_one_source_and_one_target() -> None:
    request = parse_input({"source": IMAGE, "target": f"data:image/png;base64,{IMAGE}"}, LIMITS)
    assert (request.task, request.one_target, request.allow_reencode, request.options) == ("swap", True, False, {})
    assert [decode_inline(p, 100) for p in (*request.sources, *request.targets)] == [b"image", b"image"]


def test_lists_keep_their_order_and_their_names() -> None:
    request = parse_input({"source": [IMAGE, "https://a/b"], "target": [IMAGE]}, LIMITS)
    assert [(p.where, p.is_url) for p in request.sources] == [("source[0]", False), ("source[1]", True)]
    assert not request.one_target, "a list of one gets a list of one"


def test_faces_takes_one_image_and_its_own_options() -> None:
    request = parse_input({"task": "faces", "image": IMAGE, "max_faces": 3}, LIMITS)
    assert (request.task, request.options) == ("faces", {"max_faces": 3})
    assert "known fields: task, image" in refusal({"task": "faces", "image": IMAGE, "blend": "fast"}).message


def test_every_option_of_the_service_can_be_given_and_the_client_takes_it() -> None:
    options = dict.fromkeys(OPTION_NAMES, "x")
    assert parse_input({"source": IMAGE, "target": IMAGE, **options}, LIMITS).options == options
    assert set(OPTION_NAMES) == set(SwapOptions.__annotations__)
    assert set(FACES_OPTIONS) == set(FacesOptions.__annotations__)


def test_null_is_the_default() -> None:
    assert parse_input({"source": IMAGE, "target": IMAGE, "blend": None}, LIMITS).options == {}


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        (None, "BAD_INPUT", "input must be an object, not null"),
        ([], "BAD_INPUT", "not a list"),
        ("text", "BAD_INPUT", "not text"),
        ({}, "BAD_INPUT", "no 'source'"),
        ({"source": IMAGE}, "BAD_INPUT", "no 'target'"),
        ({"source": 3, "target": IMAGE}, "BAD_INPUT", "source must be text"),
        ({"source": IMAGE, "target": [IMAGE, {}]}, "BAD_INPUT", "target[1] must be text"),
        ({"source": "", "target": IMAGE}, "EMPTY_IMAGE", "source is empty"),
        ({"source": [], "target": IMAGE}, "WRONG_PICTURE_COUNT", "0 images, 1 to 2"),
        ({"source": IMAGE, "target": [IMAGE] * 4}, "WRONG_PICTURE_COUNT", "4 images, 1 to 3"),
        ({"source": IMAGE, "target": IMAGE, "sorce": 1}, "UNKNOWN_OPTION", "'sorce'; known fields: task, source"),
        ({"source": IMAGE, "target": IMAGE, "allow_reencode": 1}, "BAD_INPUT", "true or false"),
        ({"source": IMAGE, "target": IMAGE, "max_faces": {}}, "INVALID_OPTION", "max_faces cannot be an object"),
        ({"source": IMAGE, "target": IMAGE, "target_faces": ["a"]}, "INVALID_OPTION", "a list"),
        ({"task": "swop"}, "BAD_INPUT", "'swop'"),
        ({"source": "http://a/b", "target": IMAGE}, "DOWNLOAD_REFUSED", "only https://"),
        ({"source": "file:///etc/passwd", "target": IMAGE}, "DOWNLOAD_REFUSED", "file://"),
        ({"source": "https://a/" + "b" * 5000, "target": IMAGE}, "DOWNLOAD_REFUSED", "characters"),
        ({"source": "data:image/png,abc", "target": IMAGE}, "BAD_BASE64", ";base64,"),
        ({"source": "A" * 1500, "target": IMAGE}, "TOO_MANY_BYTES", "source has about 1094 bytes, at most 1000"),
    ],
)  # fmt: skip
def test_refusals(value: Any, code: str, says: str) -> None:
    error = refusal(value)
    assert error.code == code
    assert says in error.message


def test_base64_with_line_breaks_is_read_and_anything_else_is_not() -> None:
    data = bytes(range(256)) * 3
    assert decode_inline(ImageReference("target", base64.encodebytes(data).decode()), 1000) == data
    for text in ("%%%%", "abc", "aGk=aGk=", "aé", "-_-_"):
        with pytest.raises(JobError, match="BAD_BASE64: target is not standard base64"):
            decode_inline(ImageReference("target", text), 1000)


def test_an_image_at_the_limit_passes_whatever_its_line_breaks() -> None:
    data = b"x" * LIMITS.max_image_bytes
    for text in (base64.b64encode(data).decode(), base64.encodebytes(data).decode()):
        (image,) = parse_input({"source": text, "target": IMAGE}, LIMITS).sources
        assert decode_inline(image, LIMITS.max_image_bytes) == data
    with pytest.raises(JobError, match="TOO_MANY_BYTES"):
        decode_inline(ImageReference("target", base64.b64encode(data + b"x").decode()), LIMITS.max_image_bytes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["task", "source", "target", "image", "allow_reencode", *OPTION_NAMES]), JSON)
    | JSON
)
def test_any_json_is_read_or_refused_in_one_short_line(value: Any) -> None:
    try:
        parse_input(value, LIMITS)
    except JobError as error:
        assert error.code in ERRORS
        assert len(str(error)) < 400
        assert "\n" not in str(error)
