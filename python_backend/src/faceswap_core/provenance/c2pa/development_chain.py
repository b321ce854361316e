"""Self-signed certificate chain for trying out signing; untrusted, as its names say. Needs `cryptography`.

The profile is what C2PA asks of a claim signer (C2PA specification 2.x, section "X.509 certificates"): a leaf that
is not its own issuer, version 3, ECDSA on P-256, key usage digitalSignature, extended key usage emailProtection,
subject and authority key identifiers, no CA.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION = "faceswap-triton DEVELOPMENT, UNTRUSTED"
VALID_DAYS = 365

_CLOCK_SKEW = timedelta(minutes=5)


class DevelopmentChain(NamedTuple):
    """PEM texts.

    Attributes:
        root_pem: the root certificate: the trust anchor for verifying such signatures.
        chain_pem: the signer's certificate, then the root's.
        key_pem: the signer's private key, PKCS#8, not encrypted. The root's key is discarded.
    """

    root_pem: bytes
    chain_pem: bytes
    key_pem: bytes


def new_development_chain(now: datetime | None = None) -> DevelopmentChain:
    """Makes a fresh root and a signer below it, ES256, valid for `VALID_DAYS`.

    Args:
        now: the start of the validity, with a time zone; the current time if None.
    """
    now = now or datetime.now(timezone.utc)
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _root(root_key, now).sign(root_key, hashes.SHA256())
    leaf = _leaf(leaf_key, root_key, now).sign(root_key, hashes.SHA256())
    root_pem = root.public_bytes(serialization.Encoding.PEM)
    return DevelopmentChain(
        root_pem=root_pem,
        chain_pem=leaf.public_bytes(serialization.Encoding.PEM) + root_pem,
        key_pem=leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _root(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        _certificate("root", "root", key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey, root_key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _certificate("signer", "root", key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(authority, critical=False)
    )


def _certificate(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"faceswap-triton development {role}, untrusted"),
        ]
    )


def _key_usage(digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
