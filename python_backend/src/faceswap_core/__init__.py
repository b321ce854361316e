"""What the face-swap steps compute, as pure functions on arrays.

Nothing here knows Triton except `faceswap_core.triton`. Conventions that hold everywhere are in
`python_backend/CONVENTIONS.md`: RGB, uint8, (height, width, channel), points as (x, y) in pixels with pixel
centres at whole numbers, affine matrices [2, 3] that map frame coordinates to crop coordinates.
"""

from faceswap_contract.version import __version__

__all__ = ["__version__"]
