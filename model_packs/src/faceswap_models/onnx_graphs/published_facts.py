"""Published facts about InsightFace's files: operators, parameters and sizes, to compare random weights with.

Node, operator and parameter counts: the networks' public configurations and ports. File sizes: Git LFS
pointers and hash lists of several public repositories. Names in a file with random weights have other
lengths than in the real one, so its size may differ by a little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto


class GraphMismatchError(RuntimeError):
    """A network with random weights does not have the published architecture."""


@dataclass(frozen=True, slots=True)
class PublishedFacts:
    """Facts about one file of InsightFace's."""

    operators: Mapping[str, int]
    parameters: int  # weights, without rank-0 constants of the arithmetic
    file_bytes: int
    size_tolerance: int = 12_000  # bytes: tensors and nodes have other names (measured 3321, 15, 9737)

    @property
    def nodes(self) -> int:
        return sum(self.operators.values())


PUBLISHED: Mapping[str, PublishedFacts] = {
    "det_10g": PublishedFacts(
        operators={
            "Conv": 58, "Relu": 36, "Add": 16, "Transpose": 9, "Reshape": 9, "Shape": 6, "Gather": 4, "Unsqueeze": 4,
            "AveragePool": 3, "Mul": 3, "Sigmoid": 3, "Slice": 2, "Concat": 2, "Resize": 2, "MaxPool": 1,
        },
        parameters=4_225_937,
        file_bytes=16_923_827,
    ),
    "w600k_r50": PublishedFacts(
        operators={"Conv": 53, "BatchNormalization": 26, "PRelu": 25, "Add": 24, "Flatten": 1, "Gemm": 1},
        parameters=43_590_976,
        file_bytes=174_383_860,
    ),
    "inswapper_128": PublishedFacts(
        operators={
            "Mul": 36, "Add": 31, "ReduceMean": 24, "Unsqueeze": 24, "Slice": 24, "Conv": 20, "Pad": 14, "Div": 13,
            "Sub": 12, "Sqrt": 12, "Gemm": 12, "LeakyRelu": 7, "Relu": 6, "Resize": 2, "Tanh": 1,
        },
        parameters=138_554_883,
        file_bytes=554_253_681,
    ),
}  # fmt: skip


def count_parameters(model: onnx.ModelProto) -> int:
    """Floats in the initializers, without constants of the arithmetic: what a Resize is given, and
    scalars that are not trained (SCRFD's `scale` is)."""
    resize_inputs = {name for node in model.graph.node if node.op_type == "Resize" for name in node.input[1:]}
    return sum(
        math.prod(tensor.dims)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and tensor.name not in resize_inputs
        and (tensor.dims or tensor.name.endswith(".scale"))
    )


def check_against_published(name: str, model: onnx.ModelProto) -> None:
    """Compares a network with random weights to the published facts about the file it stands for.

    Raises:
        GraphMismatchError: names every count that differs.
    """
    facts = PUBLISHED[name]
    operators = Counter(node.op_type for node in model.graph.node)
    differences = [
        f"{operators[operator]} {operator} nodes, published {facts.operators.get(operator, 0)}"
        for operator in sorted({*operators, *facts.operators})
        if operators[operator] != facts.operators.get(operator, 0)
    ]
    parameters = count_parameters(model)
    if parameters != facts.parameters:
        differences.append(f"{parameters} parameters, published {facts.parameters}")
    size = model.ByteSize()
    if abs(size - facts.file_bytes) > facts.size_tolerance:
        differences.append(f"{size} bytes, published {facts.file_bytes}")
    if differences:
        raise GraphMismatchError(f"{name} with random weights has {'; '.join(differences)}")
