"""Computation of the face-swap steps, as pure functions on arrays, and the adapter to Triton.

`faceswap_core.triton` alone imports Triton's module. Conventions that hold everywhere are in
`python_backend/CONVENTIONS.md`: RGB, uint8, (height, width, channel), points as (x, y) in pixels with pixel
centres at whole numbers, affine matrices [2, 3] that map image coordinates to crop coordinates.
"""

from faceswap_contract.version import __version__

__all__ = ["__version__"]
