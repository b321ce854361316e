"""Check `endpoint`: the RunPod endpoint answers and swaps a face. It costs one job, a cold start included."""

from __future__ import annotations

import time

import httpx
from faceswap_client import DeadlineExceeded, FaceSwapError, RunPodClient
from faceswap_contract.errors import ERRORS

from faceswap_server.doctor.check import Fact, Result, broken, ok, skipped
from faceswap_server.doctor.context import Context, Endpoint

_REMEDIES = {
    "UNAUTHORIZED": "make an API key in RunPod's console that may use this endpoint, and set RUNPOD_API_KEY",
    "NOT_FOUND": "take the endpoint's id from its page in RunPod's console",
    "CONNECTION_FAILED": "check this machine's internet connection",
    "NO_OUTPUT": "the answer was too large for the platform: a smaller image, or s3Config",
    "WORKER_FAILED": "the endpoint runs another worker, or an old image: look at its log and its image's tag",
    "PLATFORM_ERROR": "look at RunPod's status page, and try again",
}


def check_endpoint(context: Context) -> Result:
    """Worker counts from RunPod's health call first, then one job."""
    endpoint = context.endpoint
    if endpoint is None:
        return skipped("no endpoint was named", "--endpoint ID, and RUNPOD_API_KEY in the environment")
    if not endpoint.api_key:
        return broken("RUNPOD_API_KEY is not set", _REMEDIES["UNAUTHORIZED"])
    workers = _workers(endpoint)
    image = context.image()
    started = time.monotonic()
    try:
        with RunPodClient(
            endpoint.id, endpoint.api_key, base_url=endpoint.base_url, timeout=endpoint.timeout, allow_reencode=True
        ) as client:
            result = client.swap(image, image)
    except ValueError as error:
        return broken(f"--endpoint {endpoint.id}: {error}", _REMEDIES["NOT_FOUND"])
    except DeadlineExceeded:
        said = f"no answer within {endpoint.timeout:g} s; {_shown(workers)}"
        remedy = "raise --timeout for a cold start; with no worker ready look at the endpoint's GPUs and its log"
        return broken(said, remedy, **workers)
    except FaceSwapError as error:
        fact = ERRORS.get(error.code)
        remedy = _REMEDIES.get(error.code) or (fact.for_jobs if fact else "the worker's log has the details")
        return broken(f"{error}; {_shown(workers)}", remedy, code=error.code, **workers)
    seconds = round(time.monotonic() - started, 2)
    swapped = sum(face.swapped for face in result.faces)
    return ok(f"{swapped} faces swapped in {seconds} s; {_shown(workers)}", seconds=seconds, swapped=swapped, **workers)


def _workers(endpoint: Endpoint) -> dict[str, Fact]:
    """Workers by state, as RunPod counts them; empty where it does not answer."""
    try:
        answer = httpx.get(
            f"{endpoint.base_url}/{endpoint.id}/health",
            headers={"Authorization": f"Bearer {endpoint.api_key}"},
            timeout=10.0,
        )
        counts = answer.raise_for_status().json()["workers"]
        return {f"workers_{state}": int(count) for state, count in counts.items()}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, AttributeError, TypeError):
        return {}


def _shown(workers: dict[str, Fact]) -> str:
    if not workers:
        return "RunPod did not report its workers"
    return "workers: " + ", ".join(f"{count} {name.removeprefix('workers_')}" for name, count in workers.items())
