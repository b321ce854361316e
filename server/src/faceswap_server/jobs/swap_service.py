"""Runs a job of the RunPod queue or the plain API: images in, swaps on Triton, a document within the size limit out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

from faceswap_client import Analysis, AsyncClient, Identity, SwapResult

from faceswap_server.jobs.fetch import Fetcher, FetchLimits
from faceswap_server.jobs.images import load_images
from faceswap_server.jobs.inswapper.job import InswapperJob
from faceswap_server.jobs.inswapper.swap import ServiceCalls, run_inswapper_job
from faceswap_server.jobs.job_errors import JobError, to_job_error
from faceswap_server.jobs.job_input import InputLimits, JobRequest
from faceswap_server.jobs.job_schemas import Job
from faceswap_server.jobs.output import Document, encoded_size, faces_document, swap_document
from faceswap_server.jobs.public_addresses import any_addresses, public_addresses
from faceswap_server.jobs.settings import JobSettings
from faceswap_server.jobs.swap_retrier import SwapRetrier
from faceswap_server.supervision import SupervisedServer

REENCODE_QUALITIES = (90, 75, 50)
"""JPEG qualities tried one after another when an answer is too large. Each repeats the swap: only the server writes the
provenance marks, so its images are not re-encoded here."""


class ResultStore(Protocol):
    """Storage that a job's results are uploaded to instead of being returned."""

    async def upload(self, data: bytes, job_id: str, index: int, image_format: str) -> str:
        """Stores an encoded image and returns a link to it; raises JobError."""


def input_limits(settings: JobSettings) -> InputLimits:
    """The limits of one job's input."""
    return InputLimits(settings.max_sources, settings.max_targets, settings.max_image_bytes, settings.max_job_bytes)


class SwapService:
    """Runs jobs on a server; belongs to the event loop of its first job."""

    def __init__(self, settings: JobSettings, address: str, server: SupervisedServer) -> None:
        """`server` is the one at that address."""
        self._settings = settings
        self._limits = input_limits(settings)
        # callers share a worker: no embedding is cached
        self._client = AsyncClient(address, timeout=settings.job_seconds, remember_sources=0, retries=0)
        self._retrier = SwapRetrier(server, settings.job_seconds)
        self._resolve = any_addresses if settings.allow_private_addresses else public_addresses
        self._fetcher = Fetcher(
            FetchLimits(settings.max_image_bytes, settings.download_seconds, settings.max_redirects),
            resolve=self._resolve,
        )
        # one job of many targets must not fill the server's queue
        self._turn = asyncio.Semaphore(settings.concurrency)

    async def run(self, request: Job, *, max_bytes: int, bucket: ResultStore | None = None, job_id: str) -> Document:
        """The job's output; an InswapperJob is always answered with its image, never with a link.

        Raises:
            JobError: the only error; a job with a list of targets raises it when every target failed.
        """
        try:
            if isinstance(request, InswapperJob):
                return await self._inswapper(request, max_bytes)
            if request.task == "faces":
                return await self._faces(request, max_bytes)
            return await self._swap(request, max_bytes, bucket, job_id)
        except Exception as error:
            raise to_job_error(error) from None

    async def close(self) -> None:
        await self._client.close()
        await self._fetcher.close()

    async def __aenter__(self) -> SwapService:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _faces(self, request: JobRequest, max_bytes: int) -> Document:
        (image,) = await load_images(request.targets, self._fetcher, self._limits)
        document = faces_document(await self._analysis(image, request.options))
        _check(encoded_size([document]), max_bytes, "")
        return document

    async def _swap(self, request: JobRequest, max_bytes: int, bucket: ResultStore | None, job_id: str) -> Document:
        images = await load_images((*request.sources, *request.targets), self._fetcher, self._limits)
        sources, targets = images[: len(request.sources)], images[len(request.sources) :]
        if bucket is not None:
            uploads = (
                self._uploaded(bucket, sources, target, request.options, job_id, index)
                for index, target in enumerate(targets)
            )
            return _together(request, await asyncio.gather(*uploads))
        documents = await self._documents(sources, targets, request.options, None)
        size = encoded_size(_successes(documents))
        for quality in REENCODE_QUALITIES if request.allow_reencode else ():
            if size <= max_bytes:
                break
            smaller = request.options | {"output_format": "jpeg", "output_quality": quality}
            documents = await self._documents(sources, targets, smaller, quality)
            size = encoded_size(_successes(documents))
        _check(size, max_bytes, "" if request.allow_reencode else "allow_reencode, ")
        return _together(request, documents)

    async def _inswapper(self, job: InswapperJob, max_bytes: int) -> Document:
        source, target = await load_images((job.source, job.target), self._fetcher, self._limits)
        calls = ServiceCalls(lambda image: self._analysis(image, {}), self._swapped)
        return await run_inswapper_job(job, source, target, calls, max_bytes)

    async def _documents(
        self, sources: Sequence[bytes], targets: Sequence[bytes], options: dict[str, Any], quality: int | None
    ) -> list[Document | JobError]:
        results = await asyncio.gather(*(self._one(sources, target, options) for target in targets))
        return [r if isinstance(r, JobError) else swap_document(r, reencoded_quality=quality) for r in results]

    async def _uploaded(
        self,
        bucket: ResultStore,
        sources: Sequence[bytes],
        target: bytes,
        options: dict[str, Any],
        job_id: str,
        index: int,
    ) -> Document | JobError:
        result = await self._one(sources, target, options)
        if isinstance(result, JobError):
            return result
        try:
            link = await bucket.upload(result.image, job_id, index, result.format)
        except Exception as error:  # the other targets keep theirs
            return to_job_error(error)
        return swap_document(result, link=link)

    async def _one(self, sources: Sequence[bytes], target: bytes, options: dict[str, Any]) -> SwapResult | JobError:
        try:
            return await self._swapped(sources, target, options)
        except Exception as error:
            return to_job_error(error)

    async def _swapped(
        self, sources: Sequence[bytes] | Sequence[Identity], target: bytes, options: dict[str, Any]
    ) -> SwapResult:
        async with self._turn:
            return await self._retrier.run(lambda left: self._client.swap(sources, target, timeout=left, **options))

    async def _analysis(self, image: bytes, options: dict[str, Any]) -> Analysis:
        async with self._turn:
            return await self._retrier.run(lambda left: self._client.faces(image, timeout=left, **options))


def _successes(documents: Sequence[Document | JobError]) -> list[Document]:
    return [document for document in documents if not isinstance(document, JobError)]


def _together(request: JobRequest, documents: Sequence[Document | JobError]) -> Document:
    first_error = next((document for document in documents if isinstance(document, JobError)), None)
    if first_error is not None and not _successes(documents):
        raise first_error
    if request.one_target:
        (document,) = _successes(documents)
        return document
    return {"results": [{"error": str(result)} if isinstance(result, JobError) else result for result in documents]}


def _check(size: int, max_bytes: int, advice: str) -> None:
    if size > max_bytes:
        raise JobError(
            "OUTPUT_TOO_LARGE",
            f"the answer would have {size} bytes, the platform takes {max_bytes}; use {advice}output_format jpeg with "
            "a lower output_quality, s3Config, or fewer targets",
        )
