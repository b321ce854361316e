"""A job's pictures as bytes, downloaded or decoded, within the job's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from faceswap_tools.runpod.fetch import Fetcher
from faceswap_tools.runpod.job_errors import JobError
from faceswap_tools.runpod.job_input import InputLimits, PictureText, decode_inline

_IN_A_THREAD = 256 * 1024  # characters; decoding more would hold the event loop for a good part of a millisecond
_AT_ONCE = 4  # pictures of one job; bounds what a job can hold before its total is known to be too large


async def load_pictures(pictures: Sequence[PictureText], fetcher: Fetcher, limits: InputLimits) -> list[bytes]:
    """The encoded bytes of each picture; the same URL is downloaded once.

    Raises:
        JobError: the first that failed; the other downloads are stopped.
    """
    loading = _Loading(fetcher, limits)
    tasks: dict[object, asyncio.Task[bytes]] = {}
    for picture in pictures:
        key = _key(picture)
        if key not in tasks:
            tasks[key] = asyncio.create_task(loading.load(picture))
    try:
        await asyncio.gather(*tasks.values())
    except BaseException:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        raise
    return [tasks[_key(picture)].result() for picture in pictures]


def _key(picture: PictureText) -> object:
    return picture.text if picture.is_url else id(picture)


class _Loading:
    def __init__(self, fetcher: Fetcher, limits: InputLimits) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._total = 0

    async def load(self, picture: PictureText) -> bytes:
        async with self._turn:
            data = await self._bytes(picture)
            self._total += len(data)
            if self._total > self._limits.max_job_bytes:
                raise JobError(
                    "TOO_MANY_BYTES", f"the job's pictures together have more than {self._limits.max_job_bytes} bytes"
                )
            return data

    async def _bytes(self, picture: PictureText) -> bytes:
        if picture.data is not None:
            return picture.data
        if picture.is_url:
            return await self._fetcher.fetch(picture.text, picture.where)
        if len(picture.text) > _IN_A_THREAD:
            return await asyncio.to_thread(decode_inline, picture, self._limits.max_image_bytes)
        return decode_inline(picture, self._limits.max_image_bytes)
