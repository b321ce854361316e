"""Edits of InsightFace's ONNX graphs: any batch size, uint8 NHWC RGB images in and out.

`prepare_network` reads a published file and writes the one that is served; `prove_batchable` compares batches through
it with single images through the untouched file.
"""

from faceswap_models.onnx_graphs.known_graphs import (
    KNOWN_GRAPHS,
    GraphNotKnownError,
    KnownGraph,
    NetworkKind,
    identify_network,
)
from faceswap_models.onnx_graphs.prepare import GraphEdit, edit_graph, prepare_network
from faceswap_models.onnx_graphs.proof import ProofFailedError, ProofRow, prove_batchable
from faceswap_models.onnx_graphs.swapper import read_emap

__all__ = [
    "KNOWN_GRAPHS",
    "GraphEdit",
    "GraphNotKnownError",
    "KnownGraph",
    "NetworkKind",
    "ProofFailedError",
    "ProofRow",
    "edit_graph",
    "identify_network",
    "prepare_network",
    "prove_batchable",
    "read_emap",
]
