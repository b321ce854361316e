"""Edits of InsightFace's ONNX graphs: any batch size, uint8 NHWC RGB pictures in and out.

`prepare_network` takes a file as published and writes the one that is served; `prove_batchable` shows
that it computes the same as the untouched file, one picture at a time.
"""

from faceswap_tools.graph_surgery.known_graphs import (
    KNOWN_GRAPHS,
    GraphNotKnownError,
    KnownGraph,
    NetworkKind,
    identify_network,
)
from faceswap_tools.graph_surgery.prepare import Surgery, operate, prepare_network
from faceswap_tools.graph_surgery.proof import ProofFailedError, ProofRow, prove_batchable
from faceswap_tools.graph_surgery.swapper import read_emap

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
