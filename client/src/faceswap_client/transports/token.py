"""Bearer token as a header. It appears in no message: a token that no header can carry is refused here, because the
libraries quote such a header in their errors."""

from __future__ import annotations

from collections.abc import Mapping


def with_token(headers: Mapping[str, str] | None, token: str | None) -> Mapping[str, str] | None:
    """`headers` and `Authorization: Bearer` with the token.

    Raises:
        ValueError: the token has characters that no header can carry, or there is an Authorization header already.
    """
    if token is None:
        return headers
    if not token or not all("!" <= character <= "~" for character in token):
        raise ValueError("a token is printable ASCII without blanks")
    if any(name.lower() == "authorization" for name in headers or {}):
        raise ValueError("give a token or an Authorization header, not both")
    return {**(headers or {}), "Authorization": f"Bearer {token}"}
