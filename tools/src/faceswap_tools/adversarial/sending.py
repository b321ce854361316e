"""Sends adversarial requests over gRPC and HTTP without a client that would correct them."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

import grpc
import httpx
from faceswap_client import FaceSwapError
from faceswap_client._errors import error_from_text
from faceswap_client.transports.grpc import decode_reply as decode_grpc_reply
from faceswap_client.transports.grpc import encode_request as encode_grpc_request
from faceswap_client.wire.kserve_http import decode_error, decode_reply, encode_request
from faceswap_client.wire.tensors import InferReply, bytes_items
from tritonclient.grpc import service_pb2_grpc

from faceswap_tools.adversarial.images import FINE
from faceswap_tools.adversarial.requests import GRPC, AdversarialRequest

LOST = "LOST"
"""Nobody answered: no status, or not in time."""
NOTHING = "ANSWER_WITHOUT_CONTENT"
DEADLINE_SECONDS = 60.0
_NO_LIMIT = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    outcome: `FINE`, `LOST`, `NOTHING`, or the code that the client makes of the answer.
    status: the protocol's own: a name for gRPC, a number for HTTP.
    text: as it came, before the client tidied it; empty where all went well.
    message: what the client shows.
    """

    outcome: str
    status: str
    text: str = ""
    message: str = ""


class Senders:
    """`with Senders(grpc_address, http_url) as senders: senders.send(case, "grpc")`; many threads may share it."""

    def __init__(self, grpc_address: str, http_url: str) -> None:
        self._channel = grpc.insecure_channel(grpc_address, _NO_LIMIT)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._http = httpx.Client(base_url=http_url, trust_env=False, timeout=DEADLINE_SECONDS)

    def __enter__(self) -> Senders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._channel.close()

    def send(self, case: AdversarialRequest, protocol: str) -> Answer:
        """One request; whatever the server does, an `Answer` comes of it."""
        return self._over_grpc(case) if protocol == GRPC else self._over_http(case)

    def _over_grpc(self, case: AdversarialRequest) -> Answer:
        try:
            reply = self._stub.ModelInfer(encode_grpc_request(case.request), timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            status, text = error.code().name, error.details() or ""
            if status in ("DEADLINE_EXCEEDED", "UNKNOWN"):
                return Answer(LOST, status, text)
            known = error_from_text(text, status)
            return Answer(known.code, status, text, known.message)
        return Answer(_content(case, decode_grpc_reply(reply)), "OK")

    def _over_http(self, case: AdversarialRequest) -> Answer:
        headers, body = encode_request(case.request)
        if case.replaced[0]:
            body = body.replace(*case.replaced, 1)
        try:
            answer = self._http.post(f"/v2/models/{case.request.model}/infer", headers=headers, content=body)
        except httpx.HTTPError as error:
            return Answer(LOST, type(error).__name__, str(error))
        status = str(answer.status_code)
        if answer.status_code != httpx.codes.OK:
            known = decode_error(answer.status_code, answer.headers, answer.content)
            return Answer(known.code, status, answer.text, known.message)
        try:
            return Answer(_content(case, decode_reply(answer.headers, answer.content)), status)
        except FaceSwapError as error:
            return Answer(error.code, status, str(error), error.message)


def _content(case: AdversarialRequest, reply: InferReply) -> str:
    """FINE when every output that was asked for has bytes."""
    outputs = [bytes_items(reply.tensor(name)) for name in case.request.outputs]
    return FINE if outputs and all(items and items[0] for items in outputs) else NOTHING
