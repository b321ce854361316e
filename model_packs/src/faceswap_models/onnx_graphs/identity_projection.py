"""Network `project_identity`: embeddings to the latents that a swapper takes."""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_contract.limits import EMBEDDING_SIZE
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# smaller norms are raised to this, so that a zero row stays zero instead of 0/0
SMALLEST_NORM = 1e-12

# Loads in onnxruntime 1.16 and later, and so in the 1.19 of Triton 24.10.
OPSET = 15
IR_VERSION = 8


def build_identity_projection(emap: NDArray[np.float32]) -> onnx.ModelProto:
    """Builds a graph that projects embeddings through `emap` and selects each target face's source latent.

    The arithmetic of insightface's `INSwapper.get` (insightface/model_zoo/inswapper.py):
    latent = normalise(normalise(embedding) @ emap), both L2. One row that is all zeros stays all zeros.

    Inputs: `embedding` float32 [R, 512], one row per source face, any length; `face_source` int32 [K],
    for each target face the row of its source, 0 <= row < R (onnxruntime refuses a row outside).
    Outputs: `latent` float32 [K, 512] of unit length; `identity` float32 [R, 512], the embeddings unchanged.
    R and K are independent: the model does not batch. `identity` exists because a Triton ensemble cannot show its
    caller a tensor that another step consumes unless every request asks for it (24.10: "unexpected deadlock").

    Args:
        emap: float32 [512, 512], applied from the right to row vectors.

    Raises:
        ValueError: `emap` is not a finite float32 [512, 512] array.
    """
    if emap.shape != (EMBEDDING_SIZE, EMBEDDING_SIZE) or emap.dtype != np.float32:
        raise ValueError(
            f"emap must be float32 [{EMBEDDING_SIZE}, {EMBEDDING_SIZE}], not {emap.dtype} {list(emap.shape)}"
        )
    if not np.isfinite(emap).all():
        raise ValueError("emap holds values that are not finite")
    nodes = [
        *_normalise("embedding", "unit_embedding"),
        helper.make_node("MatMul", ["unit_embedding", "emap"], ["projected"]),
        *_normalise("projected", "unit_latent"),
        helper.make_node("Gather", ["unit_latent", "face_source"], ["latent"], axis=0),
        helper.make_node("Identity", ["embedding"], ["identity"]),
    ]
    graph = helper.make_graph(
        nodes,
        "project_identity",
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["R", EMBEDDING_SIZE]),
            helper.make_tensor_value_info("face_source", TensorProto.INT32, ["K"]),
        ],
        [
            helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["K", EMBEDDING_SIZE]),
            helper.make_tensor_value_info("identity", TensorProto.FLOAT, ["R", EMBEDDING_SIZE]),
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(emap), "emap"),
            numpy_helper.from_array(np.array(SMALLEST_NORM, np.float32), "smallest_norm"),
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="faceswap_models",
        doc_string="L2-normalise, multiply by emap, L2-normalise, one row per target face.",
    )
    helper.set_model_props(model, {"name": "project_identity", "description": model.doc_string})
    onnx.checker.check_model(model, full_check=True)
    return model


def _normalise(value: str, result: str) -> list[onnx.NodeProto]:
    """Nodes that divide each row of `value` by its L2 norm."""
    return [
        helper.make_node("ReduceL2", [value], [f"{value}_norm"], axes=[1], keepdims=1),
        helper.make_node("Max", [f"{value}_norm", "smallest_norm"], [f"{value}_divisor"]),
        helper.make_node("Div", [value, f"{value}_divisor"], [result]),
    ]
