"""Limits on what a request may hold, read once from the environment.

Every limit is an environment variable `FACESWAP_<NAME>`; the defaults below are the documented ones.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from faceswap_core.options import MAX_FACES


class Limits(BaseSettings):
    """Checked against headers, before any pixel is decoded."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore")

    max_image_bytes: int = Field(default=25 * 2**20, ge=1, description="encoded bytes of one image")
    max_image_pixels: int = Field(default=50_000_000, ge=1, description="width times height of one image")
    max_image_side: int = Field(default=30_000, ge=1, description="longer side of one image, in pixels")
    max_sources: int = Field(default=8, ge=1, le=8, description="source images of one request")
    max_faces: int = Field(
        default=MAX_FACES, ge=1, le=MAX_FACES, description="faces of one image that are worked on, the largest first"
    )
    max_in_flight: int = Field(default=64, ge=1, description="requests accepted and not yet answered")
    memory_limit_mb: int | None = Field(
        default=None, ge=1, description="memory of the whole server, MiB; unset: 0.9 of the container's or machine's"
    )
    request_seconds: float = Field(default=120.0, gt=0, description="time a request may take inside the server")
    frames_directory: Path | None = Field(
        default=None, description="tmpfs folder for decoded frames; unset: one of the server's own under /dev/shm"
    )


def limits_from_environment() -> Limits:
    """Reads `FACESWAP_*`; raises pydantic's ValidationError when a variable is not a number in range."""
    return Limits()
