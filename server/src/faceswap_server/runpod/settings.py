"""Every environment variable the worker reads; ranges and defaults are the contract's."""

from __future__ import annotations

import shlex
import shutil
from enum import Enum
from pathlib import Path

from faceswap_core.settings_field import setting
from pydantic import ValidationError, field_validator
from pydantic_core import PydanticCustomError

from faceswap_server.jobs.settings import JobSettings


class Mode(str, Enum):
    """What the container does.

    `queue`: jobs from RunPod's queue through its SDK. `lb`: HTTP behind RunPod's load balancer. `serve`: what
    `faceswap serve --listen` does, without RunPod.
    """

    QUEUE = "queue"
    LB = "lb"
    SERVE = "serve"


class Triton(str, Enum):
    """Which tritonserver: native (the image's own) or bundled (in pip's wheel). `auto` prefers the native one."""

    AUTO = "auto"
    NATIVE = "native"
    BUNDLED = "bundled"


class RequireGpu(str, Enum):
    """`auto`: the networks must run on a GPU when the container has one."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


class WorkerSettings(JobSettings):
    """Variables named `FACESWAP_<NAME>`, and those without a prefix that RunPod itself names."""

    mode: Mode = setting("MODE", Mode)
    sdk_loop: bool = setting("FACESWAP_SDK_LOOP")
    drain_seconds: float = setting("FACESWAP_DRAIN_SECONDS")
    start_seconds: float = setting("FACESWAP_START_SECONDS")
    restarts: int = setting("FACESWAP_RESTARTS")
    warm_up: int | None = setting("FACESWAP_WARM_UP")

    triton: Triton = setting("FACESWAP_TRITON", Triton)
    tritonserver: Path = setting("FACESWAP_TRITONSERVER")
    model_repository: Path | None = setting("FACESWAP_MODEL_REPOSITORY")
    triton_arguments: str = setting("FACESWAP_TRITON_ARGUMENTS")
    require_gpu: RequireGpu = setting("FACESWAP_REQUIRE_GPU", RequireGpu)
    state_file: Path | None = setting("FACESWAP_STATE_FILE")

    run_bytes: int = setting("FACESWAP_RUN_BYTES")
    runsync_bytes: int = setting("FACESWAP_RUNSYNC_BYTES")
    lb_bytes: int = setting("FACESWAP_LB_BYTES")
    link_seconds: int = setting("FACESWAP_LINK_SECONDS")
    upload_seconds: float = setting("FACESWAP_UPLOAD_SECONDS")

    host: str = setting("FACESWAP_HOST")
    port: int = setting("PORT")
    port_health: int | None = setting("PORT_HEALTH")
    health_check_path: str = setting("HEALTH_CHECK_PATH")
    token_file: Path | None = setting("FACESWAP_TOKEN_FILE")

    @field_validator("triton_arguments")
    @classmethod
    def _can_be_split(cls, arguments: str) -> str:
        try:
            shlex.split(arguments)
        except ValueError as error:  # an open quotation
            raise PydanticCustomError("shell_words", "{reason}", {"reason": str(error)}) from None
        return arguments

    @property
    def warm_up_swaps(self) -> int:
        """On a GPU the networks choose their kernels at the first batch of a size; a CPU has nothing to choose."""
        if self.warm_up is not None:
            return self.warm_up
        return 0 if self.native_triton is None else 8

    @property
    def native_triton(self) -> Path | None:
        """The tritonserver program to run, or its home directory; None for the bundled one."""
        if self.triton is Triton.BUNDLED:
            return None
        if self.tritonserver.is_dir():
            return self.tritonserver
        found = shutil.which(str(self.tritonserver)) or shutil.which("tritonserver")
        if found:
            return Path(found)
        return self.tritonserver if self.triton is Triton.NATIVE else None


class BadSettings(Exception):
    """An environment variable is not allowed; one line that names it."""


def settings_from_environment() -> WorkerSettings:
    """Reads the environment; raises BadSettings."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = variable_name(str(first["loc"][0]))
        raise BadSettings(f"{name}={first.get('input')!r:.60} is not allowed: {first['msg']}") from None


def variable_name(field: str) -> str:
    """Name of a field's environment variable."""
    known = WorkerSettings.model_fields.get(field)
    if known is None:
        return field  # pydantic names a field by its alias where it has one
    return str(known.validation_alias or f"FACESWAP_{field.upper()}")
