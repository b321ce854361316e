"""Installed content gate: reads `gate.json` of a model repository, and judges the images of a request.

`content_gate/1/` holds the classifier, `model.onnx`, and beside it `gate.json`: how it wants its images, which of
its classes refuse, and from which score on. Without a gate the network is a placeholder whose scores are not numbers,
and only those scores mean "no gate": a classifier whose settings are missing refuses everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from faceswap_core.codecs.decoding import DecodedImage
from faceswap_core.errors import ContentRefused
from faceswap_core.files.digests import file_sha256
from faceswap_core.provenance.gate.decision import (
    MESSAGES,
    GateConfig,
    GateDecision,
    Verdict,
    could_not_decide,
    decide,
    decide_all,
    gate_pixels,
)
from faceswap_core.provenance.gate.views import TooManyViewsError, displayed_views
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
        """Input of the classifier for images of one view.

        Args:
            images: uint8 RGB [H, W, 3] each.

        Returns:
            uint8 [images, size, size, 3] RGB in the same order; blanks of 1 x 1 without a gate.
        """
        if self.config is None:
            return np.zeros((len(images), PLACEHOLDER_SIDE, PLACEHOLDER_SIDE, 3), np.uint8)
        return np.stack([gate_pixels(image, self.config) for image in images])

    def views(self, image: DecodedImage) -> NDArray[np.uint8]:
        """An image as people may see it.

        Returns:
            uint8 [views, size, size, 3] RGB; one blank of 1 x 1 without a gate.

        Raises:
            ContentRefused: no view can be made, or too many; nothing that was not judged is let through.
        """
        if self.config is None:
            return self.images([image.rgb])
        try:
            return self.images(displayed_views(image, self.config.crop_from or self.config.size))
        except TooManyViewsError:
            raise ContentRefused(MESSAGES[Verdict.COULD_NOT_DECIDE]) from None

    def judge(self, scores: NDArray[np.float32], images: int) -> GateDecision:
        """The decision about a whole request: every view of every image has to be allowed.

        Args:
            scores: float32 [images, views * classes], the classifier's, or NaN [images, 1] from the placeholder.
            images: how many the request has.
        """
        if self.config is None:
            placeholder = scores.shape == (images, 1) and bool(np.isnan(scores).all())
            if placeholder:
                return GateDecision(Verdict.ALLOWED, None, "there is no gate")
            return could_not_decide("a classifier is installed and its settings are not")
        views, rest = divmod(scores.shape[1], len(self.config.classes)) if scores.ndim == 2 else (0, 0)
        if not views or rest:
            return could_not_decide(f"scores of shape {list(scores.shape)} for {len(self.config.classes)} classes")
        decisions = [decide(view, self.config) for row in scores for view in np.split(row, views)]
        return decide_all(decisions, images * views)


class GateImages:
    """Collects the views of a request's images while they are decoded, for one tensor.

    The network wants one row per image, because the detector's scores, which it waits for, have as many. So the views
    of an image are stacked in its row, and the prepared network takes them apart.
    """

    def __init__(self, gate: ContentGate) -> None:
        self._gate = gate
        self._images: list[NDArray[np.uint8]] = []

    @property
    def look(self) -> Callable[[DecodedImage], None] | None:
        """What has to see each image in the request's order; None without a gate."""
        return None if self._gate.config is None else self._add

    def _add(self, image: DecodedImage) -> None:
        """Looks at one image; raises ContentRefused where it cannot be judged."""
        self._images.append(self._gate.views(image))

    def rows(self, images: int) -> NDArray[np.uint8]:
        """The tensor for a request of so many images.

        Returns:
            uint8 [images, views * size, size, 3] RGB; images with fewer views than others have their first one again.
            Blanks of 1 x 1 without a gate.
        """
        if self._gate.config is None:
            return np.zeros((images, PLACEHOLDER_SIDE, PLACEHOLDER_SIDE, 3), np.uint8)
        most = max(len(views) for views in self._images)
        padded = [views[[*range(len(views)), *[0] * (most - len(views))]] for views in self._images]
        return np.stack([views.reshape(-1, *views.shape[2:]) for views in padded])


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
