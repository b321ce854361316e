"""Face alignment: the similarity transform from five landmarks to a square crop, and the warped crop.

Points are (x, y) in pixels with pixel centres at whole numbers. An affine is float64 [2, 3] and maps
(x, y) to affine @ (x, y, 1); a *crop affine* maps image pixels to crop pixels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.errors import InvalidTensor
from faceswap_core.types import RgbImage

Affine = NDArray[np.float64]

# Left eye, right eye, nose, left and right mouth corner in a 112 x 112 crop: ArcFace's five points,
# insightface/utils/face_align.py. It computes the template in float32; so do we, to agree to the last digit.
_ARCFACE_POINTS = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
ARCFACE_TEMPLATE: NDArray[np.float32] = np.array(_ARCFACE_POINTS, dtype=np.float32)
ARCFACE_TEMPLATE.setflags(write=False)


def crop_template(size: int) -> NDArray[np.float32]:
    """Where the five landmarks belong in a crop of `size` x `size` pixels: float32 [5, 2].

    A multiple of 112 scales ArcFace's points; a multiple of 128 scales them by size/128 and moves them
    right by 8*size/128, which centres the 112-wide template in 128 columns but leaves it at the top
    (insightface `face_align.estimate_norm`).

    Raises:
        ValueError: `size` is a multiple of neither.
    """
    if size > 0 and size % 112 == 0:
        return ARCFACE_TEMPLATE * np.float32(size / 112)
    if size > 0 and size % 128 == 0:
        ratio = np.float32(size / 128)
        return ARCFACE_TEMPLATE * ratio + np.array([8 * ratio, 0], dtype=np.float32)
    raise ValueError(f"crop size {size} is a multiple of neither 112 nor 128")


def estimate_similarity(points: NDArray[np.floating[Any]], targets: NDArray[np.floating[Any]]) -> Affine:
    """The rotation, uniform scale and shift that bring `points` closest to `targets`, both [N, 2].

    Least squares without reflection: equations 38 to 43 of Umeyama, IEEE PAMI 13(4), 1991. Computed in the
    precision of the points, because insightface does: the detector's float32 landmarks give its matrix to
    the last bit, and so its crop to the last pixel. (The same estimate in float64 moves the matrix by up to
    1e-4 and changes some 35 pixels of a 128 x 128 crop, by up to 5 levels.)

    Returns:
        float64 [2, 3], maps `points` to `targets`.

    Raises:
        InvalidTensor: the shapes differ, a coordinate is not finite, or all points coincide.
    """
    source = np.asarray(points)
    target = np.asarray(targets)
    if source.ndim != 2 or source.shape[1] != 2 or source.shape != target.shape:
        raise InvalidTensor(f"landmarks {source.shape} cannot be matched with {target.shape}, want [N, 2]")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise InvalidTensor("a landmark is not a finite number")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_offsets = source - source_mean
    spread = source_offsets.var(axis=0).sum()
    if spread == 0:
        raise InvalidTensor("all landmarks coincide, so they fix no scale and no rotation")
    covariance = (target - target_mean).T @ source_offsets / len(source)
    left, strengths, right = np.linalg.svd(covariance)
    signs = np.array([1.0, -1.0 if np.linalg.det(left) * np.linalg.det(right) < 0 else 1.0])
    rotation = (left * signs) @ right
    scale = 1.0 / spread * (strengths @ signs)
    affine = np.empty((2, 3), dtype=np.float64)
    affine[:, :2] = rotation * scale
    affine[:, 2] = target_mean - scale * (rotation @ source_mean)
    return affine


def crop_affine(landmarks: NDArray[np.floating[Any]], size: int) -> Affine:
    """The similarity that maps image pixels to the pixels of an aligned crop.

    Args:
        landmarks: [5, 2] in image pixels: left eye, right eye, nose, left and right mouth corner.
        size: side of the crop, a multiple of 112 (recogniser) or of 128 (swapper).

    Returns:
        float64 [2, 3].

    Raises:
        InvalidTensor: not five finite, distinct points.
        ValueError: no template for `size`.
    """
    return estimate_similarity(landmarks, crop_template(size))


def warp_crop(image: RgbImage, affine: Affine, size: int) -> RgbImage:
    """The aligned crop, uint8 RGB [size, size, 3]; black where it reaches beyond the image.

    Args:
        image: RGB [H, W, 3].
        affine: crop affine, image pixels to crop pixels.
        size: side of the crop in pixels.

    Bilinear without a prefilter, like insightface's `norm_crop`: equal to it pixel for pixel, apart from
    the colour order.
    """
    crop = cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(crop, dtype=np.uint8)
