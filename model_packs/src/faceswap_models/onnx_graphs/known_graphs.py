"""Known graphs: the networks this package can edit, recognised by inputs and outputs, never by file name.
 Operator counts of `det_500m` and
`scrfd_2.5g_kps` were read from the files; those of `det_10g`, `w600k_r50` and `inswapper_128` are
published facts (see `published_facts`); for `w600k_mbf` none were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import onnx

from faceswap_models.onnx_graphs.published_facts import PUBLISHED

# A declared dimension: a size, a symbol's name, or "" where nothing is declared.
Dimension = int | str
Shape = tuple[Dimension, ...]


class GraphNotKnownError(ValueError):
    """A file's graph is not one this package can edit; `differences` says what is not as expected."""

    def __init__(self, what: str, differences: Sequence[str]) -> None:
        super().__init__(f"{what}: {'; '.join(differences)}")
        self.differences = tuple(differences)


class NetworkKind(Enum):
    """Kind of a network, determined by its inputs and outputs."""

    DETECTOR = "detector"
    RECOGNISER = "recogniser"
    SWAPPER = "swapper"


@dataclass(frozen=True, slots=True)
class KnownGraph:
    """One published file's graph."""

    name: str
    kind: NetworkKind
    operators: Mapping[str, int] | None  # None: not published, so not compared
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _numbered(*names: int) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


KNOWN_GRAPHS: tuple[KnownGraph, ...] = (
    KnownGraph(
        "det_10g",
        NetworkKind.DETECTOR,
        PUBLISHED["det_10g"].operators,
        ("input.1",),
        _numbered(448, 471, 494, 451, 474, 497, 454, 477, 500),
    ),
    KnownGraph(
        "det_500m",
        NetworkKind.DETECTOR,
        {
            "Conv": 60, "Relu": 41, "Transpose": 9, "Reshape": 9, "Shape": 6, "Gather": 4, "Unsqueeze": 4, "Add": 4,
            "Sigmoid": 3, "Slice": 2, "Concat": 2, "Resize": 2,
        },
        ("input.1",),
        _numbered(443, 468, 493, 446, 471, 496, 449, 474, 499),
    ),
    KnownGraph(
        "scrfd_2.5g_kps",
        NetworkKind.DETECTOR,
        {
            "Conv": 57, "Relu": 35, "Add": 17, "Constant": 17, "Unsqueeze": 13, "Concat": 13, "Shape": 9,
            "Transpose": 9, "Reshape": 9, "Gather": 7, "AveragePool": 3, "Mul": 3, "Sigmoid": 3, "Slice": 2, "Cast": 2,
            "Resize": 2, "MaxPool": 1,
        },
        ("images",),
        tuple(f"out{index}" for index in range(9)),
    ),
    KnownGraph(
        "w600k_r50",
        NetworkKind.RECOGNISER,
        PUBLISHED["w600k_r50"].operators,
        ("input.1",),
        ("683",),
    ),
    KnownGraph("w600k_mbf", NetworkKind.RECOGNISER, None, ("input.1",), ("516",)),
    KnownGraph(
        "inswapper_128",
        NetworkKind.SWAPPER,
        PUBLISHED["inswapper_128"].operators,
        ("target", "source"),
        ("output",),
    ),
)  # fmt: skip


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Inputs without weights, which old files list as inputs too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def declared_shape(value: onnx.ValueInfoProto) -> Shape:
    """Sizes and symbols as declared in the file."""
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") else dimension.dim_param
        for dimension in value.type.tensor_type.shape.dim
    )


def identify_network(model: onnx.ModelProto) -> NetworkKind:
    """Determines the kind of a network from the shapes of its inputs and outputs.

    Raises:
        GraphNotKnownError: it is not one of the three.
    """
    inputs = [declared_shape(value) for value in graph_inputs(model)]
    outputs = [declared_shape(value) for value in model.graph.output]
    if inputs and len(inputs[0]) == 4 and inputs[0][1] == 3:
        if len(inputs) == 1 and [shape[-1:] for shape in outputs] == [(1,)] * 3 + [(4,)] * 3 + [(10,)] * 3:
            return NetworkKind.DETECTOR
        if len(inputs) == 1 and inputs[0][2:] == (112, 112) and [shape[1:] for shape in outputs] == [(512,)]:
            return NetworkKind.RECOGNISER
        faces = (3, 128, 128)
        if [shape[1:] for shape in inputs] == [faces, (512,)] and [shape[1:] for shape in outputs] == [faces]:
            return NetworkKind.SWAPPER
    raise GraphNotKnownError(
        "not a detector, recogniser or swapper of InsightFace's",
        [
            f"inputs are {_describe(graph_inputs(model))} and outputs {_describe(model.graph.output)}",
            "expected [1,3,H,W] to nine outputs of widths 1, 4 and 10, or [1,3,112,112] to [1,512], "
            "or [1,3,128,128] and [1,512] to [1,3,128,128]",
        ],
    )


def match_known_graph(model: onnx.ModelProto, kind: NetworkKind) -> tuple[KnownGraph, tuple[str, ...]]:
    """The known graph of this kind that differs least from the model's, and the differences.

    A graph whose operators are not published is a candidate only for a file with the same output names; that its
    operators cannot be compared counts as a difference.
    """
    outputs = tuple(value.name for value in model.graph.output)
    candidates = [
        known
        for known in KNOWN_GRAPHS
        if known.kind is kind and (known.operators is not None or known.outputs == outputs)
    ]
    compared = [(known, differences_from(model, known)) for known in candidates]
    return min(compared, key=lambda pair: (len(pair[1]), pair[0].outputs != outputs))


def differences_from(model: onnx.ModelProto, known: KnownGraph) -> tuple[str, ...]:
    """Differences of the model's inputs, outputs and operators from `known`, in words."""
    differences = []
    for what, values, names in (
        ("inputs", graph_inputs(model), known.inputs),
        ("outputs", model.graph.output, known.outputs),
    ):
        found = tuple(value.name for value in values)
        if found != names:
            differences.append(f"{what} are {', '.join(found)}, in {known.name} {', '.join(names)}")
    wrong_types = [
        value.name
        for value in [*graph_inputs(model), *model.graph.output]
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT
    ]
    if wrong_types:
        differences.append(f"{', '.join(wrong_types)} not float32")
    if known.operators is None:
        differences.append(f"operators of {known.name} are not published, so they were not compared")
    else:
        counts = Counter(node.op_type for node in model.graph.node)
        for operator in sorted({*counts, *known.operators}):
            expected = known.operators.get(operator, 0)
            if counts[operator] != expected:
                differences.append(f"{counts[operator]} {operator} nodes, in {known.name} {expected}")
    return tuple(differences)


def _describe(values: Sequence[onnx.ValueInfoProto]) -> str:
    return ", ".join(f"{value.name} [{','.join(str(size) for size in declared_shape(value))}]" for value in values)
