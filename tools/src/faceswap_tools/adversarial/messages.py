"""Checks of error messages: what a text must say, and what it must never contain."""

from __future__ import annotations

import re

from faceswap_tools.adversarial.images import LIMIT_BYTES, LIMIT_PIXELS, LIMIT_SIDE

VALUE_AND_LIMIT = {
    "TOO_MANY_BYTES": rf"\d+ bytes, the limit is {LIMIT_BYTES} bytes",
    "TOO_MANY_PIXELS": rf"\d+ pixels, (the limit is|at most) {LIMIT_PIXELS}\b",
    "BAD_DIMENSIONS": rf"\d+ x \d+.* (at least 1$|the limit for a side is {LIMIT_SIDE}$|1 to {LIMIT_SIDE} )",
    "ANIMATED_IMAGE": r"more than 1 frame or page, the limit is 1",
    "NOT_AN_IMAGE": r"\d+ bytes",
    "UNSUPPORTED_FORMAT": r"is not supported",
    "WRONG_PICTURE_COUNT": r"holds \d+ images, allowed: 1 to \d+|exactly one image, not \d+",
    "INVALID_OPTION": r"(?s)^(\w+=.*|a name or value) is not allowed: .*\w",
    "UNKNOWN_OPTION": r"(?s)there is no option .*; known options: source_face, ",
    "INVALID_IDENTITY": r"has length \S+, allowed: \S+ to \S+|has \d+ rows, allowed: 1 to \d+",
    "INVALID_TENSOR": r"\w+",
    "SOURCE_COUNT_MISMATCH": r"\d+ source images for \d+ target faces",
    "FACE_INDEX_OUT_OF_RANGE": r"_faces?=\d+: \S+ has \d+ face\(s\), allowed indexes: \d+",
}
"""By code; codes that have neither value nor limit are not here."""

_LEAK = re.compile(
    r"Traceback|\bFile \"|\bline \d+, in |\w\.py\b|\w\.so\b|\w\.cc:\d|site-packages|dist-packages|python_backend_shm"
    r"|(?<![\w<])/(?:home|tmp|usr|opt|work|dev|var|etc|root|proc|models|app|srv|mnt|data)/\w"
)


def says_value_and_limit(code: str, message: str) -> bool:
    """Whether an error's message has what its code promises."""
    wanted = VALUE_AND_LIMIT.get(code)
    return wanted is None or re.search(wanted, message) is not None


def leaks(text: str, sent: tuple[str, ...] = ()) -> bool:
    """Whether a text holds a path, a traceback or a place in our sources; what the caller sent may be repeated."""
    for own in sent:
        text = text.replace(own, "") if own else text
    return _LEAK.search(text) is not None
