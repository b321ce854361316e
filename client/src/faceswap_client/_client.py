"""The client for programs with threads or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, TypeVar

from faceswap_client._calls import SWAP_MODEL, Call, Source, faces_call, swap_call
from faceswap_client._errors import ConnectionFailed, DeadlineExceeded, ServerBusy
from faceswap_client._identity import Identity, chosen_identity
from faceswap_client._options import Blend, FaceIndexes, Label, OnNoFace, OutputFormat, to_parameters
from faceswap_client._results import Analysis, SwapResult
from faceswap_client._retries import DEFAULT_RETRIES, checked_retries, send
from faceswap_client._source_cache import SourceCache
from faceswap_client.images.inputs import ImageInput, each_image
from faceswap_client.transports.transport import Transport, connect

DEFAULT_TIMEOUT = 30.0
"""Seconds a call waits for its answer."""

DEFAULT_REMEMBERED = 64
"""Sources a client remembers: 64 embeddings are 128 kB."""

_Result = TypeVar("_Result")


class Client:
    """Calls a faceswap server; one client may be used by many threads at once.

        with Client("127.0.0.1:8001") as client:
            client.swap("me.jpg", "group.jpg").save("swapped.jpg")

    Args:
        address: `HOST:PORT` or `grpc://HOST:PORT` speaks gRPC (`grpcs://` with TLS), `http://HOST:PORT` or
            `https://HOST:PORT` speaks HTTP, with a path in front of the calls' own where it has one
            (`https://HOST/faceswap`). Nothing is sent until the first call.
        timeout: seconds a call may take in all, unless the call says otherwise; None waits for ever.
        token: sent as `Authorization: Bearer`, for the server's front or a gateway. It appears in no message. Use it
            with `https://` or `grpcs://`, or where nobody can listen.
        retries: how often a call is sent again at most, within its timeout, when the server turned it away
            (SERVER_BUSY) or refused the connection; 0 never. Nothing that may have been worked on is sent again.
        remember_sources: how many recent sources' embeddings to keep in memory, so that a face put into many images
            is recognised once; 0 keeps none. See `Identity` for what an embedding is.
        headers: sent with every request (gRPC: as metadata), for a gateway in front of the server.
        transport: carries requests instead of a connection to `address`, for tests and gateways.

    Every call raises errors of `FaceSwapError` only, apart from OSError, TypeError and ValueError for images and
    options that cannot be sent at all.
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
        transport: Transport | None = None,
    ) -> None:
        self.address = address
        self.timeout = checked_timeout(timeout)
        self._transport = transport or connect(address, headers, token)
        self.retries = checked_retries(retries)
        self._memory = SourceCache(remember_sources)
        self._closed = False

    def swap(
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
        """Gives the faces of `target` the identity of the face in `source`.

        Args:
            source: one image or `Identity`, or a sequence of up to 8: the first goes to the leftmost chosen face,
                and so on, one source for each chosen face.
            target: the image to change.
            source_face: index of the face to take from each source, from 0, left to right; default the largest.
            target_faces: indexes of the faces to change, from 0, left to right; default all.
            max_faces: 1 to 64; of more faces only the largest are kept.
            min_face_size: 0 to 65535 pixels, the shorter side of a box; smaller target faces are left out.
            detection_threshold: 0.05 to 1; the score from which a detection counts as a face; default 0.5.
            max_side: 64 to 65535 pixels; a target with a longer side is scaled down to it; default: never.
            output_format: default `same`, the target's own.
            output_quality: 1 to 100 for jpeg and webp; default 95.
            on_no_face: `error` (default), or `passthrough` for the target as it is.
            blend: `fast` (default), or `exact` for insightface's own arithmetic.
            label: the corner for a visible "AI"; default `off`. A deployment may force one.
            label_size: 0.01 to 0.25, height of its capitals as a share of the shorter side; default 0.05.
            timeout: seconds for this call; default the client's.

        Options left at None are the server's defaults.
        """
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
        return self._run(swap_call(source, target, parameters, self._memory), timeout)

    def faces(
        self,
        image: ImageInput,
        *,
        max_faces: int | None = None,
        min_face_size: int | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Analysis:
        """Finds the faces of an image, left to right, each with its box, score, landmarks and embedding.

        The arguments are those of `swap`. An image without a face gives an Analysis without faces.
        """
        parameters = to_parameters(
            max_faces=max_faces, min_face_size=min_face_size, detection_threshold=detection_threshold
        )
        return self._run(faces_call(image, parameters), timeout)

    def identity(
        self,
        source: ImageInput | Sequence[ImageInput],
        *,
        source_face: int | Literal["largest"] | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Identity:
        """Who is in `source`: to swap with, as often as you like, without the image.

        Args:
            source: one photograph, or several of the same person, which are averaged.
            source_face: index of the face in each photograph; default the largest.
            timeout: seconds for each photograph.

        Raises:
            FaceError: a photograph shows no face, or not the one asked for.
        """
        found = [
            self.faces(image, detection_threshold=detection_threshold, timeout=timeout) for image in each_image(source)
        ]
        return Identity.average([chosen_identity(each, source_face) for each in found])

    def ready(self, *, timeout: float | None = None) -> bool:
        """True when the server says that it can swap; False when it says no, or there is no server."""
        self._check_open()
        try:
            return self._transport.model_ready(SWAP_MODEL, self._timeout(timeout))
        except (ConnectionFailed, DeadlineExceeded, ServerBusy):
            return False

    def close(self) -> None:
        """Closes the connections. Calls after this raise ConnectionFailed with the code CLIENT_CLOSED."""
        self._closed = True
        self._memory.forget()
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r}, timeout={self.timeout!r})"

    def _run(self, call: Call[_Result], timeout: float | None) -> _Result:
        self._check_open()
        reply = send(lambda left: self._transport.infer(call.request, left), self._timeout(timeout), self.retries)
        return call.result(reply)

    def _timeout(self, timeout: float | None) -> float | None:
        return self.timeout if timeout is None else checked_timeout(timeout)

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionFailed("this client is closed", code="CLIENT_CLOSED")


def checked_timeout(timeout: float | None) -> float | None:
    """`timeout` itself; raises ValueError unless it is None or above 0."""
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout={timeout!r} is not allowed: seconds above 0, or None")
    return timeout
