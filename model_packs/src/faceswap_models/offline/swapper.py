"""Swapper of the offline pack (`inswapper_128`): a stand-in that blends low source frequencies into the target."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import onnx
from faceswap_contract.limits import EMBEDDING_SIZE
from numpy.typing import NDArray
from onnx import TensorProto

from faceswap_models.offline import face_code
from faceswap_models.offline.coding import FaceCoder
from faceswap_models.offline.graph import GraphWriter, image_input

SIDE = 128  # pixels, the swapper's crop

# dst128 is dst112 with 8 added to x (insightface/utils/face_align.py), so the 112 frame's column c is
# column c + 8 here and the rows are the same.
SHIFT_X = 8

# Smallest share of number 0 in a unit code; a face code never has less.
SMALLEST_MARK = 0.02

# How much of the source's overall tone and of its shading from side to side and top to bottom is replaced by
# the target's, for luma and the two chroma planes. 1 would keep none of the source's.
TONE_FROM_TARGET = (0.9, 0.85, 0.85)

# The source's contrast is brought to the target's, within these factors; luma and chroma.
LEAST_CONTRAST = (0.6, 0.4, 0.4)
MOST_CONTRAST = (1.2, 0.9, 0.9)

# Target detail that is kept, luma and chroma: skin texture passes, the edges of the target's own eyes and
# mouth are cut down to this.
DETAIL_LIMIT = (0.02, 0.01, 0.01)


def build_swapper() -> onnx.ModelProto:
    """The stand-in swapper.

    In a soft ellipse the target's low frequencies give way to the source's, brought to the target's tone and
    contrast; the target's fine detail stays, and outside the ellipse every pixel is the target's own.

    Inputs: `target` uint8 [N, 128, 128, 3] RGB, aligned to insightface's dst128; `source` float32 [N, 512],
    latents from `project_identity` with `face_code.emap()`.
    Output: `swapped` uint8 [N, 128, 128, 3] RGB. A zero latent paints the average face.
    """
    graph = GraphWriter("inswapper_128")
    target = image_input(graph, "target", SIDE)
    source = graph.input("source", TensorProto.FLOAT, ["N", EMBEDDING_SIZE])
    coder = FaceCoder(graph)
    part = coder.coded_part(target, face_code.TOP, face_code.LEFT + SHIFT_X)
    windowed = coder.windowed(part)
    source_look = coder.synthesise(_read_code(graph, source))
    target_look = coder.synthesise(coder.analyse(windowed))
    detail = graph.apply("Sub", windowed, target_look)
    painted = graph.apply("Add", _match_look(graph, source_look, target_look), _limit_detail(graph, detail))
    _write_swapped(graph, target, graph.apply("Sub", painted, windowed))
    return graph.model(
        "Stand-in for a face swapper: the source's low frequencies under the target's fine detail. "
        "Computed, not trained.",
        {"stand_in": "true", "licence": "as this project", "source": "computed by faceswap_models"},
    )


def _read_code(graph: GraphWriter, latent: str) -> str:
    """Latents [N, 512] back to weighted coefficients [N, 511]: undo emap, then the normalisation.

    The table stands on the left and each latent is a column, so that every face is its own product and a
    batch rounds exactly as single faces do.
    """
    column = graph.apply("Unsqueeze", latent, graph.integers(2))
    code = graph.apply("MatMul", graph.constant(face_code.emap()), column)  # inverse of emap = its transpose
    code = graph.apply("Squeeze", code, graph.integers(2))
    mark = graph.apply("Max", graph.slice(code, 0, 1, 1), graph.number(SMALLEST_MARK))
    scaled = graph.apply("Mul", graph.slice(code, 1, EMBEDDING_SIZE, 1), graph.number(face_code.SCALE_MARK))
    return graph.apply("Div", scaled, mark)


def _per_plane(values: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(1, 3, 1, 1)


class Look(NamedTuple):
    """A windowed face [N, 3, 84, 76] taken apart; names of graph values."""

    tone: str  # the plane (constant and two slopes) that fits each of luma and chroma best
    shape: str  # the rest: eyes, brows, nose, mouth


def _match_look(graph: GraphWriter, source: str, target: str) -> str:
    """The source's look [N, 3, 84, 76] in the target's tone and contrast."""
    from_source, from_target = _take_apart(graph, source), _take_apart(graph, target)
    ratio = graph.apply("Div", _contrast(graph, from_target.shape), _contrast(graph, from_source.shape))
    lowest, highest = (graph.constant(_per_plane(limits)) for limits in (LEAST_CONTRAST, MOST_CONTRAST))
    contrast = graph.apply("Min", graph.apply("Max", ratio, lowest), highest)
    shape = graph.apply("Mul", from_source.shape, contrast)
    step = graph.apply("Sub", from_target.tone, from_source.tone)
    step = graph.apply("Mul", step, graph.constant(_per_plane(TONE_FROM_TARGET)))
    return graph.apply("Sum", shape, from_source.tone, step)


def _contrast(graph: GraphWriter, look: str) -> str:
    """Root of the summed squares of each plane, [N, 3, 1, 1]; never zero."""
    return graph.apply("Max", graph.apply("ReduceL2", look, axes=[2, 3], keepdims=1), graph.number(1e-3))


def _take_apart(graph: GraphWriter, look: str) -> Look:
    """Split a look [N, 3, 84, 76], put back on the average face first so that it is the whole face's."""
    planes, fit = _plane_tables()
    average = graph.constant((face_code.average_face() * face_code.window())[None])
    face = graph.apply("Add", look, average)
    flat = graph.apply("Reshape", face, graph.integers(0, 0, -1))
    amounts = graph.apply("MatMul", flat, graph.constant(fit.T))
    tone = graph.apply("MatMul", amounts, graph.constant(planes))
    tone = graph.apply("Reshape", tone, graph.integers(0, 3, face_code.ROWS, face_code.COLUMNS))
    return Look(graph.apply("Sub", tone, average), graph.apply("Sub", face, tone))


