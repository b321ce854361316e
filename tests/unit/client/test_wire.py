"""Requests and replies as bytes: against tritonclient's encoder, and against the specification's own words."""

from __future__ import annotations

import asyncio
import json
import pickle
import struct
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from faceswap_client import (
    AsyncClient,
    BadAnswer,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    InferRequest,
    ServerBusy,
    ServerError,
    Tensor,
)
from faceswap_client.transports.address import parse_address
from faceswap_client.transports.grpc import decode_reply as decode_grpc
from faceswap_client.transports.grpc import encode_request as encode_grpc
from faceswap_client.transports.http import AsyncHttpTransport, HttpTransport
from faceswap_client.wire.kserve_http import HEADER_LENGTH, decode_reply, encode_request
from faceswap_client.wire.tensors import bytes_items, bytes_tensor, float_array
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferInput, service_pb2
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

items_of_any_kind = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def reply_body(outputs: list[dict[str, Any]], *data: bytes) -> tuple[dict[str, str], bytes]:
    head = json.dumps({"model_name": "m", "model_version": "1", "outputs": outputs}).encode()
    return {HEADER_LENGTH: str(len(head))}, head + b"".join(data)


def output(name: str, size: int, datatype: str = "BYTES", shape: tuple[int, ...] = (1,)) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": size}}


@given(items_of_any_kind)
def test_bytes_tensors_are_tritonclients(items: list[bytes]) -> None:
    tensor = bytes_tensor("T", items)
    assert tensor.data == serialize_byte_tensor(np.array(items, dtype=np.object_)).item()
    assert list(deserialize_bytes_tensor(tensor.data)) == items
    assert bytes_items(tensor) == items


def test_a_bytes_element_is_a_little_endian_length_and_its_bytes() -> None:
    assert bytes_tensor("T", [b"ab", b""]).data == b"\x02\x00\x00\x00ab\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (b"\x02\x00\x00", (1,)),
        (b"\x02\x00\x00\x00a", (1,)),
        (b"\xff\xff\xff\xffa", (1,)),
        (b"\x01\x00\x00\x00a", (2,)),
        (b"", (1,)),
    ],
)
def test_bytes_that_do_not_fit_their_shape_are_refused(data: bytes, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadAnswer):
        bytes_items(Tensor("T", "BYTES", shape, data))


def test_floats_are_little_endian_rows_and_writable() -> None:
    array = float_array(Tensor("T", "FP32", (2, 1), struct.pack("<2f", 1.5, -2.0)))
    assert array.tolist() == [[1.5], [-2.0]]
    array[0] = 9.0


@pytest.mark.parametrize("tensor", [("FP32", (2,), b"1234"), ("FP32", (-1, -1), b"1234"), ("FP64", (1,), b"1234")])
def test_floats_of_another_size_are_refused(tensor: tuple[str, tuple[int, ...], bytes]) -> None:
    with pytest.raises(BadAnswer):
        float_array(Tensor("T", *tensor))


def test_an_http_request_is_the_specifications() -> None:
    request = InferRequest(
        "m", (bytes_tensor("A", [b"xyz"]), Tensor("B", "FP32", (2,), b"12345678")), ("OUT",), {}, "id9"
    )
    headers, body = encode_request(request)
    length = int(headers["Inference-Header-Content-Length"])
    assert json.loads(body[:length]) == {
        "id": "id9",
        "parameters": {},
        "inputs": [
            {"name": "A", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 7}},
            {"name": "B", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        ],
        "outputs": [{"name": "OUT", "parameters": {"binary_data": True}}],
    }
    assert body[length:] == b"\x03\x00\x00\x00xyz12345678"


@pytest.mark.parametrize(
    ("seconds", "microseconds"), [(2.5, 2_500_000), (1e-9, 1), (float("inf"), 10**18), (1e300, 10**18)]
)
def test_an_http_request_says_how_long_its_caller_waits(seconds: float, microseconds: int) -> None:
    request = InferRequest("m", (), (), {"blend": "fast"}, "")
    headers, body = encode_request(request, seconds)
    header = json.loads(body[: int(headers["Inference-Header-Content-Length"])])
    assert header["parameters"] == {"blend": "fast", "timeout": microseconds}


