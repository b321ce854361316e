"""Asynchronous client, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from faceswap_contract.names import FACE_SWAP
from faceswap_contract.options import Task

from faceswap_client._base import NOT_READY, BaseClient, mean_identity
from faceswap_client._calls import Call, Source
from faceswap_client._identity import Identity
from faceswap_client._option_docs import documents_options
from faceswap_client._options import FacesOptions, SwapOptions, Unpack
from faceswap_client._results import Analysis, SwapResult
from faceswap_client._retries import send_async
from faceswap_client.images.inputs import ImageInput, each_image
from faceswap_client.transports.transport import AsyncTransport, connect_async

_Result = TypeVar("_Result")


class AsyncClient(BaseClient[AsyncTransport]):
    """`Client` for asyncio: the same arguments, results and errors.

        async with AsyncClient("127.0.0.1:8001") as client:
            result = await client.swap("me.jpg", "group.jpg")

    Any number of calls may wait at once. A client belongs to the event loop of its first call; a cancelled task
    leaves its request to end by its timeout. Images are read and encoded in a thread.
    """

    @documents_options(Task.SWAP)
    async def swap(
        self, source: Source, target: ImageInput, *, timeout: float | None = None, **options: Unpack[SwapOptions]
    ) -> SwapResult:
        """As `Client.swap`."""
        return await self._run(await asyncio.to_thread(self._swap_call, source, target, options), timeout)

    @documents_options(Task.FACES)
    async def faces(
        self, image: ImageInput, *, timeout: float | None = None, **options: Unpack[FacesOptions]
    ) -> Analysis:
        """As `Client.faces`."""
        return await self._run(await asyncio.to_thread(self._faces_call, image, options), timeout)

    async def identity(
        self,
        source: ImageInput | Sequence[ImageInput],
        *,
        source_face: int | Literal["largest"] | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Identity:
        """As `Client.identity`; several photographs are sent at once."""
        images, threshold = each_image(source), detection_threshold
        calls = (self.faces(image, detection_threshold=threshold, timeout=timeout) for image in images)
        return mean_identity(await asyncio.gather(*calls), source_face)

    async def ready(self, *, timeout: float | None = None) -> bool:
        """As `Client.ready`."""
        seconds = self._time_for_call(timeout)
        try:
            return await self._transport.model_ready(FACE_SWAP, seconds)
        except NOT_READY:
            return False

    async def close(self) -> None:
        """As `Client.close`."""
        self._mark_closed()
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @staticmethod
    def _connect(address: str, headers: Mapping[str, str] | None, token: str | None) -> AsyncTransport:
        return connect_async(address, headers, token)

    async def _run(self, call: Call[_Result], timeout: float | None) -> _Result:
        attempts = self._attempts(timeout)
        return call.result(await send_async(lambda left: self._transport.infer(call.request, left), attempts))
