"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from types import TracebackType
from typing import Literal, TypeVar

from faceswap_client._calls import SWAP_MODEL, Call, Source, faces_call, swap_call
from faceswap_client._client import DEFAULT_REMEMBERED, DEFAULT_TIMEOUT, checked_timeout
from faceswap_client._errors import ConnectionFailed, DeadlineExceeded, ServerBusy
from faceswap_client._identity import Identity, chosen_identity
from faceswap_client._options import Blend, FaceIndexes, Label, OnNoFace, OutputFormat, to_parameters
from faceswap_client._results import Analysis, SwapResult
from faceswap_client._retries import DEFAULT_RETRIES, checked_retries, send_async
from faceswap_client._source_cache import SourceCache
from faceswap_client.images.inputs import ImageInput, each_image
from faceswap_client.transports.transport import AsyncTransport, connect_async
from faceswap_client.wire.tensors import InferReply

_Result = TypeVar("_Result")


class AsyncClient:
    """`Client` for asyncio: the same arguments, results and errors.

        async with AsyncClient("127.0.0.1:8001") as client:
            result = await client.swap("me.jpg", "group.jpg")

    Any number of calls may wait at once. A client belongs to the event loop of its first call; a cancelled task
    leaves its request to end by its timeout. Images are read and encoded in a thread.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = DEFAULT_RETRIES,
        remember_sources: int = DEFAULT_REMEMBERED,
        transport: AsyncTransport | None = None,
    ) -> None:
        self.address = address
        self.timeout = checked_timeout(timeout)
        self._transport = transport or connect_async(address, headers, token)
        self.retries = checked_retries(retries)
        self._memory = SourceCache(remember_sources)
        self._closed = False

    async def swap(
        self,
        source: Source,
        target: ImageInput,
        *,
        source_face: int | Literal["largest"] | None = None,
        target_faces: FaceIndexes | None = None,
        max_faces: int | None = None,
        min_face_size: int | None = None,
        detection_threshold: float | None = None,
        max_side: int | None = None,
        output_format: OutputFormat | None = None,
        output_quality: int | None = None,
        on_no_face: OnNoFace | None = None,
        blend: Blend | None = None,
        label: Label | None = None,
        label_size: float | None = None,
        timeout: float | None = None,
    ) -> SwapResult:
        """As `Client.swap`."""
        parameters = to_parameters(
            source_face=source_face,
            target_faces=target_faces,
            max_faces=max_faces,
            min_face_size=min_face_size,
            detection_threshold=detection_threshold,
            max_side=max_side,
            output_format=output_format,
            output_quality=output_quality,
            on_no_face=on_no_face,
            blend=blend,
            label=label,
            label_size=label_size,
        )
        return await self._run(await asyncio.to_thread(swap_call, source, target, parameters, self._memory), timeout)

    async def faces(
        self,
        image: ImageInput,
        *,
        max_faces: int | None = None,
        min_face_size: int | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Analysis:
        """As `Client.faces`."""
        parameters = to_parameters(
            max_faces=max_faces, min_face_size=min_face_size, detection_threshold=detection_threshold
        )
        return await self._run(await asyncio.to_thread(faces_call, image, parameters), timeout)

    async def identity(
        self,
        source: ImageInput | Sequence[ImageInput],
        *,
        source_face: int | Literal["largest"] | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Identity:
        """As `Client.identity`; several photographs are sent at once."""
        found = await asyncio.gather(
            *(
                self.faces(image, detection_threshold=detection_threshold, timeout=timeout)
                for image in each_image(source)
            )
        )
        return Identity.average([chosen_identity(each, source_face) for each in found])

    async def ready(self, *, timeout: float | None = None) -> bool:
        """As `Client.ready`."""
        self._check_open()
        try:
            return await self._transport.model_ready(SWAP_MODEL, self._timeout(timeout))
        except (ConnectionFailed, DeadlineExceeded, ServerBusy):
            return False

    async def close(self) -> None:
        """As `Client.close`."""
        self._closed = True
        self._memory.forget()
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r}, timeout={self.timeout!r})"

    async def _run(self, call: Call[_Result], timeout: float | None) -> _Result:
        self._check_open()

        def infer(left: float | None) -> Awaitable[InferReply]:
            return self._transport.infer(call.request, left)

        return call.result(await send_async(infer, self._timeout(timeout), self.retries))

    def _timeout(self, timeout: float | None) -> float | None:
        return self.timeout if timeout is None else checked_timeout(timeout)

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionFailed("this client is closed", code="CLIENT_CLOSED")
