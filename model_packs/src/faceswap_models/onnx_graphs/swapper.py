"""Swapper `inswapper_128`: adds a batch dimension; only declared shapes fix it to one face.

Its `buff2fs` (the emap) is an initializer that no node reads. insightface takes the last initializer for it, so it
keeps its name and position.
"""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_contract.limits import EMBEDDING_SIZE, SWAP_SIZE
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from faceswap_models.onnx_graphs.known_graphs import GraphNotKnownError, graph_inputs
from faceswap_models.onnx_graphs.uint8_input import (
    SWAPPER_NORMALISATION,
    constant_value,
    drop_value_info,
    float_batch,
    graft_uint8_input,
    graft_uint8_output,
    rename_input,
)

EMAP_NAME = "buff2fs"

# Every operator of the published graph works on each face of a batch alone, given that Slice and
# ReduceMean leave axis 0 out and Resize and Pad leave it as it is (checked below).
OPERATORS = frozenset(
    {
        "Add", "Constant", "Conv", "Div", "Gemm", "LeakyRelu", "Mul", "Pad", "ReduceMean", "Relu", "Resize", "Slice",
        "Sqrt", "Sub", "Tanh", "Unsqueeze",
    }
)  # fmt: skip


def edit_swapper(model: onnx.ModelProto) -> tuple[str, ...]:
    """Edits the swapper in place: `target` uint8 [N,128,128,3] RGB crops and `source` float32 [N,512]
    latents to `swapped` uint8 [N,128,128,3] RGB crops.

    Returns:
        What was changed, in sentences for the manifest.

    Raises:
        GraphNotKnownError: an operator might mix the faces of a batch, or the emap cannot be identified.
    """
    read_emap(model)
    _require_batch_safe_body(model)
    target, source = (value.name for value in graph_inputs(model))
    output = model.graph.output[0].name
    changes = [f"input {source} [1,512] declared [N,512]", drop_value_info(model)]
    rename_input(model, source, float_batch("source", EMBEDDING_SIZE))
    # the served input takes over the name `target`, so the float32 tensor needs another
    inner = "target_normalised"
    rename_input(model, target, float_batch(inner, 3, SWAP_SIZE, SWAP_SIZE))
    changes.append(graft_uint8_input(model, inner, "target", SWAP_SIZE, SWAPPER_NORMALISATION))
    changes.append(graft_uint8_output(model, output, "swapped", SWAP_SIZE))
    return tuple(changes)


def read_emap(model: onnx.ModelProto) -> NDArray[np.float32]:
    """The swapper's emap, float32 [512, 512]: the initializer `buff2fs`, or the only float32 [512, 512].

    Latents are `normalise(normalise(embedding) @ emap)`.

    Raises:
        GraphNotKnownError: there is none, or more than one that could be meant.
    """
    named = [tensor for tensor in model.graph.initializer if tensor.name == EMAP_NAME]
    square = [
        tensor
        for tensor in named or model.graph.initializer
        if list(tensor.dims) == [EMBEDDING_SIZE, EMBEDDING_SIZE] and tensor.data_type == TensorProto.FLOAT
    ]
    if len(square) != 1:
        found = [f"{tensor.name} {list(tensor.dims)}" for tensor in named or square]
        raise GraphNotKnownError(
            "swapper",
            [
                f"no float32 [512, 512] initializer named {EMAP_NAME}, nor a single one of that shape; found "
                f"{', '.join(found) or 'none'}"
            ],
        )
    return np.array(numpy_helper.to_array(square[0]), np.float32)


def _require_batch_safe_body(model: onnx.ModelProto) -> None:
    differences = []
    operators = {node.op_type for node in model.graph.node}
    if operators - OPERATORS:
        differences.append(f"operators {', '.join(sorted(operators - OPERATORS))} are not known in it")
    if any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer):
        differences.append("it has float16 weights; only the float32 file is known")
    for node in model.graph.node:
        problem = _batch_problem(model, node)
        if problem:
            differences.append(f"{node.name or node.op_type} {problem}")
    if differences:
        raise GraphNotKnownError("swapper", differences)


def _batch_problem(model: onnx.ModelProto, node: onnx.NodeProto) -> str:
    """How a node would change the batch dimension; empty if it does not."""
    if node.op_type == "Slice":
        axes = _constant_input(model, node, 3)
        return "" if axes and min(axes) > 0 else f"slices axes {axes}"
    if node.op_type == "Resize":
        scales = _constant_input(model, node, 2)
        return "" if scales and scales[0] == 1 else f"has scales {scales}"
    if node.op_type == "Pad":
        pads = _constant_input(model, node, 1)
        return "" if pads and pads[0] == pads[len(pads) // 2] == 0 else f"has pads {pads}"
    if node.op_type == "ReduceMean":
        averaged = [axis for attribute in node.attribute if attribute.name == "axes" for axis in attribute.ints]
        return "" if averaged and min(averaged) > 0 else f"averages over axes {averaged}"
    return ""


def _constant_input(model: onnx.ModelProto, node: onnx.NodeProto, index: int) -> list[float]:
    """Values of a node's constant input; empty if it is missing or computed."""
    value = constant_value(model, node.input[index]) if len(node.input) > index else None
    return [] if value is None else [float(number) for number in np.asarray(value, np.float64).ravel()]
