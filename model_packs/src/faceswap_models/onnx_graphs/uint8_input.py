"""Uint8 images: adds nodes for uint8 NHWC inputs and outputs, with a symbolic batch dimension.

The normalisation that is added is what OpenCV's `blobFromImage` computes for insightface: in float32,
first `x - mean`, then times the float32 nearest to `1 / std`. For all 256 values this equals
`blobFromImage` bit for bit; dividing by `std` would differ in 126 of them for 127.5 and for 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BATCH = "N"


@dataclass(frozen=True, slots=True)
class Normalisation:
    """(x - mean) * float32(1 / std), as insightface asks of `cv2.dnn.blobFromImage`."""

    mean: float
    std: float

    @property
    def factor(self) -> np.float32:
        return np.float32(1.0 / self.std)


# insightface 2.1: model_zoo/scrfd.py, arcface_onnx.py, inswapper.py.
DETECTOR_NORMALISATION = Normalisation(mean=127.5, std=128.0)
RECOGNISER_NORMALISATION = Normalisation(mean=127.5, std=127.5)
SWAPPER_NORMALISATION = Normalisation(mean=0.0, std=255.0)


def graft_uint8_input(model: onnx.ModelProto, tensor: str, name: str, size: int, normalisation: Normalisation) -> str:
    """Replaces graph input `tensor`, float32 NCHW, by `name`, uint8 [N, size, size, 3] RGB.

    The nodes in front of the graph transpose, cast and normalise; constants are nodes, so that the
    initializers keep their order (insightface takes the swapper's last one for its emap).

    Returns:
        What was changed, in a sentence for the manifest.
    """
    planes, floats, centred = f"{name}_planes", f"{name}_float", f"{name}_centred"
    nodes = [
        # Bytes are transposed, not floats: a quarter of the memory traffic.
        helper.make_node("Transpose", [name], [planes], name=f"{name}_to_planes", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [planes], [floats], name=f"{name}_to_float", to=TensorProto.FLOAT),
    ]
    if normalisation.mean:
        nodes.append(_constant(f"{name}_mean", np.float32(normalisation.mean)))
        nodes.append(helper.make_node("Sub", [floats, f"{name}_mean"], [centred], name=f"{name}_centre"))
    else:
        centred = floats
    nodes.append(_constant(f"{name}_factor", normalisation.factor))
    nodes.append(helper.make_node("Mul", [centred, f"{name}_factor"], [tensor], name=f"{name}_scale"))
    _replace(model.graph.node, [*nodes, *model.graph.node])
    declared = helper.make_tensor_value_info(name, TensorProto.UINT8, [BATCH, size, size, 3])
    _replace(model.graph.input, [declared if value.name == tensor else value for value in model.graph.input])
    mean = f"minus {normalisation.mean:g}, " if normalisation.mean else ""
    return (
        f"input {tensor} float32 NCHW replaced by {name} uint8 [N,{size},{size},3] RGB: transpose, cast to "
        f"float32, {mean}times float32(1/{normalisation.std:g})"
    )


def graft_uint8_output(model: onnx.ModelProto, tensor: str, name: str, size: int) -> str:
    """Replaces graph output `tensor`, float32 NCHW in 0..1, by `name`, uint8 [N, size, size, 3] RGB.

    The arithmetic of insightface's `INSwapper.get`: times 255 in float32, clip to 0..255, truncating
    cast.

    Returns:
        What was changed, in a sentence for the manifest.
    """
    scaled, clipped, planes = f"{name}_scaled", f"{name}_clipped", f"{name}_planes"
    lowest, highest = f"{name}_lowest", f"{name}_highest"
    model.graph.node.extend(
        [
            _constant(lowest, np.float32(0)),
            _constant(highest, np.float32(255)),
            helper.make_node("Mul", [tensor, highest], [scaled], name=f"{name}_scale"),
            helper.make_node("Clip", [scaled, lowest, highest], [clipped], name=f"{name}_clip"),
            helper.make_node("Cast", [clipped], [planes], name=f"{name}_to_bytes", to=TensorProto.UINT8),
            helper.make_node("Transpose", [planes], [name], name=f"{name}_to_pixels", perm=[0, 2, 3, 1]),
        ]
    )
    declared = helper.make_tensor_value_info(name, TensorProto.UINT8, [BATCH, size, size, 3])
    _replace(model.graph.output, [declared if value.name == tensor else value for value in model.graph.output])
    return (
        f"output {tensor} float32 NCHW replaced by {name} uint8 [N,{size},{size},3] RGB: times 255, clip to "
        "0..255, truncating cast, transpose"
    )


def rename_input(model: onnx.ModelProto, old: str, declared: onnx.ValueInfoProto) -> None:
    """Renames a graph input and declares its shape; updates the nodes that read it."""
    for node in model.graph.node:
        _replace(node.input, [declared.name if value == old else value for value in node.input])
    _replace(model.graph.input, [declared if value.name == old else value for value in model.graph.input])


def rename_output(model: onnx.ModelProto, old: str, declared: onnx.ValueInfoProto) -> None:
    """Renames a graph output and declares its shape; updates the nodes that write or read it."""
    for node in model.graph.node:
        _replace(node.output, [declared.name if value == old else value for value in node.output])
        _replace(node.input, [declared.name if value == old else value for value in node.input])
    _replace(model.graph.output, [declared if value.name == old else value for value in model.graph.output])


def float_batch(name: str, *sizes: int) -> onnx.ValueInfoProto:
    """Declares float32 [N, *sizes]."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *sizes])


def drop_value_info(model: onnx.ModelProto) -> str:
    """Removes declared shapes of inner tensors, which have a batch of 1."""
    count = len(model.graph.value_info)
    del model.graph.value_info[:]
    return f"{count} declared shapes of inner tensors removed"


def constant_value(model: onnx.ModelProto, name: str) -> NDArray[np.generic] | None:
    """The value of an initializer or Constant node, or None where `name` is computed."""
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] == name:
            return numpy_helper.to_array(node.attribute[0].t)
    return None


def _constant(name: str, value: np.float32) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(np.array(value, np.float32), name)
    return helper.make_node("Constant", [], [name], name=f"{name}_constant", value=tensor)


def _replace(field: object, values: Sequence[object]) -> None:
    """Sets a repeated protobuf field."""
    values = list(values)
    del field[:]  # type: ignore[attr-defined]
    field.extend(values)  # type: ignore[attr-defined]
