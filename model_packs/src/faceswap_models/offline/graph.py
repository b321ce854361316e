"""Builder for small ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Opset 15 and IR 8 load in onnxruntime 1.16 and later, and so in the 1.19 of Triton 24.10.
OPSET = 15
IR_VERSION = 8

Dimensions = Sequence[int | str]


class GraphWriter:
    """Collects nodes and initializers; each value gets a unique name.

    Operators are looked up in the default ONNX domain at `OPSET`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element_type: int, shape: Dimensions) -> str:
        """Declare a graph input; strings in `shape` are symbolic dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, element_type, shape))
        return name

    def output(self, value: str, name: str, element_type: int, shape: Dimensions) -> None:
        """Declare a graph output called `name` that carries `value`."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, element_type, shape))

    def constant(self, array: NDArray[Any], name: str | None = None) -> str:
        """Store `array` as an initializer and return its name."""
        name = name or f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def number(self, value: float) -> str:
        """Store a float32 scalar."""
        return self.constant(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        """Store an int64 vector, the form shapes and axes take."""
        return self.constant(np.array(values, np.int64))

    def apply(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append one operator with a single output and return the output's name."""
        return self.apply_many(operator, inputs, 1, **attributes)[0]

    def apply_many(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Append one operator with several outputs and return their names."""
        label = f"{operator.lower()}_{len(self.nodes)}"
        names = [label] if outputs == 1 else [f"{label}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=label, **attributes))
        return names

    def slice(self, value: str, start: int, stop: int, axis: int) -> str:
        """`value[..., start:stop, ...]` along `axis`."""
        return self.apply("Slice", value, self.integers(start), self.integers(stop), self.integers(axis))

    def model(self, description: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Build the model, run the ONNX checker with shape inference, and return it.

        Raises:
            onnx.checker.ValidationError: the graph is not valid ONNX.
            onnx.shape_inference.InferenceError: declared and inferred shapes disagree.
        """
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="faceswap_models",
            doc_string=description,
        )
        helper.set_model_props(model, {"name": self.name, "description": description, **metadata})
        onnx.checker.check_model(model, full_check=True)
        return model


def image_input(graph: GraphWriter, name: str, side: int) -> str:
    """Declare uint8 [N, side, side, 3] RGB and return it as float32 [N, 3, side, side] in 0..255."""
    image = graph.input(name, TensorProto.UINT8, ["N", side, side, 3])
    as_float = graph.apply("Cast", image, to=TensorProto.FLOAT)
    return graph.apply("Transpose", as_float, perm=[0, 3, 1, 2])
