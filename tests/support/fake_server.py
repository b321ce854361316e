"""A fake faceswap server that speaks both protocols on loopback, so that clients are tested without Triton.

Its HTTP side is written against the specification alone and shares no code with the client; its gRPC side is grpcio
with Triton's own messages.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

JPEG = b"\xff\xd8\xff\xe0 not really"


@dataclass(frozen=True)
class Seen:
    """A request as the server understood it; `patience_s` is its caller's timeout.

    Over gRPC a tensor that is not BYTES is one item of raw bytes.
    """

    model: str
    request_id: str
    inputs: dict[str, list[bytes]]
    parameters: dict[str, Any]
    headers: dict[str, str]
    patience_s: float | None


@dataclass(frozen=True)
class Answer:
    """Raw output tensors: name, datatype, shape, bytes."""

    outputs: list[tuple[str, str, list[int], bytes]]


class Failure(Exception):
    """The server's error: its text, the gRPC status and the HTTP status."""

    def __init__(self, text: str, grpc_status: grpc.StatusCode, http_status: int) -> None:
        super().__init__(text)
        self.text, self.grpc_status, self.http_status = text, grpc_status, http_status


def packed(*items: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


def unpacked(data: bytes) -> list[bytes]:
    items, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        items.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return items


def face(index: int, **more: Any) -> dict[str, Any]:
    left = 100.0 * index
    landmarks = [[left + 30, 40], [left + 60, 41], [left + 45, 60], [left + 33, 80], [left + 57, 81]]
    return {"index": index, "box": [left, 10.5, left + 90, 110], "score": 0.9, "landmarks": landmarks, **more}


def faces_document(count: int = 2) -> dict[str, Any]:
    faces = [face(0, swapped=True, source=0, source_face=1), face(1, swapped=False, source=None, source_face=None)]
    return {"width": 320, "height": 200, "faces": faces[:count], "sources": [face(1, width=64, height=48, faces=3)]}


def usual_answer(seen: Seen) -> Answer:
    """What a server in good health says; the swapped image is a JPEG signature and the target's bytes."""
    document = packed(json.dumps(faces_document()).encode())
    if seen.model in ("face_swap", "face_swap_identity"):
        image = packed(JPEG + seen.inputs["TARGET_IMAGE"][0])
        identity = ("EMBEDDINGS", "FP32", [1, 512], struct.pack("<512f", *[0.5] * 512))
        swapped = [("SWAPPED_IMAGE", "BYTES", [1], image), ("FACES", "BYTES", [1], document)]
        return Answer([*swapped, identity] if seen.model == "face_swap" else swapped)
    rows = b"".join(struct.pack("<512f", *[float(row)] * 512) for row in (0, 1))
    return Answer([("FACES", "BYTES", [1], document), ("EMBEDDINGS", "FP32", [2, 512], rows)])


@dataclass
class FakeServer:
    """`answer` decides what comes back; `seen` holds every request in the order of arrival."""

    grpc_address: str = ""
    http_url: str = ""
    answer: Callable[[Seen], Answer] = usual_answer
    ready: bool = True
    seen: list[Seen] = field(default_factory=list)
    not_cancelled: list[bool] = field(default_factory=list)  # of each call over gRPC, when it was answered

    def respond(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        return self.answer(seen)

    failure = Failure

    @staticmethod
    def outputs(**items: bytes) -> Answer:
        """An answer of BYTES tensors of one element each."""
        return Answer([(name, "BYTES", [1], packed(item)) for name, item in items.items()])

    def address(self, protocol: str) -> str:
        return self.grpc_address if protocol == "grpc" else self.http_url


def http_handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.reply(200 if server.ready else 400, {}, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            length = int(self.headers["Inference-Header-Content-Length"])
            header, position, inputs = json.loads(body[:length]), length, {}
            for tensor in header["inputs"]:
                size = tensor["parameters"]["binary_data_size"]
                inputs[tensor["name"]] = unpacked(body[position : position + size])
                position += size
            model = self.path.split("/")[3]
            try:
                parameters = header["parameters"]
                timeout = parameters.pop("timeout", None)  # Triton's own, in microseconds; no option of ours
                patience_s = None if timeout is None else timeout / 1e6
                answer = server.respond(Seen(model, header["id"], inputs, parameters, dict(self.headers), patience_s))
            except Failure as failure:
                text = json.dumps({"error": failure.text}).encode()
                self.reply(failure.http_status, {"Content-Type": "application/json"}, text)
                return
            entries = [
                {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
                for name, datatype, shape, data in answer.outputs
            ]
            head = json.dumps({"model_name": model, "outputs": entries}).encode()
            data = b"".join(data for *_, data in answer.outputs)
            self.reply(200, {"Inference-Header-Content-Length": str(len(head))}, head + data)

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


class GrpcSide(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def ModelReady(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=self.server.ready)

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs = {
            tensor.name: unpacked(raw) if tensor.datatype == "BYTES" else [raw]
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        parameters = {
            name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in request.parameters.items()
        }
        headers = dict(context.invocation_metadata())
        timeout = parameters.pop("timeout", None)
        patience_s = None if timeout is None else timeout / 1e6
        try:
            answer = self.server.respond(Seen(request.model_name, request.id, inputs, parameters, headers, patience_s))
        except Failure as failure:
            context.abort(failure.grpc_status, failure.text)
        finally:
            self.server.not_cancelled.append(context.is_active())
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        for name, datatype, shape, data in answer.outputs:
            response.outputs.add(name=name, datatype=datatype, shape=shape)
            response.raw_output_contents.append(data)
        return response


class HttpSide(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is what some tests are about


@contextmanager
def running_fake_server() -> Iterator[FakeServer]:
    """Serves both protocols on free ports of loopback until the block ends."""
    server = FakeServer()
    http = HttpSide(("127.0.0.1", 0), http_handler(server))
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    rpc = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(GrpcSide(server), rpc)
    server.grpc_address = f"127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
    server.http_url = f"http://127.0.0.1:{http.server_port}"
    rpc.start()
    try:
        yield server
    finally:
        rpc.stop(None).wait()
        http.shutdown()
        http.server_close()
