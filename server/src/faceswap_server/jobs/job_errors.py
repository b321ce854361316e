"""Errors a job can end in: the service's codes and the worker's own, each with an HTTP status and a remedy.

RunPod wants `error` to be a string (an object makes the job COMPLETED without output); ours is `CODE: text`.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from faceswap_client import ConnectionFailed, DeadlineExceeded, FaceSwapError

logger = logging.getLogger(__name__)


class JobError(Exception):
    """A job ends in this; `str(error)` is `CODE: text`. The text is for the caller: no path, host or image."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ErrorFact:
    """What a code means to somebody who meets it."""

    http_status: int  # of the gateway; a queue has no statuses
    remedy: str


_IMAGE = "send another image; the message names which one and why"
_TOO_LARGE = "send a smaller image, or raise the limit in the endpoint's environment"

WORKER_ERRORS = {
    "BAD_INPUT": ErrorFact(400, "the message says which field of `input` is missing or of the wrong type"),
    "BAD_BASE64": ErrorFact(400, "encode the image's bytes as standard base64, or send an https URL"),
    "DOWNLOAD_REFUSED": ErrorFact(400, "use an https URL on the public internet, without redirects to anywhere else"),
    "DOWNLOAD_FAILED": ErrorFact(422, "check that the URL answers 200 with the image, fast enough and uncompressed"),
    "BAD_S3_CONFIG": ErrorFact(400, "send s3Config with accessId, accessSecret, bucketName and a public endpointUrl"),
    "UPLOAD_FAILED": ErrorFact(502, "check the bucket's name, its keys and that they may write and read"),
    "OUTPUT_TOO_LARGE": ErrorFact(422, "set allow_reencode, ask for jpeg or webp, send s3Config, or use fewer targets"),
    "BODY_TOO_LARGE": ErrorFact(413, "send less than 30 MB in one request (the platform's limit)"),
    "SERVER_UNAVAILABLE": ErrorFact(503, "the server behind the worker could not be started again; send the job again"),
    "DEADLINE_EXCEEDED": ErrorFact(504, "send a smaller image, or raise FACESWAP_REQUEST_SECONDS"),
    "BAD_ANSWER": ErrorFact(500, "client and models are of different versions: build the image again"),
}

SERVICE_ERRORS = {
    "EMPTY_IMAGE": ErrorFact(400, _IMAGE),
    "NOT_AN_IMAGE": ErrorFact(400, _IMAGE),
    "UNSUPPORTED_FORMAT": ErrorFact(415, "convert the image to JPEG, PNG or WebP"),
    "TRUNCATED_IMAGE": ErrorFact(400, "the upload was cut short: send the image again"),
    "CORRUPT_IMAGE": ErrorFact(400, _IMAGE),
    "TOO_MANY_BYTES": ErrorFact(413, _TOO_LARGE),
    "TOO_MANY_PIXELS": ErrorFact(413, _TOO_LARGE),
    "BAD_DIMENSIONS": ErrorFact(400, _IMAGE),
    "ANIMATED_IMAGE": ErrorFact(400, "send one frame"),
    "UNKNOWN_OPTION": ErrorFact(400, "the message lists the names that exist"),
    "INVALID_OPTION": ErrorFact(400, "the message says what is allowed"),
    "INVALID_IDENTITY": ErrorFact(400, "send the source's image; jobs hold no identities"),
    "INVALID_TENSOR": ErrorFact(500, "client and models are of different versions: build the image again"),
    "WRONG_PICTURE_COUNT": ErrorFact(400, "send 1 to 8 sources and at least one target"),
    "SOURCE_COUNT_MISMATCH": ErrorFact(400, "send one source, or as many as target faces to swap"),
    "NO_FACE_IN_SOURCE": ErrorFact(422, "send a source that shows a face, or lower detection_threshold"),
    "NO_FACE_IN_TARGET": ErrorFact(422, "send a target that shows a face, or set on_no_face to passthrough"),
    "FACE_INDEX_OUT_OF_RANGE": ErrorFact(422, "ask `faces` how many faces there are"),
    "CONTENT_REFUSED": ErrorFact(403, "the content gate refuses an image; sending it again does not help"),
    "CANCELLED": ErrorFact(499, "somebody cancelled the job"),
    "SERVER_BUSY": ErrorFact(503, "send the job again a little later, or allow more workers"),
    "SIGNING_FAILED": ErrorFact(503, "the key service or time-stamp authority is away: send the job again later"),
    "INTERNAL": ErrorFact(500, "a fault of ours: the worker's log has the details under the job's id"),
}

ERRORS = {**SERVICE_ERRORS, **WORKER_ERRORS}


def http_status(code: str) -> int:
    """Status the gateway answers with; an unknown code is a fault of ours."""
    fact = ERRORS.get(code)
    return fact.http_status if fact else 500


def is_servers_fault(code: str) -> bool:
    """Whether a job that was fine met a server that is not: worth a look at the server."""
    return code not in ERRORS or code in ("INTERNAL", "SERVER_UNAVAILABLE", "DEADLINE_EXCEEDED", "BAD_ANSWER")


def to_job_error(error: Exception) -> JobError:
    """The one table from exceptions to what a caller may see."""
    if isinstance(error, JobError):
        return error
    if isinstance(error, ConnectionFailed):
        return JobError("SERVER_UNAVAILABLE", "the server behind the worker did not answer")
    if isinstance(error, DeadlineExceeded):
        return JobError("DEADLINE_EXCEEDED", "the server behind the worker took too long")
    if isinstance(error, FaceSwapError):
        return JobError(error.code, error.message)
    # where it happened, without its message: that may quote what the caller sent
    logger.error("unexpected %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return JobError("INTERNAL", "the worker failed; its log has the details")
