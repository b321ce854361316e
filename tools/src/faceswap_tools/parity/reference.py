"""Reference pipeline: insightface's own code on the untouched files: detection, embedding, latent, swap, paste-back.

Version 2.1, its detector pinned to one 640x640 scale: its new default of two scales finds other landmarks.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from faceswap_core.faces.scrfd import STRIDES
from faceswap_core.types import RgbImage
from numpy.typing import NDArray

from faceswap_tools.parity.networks import DETECTOR, RECOGNISER, SWAPPER, ParityNetworks


@dataclass(frozen=True, slots=True)
class ReferenceFaces:
    """insightface's faces of one image, in its own order (by score)."""

    faces: list[Any]

    @property
    def boxes(self) -> NDArray[np.float32]:
        return np.array([face.bbox for face in self.faces], dtype=np.float32)


class _FloatDetectorSession:
    """Shows a prepared detector to insightface as the session it expects: float NCHW in, one image, nine outputs."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._names = [f"{kind}_{stride}" for kind in ("scores", "boxes", "landmarks") for stride in STRIDES]

    def run(self, names: object, feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        # 1/128 is a power of two, so undoing insightface's (x - 127.5) / 128 gives the bytes back exactly
        blob = next(iter(feeds.values()))
        image = (blob * 128.0 + 127.5).transpose(0, 2, 3, 1).astype(np.uint8)
        return [output[0] for output in self._session.run(self._names, {"image": image})]


class Reference:
    """insightface with our networks' originals."""

    def __init__(self, networks: ParityNetworks) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # insightface's imports use what its dependencies deprecate
            from insightface.app.common import Face  # noqa: PLC0415
            from insightface.model_zoo.arcface_onnx import ArcFaceONNX  # noqa: PLC0415
            from insightface.model_zoo.inswapper import INSwapper  # noqa: PLC0415
            from insightface.model_zoo.scrfd import SCRFD  # noqa: PLC0415
        onnxruntime.set_default_logger_severity(3)
        self._face = Face
        self._recogniser = ArcFaceONNX(
            model_file=str(networks.originals[RECOGNISER]), session=_cpu(networks, RECOGNISER)
        )
        self.swapper = INSwapper(model_file=str(networks.originals[SWAPPER]), session=_cpu(networks, SWAPPER))
        if DETECTOR in networks.originals:
            # the file as it is: 2.1 would rewrite it to a fixed size first, which moves landmarks by 1e-5 px through
            # other kernels, and that alone flips pixels of the warped crops by a level
            self._detector = SCRFD(
                model_file=str(networks.originals[DETECTOR]),
                session=_cpu(networks, DETECTOR),
                static_shape_sessions=False,
            )
            self._detector.prepare(-1, input_size=(640, 640), det_thresh=0.5)
        else:
            self._detector = detector_on(SCRFD, _FloatDetectorSession(networks.pack / f"{DETECTOR}.onnx"))

    def find(self, rgb: RgbImage) -> ReferenceFaces:
        """Faces with embeddings, strongest first."""
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        boxes, landmarks = self._detector.detect(bgr)
        faces = []
        for box, points in zip(boxes, landmarks, strict=True):
            face = self._face(bbox=box[:4], kps=points, det_score=box[4])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # skimage: `estimate` is deprecated
                self._recogniser.get(bgr, face)
            faces.append(face)
        return ReferenceFaces(faces)

    def latent(self, source: Any) -> NDArray[np.float32]:
        """The swapper's input for a source face: INSwapper.get's own arithmetic, which it does not expose."""
        latent = np.dot(source.normed_embedding.reshape((1, -1)), self.swapper.emap)
        result: NDArray[np.float32] = latent / np.linalg.norm(latent)
        return result

    def swap(self, rgb: RgbImage, faces: list[Any], source: Any) -> RgbImage:
        """Swaps the given faces one after another, as insightface's users do; RGB in and out."""
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for face in faces:
                bgr = self.swapper.get(bgr, face, source, paste_back=True)
        return np.ascontiguousarray(bgr[..., ::-1])

    def crop(self, rgb: RgbImage, face: Any, source: Any) -> RgbImage:
        """The swapped 128x128 crop before paste-back, RGB."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crop, _ = self.swapper.get(np.ascontiguousarray(rgb[..., ::-1]), face, source, paste_back=False)
        return np.ascontiguousarray(crop[..., ::-1])


def _cpu(networks: ParityNetworks, name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(networks.originals[name]), providers=["CPUExecutionProvider"])


def detector_on(scrfd: Any, session: Any) -> Any:
    """insightface's SCRFD around a session that is not onnxruntime's, without running its constructor."""
    detector = scrfd.__new__(scrfd)
    detector.session = session
    detector.nms_thresh, detector.det_thresh, detector.center_cache = 0.4, 0.5, {}
    detector.input_mean, detector.input_std = 127.5, 128.0
    detector.static_input_size = detector.input_size = (640, 640)
    detector.input_sizes = [(640, 640)]
    detector.use_kps, detector.fmc, detector._feat_stride_fpn = True, 3, list(STRIDES)
    detector._num_anchors, detector.batched = 2, False
    detector.input_name, detector.output_names = "input.1", []
    detector._session_for_input_size = lambda size: session
    return detector
