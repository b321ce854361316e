"""Stands for a key service: signs with a key from a file, unless it is told to be away."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY, AWAY = "TEST_SIGNING_KEY", "TEST_SIGNING_AWAY"
"""Environment variables: path of the key; path of a file that, while it exists, makes the service fail."""


def sign(data: bytes) -> bytes:
    """What FACESWAP_SIGN_CALLBACK names."""
    if Path(os.environ[AWAY]).exists():
        raise OSError("the key service is away")
    key = serialization.load_pem_private_key(Path(os.environ[KEY]).read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic curve key")
    return key.sign(data, ec.ECDSA(hashes.SHA256()))
