"""What the front says when it does not pass a request on: a code, a status and a sentence, never a value."""

from __future__ import annotations

from types import MappingProxyType

from starlette.responses import JSONResponse

STATUS_BY_CODE = MappingProxyType(
    {
        "BAD_REQUEST": 400,
        "UNAUTHORIZED": 401,
        "NOT_FOUND": 404,
        "METHOD_NOT_ALLOWED": 405,
        "SLOW_REQUEST": 408,
        "BODY_TOO_LARGE": 413,
        "COMPRESSED_BODY": 415,
        "INTERNAL": 500,
        "SERVER_BUSY": 503,
        "DEADLINE_EXCEEDED": 504,
    }
)
"""The front's own codes and their HTTP statuses; docs/deploy/security.md has the same table. SERVER_BUSY and
INTERNAL mean what they mean in the service."""

RETRY_SECONDS = "1"


class HttpError(Exception):
    """Ends a request; `message` is for the caller and holds nothing that the caller sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = STATUS_BY_CODE[code]


def http_error_response(refusal: HttpError, request_id: str) -> JSONResponse:
    """The refusal as Triton writes errors. The connection is closed: an unread body may still be on its way."""
    headers = {"X-Request-Id": request_id, "Connection": "close"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return JSONResponse({"error": str(refusal)}, status_code=refusal.status, headers=headers)
