"""The SDK the worker is made for."""

from __future__ import annotations

import importlib.metadata

import pytest
from support.runpod_worker import has_sdk


def test_the_sdk_is_the_version_whose_job_loop_is_replaced() -> None:
    if not has_sdk():
        pytest.skip(
            "the RunPod SDK is not installed (`make setup` installs it): the worker, its job loop, the gateway and the "
            "bucket were not tested"
        )
    assert importlib.metadata.version("runpod").startswith("1.12.")
