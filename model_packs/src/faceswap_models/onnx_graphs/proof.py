"""Proof of an edited network: batches through it against single runs of the untouched file with insightface's own
preprocessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from faceswap_contract.limits import DETECTOR_SIZE, EMBEDDING_SIZE, RECOGNITION_SIZE, SWAP_SIZE
from numpy.typing import NDArray

from faceswap_models.onnx_graphs.known_graphs import NetworkKind
from faceswap_models.onnx_graphs.uint8_input import (
    DETECTOR_NORMALISATION,
    RECOGNISER_NORMALISATION,
    SWAPPER_NORMALISATION,
    Normalisation,
)

BATCH_SIZES = (2, 3, 8)

_KINDS: Mapping[str, NetworkKind] = {
    "image": NetworkKind.DETECTOR,
    "face": NetworkKind.RECOGNISER,
    "target": NetworkKind.SWAPPER,
}
_IMAGES: Mapping[NetworkKind, tuple[int, Normalisation]] = {
    NetworkKind.DETECTOR: (DETECTOR_SIZE, DETECTOR_NORMALISATION),
    NetworkKind.RECOGNISER: (RECOGNITION_SIZE, RECOGNISER_NORMALISATION),
    NetworkKind.SWAPPER: (SWAP_SIZE, SWAPPER_NORMALISATION),
}

# With every optimisation on, onnxruntime's CPU provider lays convolutions out in blocks and fuses
# additions into them, more of them where a file declares all sizes: the untouched det_10g leaves
# height and width open, the prepared one does not. Last bits then differ (det_10g with random weights 1.3e-6,
# scrfd_2.5g_kps 9.5e-7). Without the layout step the same kernels run and nothing differs.
OPTIMISED_BOUND = 2e-6
# A batch of rows through the last matrix product may be summed in another order than one row.
EMBEDDING_BOUND = 2e-6


class ProofFailedError(RuntimeError):
    """A prepared network does not compute what the untouched file does."""


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One output of one batch, compared with single runs."""

    output: str
    batch: int
    optimised: bool  # with every optimisation, as served, or without the layout step
    max_abs_difference: float
    bound: float

    @property
    def ok(self) -> bool:
        return self.max_abs_difference <= self.bound


def prove_batchable(
    original: Path,
    prepared: Path,
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seed: int = 0,
    threads: int = 2,
) -> list[ProofRow]:
    """Runs batches through the prepared network and compares with single runs of the untouched one.

    Runs twice: as served, with all of onnxruntime's optimisations, and without its layout optimisation, where
    detectors must be equal bit for bit. A swapper is run as served only; its bytes must be equal.

    Args:
        original: the untouched file, run with `cv2.dnn.blobFromImage` as insightface does.
        prepared: the edited file.
        batch_sizes: the batches; singles are run once, for the largest.
        seed: of the random images and latents.
        threads: of onnxruntime.

    Returns:
        One row per batch and output, in the prepared file's order of outputs.

    Raises:
        ProofFailedError: a bound is exceeded or an output has the wrong shape.
    """
    session = _session(prepared, threads, optimised=True)
    kind = _kind(session)
    images, latents = _inputs(kind, max(batch_sizes), seed)
    rows = []
    for optimised in (True,) if kind is NetworkKind.SWAPPER else (True, False):
        if not optimised:
            session = _session(prepared, threads, optimised=False)
        expected = _single_runs(_session(original, threads, optimised), kind, images, latents)
        for batch in batch_sizes:
            results = _batch_run(session, kind, images[:batch], latents[:batch])
            for (name, result), reference in zip(results.items(), expected, strict=True):
                difference = _difference(name, result, reference[:batch])
                rows.append(ProofRow(name, batch, optimised, difference, _bound(kind, optimised)))
    broken = [
        f"{row.output} of batch {row.batch} by {row.max_abs_difference:.3g} (bound {row.bound:g})"
        for row in rows
        if not row.ok
    ]
    if broken:
        raise ProofFailedError(f"{original.name}: differs from single runs in {', '.join(broken)}")
    return rows


