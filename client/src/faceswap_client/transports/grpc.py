"""KServe v2 over gRPC.

`tritonclient` brings Triton's messages and stub; the calls are plain grpcio, whose channels are safe to share between
threads. tritonclient's own `InferenceServerClient` is not used: it copies every image three more times and drops
what tells a busy server from an unreachable one (both are UNAVAILABLE).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from tritonclient.grpc import service_pb2, service_pb2_grpc

from faceswap_client._errors import (
    CLASS_BY_CODE,
    BadAnswer,
    ConnectionFailed,
    error_from_text,
    one_line,
    too_late,
)
from faceswap_client.transports.abandoned_calls import AbandonedCalls, last_resort
from faceswap_client.transports.address import Address
from faceswap_client.wire.tensors import InferReply, InferRequest, Tensor, time_limit

_RECONNECT = [
    # a client made before its server is up finds it within a second, instead of grpcio's up to two minutes
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# grpcio says UNAVAILABLE for a server that cannot be reached, too, and nothing but the text tells the two apart. These
# are the beginnings and sentences of Triton and of our steps; any other text is grpcio's own.
_FROM_SERVER = re.compile(
    rf"^\[request id: |^in ensemble |^({'|'.join(CLASS_BY_CODE)}): |maximum queue size|Request timeout expired"
    r"|[Ss]erver (is )?(stopping|exiting|not ready)"
)
_NEVER_CONNECTED = "failed to connect to all addresses"  # what grpcio says when no connection could be made
_NO_SIZE_LIMIT = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class GrpcTransport:
    """A `Transport` over one gRPC channel."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._metadata = _metadata(headers)
        options = _channel_options(address)
        if address.secure:
            self._channel = grpc.secure_channel(address.target, grpc.ssl_channel_credentials(), options)
        else:
            self._channel = grpc.insecure_channel(address.target, options)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._calls = AbandonedCalls()

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        message = encode_request(request, timeout)
        call = self._stub.ModelInfer.future(message, timeout=last_resort(timeout), metadata=self._metadata)
        self._calls.keep(call)
        try:
            reply = call.result(timeout)
        except grpc.FutureTimeoutError:
            raise too_late(self._address.target, timeout, request.request_id) from None
        except grpc.RpcError as error:
            _raise(error, self._address, timeout, request.request_id)
        return decode_reply(reply, request.request_id)

    def model_ready(self, model: str, timeout: float | None) -> bool:
        message = service_pb2.ModelReadyRequest(name=model)
        try:
            return bool(self._stub.ModelReady(message, timeout=timeout, metadata=self._metadata).ready)
        except grpc.RpcError as error:
            _raise(error, self._address, timeout, "")

    def close(self) -> None:
        self._calls.wait()
        self._channel.close()


class AsyncGrpcTransport:
    """An `AsyncTransport` over one gRPC channel, opened by the first call because it belongs to that call's loop."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._metadata = _metadata(headers)
        self._channel: Any = None
        self._stub: Any = None
        self._calls = AbandonedCalls()

    async def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        message = encode_request(request, timeout)
        call = asyncio.ensure_future(self._reply(message, last_resort(timeout)))
        self._calls.keep(call)
        try:
            reply = await asyncio.wait_for(asyncio.shield(call), timeout)
        except asyncio.TimeoutError:
            raise too_late(self._address.target, timeout, request.request_id) from None
        except grpc.RpcError as error:
            _raise(error, self._address, timeout, request.request_id)
        return decode_reply(reply, request.request_id)

    async def _reply(self, message: Any, timeout: float | None) -> Any:
        return await self._opened().ModelInfer(message, timeout=timeout, metadata=self._metadata)

    async def model_ready(self, model: str, timeout: float | None) -> bool:
        message = service_pb2.ModelReadyRequest(name=model)
        try:
            reply = await self._opened().ModelReady(message, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            _raise(error, self._address, timeout, "")
        return bool(reply.ready)

    async def close(self) -> None:
        if self._channel is not None:
            await self._calls.wait_async()
            await self._channel.close()

    def _opened(self) -> Any:
        if self._stub is None:
            target, options = self._address.target, _channel_options(self._address)
            if self._address.secure:
                self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
            else:
                self._channel = grpc.aio.insecure_channel(target, options)
            self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        return self._stub


def encode_request(request: InferRequest, timeout: float | None = None) -> Any:
    """The `ModelInferRequest` message of a request; `timeout`: seconds the caller waits, for the server."""
    message = service_pb2.ModelInferRequest(model_name=request.model, id=request.request_id)
    for tensor in request.inputs:
        message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        message.raw_input_contents.append(tensor.data)
    for name in request.outputs:
        message.outputs.add(name=name)
    for name, value in {**request.parameters, **time_limit(timeout)}.items():
        if isinstance(value, bool):
            message.parameters[name].bool_param = value
        elif isinstance(value, int):
            message.parameters[name].int64_param = value
        elif isinstance(value, float):
            message.parameters[name].double_param = value
        else:
            message.parameters[name].string_param = value
    return message


def decode_reply(message: Any, request_id: str = "") -> InferReply:
    """The reply in a `ModelInferResponse`; raises BadAnswer when an output came without its bytes."""
    if len(message.outputs) != len(message.raw_output_contents):
        raise BadAnswer("an output came without its raw bytes", request_id=request_id)
    outputs = {
        output.name: Tensor(output.name, output.datatype, tuple(output.shape), data)
        for output, data in zip(message.outputs, message.raw_output_contents, strict=True)
    }
    return InferReply(outputs, request_id)


def _channel_options(address: Address) -> list[tuple[str, int]]:
    options = _NO_SIZE_LIMIT + _RECONNECT
    return [*options, ("grpc.enable_http_proxy", 0)] if address.loopback else options


def _metadata(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in (headers or {}).items())


def _raise(error: Any, address: Address, timeout: float | None, request_id: str) -> NoReturn:
    status, text = error.code(), error.details() or ""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        raise too_late(address.target, timeout, request_id) from error
    if status is grpc.StatusCode.UNAVAILABLE and not _FROM_SERVER.search(text):
        message = f"connection to {address.target} failed: {_reason(text)}"
        refused = text.startswith(_NEVER_CONNECTED)
        raise ConnectionFailed(message, request_id=request_id, nothing_sent=refused) from error
    raise error_from_text(text, status.name, request_id=request_id) from error


def _reason(text: str) -> str:
    # "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: connect: Connection refused (111)"
    return one_line(text.rsplit(": ", 1)[-1].rstrip("]")) or "connection lost"
