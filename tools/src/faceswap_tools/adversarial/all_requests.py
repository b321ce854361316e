"""Every adversarial request, images included."""

from __future__ import annotations

from faceswap_tools.adversarial.identities import adversarial_counts, adversarial_frames, adversarial_identities
from faceswap_tools.adversarial.option_values import adversarial_options, options_that_are_none
from faceswap_tools.adversarial.requests import AdversarialRequest
from faceswap_tools.adversarial.sent_images import adversarial_sources, adversarial_targets
from faceswap_tools.adversarial.tensors import wrong_tensors

FAMILIES = (
    adversarial_targets,
    adversarial_sources,
    wrong_tensors,
    adversarial_counts,
    adversarial_identities,
    adversarial_frames,
    adversarial_options,
    options_that_are_none,
)


def all_adversarial_requests() -> list[AdversarialRequest]:
    """Every adversarial request; names are unique."""
    made = [case for family in FAMILIES for case in family()]
    names = {case.name for case in made}
    if len(names) != len(made):
        raise ValueError("two adversarial requests have the same name")
    return made
