"""Settings of marks, signing, label, content gate and audit log, read once from the environment.

Every setting is an environment variable `FACESWAP_<NAME>`; docs/responsible-use.md has the same table. Secrets are
named by path, never given in a variable, so that they show neither in a process list nor in an image layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from faceswap_core.options import Label
from faceswap_core.settings_field import setting


class SettingsError(Exception):
    """The deployment is configured in a way that cannot work: the server does not start. One line."""


class ProvenanceSettings(BaseSettings):
    """Everything here is off unless it is set."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore", env_ignore_empty=True)

    sign_chain: Path | None = setting("FACESWAP_SIGN_CHAIN")
    sign_key: Path | None = setting("FACESWAP_SIGN_KEY")
    sign_callback: str | None = setting("FACESWAP_SIGN_CALLBACK")
    sign_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = setting(
        "FACESWAP_SIGN_ALGORITHM"
    )
    sign_time_stamps: str | None = setting("FACESWAP_SIGN_TIME_STAMPS")
    label: Label = setting("FACESWAP_LABEL", Label)
    content_gate: Literal["installed", "required"] = setting("FACESWAP_CONTENT_GATE")
    audit: str = setting("FACESWAP_AUDIT")
    audit_salt: Path | None = setting("FACESWAP_AUDIT_SALT")
    audit_tag: str = setting("FACESWAP_AUDIT_TAG")

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
