"""Every hostile request, pictures included."""

from __future__ import annotations

from faceswap_tools.hostile.identities import hostile_counts, hostile_frames, hostile_identities
from faceswap_tools.hostile.option_values import hostile_options, options_that_are_none
from faceswap_tools.hostile.requests import HostileRequest
from faceswap_tools.hostile.sent_pictures import hostile_sources, hostile_targets
from faceswap_tools.hostile.tensors import wrong_tensors

FAMILIES = (
    hostile_targets,
    hostile_sources,
    wrong_tensors,
    hostile_counts,
    hostile_identities,
    hostile_frames,
    hostile_options,
    options_that_are_none,
)


def all_hostile_requests() -> list[HostileRequest]:
    """Every hostile request; names are unique."""
    made = [case for family in FAMILIES for case in family()]
    names = {case.name for case in made}
    if len(names) != len(made):
        raise ValueError("two hostile requests have the same name")
    return made
