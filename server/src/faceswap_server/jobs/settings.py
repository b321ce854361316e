"""Limits and times of one job, each an environment variable `FACESWAP_<NAME>`."""

from __future__ import annotations

from enum import Enum

from faceswap_core.settings_field import setting
from pydantic_settings import BaseSettings, SettingsConfigDict


class JobSchema(str, Enum):
    """Schema of jobs. `inswapper` accepts those of runpod-worker-inswapper beside this service's own."""

    FACESWAP = "faceswap"
    INSWAPPER = "inswapper"


class JobSettings(BaseSettings):
    """What one job may hold and how long its parts may take; read by the RunPod worker and by the plain API."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_", frozen=True, extra="ignore", populate_by_name=True)

    jobs: JobSchema = setting("FACESWAP_JOBS", JobSchema)
    concurrency: int = setting("FACESWAP_CONCURRENCY")
    job_seconds: float = setting("FACESWAP_JOB_SECONDS")
    max_image_bytes: int = setting("FACESWAP_MAX_IMAGE_BYTES")
    max_sources: int = setting("FACESWAP_MAX_SOURCES")
    max_targets: int = setting("FACESWAP_MAX_TARGETS")
    max_job_bytes: int = setting("FACESWAP_MAX_JOB_BYTES")
    download_seconds: float = setting("FACESWAP_DOWNLOAD_SECONDS")
    max_redirects: int = setting("FACESWAP_MAX_REDIRECTS")
    allow_private_addresses: bool = setting("FACESWAP_ALLOW_PRIVATE_ADDRESSES")
