"""ONNX operators for the face code: cosine transform of the coded part of a face, and its inverse.

The recogniser uses the forward transform, the swapper both.
"""

from __future__ import annotations

import numpy as np

from faceswap_models.offline import face_code
from faceswap_models.offline.graph import GraphWriter


class FaceCoder:
    """Holds the tables of the face code as initializers of one graph."""

    def __init__(self, graph: GraphWriter) -> None:
        self.graph = graph
        self.luma = face_code.lowest_frequencies(face_code.LUMA_COEFFICIENTS)
        self.chroma = face_code.lowest_frequencies(face_code.CHROMA_COEFFICIENTS)
        self.down_count = max(f.down for f in self.luma) + 1
        self.across_count = max(f.across for f in self.luma) + 1
        self.down = face_code.cosine_table(face_code.ROWS, self.down_count)
        self.across = face_code.cosine_table(face_code.COLUMNS, self.across_count)
        self.places = np.array(
            [
                (plane * self.down_count + f.down) * self.across_count + f.across
                for plane, frequencies in enumerate((self.luma, self.chroma, self.chroma))
                for f in frequencies
            ],
            np.int64,
        )
        self.weights = np.concatenate([face_code.coefficient_weights(f) for f in (self.luma, self.chroma, self.chroma)])

    def coded_part(self, image: str, top: int, left: int) -> str:
        """Cut float [N, 3, S, S] in 0..255 to the coded part; luma and chroma [N, 3, 84, 76], 1 = full range."""
        graph = self.graph
        part = graph.slice(image, top, top + face_code.ROWS, 2)
        part = graph.slice(part, left, left + face_code.COLUMNS, 3)
        to_ycc = face_code.RGB_TO_YCC * np.float32(1.0 / 255.0)
        return graph.apply("Conv", part, graph.constant(to_ycc.reshape(3, 3, 1, 1)))

    def windowed(self, ycc: str) -> str:
        """Difference from the average face under the soft ellipse, [N, 3, 84, 76]: a *look*."""
        graph = self.graph
        average = graph.constant(face_code.average_face()[None])
        return graph.apply("Mul", graph.apply("Sub", ycc, average), graph.constant(face_code.window()))

    def analyse(self, windowed: str) -> str:
        """A look [N, 3, 84, 76] to its 511 weighted coefficients, [N, 511]."""
        graph = self.graph
        spectrum = graph.apply("MatMul", graph.constant(self.down), windowed)
        spectrum = graph.apply("MatMul", spectrum, graph.constant(self.across.T))
        flat = graph.apply("Reshape", spectrum, graph.integers(0, -1))
        chosen = graph.apply("Gather", flat, graph.constant(self.places), axis=1)
        return graph.apply("Mul", chosen, graph.constant(self.weights))

    def synthesise(self, coefficients: str) -> str:
        """511 weighted coefficients [N, 511] back to a look [N, 3, 84, 76], without its fine detail."""
        graph = self.graph
        plain = graph.apply("Div", coefficients, graph.constant(self.weights))
        padded = graph.apply("Pad", plain, graph.integers(0, 0, 0, 1))  # one zero, for the places not coded
        size = 3 * self.down_count * self.across_count
        back = np.full(size, len(self.places), np.int64)
        back[self.places] = np.arange(len(self.places))
        flat = graph.apply("Gather", padded, graph.constant(back), axis=1)
        shape = graph.integers(0, 3, self.down_count, self.across_count)
        spectrum = graph.apply("Reshape", flat, shape)
        rows = graph.apply("MatMul", graph.constant(self.down.T), spectrum)
        return graph.apply("MatMul", rows, graph.constant(self.across))
