"""C2PA manifests, read back by c2pa's own reader and by `faceswap_client.images.verification`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
pytest.importorskip("cryptography", reason="cryptography is not installed (make setup): no development chain")

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from faceswap_client.images.verification import TrustAnchorError, verify_image  # noqa: E402
from faceswap_contract.version import __version__  # noqa: E402
from faceswap_core.provenance.c2pa.development_chain import DevelopmentChain, new_development_chain  # noqa: E402
from faceswap_core.provenance.c2pa.signing import (  # noqa: E402
    ManifestSigner,
    SigningError,
    SigningKeyError,
    SigningUnavailableError,
    may_hold_manifest,
)
from faceswap_core.provenance.xmp.mark import mark_as_synthetic  # noqa: E402
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE  # noqa: E402

FORMATS = ["jpeg", "png", "webp"]


@pytest.fixture(scope="module")
def chain() -> DevelopmentChain:
    return new_development_chain()


@pytest.fixture(scope="module")
def signer(chain: DevelopmentChain) -> ManifestSigner:
    return ManifestSigner(chain.chain_pem, chain.key_pem)


def signed(signer: ManifestSigner, encode: Any, format: Any, **more: Any) -> bytes:
    plain = encode(format)
    arguments = {"target": plain, "target_format": format, "source_formats": ["jpeg", "png"], **more}
    return signer.sign(mark_as_synthetic(plain, format), format, **arguments)


def with_changed_pixel(encoded: bytes, format: str) -> bytes:
    """One bit of the compressed pixels flipped."""
    marker, offset = {"jpeg": (b"\xff\xda", 40), "png": (b"IDAT", 30), "webp": (b"VP8 ", 60)}[format]
    at = encoded.rindex(marker) + offset
    return encoded[:at] + bytes((encoded[at] ^ 1,)) + encoded[at + 1 :]


@pytest.mark.parametrize("format", FORMATS)
def test_c2pas_own_reader_trusts_it_under_the_root(
    format: str, signer: ManifestSigner, chain: DevelopmentChain, encode: Any
) -> None:
    context = c2pa.Context.from_dict({"trust": {"trust_anchors": chain.root_pem.decode()}})
    with c2pa.Reader(f"image/{format}", io.BytesIO(signed(signer, encode, format)), context=context) as reader:
        assert reader.get_validation_state() == "Trusted"
        manifest = reader.get_active_manifest()
    actions = manifest["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    assert [len(action["parameters"]["ingredients"]) for action in actions[:2]] == [1, 2]
    assert actions[2]["digitalSourceType"] == DIGITAL_SOURCE_TYPE
    relationships = sorted(ingredient["relationship"] for ingredient in manifest["ingredients"])
    assert relationships == ["componentOf", "componentOf", "parentOf"]
    assert "thumbnail" not in json.dumps(manifest)


@pytest.mark.parametrize("format", FORMATS)
def test_pixels_and_mark_stay_and_little_is_added(
    format: str, signer: ManifestSigner, encode: Any, exiftool: Any
) -> None:
    plain = encode(format)
    result = signed(signer, encode, format)
    with Image.open(io.BytesIO(plain)) as before, Image.open(io.BytesIO(result)) as after:
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
    assert len(result) - len(plain) < 6_000
    assert exiftool(result, "XMP-iptcExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("format", FORMATS)
def test_verification_says_who_what_and_how_far_it_is_trusted(
    format: str, signer: ManifestSigner, chain: DevelopmentChain, encode: Any
) -> None:
    result = signed(signer, encode, format)
    trusted = verify_image(result, chain.root_pem)
    assert (trusted.format, trusted.c2pa_state, trusted.problems) == (format, "trusted", ())
    assert (trusted.xmp_mark, trusted.synthetic, trusted.digital_source_type) == (True, True, DIGITAL_SOURCE_TYPE)
    assert trusted.signed_by == "faceswap-triton DEVELOPMENT, UNTRUSTED"
    assert trusted.signed_at is None
    assert trusted.generator == f"faceswap-triton {__version__}"
    assert [action.name for action in trusted.actions] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    assert [ingredient.title for ingredient in trusted.ingredients] == ["target", "source 1", "source 2"]
    for anchors in (None, new_development_chain().root_pem):
        verification = verify_image(result, anchors)
        assert verification.c2pa_state == "valid"
        assert [problem.partition(":")[0] for problem in verification.problems] == ["signingCredential.untrusted"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_changed_pixel_is_found(format: str, signer: ManifestSigner, chain: DevelopmentChain, encode: Any) -> None:
    verification = verify_image(with_changed_pixel(signed(signer, encode, format), format), chain.root_pem)
    assert verification.c2pa_state == "invalid"
    assert any(problem.startswith("assertion.dataHash.mismatch") for problem in verification.problems)


def test_a_changed_mark_is_found(signer: ManifestSigner, chain: DevelopmentChain, encode: Any) -> None:
    result = signed(signer, encode, "jpeg")
    at = result.index(b"compositeWith", result.index(b"<x:xmpmeta"))
    verification = verify_image(result[:at] + b"negativeFilm0" + result[at + 13 :], chain.root_pem)
    assert (verification.c2pa_state, verification.xmp_mark, verification.synthetic) == ("invalid", False, False)


@pytest.mark.parametrize("format", FORMATS)
def test_a_stripped_manifest_is_absent_and_not_invalid(format: str, encode: Any, signer: ManifestSigner) -> None:
    with Image.open(io.BytesIO(signed(signer, encode, format))) as image:
        buffer = io.BytesIO()
        image.convert("RGB").copy().save(buffer, format)
    verification = verify_image(buffer.getvalue())
    assert (verification.c2pa_state, verification.problems) == ("none", ())


@pytest.mark.parametrize("format", FORMATS)
def test_a_signed_target_keeps_its_history(
    format: str, signer: ManifestSigner, chain: DevelopmentChain, encode: Any
) -> None:
    first = signed(signer, encode, format)
    verification = verify_image(signed(signer, encode, format, target=first), chain.root_pem)
    assert (verification.c2pa_state, verification.manifests) == ("trusted", 2)
    parent = next(part for part in verification.ingredients if part.relationship == "parentOf")
    assert parent.signed
    assert not any("mismatch" in problem for problem in parent.problems)


def test_a_forged_history_is_named_as_such(signer: ManifestSigner, chain: DevelopmentChain, encode: Any) -> None:
    forged = with_changed_pixel(signed(signer, encode, "jpeg"), "jpeg")
    verification = verify_image(signed(signer, encode, "jpeg", target=forged), chain.root_pem)
    assert verification.c2pa_state == "trusted"  # what we say about our own work still holds
    parent = next(part for part in verification.ingredients if part.relationship == "parentOf")
    assert any(problem.startswith("assertion.dataHash.mismatch") for problem in parent.problems)


def test_an_unreadable_history_does_not_stop_the_signature(
    signer: ManifestSigner, chain: DevelopmentChain, encode: Any
) -> None:
    broken = signed(signer, encode, "jpeg")
    at = broken.index(b"jumb")
    broken = broken[:at] + b"\0" * 400 + broken[at + 400 :]
    assert may_hold_manifest(broken, "jpeg")
    assert verify_image(signed(signer, encode, "jpeg", target=broken), chain.root_pem).c2pa_state == "trusted"


@pytest.mark.parametrize("target_format", ["bmp", "gif", "tiff"])
def test_targets_of_other_formats(
    target_format: str, signer: ManifestSigner, chain: DevelopmentChain, encode: Any
) -> None:
    more = {"target": encode(target_format), "target_format": target_format}
    assert verify_image(signed(signer, encode, "png", **more), chain.root_pem).c2pa_state == "trusted"


def test_without_sources_nothing_is_placed(signer: ManifestSigner, chain: DevelopmentChain, encode: Any) -> None:
    verification = verify_image(signed(signer, encode, "png", source_formats=[]), chain.root_pem)
    assert verification.c2pa_state == "trusted"
    assert [action.name for action in verification.actions] == ["c2pa.opened", "c2pa.edited"]


def test_the_development_chain_says_what_it_is(chain: DevelopmentChain) -> None:
    leaf, root = x509.load_pem_x509_certificates(chain.chain_pem)
    for certificate in (leaf, root):
        assert "UNTRUSTED" in certificate.subject.rfc4514_string()
    assert leaf.issuer == root.subject
    leaf.verify_directly_issued_by(root)
    assert chain.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_good_keys_pass_the_check(signer: ManifestSigner) -> None:
    signer.check()


def other_key(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    return chain.chain_pem, new_development_chain().key_pem


def out_of_date(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    old = new_development_chain(datetime(2020, 1, 1, tzinfo=timezone.utc))
    return old.chain_pem, old.key_pem


def not_yet_valid(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    future = new_development_chain(datetime(2100, 1, 1, tzinfo=timezone.utc))
    return future.chain_pem, future.key_pem


def self_signed(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alone")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2100, 1, 1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, key.private_bytes(*encoding)


def no_chain(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    return b"nothing", chain.key_pem


def no_key(chain: DevelopmentChain) -> tuple[bytes, bytes]:
    return chain.chain_pem, b"nothing"


@pytest.mark.parametrize("broken", [other_key, out_of_date, not_yet_valid, self_signed, no_chain, no_key])
def test_broken_keys_do_not_start(broken: Callable[..., tuple[bytes, bytes]], chain: DevelopmentChain) -> None:
    with pytest.raises(SigningKeyError):
        ManifestSigner(*broken(chain)).check()


def test_unknown_algorithms_and_addresses_are_refused(chain: DevelopmentChain) -> None:
    with pytest.raises(SigningKeyError, match="es256"):
        ManifestSigner(chain.chain_pem, chain.key_pem, "rs256")
    with pytest.raises(SigningKeyError, match="http"):
        ManifestSigner(chain.chain_pem, chain.key_pem, time_stamp_authority="ftp://example.org")


def test_a_time_stamp_authority_that_does_not_answer_is_an_error(chain: DevelopmentChain) -> None:
    signer = ManifestSigner(chain.chain_pem, chain.key_pem, time_stamp_authority="http://127.0.0.1:9/")
    with pytest.raises(SigningKeyError, match="trial signature failed"):
        signer.check()


def test_a_callback_signs(chain: DevelopmentChain, encode: Any) -> None:
    key = serialization.load_pem_private_key(chain.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signer = ManifestSigner(chain.chain_pem, lambda data: key.sign(data, ec.ECDSA(hashes.SHA256())))
    signer.check()
    result = signed(signer, encode, "jpeg")
    assert verify_image(result, chain.root_pem).c2pa_state == "trusted"
    assert len(result) - len(encode("jpeg")) < 15_000


def test_a_callback_that_fails_is_an_error(chain: DevelopmentChain, encode: Any) -> None:
    def fails(data: bytes) -> bytes:
        raise OSError("the key service is away")

    signer = ManifestSigner(chain.chain_pem, fails)
    with pytest.raises(SigningError):
        signed(signer, encode, "jpeg")
    with pytest.raises(SigningKeyError):
        signer.check()


def test_a_callback_that_signs_something_else_is_found(chain: DevelopmentChain) -> None:
    key = serialization.load_pem_private_key(chain.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signer = ManifestSigner(chain.chain_pem, lambda data: key.sign(b"else", ec.ECDSA(hashes.SHA256())))
    with pytest.raises(SigningKeyError, match="claimSignature"):
        signer.check()


def test_manifests_elsewhere_are_not_fetched(signer: ManifestSigner, chain: DevelopmentChain, encode: Any) -> None:
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        # c2pa goes by the prefix "dcterms", not by the namespace
        address = f"http://127.0.0.1:{server.server_port}/c2pa"
        packet = (
            "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
            "<rdf:Description rdf:about='' xmlns:dcterms='http://purl.org/dc/terms/' "
            f"dcterms:provenance='{address}'/></rdf:RDF></x:xmpmeta>"
        )
        target = encode("jpeg", xmp=packet.encode())
        verification = verify_image(target)
        assert (verification.c2pa_state, len(verification.problems)) == ("none", 1)
        scan = encode("tiff", tiffinfo={700: packet.encode()})
        for more in ({"target": target}, {"target": scan, "target_format": "tiff"}):
            assert verify_image(signed(signer, encode, "jpeg", **more), chain.root_pem).c2pa_state == "trusted"
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize("anchors", [b"", b"x", b"\xff", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"])
def test_unusable_trust_anchors_are_an_error(anchors: bytes, signer: ManifestSigner, encode: Any) -> None:
    with pytest.raises(TrustAnchorError):
        verify_image(signed(signer, encode, "jpeg"), anchors)


def test_without_c2pa_it_is_said(chain: DevelopmentChain, encode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(SigningUnavailableError, match="c2pa-python"):
        ManifestSigner(chain.chain_pem, chain.key_pem)
    verification = verify_image(mark_as_synthetic(encode("jpeg"), "jpeg"))
    assert (verification.c2pa_state, verification.synthetic) == ("unchecked", True)
