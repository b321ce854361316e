"""Every hostile picture, family by family."""

from __future__ import annotations

from functools import cache

from faceswap_tools.hostile.animations import animations
from faceswap_tools.hostile.bombs import bombs
from faceswap_tools.hostile.damage import bit_flips, broken_structures
from faceswap_tools.hostile.damaged_metadata import damaged_exif, damaged_profiles
from faceswap_tools.hostile.largest_claims import inflating_pixels, largest_claims, sizes_at_the_limits
from faceswap_tools.hostile.metadata import metadata_bombs, profiles_and_exif
from faceswap_tools.hostile.not_pictures import not_pictures, unsupported
from faceswap_tools.hostile.pictures import HostileImage
from faceswap_tools.hostile.polyglots import polyglots
from faceswap_tools.hostile.truncations import truncations

FAMILIES = (
    not_pictures,
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
def all_hostile_images() -> tuple[HostileImage, ...]:
    """Every hostile picture; names are unique. Made once: 5 seconds."""
    made = tuple(case for family in FAMILIES for case in family())
    names = {case.name for case in made}
    if len(names) != len(made):
        raise ValueError("two hostile pictures have the same name")
    return made
