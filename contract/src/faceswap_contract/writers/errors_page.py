"""Writes docs/reference/errors.md."""

from __future__ import annotations

from collections.abc import Sequence

from faceswap_contract.error_fact import ErrorFact, Origin
from faceswap_contract.writers.markdown import code, page, table

_INTRODUCTION = """\
Every error is `CODE: message`, on every protocol. The code is stable: branch on it. The message names the image, the option, the value and
the limit; it never holds a path, a traceback or image data. One code has one HTTP status on the HTTP server of `faceswap serve`
and of the RunPod worker (`/v2/...`, `/swap`, `/faces`)."""

_SERVICE = """\
## Codes of the service

Sent by the steps inside Triton, so over every protocol. "Triton HTTP" is what Triton's own HTTP port says, which knows few statuses.
Triton puts `in ensemble 'face_swap', ` in front of the text; the client and the HTTP front take it off."""

_STATUSES = """\
The statuses follow RFC 9110: 413 for what is too large, 415 for a format (it may be found "as a result of inspecting the data directly"),
422 for sound images that do not hold the faces asked for, 403 for content that is refused for good, 499 for a caller who hung up,
400 for everything else that the caller has to change."""

_OTHERS = """\
## Other codes

Sent or raised outside Triton: by the HTTP server, by jobs (RunPod worker and plain API), by the Python client for what happens on the way, and by the
TypeScript route. The client's and the route's statuses are for programs that pass the error on over HTTP."""

_JOBS = """\
## Errors of a job

What the caller of a RunPod job is to do about the codes of the service; for the other codes it is in the table above."""

_SENDERS = {
    Origin.HTTP: "HTTP server",
    Origin.WORKER: "jobs",
    Origin.CLIENT: "client",
    Origin.ROUTE: "route",
}


def errors_page(facts: Sequence[ErrorFact]) -> str:
    """Text of the page: the service's codes, then those that only other parts send."""
    service = [fact for fact in facts if Origin.SERVICE in fact.origins]
    others = [fact for fact in facts if fact not in service]
    parts = (
        _INTRODUCTION,
        _SERVICE,
        _service_table(service),
        _STATUSES,
        _OTHERS,
        _others_table(others),
        _JOBS,
        _jobs_table(service),
    )
    return page("Error codes", "service_errors.py and other_errors.py", *parts)


def _service_table(facts: Sequence[ErrorFact]) -> str:
    head = ("code", "HTTP", "Triton HTTP", "gRPC", "when", "what to do")
    return table(
        head,
        (
            (
                code(fact.code),
                str(fact.http_status),
                str(fact.triton_http_status),
                str(fact.grpc_status),
                fact.meaning,
                fact.remedy,
            )
            for fact in facts
        ),
    )


def _others_table(facts: Sequence[ErrorFact]) -> str:
    head = ("code", "HTTP", "sent by", "when", "what to do")
    rows = ((code(fact.code), str(fact.http_status), _senders(fact), fact.meaning, fact.remedy) for fact in facts)
    return table(head, rows)


def _senders(fact: ErrorFact) -> str:
    return ", ".join(_SENDERS[origin] for origin in fact.origins)


def _jobs_table(facts: Sequence[ErrorFact]) -> str:
    return table(("code", "what to do"), ((code(fact.code), fact.for_jobs) for fact in facts if fact.job_remedy))
