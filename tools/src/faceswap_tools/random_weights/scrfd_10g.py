"""SCRFD-10GF with key points: the architecture of `det_10g.onnx`.

Source: insightface detection/scrfd/configs/scrfd/scrfd_10g_bnkps.py; node order, names of the
inputs and outputs, and the shapes of the exporter's leftovers follow `det_500m.onnx`, the same
exporter's smaller sibling.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from faceswap_tools.random_weights.torch_like_graph import TorchLikeGraph, float_tensor

STRIDES = (8, 16, 32)
CELLS = (12800, 3200, 800)  # 2 anchors in each cell of a 640x640 image
STAGE_BLOCKS = (3, 4, 2, 3)
STAGE_PLANES = (56, 88, 88, 224)
NECK_CHANNELS = 56
HEAD_CHANNELS = 80

# Names of det_10g's outputs: scores, boxes and landmarks of strides 8, 16, 32.
SCORE_NAMES = ("448", "471", "494")
BOX_NAMES = ("451", "474", "497")
LANDMARK_NAMES = ("454", "477", "500")

# A random detector finds nothing (an untrained prior of 1 %, Lin et al. 2017, arXiv:1708.02002, 4.1)...
SCORE_BIAS = float(np.log(0.01 / 0.99))
# ...but what it would find is shaped like an upright face: half a box's side, in strides, of the two
# anchors of a cell (anchor sides are 2 and 4 strides), and where its five landmarks lie in half sides.
HALF_SIDES = (1.0, 2.0)
LANDMARKS = ((-0.42, -0.25), (0.42, -0.25), (0.0, 0.1), (-0.35, 0.5), (0.35, 0.5))


def build_scrfd_10g(seed: int = 10) -> onnx.ModelProto:
    """`det_10g.onnx` with random weights: `input.1` float32 [1, 3, ?, ?] to nine outputs, batch folded into rows."""
    graph = TorchLikeGraph(seed)
    stages = _backbone(graph, "input.1")
    levels = _path_aggregation(graph, stages)
    _heads(graph, levels)
    outputs = [
        float_tensor(name, [cells, width])
        for names, width in ((SCORE_NAMES, 1), (BOX_NAMES, 4), (LANDMARK_NAMES, 10))
        for name, cells in zip(names, CELLS, strict=True)
    ]
    return graph.model(
        [float_tensor("input.1", [1, 3, "?", "?"])], outputs, "Architecture of SCRFD-10GF, random weights."
    )


def _backbone(graph: TorchLikeGraph, image: str) -> list[str]:
    """ResNetV1e: deep stem, max pool, four stages of basic blocks; returns the last three stages."""
    value = image
    for channels_in, channels_out, stride in ((3, 28, 2), (28, 28, 1), (28, 56, 1)):
        value = graph.node("Relu", [graph.conv(value, channels_in, channels_out, 3, stride=stride)])
    value = graph.node("MaxPool", [value], kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2])
    channels = 56
    stages = []
    for stage, (blocks, planes) in enumerate(zip(STAGE_BLOCKS, STAGE_PLANES, strict=True)):
        for block in range(blocks):
            value = _basic_block(graph, value, channels, planes, halve=block == 0 and stage > 0)
            channels = planes
        stages.append(value)
    return stages[1:]


def _basic_block(graph: TorchLikeGraph, value: str, channels: int, planes: int, *, halve: bool) -> str:
    """Two 3x3 convolutions beside an identity, or beside average pool and 1x1 where the size halves."""
    inner = graph.node("Relu", [graph.conv(value, channels, planes, 3, stride=2 if halve else 1)])
    # A quarter of He's variance on the residual: 12 blocks would double the activations otherwise.
    inner = graph.conv(inner, planes, planes, 3, gain=0.5)
    if halve:
        pooled = graph.node("AveragePool", [value], ceil_mode=1, kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2])
        value = graph.conv(pooled, channels, planes, 1, gain=1.0)
    return graph.node("Relu", [graph.node("Add", [inner, value])])


def _path_aggregation(graph: TorchLikeGraph, stages: list[str]) -> list[str]:
    """PAFPN: lateral 1x1, top-down nearest resize and add, bottom-up strided 3x3 and add."""
    width = NECK_CHANNELS
    low, middle, high = (
        graph.conv(value, channels, width, 1, gain=1.0)
        for value, channels in zip(stages, STAGE_PLANES[1:], strict=True)
    )
    graph.weight("height_axis", np.array(2))
    graph.weight("width_axis", np.array(3))
    graph.weight("slice_start", np.array([0]))
    graph.weight("slice_end", np.array([2]))
    graph.weight("no_roi", np.array([], np.float32))
    middle = _add_upsampled(graph, middle, high)
    low = _add_upsampled(graph, low, middle)
    low, middle, high = (graph.conv(value, width, width, 3, gain=1.0) for value in (low, middle, high))
    middle = graph.node("Add", [middle, graph.conv(low, width, width, 3, stride=2, gain=1.0)])
    high = graph.node("Add", [high, graph.conv(middle, width, width, 3, stride=2, gain=1.0)])
    return [low, *(graph.conv(value, width, width, 3, gain=1.0) for value in (middle, high))]


def _add_upsampled(graph: TorchLikeGraph, value: str, coarser: str) -> str:
    """`value` + `coarser` resized to its height and width, the size computed as torch 1.6 exports it."""
    height = graph.node("Gather", [graph.node("Shape", [value]), "height_axis"], axis=0)
    width = graph.node("Gather", [graph.node("Shape", [value]), "width_axis"], axis=0)
    height = graph.node("Unsqueeze", [height], axes=[0])
    width = graph.node("Unsqueeze", [width], axes=[0])
    shape = graph.node("Shape", [coarser])
    leading = graph.node("Slice", [shape, "slice_start", "slice_end", "slice_start"])
    size = graph.node("Concat", [leading, height, width], axis=0)
    resized = graph.node(
        "Resize",
        [coarser, "no_roi", "no_roi", size],
        coordinate_transformation_mode="asymmetric",
        cubic_coeff_a=-0.75,
        mode="nearest",
        nearest_mode="floor",
    )
    return graph.node("Add", [value, resized])


def _heads(graph: TorchLikeGraph, levels: list[str]) -> None:
    """Per stride three shared convolutions, then scores, boxes and landmarks flattened to rows."""
    for width in (1, 4, 10):  # each shape constant is shared by the three strides, as in the export
        graph.weight(f"rows_of_{width}", np.array([-1, width]))
    for index, (stride, level) in enumerate(zip(STRIDES, levels, strict=True)):
        value = level
        for channels in (NECK_CHANNELS, HEAD_CHANNELS, HEAD_CHANNELS):
            value = graph.node("Relu", [graph.conv(value, channels, HEAD_CHANNELS, 3)])
        scores = _prediction(graph, value, f"cls.({stride}, {stride})", np.full(2, SCORE_BIAS, np.float32), 0.15)
        boxes = _prediction(graph, value, f"reg.({stride}, {stride})", _box_bias(), 0.005)
        scale = graph.weight(f"bbox_head.scales.{index}.scale", np.array(1.0, np.float32))
        boxes = graph.node("Mul", [boxes, scale])
        landmarks = _prediction(graph, value, f"kps.({stride}, {stride})", _landmark_bias(), 0.005)
        rows = _rows(graph, scores, 1)
        graph.node("Sigmoid", [rows], output=SCORE_NAMES[index])
        _rows(graph, boxes, 4, output=BOX_NAMES[index])
        _rows(graph, landmarks, 10, output=LANDMARK_NAMES[index])


def _prediction(graph: TorchLikeGraph, value: str, layer: str, bias: NDArray[np.float32], gain: float) -> str:
    names = (f"bbox_head.stride_{layer}.weight", f"bbox_head.stride_{layer}.bias")
    return graph.conv(value, HEAD_CHANNELS, len(bias), 3, gain=gain, bias=bias, weight_names=names)


def _rows(graph: TorchLikeGraph, value: str, width: int, output: str = "") -> str:
    """[N, 2*width, H, W] to [H*W*N*2, width]: the fold that mixes a batch's rows."""
    transposed = graph.node("Transpose", [value], perm=[2, 3, 0, 1])
    return graph.node("Reshape", [transposed, f"rows_of_{width}"], output=output)


def _box_bias() -> NDArray[np.float32]:
    """float32 [8]: left, top, right, bottom in strides from the cell's corner, for both anchors."""
    return np.repeat(HALF_SIDES, 4).astype(np.float32)


def _landmark_bias() -> NDArray[np.float32]:
    """float32 [20]: x, y of five landmarks in strides from the cell's corner, for both anchors."""
    points = np.array(LANDMARKS, np.float32).ravel()
    return np.concatenate([points * np.float32(half_side) for half_side in HALF_SIDES])
