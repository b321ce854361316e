"""Edits of InsightFace's ONNX graphs: any batch size, uint8 NHWC RGB images in and out.

`prepare_network` takes a file as published and writes the one that is served; `prove_batchable` shows
that it computes the same as the untouched file, one image at a time.
"""

from faceswap_models.onnx_graphs.known_graphs import (
    KNOWN_GRAPHS,
    GraphNotKnownError,
    KnownGraph,
    NetworkKind,
    identify_network,
)
from faceswap_models.onnx_graphs.prepare import Surgery, operate, prepare_network
from faceswap_models.onnx_graphs.proof import ProofFailedError, ProofRow, prove_batchable
from faceswap_models.onnx_graphs.swapper import read_emap

__all__ = [
    "KNOWN_GRAPHS",
    "GraphNotKnownError",
    "KnownGraph",
    "NetworkKind",
    "ProofFailedError",
    "ProofRow",
    "Surgery",
    "identify_network",
    "operate",
    "prepare_network",
    "prove_batchable",
    "read_emap",
]
