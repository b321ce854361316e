"""Every environment variable the worker reads, with its range and default. docs/deploy/runpod.md lists the same."""

from __future__ import annotations

import shutil
from enum import Enum
from pathlib import Path

from pydantic import Field, ValidationError

from faceswap_server.jobs.settings import JobSettings

IMAGE_TRITON = Path("/opt/tritonserver/bin/tritonserver")


class Mode(str, Enum):
    """`queue`: jobs from RunPod's queue through its SDK. `lb`: HTTP behind RunPod's load balancer."""

    QUEUE = "queue"
    LB = "lb"


class Triton(str, Enum):
    """Which tritonserver: the image's own, or the one that pip carries. `auto` prefers the image's."""

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

    mode: Mode = Field(default=Mode.QUEUE, validation_alias="MODE", description="queue, or lb for load balancing")
    sdk_loop: bool = Field(
        default=False, description="the SDK's own job loop: 50 ms more for each job, and SIGTERM can lose one"
    )
    drain_seconds: float = Field(default=30.0, ge=0, description="time jobs in flight get after SIGTERM")
    start_seconds: float = Field(default=300.0, gt=0, description="time Triton gets to load every model")
    restarts: int = Field(
        default=5,
        ge=0,
        le=100,
        description="restarts of Triton within ten minutes; the next failure ends the container",
    )
    warm_up: int | None = Field(
        default=None, ge=0, le=64, description="swaps before the first job, all at once; default 8, 0 with pip's Triton"
    )

    triton: Triton = Field(default=Triton.AUTO, description="auto, native or carried")
    tritonserver: Path = Field(default=IMAGE_TRITON, description="the image's own server")
    model_repository: Path | None = Field(default=None, description="default: the checkout's served one")
    triton_arguments: str = Field(default="", description="further arguments for tritonserver, as in a shell")
    require_gpu: RequireGpu = Field(default=RequireGpu.AUTO, description="auto, yes or no")
    state_file: Path | None = Field(
        default=None,
        description="where the worker tells its container's health check how the server is, and its address",
    )

    run_bytes: int = Field(default=10_000_000, ge=1000, description="largest answer to /run (RunPod: 10 MB)")
    runsync_bytes: int = Field(default=20_000_000, ge=1000, description="largest answer to /runsync (RunPod: 20 MB)")
    lb_bytes: int = Field(default=30_000_000, ge=1000, description="largest HTTP request and answer (RunPod: 30 MB)")
    link_seconds: int = Field(default=3600, ge=60, le=604_800, description="how long a link to an upload works")
    upload_seconds: float = Field(default=30.0, gt=0, description="time one upload may wait for the bucket")

    host: str = Field(default="0.0.0.0", description="address of the gateway")  # noqa: S104 (the platform's edge calls)
    port: int = Field(default=80, ge=1, le=65535, validation_alias="PORT", description="port of the gateway")
    port_health: int | None = Field(
        default=None, ge=1, le=65535, validation_alias="PORT_HEALTH", description="port of /ping; default: PORT"
    )
    health_check_path: str = Field(
        default="/ping",
        pattern=r"^/[\w/.-]*$",
        validation_alias="HEALTH_CHECK_PATH",
        description="path of the health check",
    )

    @property
    def warm_up_swaps(self) -> int:
        """On a GPU the networks choose their kernels at the first batch of a size; a CPU has nothing to choose."""
        if self.warm_up is not None:
            return self.warm_up
        return 0 if self.native_triton is None else 8

    @property
    def native_triton(self) -> Path | None:
        """The tritonserver program to run, or None for the one pip carries."""
        if self.triton is Triton.BUNDLED:
            return None
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