def test_a_grpc_request_is_tritonclients() -> None:
    images = np.array([b"one", b"two\0"], dtype=np.object_)
    theirs = InferInput("SOURCE_IMAGE", [2], "BYTES").set_data_from_numpy(images)
    ours = encode_grpc(InferRequest("m", (bytes_tensor("SOURCE_IMAGE", list(images)),), ("OUT",), {}, "id9"))
    assert ours.inputs[0] == theirs._get_tensor()
    assert ours.raw_input_contents[0] == theirs._get_content()
    assert (ours.model_name, ours.id, ours.outputs[0].name) == ("m", "id9", "OUT")


def test_a_grpc_parameter_keeps_its_type() -> None:
    parameters = encode_grpc(InferRequest("m", (), (), {"b": True, "i": 3, "f": 0.5, "s": "x"}, "")).parameters
    kinds = {name: value.WhichOneof("parameter_choice") for name, value in parameters.items()}
    assert kinds == {"b": "bool_param", "i": "int64_param", "f": "double_param", "s": "string_param"}


def test_a_grpc_output_without_raw_bytes_is_refused() -> None:
    message = service_pb2.ModelInferResponse()
    message.outputs.add(name="OUT", datatype="BYTES", shape=[1])
    with pytest.raises(BadAnswer, match="raw bytes"):
        decode_grpc(message)


@given(items_of_any_kind)
def test_an_http_reply_is_read_back(items: list[bytes]) -> None:
    data = bytes_tensor("P", items).data
    headers, body = reply_body(
        [output("E", 8, "FP32", (2,)), output("P", len(data), shape=(len(items),))], b"12345678", data
    )
    reply = decode_reply(headers, body, "id9")
    assert bytes_items(reply.tensor("P")) == items
    assert (reply.tensor("E").data, reply.tensor("E").shape, reply.request_id) == (b"12345678", (2,), "id9")


def test_a_reply_cut_anywhere_is_a_bad_answer() -> None:
    headers, body = reply_body([output("P", 7)], b"\x03\x00\x00\x00abc")
    for cut in range(len(body)):
        with pytest.raises(BadAnswer):
            decode_reply(headers, body[:cut])


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=10), st.integers().map(str)))
def test_no_bytes_make_the_reader_fail_otherwise(body: bytes, length: str | None) -> None:
    with pytest.raises(BadAnswer):
        decode_reply({} if length is None else {HEADER_LENGTH: length}, body)