def _plane_tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windowed planes (constant, slope down, slope across) and the sums that measure each, [3, 84 * 76] both.

    The ellipse is whole and symmetric around its centre, so the three are orthogonal under it.
    """
    window = face_code.window().reshape(1, -1)
    rows, columns = np.mgrid[: face_code.ROWS, : face_code.COLUMNS].astype(np.float32)
    down = (rows + face_code.TOP - face_code.CENTRE_Y) / np.float32(face_code.RADIUS_Y)
    across = (columns + face_code.LEFT - face_code.CENTRE_X) / np.float32(face_code.RADIUS_X)
    planes = np.stack([np.ones_like(down), down, across]).reshape(3, -1)
    energy = [math.fsum(row) for row in (planes.astype(np.float64) ** 2 * window).tolist()]
    fit = planes / np.array(energy)[:, None]
    return planes * window, face_code.fixed_point(fit.ravel().tolist(), fit.shape, bits=32)


def _limit_detail(graph: GraphWriter, detail: str) -> str:
    """Cut detail [N, 3, 84, 76] to plus or minus DETAIL_LIMIT."""
    limit = _per_plane(DETAIL_LIMIT)
    return graph.apply("Min", graph.apply("Max", detail, graph.constant(-limit)), graph.constant(limit))


def _write_swapped(graph: GraphWriter, target: str, change: str) -> None:
    """Add the change [N, 3, 84, 76] to the target crop [N, 3, 128, 128] and declare the output."""
    inside = graph.constant((face_code.window() > 0).astype(np.float32))
    to_rgb = face_code.YCC_TO_RGB * np.float32(255.0)
    change = graph.apply("Mul", change, inside)
    change = graph.apply("Conv", change, graph.constant(to_rgb.reshape(3, 3, 1, 1)))
    top, left = face_code.TOP, face_code.LEFT + SHIFT_X
    bottom, right = SIDE - top - face_code.ROWS, SIDE - left - face_code.COLUMNS
    change = graph.apply("Pad", change, graph.integers(0, 0, top, left, 0, 0, bottom, right))
    swapped = graph.apply("Add", target, change)
    swapped = graph.apply("Clip", graph.apply("Round", swapped), graph.number(0.0), graph.number(255.0))
    swapped = graph.apply("Cast", swapped, to=TensorProto.UINT8)
    swapped = graph.apply("Transpose", swapped, perm=[0, 2, 3, 1])
    graph.output(swapped, "swapped", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
