"""Turns away requests that the content gate does not allow, and counts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_core.errors import ContentRefused
from faceswap_core.provenance.gate.decision import Verdict
from faceswap_core.provenance.gate.installed import ContentGate
from faceswap_core.triton.metrics import Counter

METRIC = "faceswap_content_refused_total"
MESSAGES = {
    Verdict.REFUSED: "the content gate refuses an image of this request",
    Verdict.COULD_NOT_DECIDE: "the content gate could not decide about this request, and so refuses it",
}


class ContentRefusals:
    """The gate as a step meets it."""

    def __init__(self, gate: ContentGate) -> None:
        self._gate = gate
        self._counter = Counter(
            METRIC,
            "Requests that the content gate refused, or could not decide about",
            "verdict",
            [verdict.value for verdict in MESSAGES],
        )

    def check(self, scores: NDArray[np.float32], images: int) -> None:
        """Returns when every image is allowed.

        Args:
            scores: float32 [images, classes].
            images: how many the request has.

        Raises:
            ContentRefused: one is not, or nothing was decided about it; nobody is told which image or how near.
        """
        decision = self._gate.judge(scores, images)
        if not decision.allowed:
            self._counter.add(decision.verdict.value)
            raise ContentRefused(MESSAGES[decision.verdict])
