"""Comparing images, with something to look at when they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from faceswap_models.checkout import Checkout
from numpy.typing import NDArray
from PIL import Image

AMPLIFIED = 16


def assert_close(actual: NDArray[np.uint8], expected: NDArray[np.uint8], *, most: int, mean: float, name: str) -> None:
    """Fails when any value differs by more than `most` levels, or all by more than `mean` on average.

    On failure `out/golden-failures/NAME.png` shows actual, expected and their difference times 16.
    """
    if actual.shape == expected.shape:
        difference = np.abs(actual.astype(np.int16) - expected.astype(np.int16))
        if difference.max() <= most and difference.mean() <= mean:
            return
        told = f"most {difference.max()} of {most} levels, mean {difference.mean():.3f} of {mean}"
    else:
        difference = np.zeros_like(expected, np.int16)
        told = f"shape {actual.shape} instead of {expected.shape}"
    path = _save(name, [actual, expected, np.clip(difference * AMPLIFIED, 0, 255).astype(np.uint8)])
    raise AssertionError(f"{name}: {told}; look at {path}")


def _save(name: str, images: list[NDArray[np.uint8]]) -> Path:
    folder = Checkout.find().root / "out" / "golden-failures"
    folder.mkdir(parents=True, exist_ok=True)
    panels = [Image.fromarray(image) for image in images]
    canvas = Image.new("RGB", (sum(panel.width for panel in panels), max(panel.height for panel in panels)))
    left = 0
    for panel in panels:
        canvas.paste(panel, (left, 0))
        left += panel.width
    canvas.save(folder / f"{name}.png")
    return folder / f"{name}.png"
