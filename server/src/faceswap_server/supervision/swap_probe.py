"""End-to-end readiness probe: a swap of a real image, through the whole ensemble.

Triton's own readiness does not tell: on 24.10 a stub that died stays dead, and the model stays "ready".
"""

from __future__ import annotations

import importlib.resources
from concurrent.futures import ThreadPoolExecutor

from faceswap_client import Client, DeadlineExceeded, FaceSwapError, ServerBusy

from faceswap_server.exit_codes import ExitCode


class NotReady(Exception):
    """The server answers, but cannot be used; `code` is how the process ends when nothing else can be done."""

    def __init__(self, code: ExitCode, reason: str, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.busy = busy  # it may only have too much to do


def probe_image() -> bytes:
    """A portrait of 256x256 pixels (Eileen Collins, NASA, public domain) as JPEG."""
    return (importlib.resources.files("faceswap_server.supervision") / "probe_face.jpg").read_bytes()


def check_swap(http_url: str, timeout: float, repeat: int = 1) -> None:
    """Swaps the built-in image with itself `repeat` times at once.

    More than one at a time makes the networks run larger batches before the first job does (warm-up).

    Raises:
        NotReady: it does not work; the reason is the server's.
    """
    image = probe_image()
    # HTTP, because RunPod's SDK forks its heartbeat afterwards, and gRPC's threads do not survive a fork
    with (
        Client(http_url, timeout=timeout, remember_sources=0, retries=0) as client,
        ThreadPoolExecutor(max_workers=repeat) as pool,
    ):
        for swap in [pool.submit(client.swap, image, image) for _ in range(repeat)]:
            try:
                result = swap.result()
            except FaceSwapError as error:
                busy = isinstance(error, (ServerBusy, DeadlineExceeded))
                reason = f"a swap of the built-in image failed: {error}"
                raise NotReady(ExitCode.SWAP_FAILED, reason, busy=busy) from None
            if not any(face.swapped for face in result.faces):
                raise NotReady(ExitCode.SWAP_FAILED, "no face was swapped in the built-in image")
