"""Builds the signer and the audit log from `ProvenanceSettings`, and tries them at start-up."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faceswap_core.provenance.audit.log import AuditLog
from faceswap_core.provenance.audit.records import AuditSink, FileAudit, ImageHasher, StdoutAudit
from faceswap_core.provenance.c2pa.signing import ManifestSigner, SigningKeyError, SigningUnavailableError
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError


def signer_of(settings: ProvenanceSettings) -> ManifestSigner | None:
    """A signer that has made a valid trial signature, or None when no chain is set.

    Raises:
        SettingsError: chain, key, callback or time-stamp authority cannot be used.
    """
    if settings.sign_chain is None:
        return None
    chain = _read(settings.sign_chain, "FACESWAP_SIGN_CHAIN")
    key = _function(settings.sign_callback) if settings.sign_callback else _read(settings.sign_key, "FACESWAP_SIGN_KEY")
    try:
        signer = ManifestSigner(chain, key, settings.sign_algorithm, settings.sign_time_stamps)
        signer.check()
    except (SigningKeyError, SigningUnavailableError) as error:
        raise SettingsError(f"signing is set up and does not work: {_first_line(error)}") from None
    return signer


def audit_log_of(settings: ProvenanceSettings) -> AuditLog | None:
    """The audit log, opened, or None when it is off.

    Raises:
        SettingsError: the file cannot be written or is open to others, or the salt is missing or short.
    """
    if settings.audit == "off":
        return None
    try:
        hasher = ImageHasher(_read(settings.audit_salt, "FACESWAP_AUDIT_SALT"))
        sink: AuditSink = StdoutAudit() if settings.audit == "stdout" else FileAudit(Path(settings.audit))
    except (OSError, ValueError) as error:
        raise SettingsError(f"the audit log cannot be kept: {_first_line(error)}") from None
    return AuditLog(sink, hasher, settings.audit_tag)


def _read(path: Path | None, variable: str) -> bytes:
    try:
        return path.read_bytes() if path is not None else b""
    except OSError as error:
        raise SettingsError(f"{variable}: {path} cannot be read ({error.strerror})") from None


def _function(reference: str) -> Callable[[bytes], bytes]:
    module, _, name = reference.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"FACESWAP_SIGN_CALLBACK: {reference} cannot be imported ({error})") from None
    if not callable(found):
        raise SettingsError(f"FACESWAP_SIGN_CALLBACK: {reference} is not a function")
    return found  # type: ignore[no-any-return]  # what it returns is checked by the trial signature


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
