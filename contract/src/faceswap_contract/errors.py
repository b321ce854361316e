"""Error codes of every program: gRPC status, HTTP status, meaning and remedy.

An error is `CODE: message` on every protocol. One code has one HTTP status on every HTTP server of this project (the
KServe proxy and the plain API). Triton's own port can only say what Triton maps its statuses to: `triton_http_status`.

HTTP statuses follow RFC 9110:

- 413 content too large: bytes of a body, bytes or pixels of an image.
- 415 unsupported media type, "as a result of inspecting the data directly" (section 15.5.16): the bytes are an image
  of another format, or of no format that is known here; also a compressed body.
- 422 unprocessable content: well-formed images that do not hold the faces asked for.
- 403: understood and refused, repeating does not help: the content gate.
- 499 (nginx's): the caller disconnected or cancelled, so it is not read.
- 400: everything else that the caller has to change, damaged images and options included.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from faceswap_contract.error_fact import TRITON_STATUS, ErrorFact, Family, Origin
from faceswap_contract.other_errors import OTHER_ERRORS
from faceswap_contract.service_errors import SERVICE_ERRORS

__all__ = ["ERRORS", "TRITON_STATUS", "ErrorFact", "Family", "Origin", "codes_of", "http_status"]

ERRORS: Mapping[str, ErrorFact] = MappingProxyType({fact.code: fact for fact in (*SERVICE_ERRORS, *OTHER_ERRORS)})
"""Every code, in the order of the documentation."""


def http_status(code: str) -> int:
    """HTTP status of a code; 500 for a code that is not in the table, because only a defect can produce one."""
    fact = ERRORS.get(code)
    return 500 if fact is None else fact.http_status


def codes_of(origin: Origin) -> tuple[str, ...]:
    """Codes that a part of the project can send or raise, in the order of the table."""
    return tuple(code for code, fact in ERRORS.items() if origin in fact.origins)
