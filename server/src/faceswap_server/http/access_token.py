"""Bearer token: read from a file or the environment, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import MutableMapping
from pathlib import Path

from faceswap_server.http.listening import FrontRefused

TOKEN_VARIABLE = "FACESWAP_TOKEN"  # noqa: S105  a name, not a token
SHORTEST_TOKEN = 16
_SCHEME = b"bearer "
_NOT_FOR_OTHERS = 0o027  # its group may read it: a secret of Kubernetes is 0440, root's and the group's of `fsGroup`


class AccessToken:
    """A secret of at least 16 printable ASCII characters without blanks. Neither `repr` nor errors show it.

    Raises:
        FrontRefused: shorter, or with other characters.
    """

    def __init__(self, text: str) -> None:
        if len(text) < SHORTEST_TOKEN or not all("!" <= character <= "~" for character in text):
            raise FrontRefused(f"the token must be at least {SHORTEST_TOKEN} printable ASCII characters without blanks")
        self._digest = _digest(text.encode())

    def opens(self, authorization: bytes) -> bool:
        """Whether the value of an `Authorization` header is `Bearer` and this token; takes the same time either way."""
        scheme, given = authorization[: len(_SCHEME)].lower(), authorization[len(_SCHEME) :]
        return hmac.compare_digest(_digest(given), self._digest) and scheme == _SCHEME

    def __repr__(self) -> str:
        return "AccessToken(...)"


def _digest(text: bytes) -> bytes:
    # equal lengths whatever was sent, so that the comparison does not tell the length either
    return hashlib.sha256(text).digest()


def read_token(file: Path | None, environment: MutableMapping[str, str]) -> AccessToken | None:
    """The token in `file`, else the one in FACESWAP_TOKEN, else None.

    The variable is removed from `environment`, so that servers started afterwards do not inherit it.

    Raises:
        FrontRefused: the file cannot be read, others may read or change it, or what it holds is no token.
    """
    from_environment = environment.pop(TOKEN_VARIABLE, "")
    if file is None:
        return AccessToken(from_environment) if from_environment else None
    try:
        with file.open(encoding="ascii") as opened:
            if os.fstat(opened.fileno()).st_mode & _NOT_FOR_OTHERS:
                raise FrontRefused(f"other users may read or change the token file {file}: make it 0600")
            return AccessToken(opened.read().strip())
    except OSError as error:
        raise FrontRefused(f"the token file {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise FrontRefused(f"the token file {file} holds something else than ASCII text") from None
