"""SCRFD detectors: adds a batch dimension to the nine outputs.

InsightFace's exports end each output with Transpose [2,3,0,1] (to H,W,N,C) and Reshape [-1,C], which
interleaves the rows of a batch. A later exporter writes Transpose [0,2,3,1] and a computed Reshape
[N,-1,C], which is right for any batch.
"""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_contract.limits import DETECTOR_SIZE
from onnx import helper, numpy_helper

from faceswap_models.onnx_graphs.known_graphs import GraphNotKnownError, graph_inputs
from faceswap_models.onnx_graphs.uint8_input import (
    DETECTOR_NORMALISATION,
    constant_value,
    drop_value_info,
    float_batch,
    graft_uint8_input,
    rename_output,
)

STRIDES = (8, 16, 32)
ANCHORS = 2  # anchors in each cell
HEADS = (("scores", 1), ("boxes", 4), ("landmarks", 10))

FOLDING = [2, 3, 0, 1]
BATCHED = [0, 2, 3, 1]


def edit_scrfd(model: onnx.ModelProto) -> tuple[str, ...]:
    """Edits a detector in place: `image` uint8 [N,640,640,3] RGB to `scores_8` [N,12800,1],
    `boxes_8` [N,12800,4], `landmarks_8` [N,12800,10], and the same for strides 16 (3200) and 32 (800).

    Rows are in insightface's order (row, column, anchor); boxes and landmarks in units of the stride.

    Returns:
        What was changed, in sentences for the manifest.

    Raises:
        GraphNotKnownError: an output ends in neither of the two known ways.
    """
    _require_computed_resize(model)
    producers = {output: node for node in model.graph.node for output in node.output}
    unfolded = 0
    names = [value.name for value in model.graph.output]
    contract = [(f"{head}_{stride}", stride, width) for head, width in HEADS for stride in STRIDES]
    for old, (new, stride, width) in zip(names, contract, strict=True):
        unfolded += _unfold(model, producers, old, new, width)
        cells = (DETECTOR_SIZE // stride) ** 2 * ANCHORS
        rename_output(model, old, float_batch(new, cells, width))
    grafted = graft_uint8_input(model, graph_inputs(model)[0].name, "image", DETECTOR_SIZE, DETECTOR_NORMALISATION)
    changes = [
        grafted,
        f"{unfolded} outputs unfolded: Transpose [2,3,0,1] to [0,2,3,1], Reshape [-1,C] to [0,-1,C]; "
        f"{9 - unfolded} had a batch dimension",
        f"outputs {', '.join(names)} named {', '.join(name for name, _, _ in contract)}, batch first",
        drop_value_info(model),
    ]
    return tuple(changes)


def _unfold(
    model: onnx.ModelProto, producers: dict[str, onnx.NodeProto], output: str, new_name: str, width: int
) -> int:
    """Adds the batch dimension to one output; returns 1 if it was changed, 0 if it had one."""
    node = producers[output]
    if node.op_type == "Sigmoid":
        node = producers[node.input[0]]
    reshape, transpose = node, producers.get(node.input[0])
    if reshape.op_type != "Reshape" or transpose is None or transpose.op_type != "Transpose":
        raise GraphNotKnownError("detector", [f"output {output} does not end in Transpose and Reshape"])
    permutation = list(helper.get_attribute_value(transpose.attribute[0]))
    shape = constant_value(model, reshape.input[1])
    if permutation == BATCHED and shape is None and _starts_with_batch(producers, reshape.input[1]):
        return 0
    if permutation != FOLDING or shape is None or shape.tolist() != [-1, width]:
        found = "a computed shape" if shape is None else shape.tolist()
        raise GraphNotKnownError(
            "detector",
            [
                f"output {output} ends in Transpose {permutation} and Reshape to {found}, "
                f"expected {FOLDING} and [-1, {width}]"
            ],
        )
    transpose.attribute[0].CopyFrom(helper.make_attribute("perm", BATCHED))
    # a new constant, because the old one is shared by three strides
    name = f"{new_name}_shape"
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, -1, width]), name))
    reshape.input[1] = name
    return 1


def _starts_with_batch(producers: dict[str, onnx.NodeProto], shape: str) -> bool:
    """Whether a computed Reshape shape begins with the batch size: Concat of Unsqueeze of Gather of Shape."""
    name = shape
    for operator in ("Concat", "Unsqueeze", "Gather", "Shape"):
        node = producers.get(name)
        if node is None or node.op_type != operator:
            return False
        name = node.input[0]
    return True


def _require_computed_resize(model: onnx.ModelProto) -> None:
    """Refuses a Resize to constant sizes, which include a batch of 1."""
    for node in model.graph.node:
        if node.op_type == "Resize" and len(node.input) > 3 and constant_value(model, node.input[3]) is not None:
            raise GraphNotKnownError("detector", [f"{node.name} resizes to constant sizes, so for one image only"])
