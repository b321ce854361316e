"""Writes ONNX graphs in the manner of torch's exporter: nodes in order, weights as initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Opset and IR version of InsightFace's exports (torch 1.6 to 1.12).
OPSET = 11
IR_VERSION = 6


class TorchLikeGraph:
    """Collects nodes and initializers; every method adds to the graph and returns a tensor's name."""

    def __init__(self, seed: int, first_tensor: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._next_tensor = first_tensor

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """Stores an array under `name`."""
        self._initializers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], *, output: str = "", name: str = "", **attributes: Any) -> str:
        """Adds a node with one output, numbered on unless `output` names it."""
        if not output:
            output = str(self._next_tensor)
            self._next_tensor += 1
        name = name or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name=name, **attributes))
        return output

    def conv(
        self,
        value: str,
        channels_in: int,
        channels_out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        gain: float = 2.0,
        bias: NDArray[np.float32] | None = None,
        weight_names: tuple[str, str] | None = None,
        name: str = "",
        output: str = "",
    ) -> str:
        """A convolution with bias. Weights are normal with variance gain / fan_in.

        gain 2 keeps the mean square of activations through a ReLU (He et al. 2015, arXiv:1502.01852,
        eq. 10), 1 through no activation, less damps. `padding` defaults to kernel // 2.
        """
        fan_in = channels_in * kernel * kernel
        shape = (channels_out, channels_in, kernel, kernel)
        values = self.normal(shape, np.sqrt(gain / fan_in))
        names = weight_names or (f"{self._next_tensor}.weight", f"{self._next_tensor}.bias")
        self.weight(names[0], values)
        self.weight(names[1], self.normal((channels_out,), 0.02) if bias is None else bias)
        pad = kernel // 2 if padding is None else padding
        return self.node(
            "Conv",
            [value, *names],
            output=output,
            name=name,
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel, kernel],
            pads=[pad] * 4,
            strides=[stride, stride],
        )

    def normal(self, shape: tuple[int, ...], deviation: float) -> NDArray[np.float32]:
        """Seeded normal numbers, float32."""
        values = self.random.standard_normal(shape, dtype=np.float32)
        values *= np.float32(deviation)
        return values

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto], description: str
    ) -> onnx.ModelProto:
        """The finished model, opset 11."""
        graph = helper.make_graph(self._nodes, "torch-jit-export", inputs, outputs, self._initializers)
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="faceswap_tools.random_weights",
            doc_string=description,
        )


def float_tensor(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Declares a float32 graph input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
