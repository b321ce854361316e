"""Sanitizes Triton's answers: which headers and error texts a caller may see, and each error's one status."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from faceswap_contract.errors import Origin, codes_of, http_status

PASSED_HEADERS = ("content-type", "content-length", "inference-header-content-length")
"""The only headers passed on; Triton's other ones tell its version and load."""

_PREFIX = re.compile(r"^(\[request id: [^\]]*\] )?(in ensemble '[^']*', )?(\[request id: [^\]]*\] )?")
"""What Triton puts in front of a step's text."""
_CODE = re.compile(r"\b([A-Z][A-Z0-9_]{2,}): ")
_RETRY_HINT = re.compile(r"\bretry after (\d{1,9}) ms\b")
_QUEUE_FULL = re.compile(r"maximum queue size|[Ss]erver (is )?(stopping|exiting|not ready)|Request timeout expired")
_WITHDRAWN = re.compile(r"Request for unknown model: '\w+' has no available versions")
"""Triton's words for a model it no longer serves: it is draining before it stops or restarts."""
_TELLS_TOO_MUCH = re.compile(r"Traceback|File \"|(?:^|[\s'\"(=:,])/[\w.-]+/|\.py\b|\.so\b|\n")
_SERVICE_CODES = frozenset(codes_of(Origin.SERVICE))
_MESSAGES = {
    "INTERNAL": "the server failed; its log has the details",
    "SERVER_BUSY": "try again",
    "DEADLINE_EXCEEDED": "the request took too long",
    "SIGNING_FAILED": "the result could not be signed; try again later",
}
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as it goes to the caller."""

    status: int
    text: str
    headers: dict[str, str]


def error_answer(status: int, body: bytes) -> ErrorAnswer:
    """Triton's error as a caller may see it, with the one HTTP status of its code.

    Texts of our steps (`CODE: message`) pass without Triton's prefix, under the code's status: Triton's own port
    answers 400 where HTTP means 403, 413 or 422. Triton's own texts pass with a status of 4xx when they name neither
    a path nor a traceback; every other 5xx becomes INTERNAL. A 503 gets `Retry-After`: the milliseconds its
    text asks to wait, rounded up to seconds, or 1.

    Args:
        status: Triton's HTTP status.
        body: Triton's JSON, or the beginning of it.
    """
    text = _text(body)
    code = _code(text)
    if code is None and (status == 503 or _WITHDRAWN.match(text)):
        code = "SERVER_BUSY"
        known = _QUEUE_FULL.search(text) or _WITHDRAWN.match(text)
        text = "SERVER_BUSY: the queue is full, or the server is stopping; try again" if known else ""
    if code is not None:
        status, text = http_status(code), _PREFIX.sub("", text)
    if not text or _TELLS_TOO_MUCH.search(text) or (code is None and status >= 500):
        return _without_details(status, code)
    return ErrorAnswer(status, text[:_LONGEST], _retry_after(status, text))


def _code(text: str) -> str | None:
    """The service's error code in a text, or None in one of Triton's own."""
    found = _CODE.search(text)
    return found.group(1) if found is not None and found.group(1) in _SERVICE_CODES else None


def _retry_after(status: int, text: str) -> dict[str, str]:
    if status != 503:
        return {}
    hint = _RETRY_HINT.search(text)
    return {"Retry-After": str(max(1, math.ceil(int(hint.group(1)) / 1000)) if hint else 1)}


def _without_details(status: int, code: str | None) -> ErrorAnswer:
    """The error with its text replaced: Triton's reveals too much or says nothing."""
    if status == 404:
        return ErrorAnswer(404, "NOT_FOUND: there is no such model", {})
    if code is None:
        code = "BAD_REQUEST" if status < 500 else "INTERNAL"
    message = _MESSAGES.get(code, "the request cannot be used")
    return ErrorAnswer(http_status(code), f"{code}: {message}", _retry_after(http_status(code), ""))


def _text(body: bytes) -> str:
    try:
        text = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return text.strip() if isinstance(text, str) else ""
