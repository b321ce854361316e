"""Synchronous client."""

from __future__ import annotations

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
from faceswap_client._retries import send
from faceswap_client.images.inputs import ImageInput, each_image
from faceswap_client.transports.transport import Transport, connect

_Result = TypeVar("_Result")


class Client(BaseClient[Transport]):
    """Calls a faceswap server; one client may be used by many threads at once.

        with Client("127.0.0.1:8001") as client:
            client.swap("me.jpg", "group.jpg").save("swapped.jpg")

    Args:
        address: `HOST:PORT` or `grpc://HOST:PORT` for gRPC (`grpcs://` with TLS), `http://HOST:PORT` or
            `https://HOST:PORT` for HTTP, with a path prefix where a gateway has one (`https://HOST/faceswap`).
            Nothing is sent until the first call.
        timeout: seconds a call may take in all, unless the call says otherwise; None waits indefinitely.
        token: sent as `Authorization: Bearer`, for the server's HTTP front or a gateway. It appears in no message. Use
            it with `https://` or `grpcs://`, or where the network is trusted.
        retries: how often a call is sent again at most, within its timeout, when the server rejected it as busy
            (SERVER_BUSY) or refused the connection; 0 never. A request that the server may have processed is never
            sent again.
        remember_sources: how many recent sources' embeddings to cache in memory, so that a face put into many images
            is recognised once; 0 caches none. See `Identity` for what an embedding is.
        headers: sent with every request (gRPC: as metadata), for a gateway in front of the server.
        transport: carries requests instead of a connection to `address`, for tests and gateways.

    Every call raises errors of `FaceSwapError` only, apart from OSError, TypeError and ValueError for images and
    options that cannot be sent at all.
    """

    @documents_options(Task.SWAP)
    def swap(
        self, source: Source, target: ImageInput, *, timeout: float | None = None, **options: Unpack[SwapOptions]
    ) -> SwapResult:
        """Gives the faces of `target` the identity of the face in `source`.

        Images are paths, encoded bytes, binary file objects, PIL images or uint8 arrays in RGB order (see
        `ImageInput`).

        Args:
            source: one image or `Identity`, or a sequence of up to 8: the first goes to the leftmost chosen face,
                and so on, one source for each chosen face.
            target: the image to change.
            timeout: seconds for this call; default the client's.
        """
        return self._run(self._swap_call(source, target, options), timeout)

    @documents_options(Task.FACES)
    def faces(self, image: ImageInput, *, timeout: float | None = None, **options: Unpack[FacesOptions]) -> Analysis:
        """Finds the faces of an image, left to right, each with its box, score, landmarks and embedding.

        An image without a face gives an Analysis without faces.

        Args:
            image: the image to look at.
            timeout: seconds for this call; default the client's.
        """
        return self._run(self._faces_call(image, options), timeout)

    def identity(
        self,
        source: ImageInput | Sequence[ImageInput],
        *,
        source_face: int | Literal["largest"] | None = None,
        detection_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Identity:
        """The face embedding of the person in `source`: swaps take it in place of an image, any number of times.

        Args:
            source: one photograph, or several of the same person, which are averaged.
            source_face: index of the face in each photograph; default the largest.
            detection_threshold: as in `swap`.
            timeout: seconds for each photograph.

        Raises:
            FaceError: a photograph shows no face, or not the one asked for.
        """
        images, threshold = each_image(source), detection_threshold
        found = [self.faces(image, detection_threshold=threshold, timeout=timeout) for image in images]
        return mean_identity(found, source_face)

    def ready(self, *, timeout: float | None = None) -> bool:
        """True when the server says that it can swap; False when it says no, or there is no server."""
        seconds = self._time_for_call(timeout)
        try:
            return self._transport.model_ready(FACE_SWAP, seconds)
        except NOT_READY:
            return False

    def close(self) -> None:
        """Closes the connections. Calls after this raise ConnectionFailed with the code CLIENT_CLOSED."""
        self._mark_closed()
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @staticmethod
    def _connect(address: str, headers: Mapping[str, str] | None, token: str | None) -> Transport:
        return connect(address, headers, token)

    def _run(self, call: Call[_Result], timeout: float | None) -> _Result:
        attempts = self._attempts(timeout)
        return call.result(send(lambda left: self._transport.infer(call.request, left), attempts))
