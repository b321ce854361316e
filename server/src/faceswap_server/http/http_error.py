"""HTTP errors of every route: a code, its one status, and one JSON form."""

from __future__ import annotations

from faceswap_contract.errors import http_status
from starlette.responses import JSONResponse

RETRY_SECONDS = "1"


class HttpError(Exception):
    """Ends a request with an error; `message` is for the caller and quotes nothing that the caller sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def error_response(code: str, text: str, request_id: str, *, close: bool) -> JSONResponse:
    """The error as Triton writes errors: `{"error": "CODE: message"}`.

    Args:
        code: decides the status and its headers.
        text: `CODE: message`.
        request_id: for the log's reader.
        close: end the connection, because an unread body may still be on its way.
    """
    status = http_status(code)
    headers = {"X-Request-Id": request_id}
    if close:
        headers["Connection"] = "close"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return JSONResponse({"error": text}, status_code=status, headers=headers)
