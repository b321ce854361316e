"""KServe v2 over gRPC.

`tritonclient` brings Triton's messages and stub; the calls are plain grpcio, whose channels are safe to share between
threads. tritonclient's own `InferenceServerClient` is not used: it copies every image three more times, and hides the
text that distinguishes a busy server from an unreachable one (both are UNAVAILABLE).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
from faceswap_contract.errors import Origin, codes_of
from tritonclient.grpc import service_pb2, service_pb2_grpc

from faceswap_client._errors import (
    BadAnswer,
    ConnectionFailed,
    FaceSwapError,
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
# grpcio reports UNAVAILABLE for an unreachable server too, and only the text distinguishes the two. These are the
# beginnings and sentences of Triton and of the steps; any other text is grpcio's own.
_FROM_SERVER = re.compile(
    rf"^\[request id: |^in ensemble |^({'|'.join(codes_of(Origin.SERVICE))}): "
    r"|maximum queue size|Request timeout expired|[Ss]erver (is )?(stopping|exiting|not ready)"
)
_NEVER_CONNECTED = "failed to connect to all addresses"  # what grpcio says when no connection could be made
_NO_SIZE_LIMIT = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class _GrpcProtocol:
    """Channel settings, metadata and errors of KServe v2 over gRPC: all of a gRPC transport that is not I/O."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._metadata = tuple((name.lower(), value) for name, value in (headers or {}).items())
        self._abandoned = AbandonedCalls()

    def _new_channel(self, api: Any) -> Any:
        """A channel of `grpc` or of `grpc.aio`; it connects with its first call."""
        options = _NO_SIZE_LIMIT + _RECONNECT
        if self._address.loopback:
            options = [*options, ("grpc.enable_http_proxy", 0)]
        if self._address.secure:
            return api.secure_channel(self._address.target, grpc.ssl_channel_credentials(), options)
        return api.insecure_channel(self._address.target, options)

    def _ready(self, model: str, timeout: float | None) -> tuple[Any, dict[str, Any]]:
        return service_pb2.ModelReadyRequest(name=model), {"timeout": timeout, "metadata": self._metadata}

    @contextmanager
    def _errors(self, timeout: float | None, request_id: str = "") -> Iterator[None]:
        """Raises the client's errors for those of grpcio and for a deadline of asyncio."""
        try:
            yield
        except (grpc.FutureTimeoutError, asyncio.TimeoutError):
            raise too_late(self._address.target, timeout, request_id) from None
        except grpc.RpcError as error:
            raise _translated(error, self._address.target, timeout, request_id) from error


class GrpcTransport(_GrpcProtocol):
    """A `Transport` over one gRPC channel."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(address, headers)
        self._channel = self._new_channel(grpc)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        message = encode_request(request, timeout)
        call = self._stub.ModelInfer.future(message, timeout=last_resort(timeout), metadata=self._metadata)
        self._abandoned.keep(call)
        with self._errors(timeout, request.request_id):
            reply = call.result(timeout)
        return decode_reply(reply, request.request_id)

    def model_ready(self, model: str, timeout: float | None) -> bool:
        message, settings = self._ready(model, timeout)
        with self._errors(timeout):
            return bool(self._stub.ModelReady(message, **settings).ready)

    def close(self) -> None:
        self._abandoned.wait()
        self._channel.close()


class AsyncGrpcTransport(_GrpcProtocol):
    """An `AsyncTransport` over one gRPC channel, opened by the first call because it belongs to that call's loop."""

    _channel: Any = None
    _stub: Any = None

    async def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        call = asyncio.ensure_future(self._model_infer(encode_request(request, timeout), last_resort(timeout)))
        self._abandoned.keep(call)
        with self._errors(timeout, request.request_id):
            reply = await asyncio.wait_for(asyncio.shield(call), timeout)
        return decode_reply(reply, request.request_id)

    async def _model_infer(self, message: Any, timeout: float | None) -> Any:
        return await self._opened().ModelInfer(message, timeout=timeout, metadata=self._metadata)

    async def model_ready(self, model: str, timeout: float | None) -> bool:
        message, settings = self._ready(model, timeout)
        with self._errors(timeout):
            return bool((await self._opened().ModelReady(message, **settings)).ready)

    async def close(self) -> None:
        if self._channel is not None:
            await self._abandoned.wait_async()
            await self._channel.close()

    def _opened(self) -> Any:
        if self._stub is None:
            self._channel = self._new_channel(grpc.aio)
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


def _translated(error: Any, target: str, timeout: float | None, request_id: str) -> FaceSwapError:
    """The client's error for a `grpc.RpcError`."""
    status, text = error.code(), error.details() or ""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return too_late(target, timeout, request_id)
    if status is grpc.StatusCode.UNAVAILABLE and not _FROM_SERVER.search(text):
        message = f"connection to {target} failed: {_reason(text)}"
        refused = text.startswith(_NEVER_CONNECTED)
        return ConnectionFailed(message, request_id=request_id, nothing_sent=refused)
    return error_from_text(text, status.name, request_id=request_id)


def _reason(text: str) -> str:
    # "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: connect: Connection refused (111)"
    return one_line(text.rsplit(": ", 1)[-1].rstrip("]")) or "connection lost"
