"""One error code: its statuses, family, meaning and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Family(str, Enum):
    """Kind of an error: which exception class of the Python client it becomes."""

    IMAGE = "image"
    OPTION = "option"
    REQUEST = "request"
    FACE = "face"
    REFUSED = "refused"  # by the content gate
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    CONNECTION = "connection"
    BUSY = "busy"
    BAD_ANSWER = "bad answer"
    SERVER = "server"


class Origin(str, Enum):
    """Part of the project that sends or raises a code."""

    SERVICE = "service"  # the steps inside Triton, over every protocol
    HTTP = "http"  # the HTTP server in front of Triton: KServe proxy and plain API
    WORKER = "worker"  # the RunPod worker and the plain API: jobs, downloads, uploads
    CLIENT = "client"  # the Python client, for what happens on the way
    ROUTE = "route"  # client/typescript/route.ts


TRITON_STATUS = MappingProxyType(
    {
        "INVALID_ARGUMENT": ("INVALID_ARG", 400),
        "UNIMPLEMENTED": ("UNSUPPORTED", 501),
        "UNAVAILABLE": ("UNAVAILABLE", 503),
        "CANCELLED": ("CANCELLED", 400),
        "INTERNAL": ("INTERNAL", 500),
    }
)
"""gRPC status -> (Triton's name of it, the HTTP status on Triton's own port). Source: Triton's src/http_server.cc and
src/grpc/grpc_utils.cc."""


@dataclass(frozen=True, slots=True)
class ErrorFact:
    """One error code.

    Attributes:
        code: stable name to branch on.
        family: kind of error; the Python client's class.
        origins: who sends or raises it.
        grpc_status: name of the gRPC status on Triton's port; None where no step inside Triton sends the code.
        http_status: of every HTTP server of this project, and for programs that pass the error on over HTTP.
        meaning: when it is sent, one sentence.
        remedy: what to do, one or two sentences.
        job_remedy: the same for the caller of a RunPod job, where it differs.
        python_name: exception class in `faceswap_core.errors`, where it is not the code in CamelCase.
    """

    code: str
    family: Family
    origins: tuple[Origin, ...]
    grpc_status: str | None
    http_status: int
    meaning: str
    remedy: str
    job_remedy: str = ""
    python_name: str = ""

    @property
    def triton_http_status(self) -> int | None:
        """HTTP status of the code on Triton's own port; None where no step inside Triton sends it."""
        return None if self.grpc_status is None else TRITON_STATUS[self.grpc_status][1]

    @property
    def for_jobs(self) -> str:
        """What the caller of a RunPod job is to do."""
        return self.job_remedy or self.remedy

    @property
    def triton_status(self) -> str | None:
        """Name of Triton's status (`INVALID_ARG`); None where no step inside Triton sends the code."""
        return None if self.grpc_status is None else TRITON_STATUS[self.grpc_status][0]

    @property
    def class_name(self) -> str:
        """Exception class in `faceswap_core.errors` of a code of the service: EMPTY_IMAGE -> EmptyImage."""
        return self.python_name or "".join(part.capitalize() for part in self.code.split("_"))
