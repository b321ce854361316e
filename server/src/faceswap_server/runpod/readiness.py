"""Readiness check of the container's Triton: a swap works, the networks run on the required device; and warm-up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from faceswap_contract.names import FACE_NETWORKS

from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod.settings import RequireGpu, WorkerSettings
from faceswap_server.supervision.first_swap import prove_swap
from faceswap_server.supervision.swap_probe import NotReady, check_swap

logger = logging.getLogger(__name__)

_GPU_DEVICE = Path("/dev/nvidiactl")  # exists when a driver is mapped into the container


def check_networks_on_gpu(
    http_url: str, required: RequireGpu, *, native: bool, has_gpu: Callable[[], bool] = _GPU_DEVICE.exists
) -> None:
    """Refuses networks that silently run on the CPU of a rented GPU machine.

    Raises:
        NotReady: a network has no instance on a GPU although one is required.
    """
    wanted = required is RequireGpu.YES or (required is RequireGpu.AUTO and native and has_gpu())
    if not wanted:
        return
    for network in FACE_NETWORKS:
        kinds = _instance_kinds(http_url, network)
        if "KIND_GPU" not in kinds:
            raise NotReady(
                ExitCode.NO_GPU, f"{network} has no instance on a GPU ({', '.join(sorted(kinds)) or 'none'})"
            )


def _instance_kinds(http_url: str, network: str) -> set[str]:
    try:
        answer = httpx.get(f"{http_url}/v2/models/{network}/config", timeout=10.0, trust_env=False)
        groups = answer.raise_for_status().json().get("instance_group", [])
        return {str(group.get("kind")) for group in groups}
    except (httpx.HTTPError, ValueError, AttributeError):
        raise NotReady(ExitCode.SWAP_FAILED, f"the server does not say how it runs {network}") from None


def check(http_url: str, settings: WorkerSettings) -> None:
    """Checks that a swap works and that the networks run on the required device; raises NotReady."""
    prove_swap(http_url, settings.job_seconds)
    check_networks_on_gpu(http_url, settings.require_gpu, native=settings.native_triton is not None)


def prove(http_url: str, settings: WorkerSettings) -> None:
    """`check` after loading, followed by the warm-up; raises NotReady."""
    check(http_url, settings)
    if settings.warm_up_swaps:
        _warm_up(http_url, settings)


def _warm_up(http_url: str, settings: WorkerSettings) -> None:
    swaps, started = settings.warm_up_swaps, time.monotonic()
    try:
        check_swap(http_url, settings.job_seconds, swaps)
    except NotReady as error:
        if not error.busy:
            raise
        logger.warning("warm-up of %d swaps at once: %s", swaps, error)  # fewer may be in flight than that
    else:
        logger.info("warm-up: %d swaps in %.2f s", swaps, time.monotonic() - started)
