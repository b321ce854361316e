"""The errors a caller can meet, each with a stable code.

    FaceSwapError
    ├── ImageError                      one of the images cannot be used
    │   ├── EmptyImage                  EMPTY_IMAGE
    │   ├── NotAnImage                  NOT_AN_IMAGE
    │   ├── UnsupportedFormat           UNSUPPORTED_FORMAT
    │   ├── TruncatedImage              TRUNCATED_IMAGE
    │   ├── CorruptImage                CORRUPT_IMAGE
    │   ├── TooManyBytes                TOO_MANY_BYTES
    │   ├── TooManyPixels               TOO_MANY_PIXELS
    │   ├── BadDimensions               BAD_DIMENSIONS
    │   └── AnimatedImage               ANIMATED_IMAGE
    ├── OptionError                     a request parameter cannot be used
    │   ├── UnknownOption               UNKNOWN_OPTION
    │   └── InvalidOption               INVALID_OPTION
    ├── RequestError                    the request as a whole cannot be used
    │   ├── InvalidTensor               INVALID_TENSOR
    │   ├── WrongImageCount           WRONG_PICTURE_COUNT
    │   ├── InvalidIdentity             INVALID_IDENTITY
    │   └── SourceCountMismatch         SOURCE_COUNT_MISMATCH
    ├── FaceError                       the images do not hold the faces asked for
    │   ├── NoFaceInSource              NO_FACE_IN_SOURCE
    │   ├── NoFaceInTarget              NO_FACE_IN_TARGET
    │   └── FaceIndexOutOfRange         FACE_INDEX_OUT_OF_RANGE
    ├── ContentRefused                  CONTENT_REFUSED
    ├── RequestCancelled                CANCELLED
    ├── DeadlineExceeded                DEADLINE_EXCEEDED
    ├── ServerBusy                      SERVER_BUSY
    ├── SigningFailed                   SIGNING_FAILED
    └── InternalError                   INTERNAL

A step turns an error into a response with the text `CODE: message`; `status` names the Triton status it
is sent with. A caller never receives a traceback or a path.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Status(Enum):
    """Triton status an error is sent with; the HTTP code is Triton's own mapping of it."""

    INVALID_ARG = "INVALID_ARG"  # HTTP 400
    UNSUPPORTED = "UNSUPPORTED"  # HTTP 501
    UNAVAILABLE = "UNAVAILABLE"  # HTTP 503
    CANCELLED = "CANCELLED"  # HTTP 400
    INTERNAL = "INTERNAL"  # HTTP 500


class FaceSwapError(Exception):
    """Base of all errors; `str(error)` is `CODE: message`."""

    code: ClassVar[str] = ""
    status: ClassVar[Status] = Status.INVALID_ARG

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")
        self.message = message


class ImageError(FaceSwapError):
    """An image cannot be used. The message begins with which one, for example `SOURCE_IMAGE[0]`."""


class EmptyImage(ImageError):
    """No bytes were sent."""

    code = "EMPTY_IMAGE"


class NotAnImage(ImageError):
    """The bytes are not in any image format we can recognise."""

    code = "NOT_AN_IMAGE"


class UnsupportedFormat(ImageError):
    """An image, but in a format that is not on the list."""

    code = "UNSUPPORTED_FORMAT"
    status = Status.UNSUPPORTED


class TruncatedImage(ImageError):
    """The image's data ends before its pixels are complete."""

    code = "TRUNCATED_IMAGE"


class CorruptImage(ImageError):
    """The header can be read, the pixels cannot be decoded."""

    code = "CORRUPT_IMAGE"


class TooManyBytes(ImageError):
    """The encoded image is larger than the limit."""

    code = "TOO_MANY_BYTES"


class TooManyPixels(ImageError):
    """The header promises more pixels than the limit; nothing was decoded."""

    code = "TOO_MANY_PIXELS"


class BadDimensions(ImageError):
    """A side is zero, or longer than any supported format allows."""

    code = "BAD_DIMENSIONS"


class AnimatedImage(ImageError):
    """More than one frame; we swap single images."""

    code = "ANIMATED_IMAGE"


class OptionError(FaceSwapError):
    """A request parameter cannot be used."""


class UnknownOption(OptionError):
    """A parameter of that name does not exist; the message lists those that do."""

    code = "UNKNOWN_OPTION"


class InvalidOption(OptionError):
    """Wrong type or out of range; the message has the name, the value and what is allowed."""

    code = "INVALID_OPTION"


class RequestError(FaceSwapError):
    """The request as a whole cannot be used."""


class InvalidTensor(RequestError):
    """An input tensor has the wrong type or shape."""

    code = "INVALID_TENSOR"


class WrongImageCount(RequestError):
    """No source, too many sources, or not exactly one target."""

    code = "WRONG_PICTURE_COUNT"


class InvalidIdentity(RequestError):
    """An embedding is not a finite, non-zero vector, or there are none or too many."""

    code = "INVALID_IDENTITY"


class SourceCountMismatch(RequestError):
    """Several sources, but not as many as target faces to swap."""

    code = "SOURCE_COUNT_MISMATCH"


class FaceError(FaceSwapError):
    """The images do not hold the faces asked for."""


class NoFaceInSource(FaceError):
    """A source image shows no face."""

    code = "NO_FACE_IN_SOURCE"


class NoFaceInTarget(FaceError):
    """The target image shows no face and `on_no_face` is `error`."""

    code = "NO_FACE_IN_TARGET"


class FaceIndexOutOfRange(FaceError):
    """`source_face` or `target_faces` names a face that was not found."""

    code = "FACE_INDEX_OUT_OF_RANGE"


class ContentRefused(FaceSwapError):
    """The content gate refuses one of the images, or could not decide about it; nothing was swapped."""

    code = "CONTENT_REFUSED"


class RequestCancelled(FaceSwapError):
    """The caller gave up; the work was stopped between steps."""

    code = "CANCELLED"
    status = Status.CANCELLED


class DeadlineExceeded(FaceSwapError):
    """The request took longer than the server allows (`FACESWAP_REQUEST_SECONDS`) or its caller; it was given up."""

    code = "DEADLINE_EXCEEDED"
    status = Status.UNAVAILABLE


class ServerBusy(FaceSwapError):
    """Too many requests in flight, or no memory for one more; the message ends in `retry after N ms`."""

    code = "SERVER_BUSY"
    status = Status.UNAVAILABLE


class SigningFailed(FaceSwapError):
    """The result could not be signed, so it is not handed out; try again later."""

    code = "SIGNING_FAILED"
    status = Status.UNAVAILABLE


class InternalError(FaceSwapError):
    """A fault of ours; details are in the server's log, never in the answer."""

    code = "INTERNAL"
    status = Status.INTERNAL


def all_errors() -> dict[str, type[FaceSwapError]]:
    """Every error class that has a code, by code."""
    found: dict[str, type[FaceSwapError]] = {}
    pending = [FaceSwapError]
    while pending:
        cls = pending.pop()
        pending.extend(cls.__subclasses__())
        if cls.code:
            found[cls.code] = cls
    return found