@pytest.mark.parametrize(
    "outputs",
    [
        [output("P", 7), output("Q", 1)],
        [output("P", 6)],
        [output("P", -1)],
        [{"name": "P", "datatype": "BYTES", "shape": [1], "data": ["abc"]}],
        [{"name": "P", "datatype": "BYTES", "shape": None, "parameters": {"binary_data_size": 7}}],
        [{"name": "P", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": "7"}}],
        ["P"],
        None,
    ],
)
def test_a_reply_that_contradicts_itself_is_a_bad_answer(outputs: Any) -> None:
    headers, body = reply_body(outputs, b"\x03\x00\x00\x00abc")
    with pytest.raises(BadAnswer):
        decode_reply(headers, body)


# --- httpx's side, with answers that no healthy server gives


def answer_of(handler: Callable[[httpx.Request], httpx.Response], kind: str, timeout: float | None = None) -> Any:
    address = parse_address("http://server.test:8000")
    if kind == "sync":
        transport = HttpTransport(address, httpx_transport=httpx.MockTransport(handler))
        with Client("http://server.test:8000", transport=transport, retries=0) as client:
            return client.swap(b"s", b"t", timeout=timeout)

    async def run() -> Any:
        transport = AsyncHttpTransport(address, httpx_transport=httpx.MockTransport(handler))
        async with AsyncClient("http://server.test:8000", transport=transport, retries=0) as client:
            return await client.swap(b"s", b"t", timeout=timeout)

    return asyncio.run(run())


both_kinds = pytest.mark.parametrize("kind", ["sync", "async"])


@both_kinds
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), ConnectionFailed),
        (httpx.ConnectTimeout("timed out"), ConnectionFailed),
        (httpx.ReadTimeout("timed out"), DeadlineExceeded),
        (httpx.WriteTimeout("timed out"), DeadlineExceeded),
        (httpx.PoolTimeout("timed out"), DeadlineExceeded),
        (httpx.ReadError("reset"), ConnectionFailed),
        (httpx.WriteError("broken pipe"), ConnectionFailed),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), ConnectionFailed),
        (httpx.LocalProtocolError("bad header"), ConnectionFailed),
        (httpx.ProxyError("407"), ConnectionFailed),
        (httpx.UnsupportedProtocol("gopher"), ConnectionFailed),
        (httpx.DecodingError("not gzip"), BadAnswer),
        (httpx.TooManyRedirects("loop"), BadAnswer),
    ],
)
def test_no_error_of_httpx_leaks(kind: str, error: httpx.HTTPError, expected: type[Exception]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(expected) as caught:
        answer_of(handler, kind, timeout=3)
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error


def test_every_error_of_httpx_has_a_case_above() -> None:
    """A new kind of transport error must not be forgotten."""

    def leaves(cls: type[Exception]) -> set[type[Exception]]:
        below = cls.__subclasses__()
        return set().union(*map(leaves, below)) if below else {cls}

    marks = test_no_error_of_httpx_leaks.pytestmark  # type: ignore[attr-defined]
    cases = {type(error) for mark in marks if mark.args[0] == ("error", "expected") for error, _ in mark.args[1]}
    # CloseError comes when a connection is closed, after the answer
    assert leaves(httpx.RequestError) - {httpx.CloseError} == cases


@both_kinds
@pytest.mark.parametrize(
    ("status", "content", "expected", "text"),
    [
        (200, {"text": "<html>hello</html>"}, BadAnswer, "not KServe v2"),
        (200, {"json": {"error": "odd"}}, BadAnswer, "no outputs"),
        (200, {"headers": {HEADER_LENGTH: "99999"}, "content": b"{}"}, BadAnswer, "cut short"),
        (200, {"headers": {HEADER_LENGTH: "-1"}, "content": b"{}"}, BadAnswer, "not a number"),
        (200, {"content": b""}, BadAnswer, "not JSON"),
        (502, {"html": "<html>secret page</html>"}, ServerError, r"HTTP 502 .*text/html"),
        (503, {"html": "<html>busy</html>"}, ServerBusy, "HTTP 503"),
        (301, {"headers": {"Location": "http://elsewhere.test/"}}, ServerError, "HTTP 301"),
        (500, {"json": ["error"]}, ServerError, "HTTP 500"),
        (500, {"json": {"error": ""}}, ServerError, "with no error message"),
        (500, {"json": {"error": "line\n" * 1000}}, ServerError, r"line line.*\.\.\.$"),
    ],
)
def test_an_answer_that_is_not_the_servers_is_named(
    kind: str, status: int, content: dict[str, Any], expected: type[Exception], text: str
) -> None:
    with pytest.raises(expected, match=text) as caught:
        answer_of(lambda request: httpx.Response(status, **content), kind)
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "secret" not in str(caught.value)


@both_kinds
@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), (None, None)])
def test_a_busy_server_may_say_when_to_come_back(kind: str, header: str | None, seconds: float | None) -> None:
    headers = {"Retry-After": header} if header else {}
    busy = {"error": "SERVER_BUSY: full"}
    with pytest.raises(ServerBusy) as caught:
        answer_of(lambda request: httpx.Response(503, headers=headers, json=busy), kind)
    assert caught.value.retry_after_s == seconds
    assert pickle.loads(pickle.dumps(caught.value)).retry_after_s == seconds  # noqa: S301


def test_an_answer_that_trickles_in_ends_at_the_timeout() -> None:
    class Trickle(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(200):
                time.sleep(0.01)
                yield b" "

    with pytest.raises(DeadlineExceeded):
        answer_of(lambda request: httpx.Response(200, stream=Trickle()), "sync", timeout=0.1)


def test_requests_ask_for_no_compression() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.url == "http://server.test:8000/v2/models/face_swap/infer"
        return httpx.Response(503, json={"error": "reached"})

    with pytest.raises(ServerBusy, match="reached"):
        answer_of(handler, "sync")
