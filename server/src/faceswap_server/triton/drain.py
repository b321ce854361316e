"""Graceful drain: waits until a server that accepts no more requests has answered its last, or counts what is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from faceswap_core.buffers.orphaned_leases import TARGET
from faceswap_core.buffers.private_folder import LOCK

CHECK_INTERVAL_SECONDS = 0.1
_MODEL = re.compile(r'^nv_inference_request_success\{model="([^"]+)"', re.MULTILINE)
_WAITING = re.compile(r'^nv_inference_pending_request_count\{model="decode_images"[^}]*\} (\S+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a stop went.

    Attributes:
        lost: requests that were accepted and got no answer, as far as that can be counted; None where it cannot.
    """

    lost: int | None


def wait_until_drained(
    metrics_url: str, withdrawn: tuple[str, ...], seconds: float, is_running: Callable[[], bool]
) -> bool:
    """Whether the last request to every withdrawn model was done in time.

    Triton drops a model's metrics together with the model, and the model with its last request.

    Args:
        metrics_url: of the running server.
        withdrawn: models that have been taken out of the repository.
        seconds: how long to wait.
        is_running: whether the server is still there; a dead one finishes nothing.
    """
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=2.0, trust_env=False) as http:
        while is_running():
            loaded = _loaded(http, metrics_url)
            if loaded is not None and loaded.isdisjoint(withdrawn):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(CHECK_INTERVAL_SECONDS)
    return False


def requests_in_flight(metrics_url: str, buffers: Path) -> int | None:
    """Requests the server holds: those that hold leases of buffers, and those that wait for the first step.

    A request that is being decoded is not counted; one whose network failed may be counted for half a minute more.

    Args:
        metrics_url: of the server, which need not be there any more.
        buffers: the folder of its buffer pool; None is returned when no step keeps one there.
    """
    if not (buffers / LOCK).exists():
        return None
    leased = sum(1 for _ in buffers.glob(f"*{TARGET}"))
    try:
        text = httpx.get(metrics_url, timeout=2.0, trust_env=False).raise_for_status().text
    except httpx.HTTPError:
        return leased
    waiting = _WAITING.search(text)
    return leased + (int(float(waiting[1])) if waiting else 0)


def _loaded(http: httpx.Client, metrics_url: str) -> set[str] | None:
    """Models that have metrics, or None when the server does not say."""
    try:
        return set(_MODEL.findall(http.get(metrics_url).raise_for_status().text))
    except httpx.HTTPError:
        return None
