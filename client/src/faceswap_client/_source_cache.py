"""LRU cache of source embeddings, so that one face put into a thousand images is recognised once.

In this process's memory only, bounded, and off when its size is 0: an embedding is biometric data. The key is the
SHA-256 of the source's bytes together with every option that decides which face is taken from it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_client._results import SourceFace
from faceswap_client.wire.tensors import Parameter

OPTIONS_THAT_MATTER = ("source_face", "detection_threshold")
"""Options that decide which face of a source is taken. The others act on the target."""

OPTIONS_OF_SOURCES = ("source_face",)
"""Options that act on sources alone, and do not apply to embeddings."""

_Key = tuple[bytes, tuple[Parameter | None, ...]]


@dataclass(frozen=True, slots=True)
class CachedSource:
    """The face and the embedding that the server found in one source image."""

    face: SourceFace
    embedding: NDArray[np.float32] = field(repr=False, compare=False)  # float32 [512]


class SourceCache:
    """LRU cache of `size` sources; safe to share between threads.

    Raises:
        ValueError: `size` is negative.
    """

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"remember_sources={size} is not allowed: 0 or more")
        self._size = size
        self._known: OrderedDict[_Key, CachedSource] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether anything is cached at all."""
        return self._size > 0

    def recall(self, sources: Sequence[bytes], parameters: Mapping[str, Parameter]) -> list[CachedSource] | None:
        """The entries of all `sources`, or None when one of them is not cached for these options."""
        if self._size == 0:
            return None
        found = []
        for key in _keys(sources, parameters):
            with self._lock:
                known = self._known.get(key)
                if known is None:
                    return None
                self._known.move_to_end(key)
            found.append(known)
        return found

    def remember(
        self, sources: Sequence[bytes], parameters: Mapping[str, Parameter], known: Sequence[CachedSource]
    ) -> None:
        """Caches the entries of `sources`; evicts the least recently used above the size."""
        if self._size == 0 or len(known) != len(sources):
            return
        with self._lock:
            for key, source in zip(_keys(sources, parameters), known, strict=True):
                self._known[key] = source
                self._known.move_to_end(key)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """Drops everything."""
        with self._lock:
            self._known.clear()

    def __len__(self) -> int:
        return len(self._known)


def _keys(sources: Sequence[bytes], parameters: Mapping[str, Parameter]) -> list[_Key]:
    options = tuple(parameters.get(name) for name in OPTIONS_THAT_MATTER)
    return [(hashlib.sha256(source).digest(), options) for source in sources]
