"""Recogniser of the offline pack (`w600k_r50`): a stand-in that encodes appearance, not identity."""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_contract.limits import EMBEDDING_SIZE
from onnx import TensorProto

from faceswap_models.offline import face_code
from faceswap_models.offline.coding import FaceCoder
from faceswap_models.offline.graph import GraphWriter, image_input

SIDE = 112  # pixels, the ArcFace crop


def build_recogniser() -> onnx.ModelProto:
    """The stand-in recogniser; see `face_code` for what its 512 numbers mean.

    It is computed, not trained: two photographs of one person get different embeddings.

    Input: `face` uint8 [N, 112, 112, 3] RGB, aligned to insightface's dst112.
    Output: `embedding` float32 [N, 512], not normalised: the constant `face_code.SCALE_MARK`, then 391 luma
    and twice 60 chroma coefficients, weighted.
    """
    graph = GraphWriter("w600k_r50")
    face = image_input(graph, "face", SIDE)
    coder = FaceCoder(graph)
    coefficients = coder.analyse(coder.windowed(coder.coded_part(face, face_code.TOP, face_code.LEFT)))
    mark = np.array(face_code.SCALE_MARK, np.float32)
    embedding = graph.apply("Pad", coefficients, graph.integers(0, 1, 0, 0), graph.constant(mark))
    graph.output(embedding, "embedding", TensorProto.FLOAT, ["N", EMBEDDING_SIZE])
    return graph.model(
        "Stand-in for a face recogniser: low frequencies of the aligned face in 512 numbers. "
        "Computed, not trained; it does not recognise people.",
        {"stand_in": "true", "licence": "as this project", "source": "computed by faceswap_models"},
    )
