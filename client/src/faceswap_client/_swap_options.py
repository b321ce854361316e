"""Keyword options of a swap, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypedDict


class SwapOptions(TypedDict, total=False):
    """Options of one swap; an option left out, or None, has the server's default."""

    source_face: int | Literal["largest"] | None
    """'largest', or the index of a face in each source, from 0, left to right."""
    target_faces: Iterable[int] | int | Literal["all"] | None
    """'all', or indexes such as '0,2', from 0, left to right, each at most once."""
    max_faces: int | None
    """A whole number from 1 to 64: only the largest are kept."""
    min_face_size: int | None
    """Pixels from 0 to 65535: the shorter side of a target face's box."""
    detection_threshold: float | None
    """A number from 0.05 to 1."""
    max_side: int | None
    """A whole number from 64 to 65535: the result's longer side; a larger target is scaled down to it."""
    output_format: Literal["same", "jpeg", "png", "webp"] | None
    output_quality: int | None
    """A whole number from 1 to 100 (jpeg and webp)."""
    on_no_face: Literal["error", "passthrough"] | None
    blend: Literal["fast", "exact"] | None
    label: Literal["off", "top-left", "top-right", "bottom-left", "bottom-right"] | None
    """'off', or the corner of a visible "AI"."""
    label_size: float | None
    """A number from 0.01 to 0.25: height of the label's capitals as a share of the shorter side."""
