"""How a tritonserver is to be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from faceswap_server.triton.locator import TritonLocator


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a `TritonServer`. A port of 0 means any free one.

    Attributes:
        repository: the model repository; it is read only.
        triton: which tritonserver; None for the one bundled in the wheel `nvidia-pytriton`.
        log: the server's log file; by default one in the folder for temporary files.
        log_to_stderr: the log goes to this process's stderr, as a container wants it; the file then holds the part
            that each start wrote, in which the reason of a failed start is looked for.
        start_timeout_s: until every model must be ready, in seconds.
        drain_timeout_s: what requests in flight get when the server is stopped, in seconds.
        environment: further variables for the server and its steps.
        arguments: further arguments of tritonserver. They must not switch metrics off, which say when the last
            request in flight is done.
    """

    repository: Path
    http_port: int = 0
    grpc_port: int = 0
    metrics_port: int = 0
    log: Path | None = None
    start_timeout_s: float = 120.0
    drain_timeout_s: float = 30.0
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    triton: TritonLocator | None = None
    log_to_stderr: bool = False
