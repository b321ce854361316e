"""Waits until a tritonserver that was started is ready for requests."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

CHECK_INTERVAL_SECONDS = 0.05
ANSWER_SECONDS = 2.0


def wait_until_ready(urls: tuple[str, ...], seconds: float, look: Callable[[], None]) -> str | None:
    """Waits until every address answers with 200, one after the other.

    Args:
        urls: addresses, in the order in which Triton opens their ports. Its ports open after every model has loaded;
            when it cannot open the last one, it ends although the first has answered.
        seconds: how long all of them together may take.
        look: called before each question and once in the end; what it raises ends the waiting.

    Returns:
        The address that did not answer in time, or None.
    """
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as http:
        for url in urls:
            look()
            while not _answers(http, url):
                if time.monotonic() >= deadline:
                    return url
                time.sleep(CHECK_INTERVAL_SECONDS)
                look()
    look()
    return None


def _answers(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
