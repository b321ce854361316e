"""Limits and times of one job, each an environment variable `FACESWAP_<NAME>`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class JobSettings(BaseSettings):
    """What one job may hold and how long its parts may take; read by the RunPod worker and by the plain API."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore", populate_by_name=True)

    concurrency: int = Field(
        default=24,
        ge=1,
        le=32,
        description="jobs in flight; 16 to 32 lets Triton batch them, 1 makes them wait in line",
    )
    request_seconds: float = Field(default=60.0, gt=0, description="time one swap may take in the server")
    max_image_bytes: int = Field(default=25 * 2**20, ge=1, description="bytes of one image (the server reads it too)")
    max_sources: int = Field(default=8, ge=1, le=8, description="source images of one job (the server reads it too)")
    max_targets: int = Field(default=16, ge=1, le=64, description="target images of one job")
    max_job_bytes: int = Field(default=64 * 2**20, ge=1, description="bytes of all images of one job")
    download_seconds: float = Field(default=20.0, gt=0, description="time one download may take, redirects included")
    max_redirects: int = Field(default=3, ge=0, le=10, description="redirects one download may follow")
    allow_private_addresses: bool = Field(
        default=False, description="URLs and buckets on private networks, and buckets over http; for a desk only"
    )
