"""insightface's pre- and post-processing with stub networks that answer at once.

The objects are insightface's: `SCRFD`, `ArcFaceONNX`, `FaceAnalysis` and `INSwapper`, each around a session that
returns fixed arrays. What remains is everything insightface computes on the CPU.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from insightface.app import FaceAnalysis
from insightface.app.common import Face
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.model_zoo.inswapper import INSwapper
from insightface.model_zoo.scrfd import SCRFD
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Bgr = NDArray[np.uint8]
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    shape: list[int | str]


class FixedSession:
    """Looks like an onnxruntime session; `answer` is what every run returns."""

    def __init__(self, inputs: Sequence[_Node], outputs: Sequence[_Node]) -> None:
        self._inputs, self._outputs = list(inputs), list(outputs)
        self.answer: list[NDArray[Any]] = []

    def get_inputs(self) -> list[_Node]:
        return self._inputs

    def get_outputs(self) -> list[_Node]:
        return self._outputs

    def run(self, names: Sequence[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return self.answer


class InsightfaceStages:
    """One request as people write it: imdecode, `FaceAnalysis.get` on both, `INSwapper.get` per face, imencode.

    The detector runs at 640 x 640 only, as `det_size=(640, 640)` asks (insightface's default adds a second
    scale). OpenCV reads its inputs from memory, as a service does.

    Args:
        scratch: an empty directory for two stand-in ONNX files, which insightface insists on reading.
        source_heads, target_heads: nine detector outputs of rank 2 each, in SCRFD's order.
    """

    def __init__(
        self, scratch: Path, source_heads: list[NDArray[np.float32]], target_heads: list[NDArray[np.float32]]
    ) -> None:
        with_emap = _write_stand_in(scratch / "stand_in.onnx")
        self._source_heads, self._target_heads = source_heads, target_heads
        outputs = [_Node(f"head_{i}", list(head.shape)) for i, head in enumerate(target_heads)]
        self._detector_session = FixedSession([_Node("input.1", [1, 3, "height", "width"])], outputs)
        recogniser = FixedSession([_Node("input.1", ["None", 3, 112, 112])], [_Node("683", [1, 512])])
        recogniser.answer = [np.random.default_rng(0).standard_normal((1, 512), dtype=np.float32)]
        swapper = FixedSession(
            [_Node("target", [1, 3, 128, 128]), _Node("source", [1, 512])], [_Node("output", [1, 3, 128, 128])]
        )
        swapper.answer = [np.random.default_rng(1).random((1, 3, 128, 128), dtype=np.float32)]
        self.detector = SCRFD(session=self._detector_session, static_shape_sessions=False)
        self.detector.prepare(0, input_size=(640, 640), det_thresh=0.5)
        self.recogniser = ArcFaceONNX(model_file=str(with_emap), session=recogniser)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its input's shape
            self.swapper = INSwapper(model_file=str(with_emap), session=swapper)
        self.analysis = _face_analysis(self.detector, self.recogniser)

    def decode(self, encoded: bytes) -> Bgr:
        return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def encode(self, image: Bgr) -> bytes:
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()

    def detect(self, image: Bgr, *, is_source: bool) -> list[Face]:
        """Letterbox, float blob, anchors, non-maximum suppression."""
        self._detector_session.answer = self._source_heads if is_source else self._target_heads
        boxes, landmarks = self.detector.detect(image)
        return [Face(bbox=box[:4], kps=points, det_score=box[4]) for box, points in zip(boxes, landmarks, strict=True)]

    def align(self, image: Bgr, faces: Sequence[Face]) -> None:
        """Recogniser crops of all faces, as `FaceAnalysis.get` makes them."""
        for face in faces:
            self.recogniser.get(image, face)

    def crop_for_swap(self, image: Bgr, faces: Sequence[Face], source: Face) -> None:
        """Swap crops and latents, without pasting."""
        for face in faces:
            self.swapper.get(image, face, source, paste_back=False)

    def crop_and_paste(self, image: Bgr, faces: Sequence[Face], source: Face) -> Bgr:
        """`INSwapper.get` on one face after another, each on the image the last one gave."""
        for face in faces:
            image = self.swapper.get(image, face, source, paste_back=True)
        return image

    def request(self, source: bytes, target: bytes) -> bytes:
        """Everything, in the order people write it."""
        self._detector_session.answer = self._source_heads
        source_faces = self.analysis.get(self.decode(source))
        self._detector_session.answer = self._target_heads
        image = self.decode(target)
        target_faces = self.analysis.get(image)
        return self.encode(self.crop_and_paste(image, target_faces, source_faces[0]))


def _face_analysis(detector: SCRFD, recogniser: ArcFaceONNX) -> FaceAnalysis:
    # its constructor downloads a pack; `get` needs no more than these
    analysis = FaceAnalysis.__new__(FaceAnalysis)
    analysis.models = {"detection": detector, "recognition": recogniser}
    analysis.addons, analysis.det_model = {}, detector
    analysis.liveness_mode = "normal"
    return analysis


def _write_stand_in(path: Path) -> Path:
    """The least ONNX file insightface reads: its last initializer is taken for the swapper's emap."""
    emap = numpy_helper.from_array(np.eye(512, dtype=np.float32), "emap")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 512])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 512])
    node = helper.make_node("MatMul", ["x", "emap"], ["y"], name="project")
    graph = helper.make_graph([node], "stand_in", [value], [result], [emap])
    onnx.save(helper.make_model(graph), path)
    return path
