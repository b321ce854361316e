"""Exceptions that a call can raise, each with a stable `code`.

    FaceSwapError
    ├── ImageError          an image cannot be used
    ├── OptionError         an option does not exist, or its value is not allowed
    ├── RequestError        the request as a whole cannot be used
    │   └── ContentRefused  the server's content gate refuses an image
    ├── FaceError           the faces asked for are not there
    ├── RequestCancelled    the request was cancelled
    ├── DeadlineExceeded    no answer within the timeout
    ├── ConnectionFailed    the server cannot be reached, the connection broke, or the client is closed
    └── ServerError         the request was fine, the server could not answer it
        ├── ServerBusy      full, try again later
        └── BadAnswer       the answer is not one that a faceswap server gives

The codes of each class, what they mean and what to do are in `faceswap_contract.errors`. The server's text is
`CODE: message`, often behind `in ensemble 'face_swap', `. A code that this version does not know keeps its name and
gets its class from the status of the answer. Messages never hold image data. Errors of gRPC and httpx are not raised;
they are the `__cause__`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from faceswap_contract.errors import ERRORS, Family, Origin


class FaceSwapError(Exception):
    """Base of all errors; `str(error)` is `CODE: message`.

    Attributes:
        code: stable name to branch on; `default_code` of the class when the server named none.
        message: one sentence for a person.
        request_id: the client's id of this request, which is in the server's log too. Empty where there is none.
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
    """The request was cancelled before it was done."""

    default_code = "CANCELLED"


class DeadlineExceeded(FaceSwapError):
    """No complete answer within the call's timeout."""

    default_code = "DEADLINE_EXCEEDED"


class ConnectionFailed(FaceSwapError):
    """The server cannot be reached, or the connection broke before the answer was complete.

    Attributes:
        nothing_sent: the connection was refused, so the server never received the request.
    """

    default_code = "CONNECTION_FAILED"

    def __init__(self, message: str, *, code: str = "", request_id: str = "", nothing_sent: bool = False) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.nothing_sent = nothing_sent


class ServerError(FaceSwapError):
    """The server could not answer; its log has the details under `request_id`."""

    default_code = "SERVER_ERROR"


class ServerBusy(ServerError):
    """The server is full. Nothing was done; the same call may be retried.

    Attributes:
        retry_after_s: seconds the server asks to wait, or None when it does not say.
        turned_away: the server itself rejected the request unprocessed, or said when to retry; False for a status
            alone, which a proxy may have sent for another reason.
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


CLASS_BY_FAMILY: Mapping[Family, type[FaceSwapError]] = MappingProxyType(
    {
        Family.IMAGE: ImageError,
        Family.OPTION: OptionError,
        Family.REQUEST: RequestError,
        Family.FACE: FaceError,
        Family.REFUSED: ContentRefused,
        Family.CANCELLED: RequestCancelled,
        Family.DEADLINE: DeadlineExceeded,
        Family.CONNECTION: ConnectionFailed,
        Family.BUSY: ServerBusy,
        Family.BAD_ANSWER: BadAnswer,
        Family.SERVER: ServerError,
    }
)

_SERVERS = {Origin.SERVICE, Origin.HTTP, Origin.WORKER}

CLASS_BY_CODE: Mapping[str, type[FaceSwapError]] = MappingProxyType(
    {code: CLASS_BY_FAMILY[fact.family] for code, fact in ERRORS.items() if _SERVERS & set(fact.origins)}
)
"""Every code that a server or a RunPod worker sends, and the class it becomes."""

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
    422: RequestError,
    429: ServerBusy,
    499: RequestCancelled,
    501: RequestError,
    503: ServerBusy,
    504: DeadlineExceeded,
}

_CODE = re.compile(r"\b([A-Z][A-Z0-9_]{2,}): ")
_PREFIX = re.compile(r"^(\[request id: [^\]]*\] )?(in ensemble '[^']*', )?(\[request id: [^\]]*\] )?")
_WITHDRAWN = re.compile(r"^Request for unknown model: '\w+' has no available versions")
"""Triton's text for a model it knows but no longer serves: the server is draining before it stops or restarts."""
_RETRY_HINT = re.compile(r"\bretry after (\d{1,9}) ms\b")  # in SERVER_BUSY texts of the steps and of the HTTP front
_QUEUE_FULL = re.compile(r"maximum queue size")  # Triton's own rejection
_LONGEST_MESSAGE = 500  # characters; a server's message is a sentence, a proxy's may be a page


def error_from_text(
    text: str, status: str | int, *, request_id: str = "", retry_after_s: float | None = None
) -> FaceSwapError:
    """The client's error for a server's error text.

    Args:
        text: the server's error message, for example `in ensemble 'face_swap', NO_FACE_IN_TARGET: no face was found`.
        status: gRPC status name (`INVALID_ARGUMENT`) or HTTP status number (400); decides the class where the
            text holds no known code. A status in neither table becomes `ServerError`.
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
    message = one_line(text[found.end() :] if found else text) or f"the server answered {status} with no error message"
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
