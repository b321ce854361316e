"""The served images look as they did when somebody last looked at them.

Tolerance: 3 levels, mean 0.1. The networks' float arithmetic may differ in the last digits between processors,
which moves a truncated value by a level; a wrong mask, crop or colour moves far more.
"""

from __future__ import annotations

import numpy as np
import pytest
from faceswap_client import Client
from faceswap_server.triton import TritonServer
from integration.golden.cases import CASES, EXPECTED, Case, rgb, source, target
from support.images import assert_close


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_image_is_as_it_was(case: Case, server: TritonServer) -> None:
    with Client(server.grpc_address) as client:
        result = client.swap(source(), target(case), output_format="png", **case.options)
    expected = rgb((EXPECTED / f"{case.name}.png").read_bytes())
    assert_close(rgb(result.image), expected, most=3, mean=0.1, name=case.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_golden_shows_a_swap(case: Case) -> None:
    """A golden equal to its target would let every broken swap pass."""
    before = rgb(target(case)).astype(np.int16)
    after = rgb((EXPECTED / f"{case.name}.png").read_bytes()).astype(np.int16)
    assert np.abs(before - after).max() > 25


def test_a_difference_is_told_and_shown() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(AssertionError, match="most 9 of 3 levels.*a_test"):
        assert_close(np.full_like(image, 9), image, most=3, mean=0.1, name="a_test")
