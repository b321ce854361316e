"""Base of the synchronous and the asyncio client: everything that is not I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, Literal, TypeVar

from faceswap_client._calls import Call, Source, faces_call, swap_call
from faceswap_client._errors import ConnectionFailed, DeadlineExceeded, ServerBusy
from faceswap_client._identity import Identity, chosen_identity
from faceswap_client._options import FacesOptions, SwapOptions, to_parameters
from faceswap_client._results import Analysis, SwapResult
from faceswap_client._retries import DEFAULT_RETRIES, Attempts, checked_retries
from faceswap_client._source_cache import SourceCache
from faceswap_client.images.inputs import ImageInput

DEFAULT_TIMEOUT = 30.0
"""Seconds a call waits for its answer."""

DEFAULT_REMEMBERED = 64
"""Sources a client remembers: 64 embeddings are 128 kB."""

NOT_READY = (ConnectionFailed, DeadlineExceeded, ServerBusy)
"""Errors of a readiness call that mean "not ready"; any other error is raised."""

TransportT = TypeVar("TransportT")


class BaseClient(ABC, Generic[TransportT]):
    """Settings, source cache and call building of a client; subclasses send the calls over a `TransportT`."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = DEFAULT_RETRIES,
        remember_sources: int = DEFAULT_REMEMBERED,
        transport: TransportT | None = None,
    ) -> None:
        self.address = address
        self.timeout = checked_timeout(timeout)
        self._transport: TransportT = transport or self._connect(address, headers, token)
        self.retries = checked_retries(retries)
        self._memory = SourceCache(remember_sources)
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r}, timeout={self.timeout!r})"

    @staticmethod
    @abstractmethod
    def _connect(address: str, headers: Mapping[str, str] | None, token: str | None) -> TransportT:
        """The transport for an address; nothing is sent yet."""

    def _swap_call(self, source: Source, target: ImageInput, options: SwapOptions) -> Call[SwapResult]:
        """Reads and encodes the images; raises as `swap_call` does, and TypeError for an unknown option."""
        return swap_call(source, target, to_parameters("swap", SwapOptions, options), self._memory)

    def _faces_call(self, image: ImageInput, options: FacesOptions) -> Call[Analysis]:
        """As `_swap_call`, for an analysis."""
        return faces_call(image, to_parameters("faces", FacesOptions, options))

    def _attempts(self, timeout: float | None) -> Attempts:
        """The time and the retries of a call that begins now; `timeout`: as the caller gave it."""
        return Attempts(self._time_for_call(timeout), self.retries)

    def _time_for_call(self, timeout: float | None) -> float | None:
        """Seconds a call may take; raises ConnectionFailed when the client is closed."""
        if self._closed:
            raise ConnectionFailed("this client is closed", code="CLIENT_CLOSED")
        return self.timeout if timeout is None else checked_timeout(timeout)

    def _mark_closed(self) -> None:
        """Refuses further calls and drops the cached embeddings."""
        self._closed = True
        self._memory.forget()


def mean_identity(found: Sequence[Analysis], source_face: int | Literal["largest"] | None) -> Identity:
    """The mean of the chosen faces of several photographs; raises FaceError as `chosen_identity` does."""
    return Identity.average([chosen_identity(each, source_face) for each in found])


def checked_timeout(timeout: float | None) -> float | None:
    """`timeout` itself; raises ValueError unless it is None or above 0."""
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout={timeout!r} is not allowed: seconds above 0, or None")
    return timeout
