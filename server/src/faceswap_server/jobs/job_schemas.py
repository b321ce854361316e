"""Parsing of a job's input by the schemas that a deployment accepts (`FACESWAP_JOBS`)."""

from __future__ import annotations

from typing import TypeAlias

from faceswap_server.jobs.inswapper.job import InswapperJob, is_inswapper_job, parse_inswapper_job
from faceswap_server.jobs.job_input import InputLimits, JobRequest, parse_input
from faceswap_server.jobs.settings import JobSchema

Job: TypeAlias = "JobRequest | InswapperJob"
"""A checked job of either schema."""


def parse_job(value: object, limits: InputLimits, schema: JobSchema) -> Job:
    """Checks a job's input.

    With `JobSchema.INSWAPPER` an input that has a field which only runpod-worker-inswapper's schema has is a job of
    that schema; any other is one of this service's own, so callers can change over one by one.

    Raises:
        JobError: of `parse_input` or `parse_inswapper_job`.
    """
    if schema is JobSchema.INSWAPPER and isinstance(value, dict) and is_inswapper_job(value):
        return parse_inswapper_job(value, limits)
    return parse_input(value, limits)
