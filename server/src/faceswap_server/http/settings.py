"""Limits of the HTTP server, each an environment variable `FACESWAP_FRONT_<NAME>`; defaults are the documented ones."""

from __future__ import annotations

from enum import Enum

from faceswap_core.settings_field import setting
from pydantic_settings import BaseSettings, SettingsConfigDict


class Routes(str, Enum):
    """Sets of routes that can be served."""

    ALL = "all"
    KSERVE = "kserve"
    PLAIN = "plain"


class FrontSettings(BaseSettings):
    """What one caller, and all of them together, may cost."""

    model_config = SettingsConfigDict(env_prefix="FACESWAP_FRONT_", frozen=True, extra="ignore")

    routes: Routes = setting("FACESWAP_FRONT_ROUTES", Routes)
    max_body_bytes: int = setting("FACESWAP_FRONT_MAX_BODY_BYTES")
    max_held_bytes: int = setting("FACESWAP_FRONT_MAX_HELD_BYTES")
    max_json_bytes: int = setting("FACESWAP_FRONT_MAX_JSON_BYTES")
    max_header_bytes: int = setting("FACESWAP_FRONT_MAX_HEADER_BYTES")
    max_answer_bytes: int = setting("FACESWAP_FRONT_MAX_ANSWER_BYTES")
    max_in_flight: int = setting("FACESWAP_FRONT_MAX_IN_FLIGHT")
    max_connections: int = setting("FACESWAP_FRONT_MAX_CONNECTIONS")
    address_share: float = setting("FACESWAP_FRONT_ADDRESS_SHARE")
    allowed_hosts: str = setting("FACESWAP_FRONT_ALLOWED_HOSTS")
    header_seconds: float = setting("FACESWAP_FRONT_HEADER_SECONDS")
    idle_seconds: float = setting("FACESWAP_FRONT_IDLE_SECONDS")
    body_seconds: float = setting("FACESWAP_FRONT_BODY_SECONDS")
    answer_seconds: float = setting("FACESWAP_FRONT_ANSWER_SECONDS")
    request_seconds: float = setting("FACESWAP_FRONT_REQUEST_SECONDS")
    drain_seconds: int = setting("FACESWAP_FRONT_DRAIN_SECONDS")
