"""Triton's answers on their way out: which headers and which error texts a caller may see."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from faceswap_core.errors import all_errors

PASSED_HEADERS = ("content-type", "content-length", "inference-header-content-length")
"""Everything else stays behind; Triton's own headers say what it is and how busy."""

_CODE = re.compile(r"\b([A-Z][A-Z0-9_]{2,}): ")
_RETRY_HINT = re.compile(r"\bretry after (\d{1,9}) ms\b")
_QUEUE_FULL = re.compile(r"maximum queue size|[Ss]erver (is )?(stopping|exiting|not ready)|Request timeout expired")
_TELLS_TOO_MUCH = re.compile(r"Traceback|File \"|(?:^|[\s'\"(=:,])/[\w.-]+/|\.py\b|\.so\b|\n")
_INTERNAL = "INTERNAL: the server failed; its log has the details"
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as it goes to the caller."""

    status: int
    text: str
    headers: dict[str, str]


def error_answer(status: int, body: bytes) -> ErrorAnswer:
    """Triton's error with everything taken out that is not for callers.

    Texts of our steps (`CODE: message`) pass as they are. Triton's own pass with a status of 4xx when they name neither
    a path nor a traceback; every other 5xx becomes INTERNAL. A 503 gets `Retry-After`: the milliseconds its text asks
    to wait, rounded up to seconds, or 1.
    """
    text = _text(body)
    found = _CODE.search(text)
    ours = found is not None and found.group(1) in all_errors()
    if status == 503:
        hint = _RETRY_HINT.search(text)
        seconds = max(1, math.ceil(int(hint.group(1)) / 1000)) if hint else 1
        if not ours and _QUEUE_FULL.search(text):
            text, ours = "SERVER_BUSY: the queue is full, or the server is stopping; try again", True
        clean = text if ours and not _TELLS_TOO_MUCH.search(text) else "SERVER_BUSY: try again"
        return ErrorAnswer(503, clean, {"Retry-After": str(seconds)})
    if (not ours and status >= 500) or not text or _TELLS_TOO_MUCH.search(text):
        return ErrorAnswer(status if status < 500 else 500, _INTERNAL if status >= 500 else _refused(status), {})
    return ErrorAnswer(status, text[:_LONGEST], {})


def _refused(status: int) -> str:
    return "NOT_FOUND: there is no such model" if status == 404 else "BAD_REQUEST: the request cannot be used"


def _text(body: bytes) -> str:
    try:
        text = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return text.strip() if isinstance(text, str) else ""
