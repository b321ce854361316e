"""Limits on what a request may hold, read once from the environment.

Every limit is an environment variable `FACESWAP_<NAME>`; ranges and defaults are the contract's.
"""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from faceswap_core.settings_field import setting


class Limits(BaseSettings):
    """Checked against headers, before any pixel is decoded."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore")

    max_image_bytes: int = setting("FACESWAP_MAX_IMAGE_BYTES")
    max_image_pixels: int = setting("FACESWAP_MAX_IMAGE_PIXELS")
    max_image_side: int = setting("FACESWAP_MAX_IMAGE_SIDE")
    max_sources: int = setting("FACESWAP_MAX_SOURCES")
    max_faces: int = setting("FACESWAP_MAX_FACES")
    max_in_flight: int = setting("FACESWAP_MAX_IN_FLIGHT")
    memory_limit_mb: int | None = setting("FACESWAP_MEMORY_LIMIT_MB")
    request_seconds: float = setting("FACESWAP_REQUEST_SECONDS")
    frames_directory: Path | None = setting("FACESWAP_FRAMES_DIRECTORY")
    server_restarts: int = setting("FACESWAP_SERVER_RESTARTS")
    server_name: str | None = setting("FACESWAP_SERVER_NAME")


def limits_from_environment() -> Limits:
    """Reads `FACESWAP_*`; raises pydantic's ValidationError when a variable is not a number in range."""
    return Limits()
