"""What a deployment marks, signs, labels, refuses and accounts for, read once from the environment.

Every setting is an environment variable `FACESWAP_<NAME>`; docs/responsible-use.md has the same table. Secrets are
named by path, never given in a variable, so that they show neither in a process list nor in an image layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from faceswap_core.options import Label


class SettingsError(Exception):
    """The deployment is configured in a way that cannot work: the server does not start. One line."""


class ProvenanceSettings(BaseSettings):
    """Everything here is off unless it is set."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore", env_ignore_empty=True)

    sign_chain: Path | None = Field(
        default=None, description="PEM file: the signer's certificate, then its issuers; set it to sign"
    )
    sign_key: Path | None = Field(default=None, description="PEM file: the signer's private key, PKCS#8, no password")
    sign_callback: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`module:function` in place of the key: bytes in, signature out (a key service)",
    )
    sign_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = Field(
        default="es256", description="the key's: es256, es384, es512, ps256, ps384, ps512 or ed25519"
    )
    sign_time_stamps: str | None = Field(
        default=None, description="address of an RFC 3161 time-stamp authority: one call for every image"
    )
    label: Label = Field(
        default=Label.OFF, description="a corner forces the visible label onto every swap; requests may choose another"
    )
    content_gate: Literal["installed", "required"] = Field(
        default="installed",
        description="installed: the gate in the model repository, if there is one; required: no start without one",
    )
    audit: str = Field(default="off", description="off, stdout, or the file audit lines are appended to")
    audit_salt: Path | None = Field(
        default=None, description="file with at least 16 random bytes that key the hashes in audit lines"
    )
    audit_tag: str = Field(default="", max_length=128, description="the operator's own words in every audit line")

    @model_validator(mode="after")
    def _whole(self) -> ProvenanceSettings:
        keys = [name for name in ("sign_key", "sign_callback") if getattr(self, name) is not None]
        if self.sign_chain is not None and len(keys) != 1:
            raise ValueError("FACESWAP_SIGN_CHAIN needs FACESWAP_SIGN_KEY or FACESWAP_SIGN_CALLBACK, one of them")
        if self.sign_chain is None and (keys or self.sign_time_stamps):
            raise ValueError("signing is set up in part: FACESWAP_SIGN_CHAIN is missing")
        if self.audit != "off" and self.audit_salt is None:
            raise ValueError("FACESWAP_AUDIT needs FACESWAP_AUDIT_SALT")
        return self


def provenance_settings() -> ProvenanceSettings:
    """Reads the environment; raises SettingsError."""
    try:
        return ProvenanceSettings()
    except ValidationError as error:
        raise SettingsError(one_line(error)) from None


def one_line(error: ValidationError) -> str:
    """The first thing that is wrong, with the variable's name and without its value."""
    first = error.errors()[0]
    words = first["msg"].removeprefix("Value error, ")
    place = ".".join(str(part) for part in first["loc"])
    return f"FACESWAP_{place.upper()}: {words}" if place else words
