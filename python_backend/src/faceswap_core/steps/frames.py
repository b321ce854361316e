"""Several pictures of different sizes in one flat tensor, as source pictures travel between steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap_core.errors import InvalidTensor
from faceswap_core.types import Picture


def pack_frames(frames: Sequence[Picture]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Joins RGB frames [H, W, 3] into one uint8 [bytes] and their (height, width) int32 [frames, 2]."""
    sizes = np.array([frame.shape[:2] for frame in frames], dtype=np.int32).reshape(-1, 2)
    if len(frames) == 1:
        return frames[0].reshape(-1), sizes  # no copy for the common case
    empty = np.empty(0, dtype=np.uint8)
    return np.concatenate([empty, *(frame.reshape(-1) for frame in frames)]), sizes


def unpack_frames(packed: NDArray[np.uint8], sizes: NDArray[np.int32]) -> list[Picture]:
    """Views of the frames that `pack_frames` joined; raises InvalidTensor when sizes and bytes disagree."""
    frames, start = [], 0
    for height, width in sizes.tolist():
        stop = start + height * width * 3
        if stop > packed.size:
            raise InvalidTensor("source frames are shorter than their sizes say")
        frames.append(packed[start:stop].reshape(height, width, 3))
        start = stop
    return frames
