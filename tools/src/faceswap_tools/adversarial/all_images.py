"""Every adversarial image, family by family."""

from __future__ import annotations

from functools import cache

from faceswap_tools.adversarial.animations import animations
from faceswap_tools.adversarial.bombs import bombs
from faceswap_tools.adversarial.damage import bit_flips, broken_structures
from faceswap_tools.adversarial.damaged_metadata import damaged_exif, damaged_profiles
from faceswap_tools.adversarial.images import AdversarialImage
from faceswap_tools.adversarial.largest_claims import inflating_pixels, largest_claims, sizes_at_the_limits
from faceswap_tools.adversarial.metadata import metadata_bombs, profiles_and_exif
from faceswap_tools.adversarial.not_images import not_images, unsupported
from faceswap_tools.adversarial.polyglots import polyglots
from faceswap_tools.adversarial.truncations import truncations

FAMILIES = (
    not_images,
    unsupported,
    truncations,
    bombs,
    largest_claims,
    inflating_pixels,
    sizes_at_the_limits,
    animations,
    polyglots,
    profiles_and_exif,
    damaged_profiles,
    damaged_exif,
    metadata_bombs,
    broken_structures,
    bit_flips,
)


@cache
def all_adversarial_images() -> tuple[AdversarialImage, ...]:
    """Every adversarial image; names are unique. Made once: 5 seconds."""
    made = tuple(case for family in FAMILIES for case in family())
    names = {case.name for case in made}
    if len(names) != len(made):
        raise ValueError("two adversarial images have the same name")
    return made
