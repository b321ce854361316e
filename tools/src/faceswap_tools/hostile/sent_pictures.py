"""Hostile pictures as requests: each as target, most as source too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from faceswap_client._inference import bytes_tensor

from faceswap_tools.hostile.all_pictures import all_hostile_images
from faceswap_tools.hostile.pictures import FINE, HostileImage
from faceswap_tools.hostile.requests import HostileRequest, asking, good_source, good_target

EACH_OF_THE_READABLE = 8
"""Of the pictures that are read every so manieth is sent as source: each costs a detector run, and says no more than
the same picture as target."""


def hostile_targets() -> Iterator[HostileRequest]:
    """A portrait for their source. None shows a face: those that can be read come back as they are, which is FINE."""
    for case in all_hostile_images():
        target = bytes_tensor("TARGET_IMAGE", [case.data])
        request = asking([good_source(), target], {"on_no_face": "passthrough"})
        yield HostileRequest(f"target: {case.name}", request, case.outcomes)


def hostile_sources() -> Iterator[HostileRequest]:
    """A portrait for their target. Those that can be read have no face to give."""
    for case in _worth_sending(all_hostile_images()):
        source = bytes_tensor("SOURCE_IMAGE", [case.data])
        outcomes = tuple("NO_FACE_IN_SOURCE" if code == FINE else code for code in case.outcomes)
        yield HostileRequest(f"source: {case.name}", asking([source, good_target()]), outcomes)


def _worth_sending(cases: Iterable[HostileImage]) -> Iterator[HostileImage]:
    readable = 0
    for case in cases:
        if FINE in case.outcomes:
            readable += 1
            if readable % EACH_OF_THE_READABLE:
                continue
        yield case
