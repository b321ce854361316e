"""Job handler: the function that RunPod's SDK calls for each job of the queue.

It always returns a non-empty dict of plain JSON types, with `error` as text where the job failed: the SDK drops
anything else (docs/deploy/runpod.md, "Traps of the SDK").
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from faceswap_server.jobs.job_errors import to_job_error
from faceswap_server.jobs.job_schemas import parse_job
from faceswap_server.jobs.output import Document
from faceswap_server.jobs.public_addresses import any_addresses, public_addresses
from faceswap_server.jobs.swap_retrier import Unsupervised
from faceswap_server.jobs.swap_service import SwapService, input_limits
from faceswap_server.runpod.bucket import Bucket, parse_s3_config
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision import SupervisedServer

logger = logging.getLogger(__name__)

SYNC_PREFIX = "sync-"
"""RunPod's ids of /runsync jobs begin with it; nothing else in a job tells which size limit its answer has."""


class JobHandler:
    """`await handler(job)`; the connection to the server is made with the first job, in the SDK's event loop."""

    def __init__(self, settings: WorkerSettings, address: str, server: SupervisedServer | None = None) -> None:
        """`server` is the one at that address; without it a server that dies is not restarted."""
        self._settings = settings
        self._server = server or Unsupervised()
        self._address = address
        self._limits = input_limits(settings)
        self._service: SwapService | None = None

    async def __call__(self, job: dict[str, Any]) -> Document:
        """The job's output, or `{"error": "CODE: text"}`. A cancelled job's request ends by its time."""
        job_id = str(job.get("id", ""))
        started = time.monotonic()
        try:
            output = await self._run(job, job_id)
        except asyncio.CancelledError:
            logger.info("job %s cancelled after %.0f ms", job_id, _since(started))
            raise
        except Exception as error:
            failure = to_job_error(error)
            # the code alone: the message may quote the caller's input
            logger.info("job %s failed after %.0f ms: %s", job_id, _since(started), failure.code)
            return {"error": str(failure)}
        logger.info("job %s done after %.0f ms", job_id, _since(started))
        return output

    async def _run(self, job: dict[str, Any], job_id: str) -> Document:
        request = parse_job(job.get("input"), self._limits, self._settings.jobs)
        settings = self._settings
        if self._service is None:
            self._service = SwapService(settings, self._address, self._server)
        max_bytes = settings.runsync_bytes if job_id.startswith(SYNC_PREFIX) else settings.run_bytes
        bucket = self._bucket(job)
        try:
            return await self._service.run(request, max_bytes=max_bytes, bucket=bucket, job_id=job_id)
        finally:
            if bucket is not None:
                bucket.close()

    def _bucket(self, job: dict[str, Any]) -> Bucket | None:
        if job.get("s3Config") is None:
            return None
        settings = self._settings
        private = settings.allow_private_addresses
        return Bucket(
            parse_s3_config(job["s3Config"], allow_http=private),
            link_seconds=settings.link_seconds,
            timeout=settings.upload_seconds,
            resolve=any_addresses if private else public_addresses,
        )

    async def close(self) -> None:
        if self._service is not None:
            await self._service.close()


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1e3
