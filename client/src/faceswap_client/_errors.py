"""The errors a call can end in, each with a stable `code`.

    FaceSwapError
    ├── ImageError          an image cannot be used: EMPTY_IMAGE, NOT_AN_IMAGE, UNSUPPORTED_FORMAT, TRUNCATED_IMAGE,
    │                       CORRUPT_IMAGE, TOO_MANY_BYTES, TOO_MANY_PIXELS, BAD_DIMENSIONS, ANIMATED_IMAGE
    ├── OptionError         an option cannot be used: UNKNOWN_OPTION, INVALID_OPTION
    ├── RequestError        the request as a whole cannot be used: INVALID_TENSOR, WRONG_PICTURE_COUNT,
    │   │                   INVALID_IDENTITY, SOURCE_COUNT_MISMATCH
    │   └── ContentRefused  CONTENT_REFUSED: the operator's content gate refuses an image
    ├── FaceError           the faces asked for are not there: NO_FACE_IN_SOURCE, NO_FACE_IN_TARGET,
    │                       FACE_INDEX_OUT_OF_RANGE
    ├── RequestCancelled    CANCELLED: somebody gave the request up
    ├── DeadlineExceeded    DEADLINE_EXCEEDED: no answer within the timeout
    ├── ConnectionFailed    CONNECTION_FAILED: the server cannot be reached, or the connection broke; CLIENT_CLOSED
    └── ServerError         the request was fine, the server could not answer it: INTERNAL, SIGNING_FAILED
        ├── ServerBusy      SERVER_BUSY: full, try again later
        └── BadAnswer       BAD_ANSWER: the answer is not one a faceswap server gives

The server's text is `CODE: message`, often behind `in ensemble 'face_swap', `. `CLASS_BY_CODE` is the only table
from codes to classes. A code it does not know keeps its name and gets its class from the status of the answer.
Messages never hold image data. Errors of gRPC and httpx stay inside, as `__cause__`.
"""

from __future__ import annotations

import re
from typing import ClassVar


class FaceSwapError(Exception):
    """Base of all errors; `str(error)` is `CODE: message`.

    Attributes:
        code: stable name to branch on; `default_code` of the class when the server named none.
        message: one sentence for a person.
        request_id: what the client called this request; the server's log has the same. Empty where there is none.
    """

    default_code: ClassVar[str] = "FACESWAP_ERROR"

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        self.code = code or self.default_code
        self.message = message
        self.request_id = request_id
        super().__init__(f"{self.code}: {message}")

    def __reduce__(self) -> tuple[object, ...]:
        # exceptions rebuild themselves from `args` alone, which would lose the keywords across processes
        return _rebuild, (type(self), self.message, self.code, self.request_id, self.__dict__)


def _rebuild(
    cls: type[FaceSwapError], message: str, code: str, request_id: str, state: dict[str, object]
) -> FaceSwapError:
    error = cls(message, code=code, request_id=request_id)
    error.__dict__.update(state)
    return error


class ImageError(FaceSwapError):
    """An image cannot be used. The message begins with which one, for example `SOURCE_IMAGE[0]`."""

    default_code = "IMAGE_ERROR"


class OptionError(FaceSwapError):
    """An option does not exist or its value is not allowed; the message says what is."""

    default_code = "OPTION_ERROR"


class RequestError(FaceSwapError):
    """The request as a whole cannot be used, for example nine sources."""

    default_code = "REQUEST_REFUSED"


class FaceError(FaceSwapError):
    """The images do not hold the faces asked for."""

    default_code = "FACE_ERROR"


class ContentRefused(RequestError):
    """The content gate of the server refuses one of the images; the same request is refused again."""

    default_code = "CONTENT_REFUSED"


class RequestCancelled(FaceSwapError):
    """Somebody gave the request up before it was done."""

    default_code = "CANCELLED"


class DeadlineExceeded(FaceSwapError):
    """No complete answer within the call's timeout."""

    default_code = "DEADLINE_EXCEEDED"


class ConnectionFailed(FaceSwapError):
    """The server cannot be reached, or the connection broke before the answer was complete.

    Attributes:
        nothing_sent: the connection was refused, so the server knows nothing of the request.
    """

    default_code = "CONNECTION_FAILED"

    def __init__(self, message: str, *, code: str = "", request_id: str = "", nothing_sent: bool = False) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.nothing_sent = nothing_sent


class ServerError(FaceSwapError):
    """The server could not answer; its log has the details under `request_id`."""

    default_code = "SERVER_ERROR"


class ServerBusy(ServerError):
    """The server is full. Nothing was done; the same call may be made again.

    Attributes:
        retry_after_s: seconds the server asks to wait, or None when it does not say.
        turned_away: the server itself said so, or said when to come back; False for a status alone, which a proxy
            may have sent for reasons of its own.
    """

    default_code = "SERVER_BUSY"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
        turned_away: bool = False,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after_s = retry_after_s
        self.turned_away = turned_away


class BadAnswer(ServerError):
    """The answer cannot be read: cut short, not KServe v2, or from something that is not a faceswap server."""

    default_code = "BAD_ANSWER"


