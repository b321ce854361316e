"""ArcFace recognisers: IResNet-50 (`w600k_r50`) and MobileFaceNet (`w600k_mbf`).

Their layers accept any batch size; only the declared output shape, and in some exports a Reshape before the last
layer, fix it to 1.
"""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_contract.limits import EMBEDDING_SIZE, RECOGNITION_SIZE
from onnx import numpy_helper

from faceswap_models.onnx_graphs.known_graphs import GraphNotKnownError, graph_inputs
from faceswap_models.onnx_graphs.uint8_input import (
    RECOGNISER_NORMALISATION,
    constant_value,
    drop_value_info,
    float_batch,
    graft_uint8_input,
    rename_output,
)

# Operators that treat each image of a batch alike, whatever their constants are.
BATCH_SAFE = frozenset(
    {"Conv", "PRelu", "Add", "BatchNormalization", "Flatten", "Gemm", "MatMul", "Relu", "GlobalAveragePool"}
)
# Operators torch writes for `x.view(x.size(0), -1)`.
COMPUTED_VIEW = frozenset({"Shape", "Constant", "Gather", "Unsqueeze", "Concat"})


def edit_recogniser(model: onnx.ModelProto) -> tuple[str, ...]:
    """Edits a recogniser in place: `face` uint8 [N,112,112,3] RGB, aligned, to `embedding` float32
    [N,512], not normalised.

    Returns:
        What was changed, in sentences for the manifest.

    Raises:
        GraphNotKnownError: an operator might mix the images of a batch.
    """
    reshaped = _free_reshapes(model)
    others = {node.op_type for node in model.graph.node} - BATCH_SAFE - COMPUTED_VIEW - {"Reshape"}
    if others:
        raise GraphNotKnownError("recogniser", [f"operators {', '.join(sorted(others))} are not known in it"])
    (output,) = model.graph.output
    old = output.name
    rename_output(model, old, float_batch("embedding", EMBEDDING_SIZE))
    grafted = graft_uint8_input(model, graph_inputs(model)[0].name, "face", RECOGNITION_SIZE, RECOGNISER_NORMALISATION)
    return (
        grafted,
        f"output {old} [1,512] named embedding [N,512]",
        *reshaped,
        drop_value_info(model),
    )


def _free_reshapes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Rewrites a Reshape to a constant [1, X] or [-1, X] so that it keeps the batch: [0, X], with X = -1 for [1, X]."""
    changes = []
    for index, node in enumerate(model.graph.node):
        if node.op_type != "Reshape":
            continue
        shape = constant_value(model, node.input[1])
        if shape is None:
            continue  # torch's view(x.size(0), -1), computed from the batch
        sizes = [int(size) for size in np.asarray(shape).ravel()]
        if len(sizes) != 2 or sizes[0] not in (0, 1, -1):
            raise GraphNotKnownError("recogniser", [f"{node.name or 'a Reshape'} to {sizes} might mix a batch"])
        name = f"flattened_shape_{index}"
        model.graph.initializer.append(numpy_helper.from_array(np.array([0, -1]), name))
        node.input[1] = name
        changes.append(f"Reshape to {sizes} became [0, -1]")
    return tuple(changes)