def _bound(kind: NetworkKind, optimised: bool) -> float:
    if kind is NetworkKind.SWAPPER:
        return 0.0
    if kind is NetworkKind.RECOGNISER:
        return EMBEDDING_BOUND
    return OPTIMISED_BOUND if optimised else 0.0


def _kind(prepared: onnxruntime.InferenceSession) -> NetworkKind:
    """Determined by the name of the image input, which is part of each network's contract."""
    name = prepared.get_inputs()[0].name
    if name not in _KINDS:
        raise ProofFailedError(f"the prepared network's first input is {name}, not one of {', '.join(_KINDS)}")
    return _KINDS[name]


def _inputs(kind: NetworkKind, count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """uint8 [count, size, size, 3] RGB images, from blotches to noise, and unit latents [count, 512]."""
    random = np.random.default_rng(seed)
    size, _ = _IMAGES[kind]
    images = np.empty((count, size, size, 3), np.uint8)
    for index in range(count):
        coarse = max(4, size >> (count - index - 1) % 6)
        blotches = random.integers(0, 256, (coarse, coarse, 3), dtype=np.uint8)
        images[index] = cv2.resize(blotches, (size, size), interpolation=cv2.INTER_CUBIC)
    latents = random.standard_normal((count, EMBEDDING_SIZE), dtype=np.float32)
    latents /= np.linalg.norm(latents, axis=1, keepdims=True)
    return images, latents


def _batch_run(
    session: onnxruntime.InferenceSession,
    kind: NetworkKind,
    images: NDArray[np.uint8],
    latents: NDArray[np.float32],
) -> dict[str, NDArray[Any]]:
    """All images at once through the prepared file: its outputs by name."""
    feeds: dict[str, NDArray[Any]] = {session.get_inputs()[0].name: images}
    if kind is NetworkKind.SWAPPER:
        feeds["source"] = latents
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def _single_runs(
    session: onnxruntime.InferenceSession,
    kind: NetworkKind,
    images: NDArray[np.uint8],
    latents: NDArray[np.float32],
) -> list[NDArray[Any]]:
    """Every image alone through the untouched file: one array per output, batch first."""
    inputs = [value.name for value in session.get_inputs()]
    size, normalisation = _IMAGES[kind]
    results = []
    for image, latent in zip(images, latents, strict=True):
        mean = (normalisation.mean,) * 3
        bgr = np.ascontiguousarray(image[:, :, ::-1])  # insightface passes OpenCV's BGR
        blob = cv2.dnn.blobFromImage(bgr, 1.0 / normalisation.std, (size, size), mean, swapRB=True)
        feeds = {inputs[0]: blob}
        if kind is NetworkKind.SWAPPER:
            feeds[inputs[1]] = latent[np.newaxis]
        results.append([_after_network(kind, output) for output in session.run(None, feeds)])
    return [np.stack(column) for column in zip(*results, strict=True)]


def _after_network(kind: NetworkKind, output: NDArray[Any]) -> NDArray[Any]:
    """One image's output without the batch dimension; the swapper's as insightface makes it bytes."""
    if kind is NetworkKind.SWAPPER:
        pixels: NDArray[Any] = np.clip(255 * output.transpose((0, 2, 3, 1))[0], 0, 255).astype(np.uint8)
        return pixels
    if kind is NetworkKind.DETECTOR and output.ndim == 2:
        return output  # folded exports have no batch dimension
    single: NDArray[Any] = output[0]
    return single


def _difference(name: str, result: NDArray[Any], reference: NDArray[Any]) -> float:
    if result.shape != reference.shape or result.dtype != reference.dtype:
        raise ProofFailedError(
            f"{name} is {result.dtype} {list(result.shape)}, single runs give {reference.dtype} {list(reference.shape)}"
        )
    difference = np.abs(result.astype(np.float64) - reference.astype(np.float64)).max()
    return float("inf") if np.isnan(difference) else float(difference)


def _session(path: Path, threads: int, optimised: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # not the warning about buff2fs, which no node reads
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_ENABLE_EXTENDED
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
