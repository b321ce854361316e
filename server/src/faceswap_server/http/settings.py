"""Limits of the front, each an environment variable `FACESWAP_FRONT_<NAME>`; the defaults are the documented ones."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class FrontSettings(BaseSettings):
    """What one caller, and all of them together, may cost."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_FRONT_", frozen=True, extra="ignore")

    max_body_bytes: int = Field(default=64 * 2**20, ge=1, description="bytes of a whole request body")
    max_held_bytes: int = Field(default=256 * 2**20, ge=1, description="bytes of all request bodies held at once")
    max_json_bytes: int = Field(default=2**20, ge=1, description="bytes of a request's JSON part, of a whole JSON body")
    max_header_bytes: int = Field(default=16 * 2**10, ge=1024, description="bytes of a request's line and headers")
    max_in_flight: int = Field(default=16, ge=1, description="requests being read, processed or answered at once")
    max_connections: int = Field(default=256, ge=1, description="open connections, idle ones included")
    header_seconds: float = Field(default=10.0, gt=0, description="until a request's headers are complete")
    idle_seconds: float = Field(default=10.0, gt=0, description="between two pieces of a body or of an answer")
    body_seconds: float = Field(default=60.0, gt=0, description="until a request's body is complete")
    answer_seconds: float = Field(default=120.0, gt=0, description="until Triton begins to answer")
    drain_seconds: int = Field(default=30, ge=0, description="for requests in flight when the front stops")
