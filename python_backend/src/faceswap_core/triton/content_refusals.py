"""Content gate of a step: refuses requests by the classifier's scores, and counts the refusals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_core.errors import ContentRefused
from faceswap_core.provenance.gate.decision import MESSAGES, Verdict
from faceswap_core.provenance.gate.installed import ContentGate
from faceswap_core.triton.metrics import Counter

METRIC = "faceswap_content_refused_total"


class ContentRefusals:
    """Applies a `ContentGate` to requests."""

    def __init__(self, gate: ContentGate) -> None:
        self._gate = gate
        self._counter = Counter(
            METRIC,
            "Requests that the content gate refused, or could not decide about",
            "verdict",
            [verdict.value for verdict in MESSAGES],
        )

    def check(self, scores: NDArray[np.float32], images: int) -> None:
        """Raises unless every image is allowed.

        Args:
            scores: float32 [images, classes].
            images: how many the request has.

        Raises:
            ContentRefused: one is not, or nothing was decided about it; the message names neither image nor score.
        """
        decision = self._gate.judge(scores, images)
        if not decision.allowed:
            self._counter.add(decision.verdict.value)
            raise ContentRefused(MESSAGES[decision.verdict])

    def count_undecided(self) -> None:
        """Counts a request that was refused because one of its images cannot be shown to the classifier."""
        self._counter.add(Verdict.COULD_NOT_DECIDE.value)