CLASS_BY_CODE: dict[str, type[FaceSwapError]] = {
    "EMPTY_IMAGE": ImageError,
    "NOT_AN_IMAGE": ImageError,
    "UNSUPPORTED_FORMAT": ImageError,
    "TRUNCATED_IMAGE": ImageError,
    "CORRUPT_IMAGE": ImageError,
    "TOO_MANY_BYTES": ImageError,
    "TOO_MANY_PIXELS": ImageError,
    "BAD_DIMENSIONS": ImageError,
    "ANIMATED_IMAGE": ImageError,
    "UNKNOWN_OPTION": OptionError,
    "INVALID_OPTION": OptionError,
    "INVALID_TENSOR": RequestError,
    "WRONG_PICTURE_COUNT": RequestError,
    "INVALID_IDENTITY": RequestError,
    "SOURCE_COUNT_MISMATCH": RequestError,
    "NO_FACE_IN_SOURCE": FaceError,
    "NO_FACE_IN_TARGET": FaceError,
    "FACE_INDEX_OUT_OF_RANGE": FaceError,
    "CONTENT_REFUSED": ContentRefused,
    "CANCELLED": RequestCancelled,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "SERVER_BUSY": ServerBusy,
    "SIGNING_FAILED": ServerError,
    "INTERNAL": ServerError,
}
"""Every code a server sends, and the class it becomes."""

_CLASS_BY_GRPC_STATUS: dict[str, type[FaceSwapError]] = {
    "INVALID_ARGUMENT": RequestError,
    "OUT_OF_RANGE": RequestError,
    "ALREADY_EXISTS": RequestError,
    "FAILED_PRECONDITION": RequestError,
    "UNIMPLEMENTED": RequestError,
    "CANCELLED": RequestCancelled,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "UNAVAILABLE": ServerBusy,
    "RESOURCE_EXHAUSTED": ServerBusy,
}

_CLASS_BY_HTTP_STATUS: dict[int, type[FaceSwapError]] = {
    400: RequestError,
    401: RequestError,
    403: RequestError,
    405: RequestError,
    408: RequestError,
    413: RequestError,
    415: RequestError,
    429: ServerBusy,
    501: RequestError,
    503: ServerBusy,
    504: DeadlineExceeded,
}

_CODE = re.compile(r"\b([A-Z][A-Z0-9_]{2,}): ")
_PREFIX = re.compile(r"^(\[request id: [^\]]*\] )?(in ensemble '[^']*', )?(\[request id: [^\]]*\] )?")
_WITHDRAWN = re.compile(r"^Request for unknown model: '\w+' has no available versions")
"""Triton's words for a model it knows but no longer serves: the server is draining before it stops or restarts."""
_RETRY_HINT = re.compile(r"\bretry after (\d{1,9}) ms\b")  # in SERVER_BUSY texts of our steps and of the front
_QUEUE_FULL = re.compile(r"maximum queue size")  # Triton's own refusal
_LONGEST_MESSAGE = 500  # characters; a server's message is a sentence, a proxy's may be a page


def error_from_text(
    text: str, status: str | int, *, request_id: str = "", retry_after_s: float | None = None
) -> FaceSwapError:
    """The client's error for a server's error text.

    Args:
        text: what the server said, for example `in ensemble 'face_swap', NO_FACE_IN_TARGET: no face was found`.
        status: gRPC status name (`INVALID_ARGUMENT`) or HTTP status number (400); decides the class where the
            text holds no known code. A status in neither table is the server's fault: `ServerError`.
        request_id: copied into the error.
        retry_after_s: seconds, kept when the error is a `ServerBusy`; `retry after N ms` in the text comes first.
    """
    by_status = _CLASS_BY_HTTP_STATUS.get(status) if isinstance(status, int) else _CLASS_BY_GRPC_STATUS.get(status)
    text = _PREFIX.sub("", text, count=1)
    if _WITHDRAWN.match(text):
        message = "the server is stopping or restarting and takes no new requests"
        return ServerBusy(message, request_id=request_id, retry_after_s=retry_after_s, turned_away=True)
    found = _CODE.search(text)
    code = found.group(1) if found else ""
    message = one_line(text[found.end() :] if found else text) or f"the server answered {status} without a word"
    cls = CLASS_BY_CODE.get(code) or by_status or ServerError
    if issubclass(cls, ServerBusy):
        hint = _RETRY_HINT.search(message)
        if hint is not None:
            retry_after_s = int(hint.group(1)) / 1000
        turned_away = code == ServerBusy.default_code or retry_after_s is not None or bool(_QUEUE_FULL.search(message))
        return cls(message, code=code, request_id=request_id, retry_after_s=retry_after_s, turned_away=turned_away)
    return cls(message, code=code, request_id=request_id)


def too_late(target: str, timeout: float | None, request_id: str) -> DeadlineExceeded:
    """The error of a call that had no answer from `target` after `timeout` seconds."""
    within = "in time" if timeout is None else f"within {timeout:g} s"
    return DeadlineExceeded(f"no answer from {target} {within}", request_id=request_id)


def one_line(text: str) -> str:
    """`text` without line breaks or control characters and no longer than a message should be."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."
