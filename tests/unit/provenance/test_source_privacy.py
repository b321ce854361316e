"""Nothing of a source goes into the result, even when the source brings a manifest with a thumbnail."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
pytest.importorskip("cryptography", reason="cryptography is not installed (make setup): no development chain")

from faceswap_core.provenance.c2pa.development_chain import new_development_chain  # noqa: E402
from faceswap_core.provenance.c2pa.signing import ManifestSigner  # noqa: E402

CREATED = {
    "claim_generator_info": [{"name": "a camera"}],
    "title": "holiday of a named person.jpg",
    "assertions": [
        {
            "label": "c2pa.actions.v2",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
                    }
                ]
            },
        }
    ],
}


def camera_signed(encode: Any) -> bytes:
    """A source as a camera signs it: with a thumbnail."""
    chain = new_development_chain()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", chain.chain_pem, chain.key_pem, None))
    context = c2pa.Context.from_dict({"verify": {"verify_after_sign": False}})
    out = io.BytesIO()
    with c2pa.Builder(json.dumps(CREATED), context) as builder:
        builder.sign(signer, "image/jpeg", io.BytesIO(encode("jpeg")), out)
    return out.getvalue()


def test_the_signer_takes_no_source_bytes(encode: Any) -> None:
    source = camera_signed(encode)
    assert b"thumbnail" in source
    chain = new_development_chain()
    target = encode("jpeg", quality=60)
    result = ManifestSigner(chain.chain_pem, chain.key_pem).sign(target, "jpeg", target, "jpeg", ["jpeg"])
    assert b"thumbnail" not in result
    assert b"named person" not in result
    assert len(result) - len(target) < 5_000
