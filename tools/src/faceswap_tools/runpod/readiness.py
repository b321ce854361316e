"""Whether the server really works: a swap of a real picture, and networks that run where they should."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from faceswap_client import Client, DeadlineExceeded, FaceSwapError, ServerBusy

from faceswap_tools.runpod.exit_codes import ExitCode
from faceswap_tools.runpod.settings import RequireGpu, WorkerSettings

NETWORKS = ("det_10g", "w600k_r50", "inswapper_128")
_GPU_DEVICE = Path("/dev/nvidiactl")  # there when a driver is mapped into the container


class NotReady(Exception):
    """The server answers, but cannot be used; `code` is how the container ends."""

    def __init__(self, code: ExitCode, reason: str, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.busy = busy  # it may only have too much to do


def probe_picture() -> bytes:
    """A portrait of 256x256 pixels (Eileen Collins, NASA, public domain) as JPEG."""
    return (importlib.resources.files("faceswap_tools.runpod") / "probe_face.jpg").read_bytes()


def check_swap(http_url: str, timeout: float, repeat: int = 1) -> None:
    """Swaps the built-in picture with itself `repeat` times at once.

    More than one at a time makes the networks meet larger batches before the first job does.

    Raises:
        NotReady: it does not work; the reason is the server's.
    """
    picture = probe_picture()
    # HTTP, because the SDK forks its heartbeat afterwards, and gRPC's threads do not survive a fork
    with (
        Client(http_url, timeout=timeout, remember_sources=0, retries=0) as client,
        ThreadPoolExecutor(max_workers=repeat) as pool,
    ):
        for swap in [pool.submit(client.swap, picture, picture) for _ in range(repeat)]:
            try:
                result = swap.result()
            except FaceSwapError as error:
                busy = isinstance(error, (ServerBusy, DeadlineExceeded))
                reason = f"a swap of the built-in picture failed: {error}"
                raise NotReady(ExitCode.SWAP_FAILED, reason, busy=busy) from None
            if not any(face.swapped for face in result.faces):
                raise NotReady(ExitCode.SWAP_FAILED, "no face was swapped in the built-in picture")


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
    for network in NETWORKS:
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


def check(http_url: str, settings: WorkerSettings, repeat: int = 1) -> None:
    """All of it; raises NotReady."""
    check_swap(http_url, settings.request_seconds, repeat)
    check_networks_on_gpu(http_url, settings.require_gpu, native=settings.native_triton is not None)
