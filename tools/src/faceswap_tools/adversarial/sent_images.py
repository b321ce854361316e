"""Adversarial images as requests: each as target, most as source too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from faceswap_client.wire.tensors import InferRequest, bytes_tensor, float_tensor

from faceswap_tools.adversarial.all_images import all_adversarial_images
from faceswap_tools.adversarial.images import FINE
from faceswap_tools.adversarial.requests import AdversarialRequest, asking, good_source, good_target

EVERY_SO_MANIETH = 8
"""Of the images that can be read. Each costs detector runs, so the rest goes as target alone, beside an identity in
place of a portrait: half the work, and the same way for the image."""


def adversarial_targets() -> Iterator[AdversarialRequest]:
    """None shows a face: those that can be read come back as they are, which is FINE."""
    readable = 0
    for case in all_adversarial_images():
        readable += FINE in case.outcomes
        with_portrait = FINE not in case.outcomes or readable % EVERY_SO_MANIETH == 0
        yield AdversarialRequest(f"target: {case.name}", _as_target(case.data, with_portrait), case.outcomes)


def adversarial_sources() -> Iterator[AdversarialRequest]:
    """A portrait for their target. Those that can be read have no face to give."""
    readable = 0
    for case in all_adversarial_images():
        readable += FINE in case.outcomes
        if FINE in case.outcomes and readable % EVERY_SO_MANIETH:
            continue
        source = bytes_tensor("SOURCE_IMAGE", [case.data])
        outcomes = tuple("NO_FACE_IN_SOURCE" if code == FINE else code for code in case.outcomes)
        yield AdversarialRequest(f"source: {case.name}", asking([source, good_target()]), outcomes)


def _as_target(data: bytes, with_portrait: bool) -> InferRequest:
    target, options = bytes_tensor("TARGET_IMAGE", [data]), {"on_no_face": "passthrough"}
    if with_portrait:
        return asking([good_source(), target], options)
    identity = float_tensor("SOURCE_EMBEDDINGS", np.ones((1, 512), np.float32))
    return asking([identity, target], options, "face_swap_identity")
