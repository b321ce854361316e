"""Every adversarial image ends with the code it should, and no memory is spent on what a header claims."""

from __future__ import annotations

import subprocess
import sys

import pytest
from faceswap_core.codecs.decoding import decode_image
from faceswap_core.codecs.header import inspect_image
from faceswap_core.errors import FaceSwapError
from faceswap_core.limits import Limits
from faceswap_tools.adversarial.all_images import all_adversarial_images
from faceswap_tools.adversarial.images import FINE, LIMIT_BYTES, LIMIT_PIXELS, LIMIT_SIDE, AdversarialImage
from faceswap_tools.adversarial.largest_claims import CLAIM_BYTES, largest_claims
from support.paths import ROOT

MEMORY_BOUND_MB = 48
"""Decoded RGB and alpha of the largest image allowed (2 megapixels), twice, and the encoded bytes a few times.
A decoder that believes one of the headers, or inflates one of the texts, needs hundreds."""

LIMITS = Limits(max_image_bytes=LIMIT_BYTES, max_image_pixels=LIMIT_PIXELS, max_image_side=LIMIT_SIDE)
CASES = all_adversarial_images()


def outcome(case: AdversarialImage) -> str:
    """FINE or the code of the error; anything but a FaceSwapError comes through."""
    try:
        header = inspect_image(case.data, "SOURCE_IMAGE[0]", LIMITS)
        decoded = decode_image(case.data, header, "SOURCE_IMAGE[0]")
    except FaceSwapError as error:
        if not error.message.startswith("SOURCE_IMAGE[0]: "):
            raise AssertionError(f"the message does not name the image: {error}") from error
        return error.code
    if decoded.rgb.shape != (header.height, header.width, 3):
        return f"shape {decoded.rgb.shape}"
    return FINE


def test_there_are_at_least_two_hundred_of_all_kinds() -> None:
    assert len(CASES) >= 200
    codes = {code for case in CASES for code in case.outcomes}
    assert codes >= {
        "EMPTY_IMAGE",
        "NOT_AN_IMAGE",
        "UNSUPPORTED_FORMAT",
        "TRUNCATED_IMAGE",
        "CORRUPT_IMAGE",
        "TOO_MANY_BYTES",
        "TOO_MANY_PIXELS",
        "BAD_DIMENSIONS",
        "ANIMATED_IMAGE",
    }


def test_the_largest_claims_are_small_files() -> None:
    claims = list(largest_claims())
    assert {case.name for case in claims if len(case.data) > CLAIM_BYTES} == set()
    formats = {case.name.split()[0] for case in claims}
    assert formats >= {"png", "gif", "webp", "tiff", "jpeg", "bmp"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(case: AdversarialImage) -> None:
    assert outcome(case) in case.outcomes


_MEASURE = """
import resource
from faceswap_tools.adversarial.images import AdversarialImage, photograph, saved
from unit.core.test_adversarial_images import CASES, outcome
from PIL import Image

for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
    outcome(AdversarialImage("warm-up", saved(Image.fromarray(photograph()), kind), ()))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in CASES:
    outcome(case)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_peak_memory_stays_bounded() -> None:
    # a process of its own, because the highest resident size is counted from a process's start
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    assert int(done.stdout.split()[-1]) <= MEMORY_BOUND_MB
