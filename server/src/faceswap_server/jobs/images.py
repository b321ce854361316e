"""Loading of a job's images: download or base64, within the job's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from faceswap_server.jobs.fetch import Fetcher
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import ImageReference, InputLimits, decode_inline

_IN_A_THREAD = 256 * 1024  # characters; decoding more would hold the event loop for a good part of a millisecond
_AT_ONCE = 4  # images of one job; bounds what a job can hold before its total is known to be too large


async def load_images(images: Sequence[ImageReference], fetcher: Fetcher, limits: InputLimits) -> list[bytes]:
    """The encoded bytes of each image; the same URL is downloaded once.

    Raises:
        JobError: the first that failed; the other downloads are stopped.
    """
    loading = _Loading(fetcher, limits)
    tasks: dict[object, asyncio.Task[bytes]] = {}
    for image in images:
        key = _key(image)
        if key not in tasks:
            tasks[key] = asyncio.create_task(loading.load(image))
    try:
        await asyncio.gather(*tasks.values())
    except BaseException:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        raise
    return [tasks[_key(image)].result() for image in images]


def _key(image: ImageReference) -> object:
    return image.text if image.is_url else id(image)


class _Loading:
    def __init__(self, fetcher: Fetcher, limits: InputLimits) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._total = 0

    async def load(self, image: ImageReference) -> bytes:
        async with self._turn:
            data = await self._bytes(image)
            self._total += len(data)
            if self._total > self._limits.max_job_bytes:
                raise JobError(
                    "TOO_MANY_BYTES", f"the job's images together have more than {self._limits.max_job_bytes} bytes"
                )
            return data

    async def _bytes(self, image: ImageReference) -> bytes:
        if image.data is not None:
            return image.data
        if image.is_url:
            return await self._fetcher.fetch(image.text, image.where)
        if len(image.text) > _IN_A_THREAD:
            return await asyncio.to_thread(decode_inline, image, self._limits.max_image_bytes)
        return decode_inline(image, self._limits.max_image_bytes)
