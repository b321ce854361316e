"""Installed content gate: reads `gate.json` of a model repository, and judges the images of a request.

`content_gate/1/` holds the classifier, `model.onnx`, and beside it `gate.json`: how it wants its images, which of
its classes refuse, and from which score on. Without a gate the network is a placeholder whose scores are not numbers,
and only those scores mean "no gate": a classifier whose settings are missing refuses everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from faceswap_core.files.digests import file_sha256
from faceswap_core.provenance.gate.decision import (
    GateConfig,
    GateDecision,
    Verdict,
    could_not_decide,
    decide,
    decide_all,
    gate_pixels,
)
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError
from faceswap_core.types import RgbImage

MODEL = "content_gate"
SETTINGS_FILE = "gate.json"
NETWORK_FILE = "model.onnx"
PLACEHOLDER_SIDE = 1
"""Side of the blank image that the placeholder gets, in pixels."""


class GateFile(BaseModel):
    """`gate.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80, description="of the classifier, for display")
    network_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of model.onnx beside it")
    config: GateConfig


class ContentGate:
    """Judges the images of a request; without a configuration it only makes sure that there is no classifier."""

    def __init__(self, config: GateConfig | None) -> None:
        self.config = config

    def images(self, images: Sequence[RgbImage]) -> NDArray[np.uint8]:
        """Input of the classifier.

        Args:
            images: uint8 RGB [H, W, 3] each.

        Returns:
            uint8 [images, size, size, 3] RGB in the same order; blanks of 1 x 1 without a gate.
        """
        if self.config is None:
            return np.zeros((len(images), PLACEHOLDER_SIDE, PLACEHOLDER_SIDE, 3), np.uint8)
        return np.stack([gate_pixels(image, self.config) for image in images])

    def judge(self, scores: NDArray[np.float32], images: int) -> GateDecision:
        """The decision about a whole request.

        Args:
            scores: float32 [images, classes], the classifier's, or NaN [images, 1] from the placeholder.
            images: how many the request has.
        """
        if self.config is None:
            placeholder = scores.shape == (images, 1) and bool(np.isnan(scores).all())
            if placeholder:
                return GateDecision(Verdict.ALLOWED, None, "there is no gate")
            return could_not_decide("a classifier is installed and its settings are not")
        return decide_all([decide(row, self.config) for row in scores], images)


def installed_gate(repository: Path, settings: ProvenanceSettings) -> ContentGate:
    """The gate of the model repository a step was loaded from.

    Raises:
        SettingsError: `gate.json` is broken, is not the network's, or is missing and a gate is required.
    """
    folder = repository / MODEL / "1"
    file = folder / SETTINGS_FILE
    if not file.exists():
        if settings.content_gate == "required":
            raise SettingsError("FACESWAP_CONTENT_GATE is 'required' and no gate is installed")
        return ContentGate(None)
    try:
        found = GateFile.model_validate_json(file.read_bytes())
        network = file_sha256(folder / NETWORK_FILE)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{MODEL}: {SETTINGS_FILE} cannot be used ({place}: {first['msg']})") from None
    except OSError as error:
        raise SettingsError(f"{MODEL}: a gate is installed in part ({error.strerror}: {error.filename})") from None
    if network != found.network_sha256:
        raise SettingsError(f"{MODEL}: {NETWORK_FILE} is not the network {SETTINGS_FILE} was written for")
    return ContentGate(found.config)
