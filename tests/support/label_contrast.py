"""Contrast of the visible label in an encoded image, measured on what a viewer shows."""

from __future__ import annotations

import numpy as np
from faceswap_core.provenance.visible_label import Corner, draw_label
from support.icc_profiles import displayed


def displayed_contrast(result: bytes, corner: Corner, level: int = 255) -> float:
    """Of the text of a label of 5 % against its box (WCAG 2.2); transparency lies over a grey of `level`."""
    shown = displayed(result, level)
    probe = np.zeros_like(shown)
    box = draw_label(probe, corner=corner, share=0.05)
    inside = (slice(box.top, box.bottom), slice(box.left, box.right))
    text, ground = (probe[inside] > 250).all(axis=2), (probe[inside] == 16).all(axis=2)
    values = shown[inside] / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return float((np.median(luminance[text]) + 0.05) / (np.median(luminance[ground]) + 0.05))
