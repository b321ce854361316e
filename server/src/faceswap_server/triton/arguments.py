"""The command line of tritonserver: one list for every binary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceswap_server.triton.ports import HOST

CLOSED_APIS = "model-repository,shared-memory,trace,logging"
"""What no caller may ask of the server (Triton's names, docs/customization_guide/deploy.md): loading models, mapping
memory, changing traces and logs. Configs and statistics stay open on loopback, for perf_analyzer and benchmarks."""
CLOSED_HEADER = "sent-by\nNobody"
"""Name of the header that opens the closed APIs: one that no request can hold, because every user of the machine can
read a command line (/proc/PID/cmdline). A name with a line feed ends its line in HTTP/1 (RFC 9112, section 5), and gRPC
takes only `a-z0-9-_.` (gRPC over HTTP/2, "Header-Name"; 24.10 resets the stream). An unusual value would not do: gRPC
takes any. Triton 24.10 reads no options from a file or variable."""
POLL_SECONDS = 1
"""How often Triton looks at its view of the repository: the longest that a stop takes to be noticed."""
EXIT_SECONDS = 10
"""Triton's own exit timeout, for a server whose launcher was killed: the time to unload everything."""
KEEP_NO_REQUESTS = "--grpc-infer-allocation-pool-size=0"
"""By default Triton keeps the last 8 requests and their answers for reuse, at the size of the largest they ever had:
after 48 images of 23 MB its process held 650 MB, without 170, and 1080p requests cost it 6 ms of CPU either way."""


@dataclass(frozen=True, slots=True)
class ServerArguments:
    """What differs from one start to the next.

    Attributes:
        models: the view of the model repository that Triton polls.
        backends: the backend directory; None for the one compiled into the server.
        ports: of HTTP, gRPC and metrics, all on loopback.
        region_prefix: what the names of the steps' shared-memory regions begin with.
        closed_value: value of the header `CLOSED_HEADER`; random as well, should a server ever take that name.
        extra: further arguments; they come last, and win.
    """

    models: Path
    backends: Path | None
    ports: tuple[int, int, int]
    region_prefix: str
    closed_value: str
    extra: tuple[str, ...] = ()


def server_arguments(chosen: ServerArguments) -> list[str]:
    """Arguments of tritonserver, without the program itself."""
    http, grpc, metrics = chosen.ports
    closed = f"{CLOSED_APIS}:{CLOSED_HEADER}={chosen.closed_value}"
    return [
        f"--model-repository={chosen.models}",
        "--model-control-mode=poll",
        f"--repository-poll-secs={POLL_SECONDS}",
        *([f"--backend-directory={chosen.backends}"] if chosen.backends is not None else []),
        f"--http-address={HOST}",
        f"--http-port={http}",
        f"--grpc-address={HOST}",
        f"--grpc-port={grpc}",
        f"--metrics-address={HOST}",
        f"--metrics-port={metrics}",
        f"--http-restricted-api={closed}",
        f"--grpc-restricted-protocol={closed}",
        "--disable-auto-complete-config",
        KEEP_NO_REQUESTS,
        f"--exit-timeout-secs={EXIT_SECONDS}",
        f"--backend-config=python,shm-region-prefix-name={chosen.region_prefix}",
        *chosen.extra,
    ]
