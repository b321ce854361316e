"""Adapts a pack's networks (uint8 images) to what insightface feeds (float planes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from faceswap_models.onnx_graphs import read_emap
from faceswap_models.onnx_graphs.uint8_input import (
    DETECTOR_NORMALISATION,
    RECOGNISER_NORMALISATION,
    SWAPPER_NORMALISATION,
    Normalisation,
)
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from faceswap_tools.in_process import HEADS

_IMAGES: dict[str, tuple[str, int, Normalisation]] = {
    "det_10g": ("image", 640, DETECTOR_NORMALISATION),
    "w600k_r50": ("face", 112, RECOGNISER_NORMALISATION),
    "inswapper_128": ("target", 128, SWAPPER_NORMALISATION),
}


def write_float_networks(pack: Path, directory: Path) -> dict[str, Path]:
    """Writes the pack's detector, recogniser and swapper with insightface's inputs and outputs.

    The cast and the transposition in front of each network are replaced by the two operations that undo
    insightface's normalisation: about the same work, so a run costs what it costs in the pack. Originals of
    InsightFace's, where available, are better: give those to insightface instead.
    """
    paths = {}
    for name, (tensor, size, normalisation) in _IMAGES.items():
        model = onnx.load(pack / f"{name}.onnx")
        _take_floats(model, tensor, size, normalisation)
        if name == "det_10g":
            _order_heads(model)
        if name == "inswapper_128":
            _give_floats(model)
            # insightface takes the last initializer for its emap
            emap = read_projection(pack / "project_identity.onnx")
            model.graph.initializer.append(numpy_helper.from_array(emap, "emap_for_insightface"))
        onnx.checker.check_model(model)
        paths[name] = directory / f"{name}.onnx"
        onnx.save(model, paths[name])
    return paths


def read_projection(path: Path) -> NDArray[np.float32]:
    """The 512 x 512 map inside a pack's `project_identity`."""
    return np.asarray(read_emap(onnx.load(path)), np.float32)


def _take_floats(model: onnx.ModelProto, tensor: str, size: int, normalisation: Normalisation) -> None:
    """Replaces the uint8 NHWC input by float32 NCHW of the same name, normalised as insightface does."""
    first = next(node for node in model.graph.node if tensor in node.input)
    second = next(node for node in model.graph.node if first.output[0] in node.input)
    if {first.op_type, second.op_type} != {"Cast", "Transpose"}:
        raise ValueError(f"the pack's network does not begin with a cast and a transposition of '{tensor}'")
    planes = second.output[0]
    scaled = f"{tensor}_times_std"
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), f"{tensor}_{name}")
        for name, value in (("std", normalisation.std), ("mean", normalisation.mean))
    ]
    nodes = [
        helper.make_node("Mul", [tensor, f"{tensor}_std"], [scaled], name=f"{tensor}_undo_scale"),
        helper.make_node("Add", [scaled, f"{tensor}_mean"], [planes], name=f"{tensor}_undo_mean"),
    ]
    kept = [node for node in model.graph.node if node.output[0] not in (first.output[0], second.output[0])]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])
    for constant in reversed(constants):
        model.graph.initializer.insert(0, constant)
    declared = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["N", 3, size, size])
    inputs = [declared if value.name == tensor else value for value in model.graph.input]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _order_heads(model: onnx.ModelProto) -> None:
    """All scores first, then boxes, then landmarks: insightface goes by position."""
    heads = {value.name: value for value in model.graph.output}
    del model.graph.output[:]
    model.graph.output.extend(heads[name] for name in HEADS)


def _give_floats(model: onnx.ModelProto) -> None:
    """Replaces the swapper's uint8 NHWC output by float32 NCHW in 0..1."""
    producers = {node.output[0]: node for node in model.graph.node}
    removed, value = [], model.graph.output[0].name
    while producers[value].op_type in ("Identity", "Transpose", "Cast"):
        removed.append(value)
        value = producers[value].input[0]
    kept = [node for node in model.graph.node if node.output[0] not in removed]
    model.graph.initializer.insert(0, numpy_helper.from_array(np.array(255, np.float32), "swapped_levels"))
    kept.append(helper.make_node("Div", [value, "swapped_levels"], ["swapped_floats"], name="swapped_to_unit"))
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(kept)
    model.graph.output.append(helper.make_tensor_value_info("swapped_floats", TensorProto.FLOAT, ["N", 3, 128, 128]))
