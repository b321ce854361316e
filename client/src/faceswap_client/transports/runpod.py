"""Client of a RunPod serverless endpoint (queue mode): the calls of `Client` as jobs."""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import Any

import httpx

from faceswap_client._client import Client
from faceswap_client._errors import BadAnswer, ConnectionFailed, DeadlineExceeded, FaceSwapError, RequestError
from faceswap_client.wire.runpod_json import PENDING, ending_error, http_error, job_input, reply
from faceswap_client.wire.tensors import InferReply, InferRequest

BASE_URL = "https://api.runpod.ai/v2"
DEFAULT_TIMEOUT = 120.0
"""Seconds a call waits: a worker may have to start first (cold start)."""

LARGEST_BODY = 20_000_000  # bytes; /runsync takes no more
_LONGEST_WAIT = 90.0  # seconds /runsync holds its answer back; the platform's default
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0  # seconds between two polls; results of /runsync are kept for one minute
_CONNECT_TIMEOUT = 10.0
_CANCEL_TIMEOUT = 5.0
_SHORTEST_POLICY_MS = {"executionTimeout": 5_000, "ttl": 10_000}  # the platform's minima
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class RunPodClient(Client):
    """`Client` over a RunPod endpoint: the same calls, results and errors.

        with RunPodClient("abc123", api_key=os.environ["RUNPOD_API_KEY"]) as client:
            client.swap("me.jpg", "group.jpg").save("swapped.jpg")

    Swaps of an `Identity` are not offered by the worker: send the images.

    A job is posted once and never retried: a second one would be billed too. When a call times out, its job is
    cancelled.

    Args:
        endpoint: the endpoint's id.
        api_key: of the account; sent to `base_url` only.
        timeout: seconds a call may take in all, a worker's cold start included; None waits indefinitely.
        allow_reencode: a result too large for the platform may come back as JPEG of lower quality.
        base_url: where the platform's API is.
        httpx_transport: carries HTTP instead of the network, for tests.

    Beyond `Client`'s errors a call can raise BadAnswer with the code NO_OUTPUT (the platform lost the result),
    RequestError with UNAUTHORIZED, NOT_FOUND or BODY_TOO_LARGE, and ServerError with WORKER_FAILED.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        allow_reencode: bool = False,
        base_url: str = BASE_URL,
        httpx_transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not _ID.fullmatch(endpoint):
            raise ValueError("an endpoint id is letters, digits, '-' and '_'")
        transport = RunPodTransport(
            f"{base_url.rstrip('/')}/{endpoint}",
            api_key,
            allow_reencode=allow_reencode,
            httpx_transport=httpx_transport,
        )
        super().__init__(endpoint, timeout=timeout, retries=0, remember_sources=0, transport=transport)


class RunPodTransport:
    """A `Transport` that runs each inference as a job."""

    def __init__(
        self, url: str, api_key: str, *, allow_reencode: bool, httpx_transport: httpx.BaseTransport | None
    ) -> None:
        self._url = url
        self._allow_reencode = allow_reencode
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._http = httpx.Client(headers=headers, transport=httpx_transport)

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        """Runs the job and waits for its result; a job that is not finished in time is cancelled."""
        deadline = None if timeout is None else time.monotonic() + timeout
        body = self._body(request, timeout)
        answer = self._post(body, request, timeout)
        job_id = answer.get("id")
        if answer.get("status") in PENDING:
            if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
                raise BadAnswer("RunPod gave the job no id", request_id=request.request_id)
            try:
                answer = self._poll(job_id, deadline, request)
            except BaseException as error:
                if not isinstance(error, FaceSwapError) or isinstance(error, (DeadlineExceeded, ConnectionFailed)):
                    self._cancel(job_id)
                raise
        error_at_end = ending_error(answer, request.request_id)
        if error_at_end is not None:
            raise error_at_end
        return reply(answer["output"], request)

    def model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the endpoint has a worker that is running or ready; an endpoint scaled to zero has none."""
        workers = self._call("GET", "/health", timeout, "").get("workers")
        if not isinstance(workers, dict):
            return False
        return any(int(workers.get(state) or 0) > 0 for state in ("idle", "ready", "running"))

    def close(self) -> None:
        self._http.close()

    def _body(self, request: InferRequest, timeout: float | None) -> bytes:
        value = job_input(request)
        if self._allow_reencode and value["task"] == "swap":
            value["allow_reencode"] = True
        job: dict[str, Any] = {"input": value}
        if timeout is not None:
            # a job whose caller timed out must neither start nor go on
            job["policy"] = {name: max(least, int(timeout * 1e3)) for name, least in _SHORTEST_POLICY_MS.items()}
        body = json.dumps(job).encode()
        if len(body) > LARGEST_BODY:
            message = f"the images make a request of {len(body)} bytes, RunPod takes {LARGEST_BODY}"
            raise RequestError(message, code="BODY_TOO_LARGE", request_id=request.request_id)
        return body

    def _post(self, body: bytes, request: InferRequest, timeout: float | None) -> dict[str, Any]:
        """Posts the job, once. The platform answers a little before the deadline, so that the job's id is known."""
        wait = _LONGEST_WAIT if timeout is None else max(1.0, min(_LONGEST_WAIT, timeout - 2.0))
        path = f"/runsync?wait={int(wait * 1e3)}"
        return self._call("POST", path, timeout, request.request_id, body)

    def _poll(self, job_id: str, deadline: float | None, request: InferRequest) -> dict[str, Any]:
        pause = _FIRST_PAUSE
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise DeadlineExceeded("the job was not over in time", request_id=request.request_id)
            time.sleep(pause if left is None else min(pause, left))
            pause = min(_LONGEST_PAUSE, pause * 1.5)
            try:
                answer = self._call("GET", f"/status/{job_id}", _smaller(left, 10.0), request.request_id)
            except FaceSwapError as error:
                if _may_poll_again(error):
                    continue
                raise
            if answer.get("status") not in PENDING:
                return answer

    def _cancel(self, job_id: str) -> None:
        with contextlib.suppress(FaceSwapError):  # the call has failed already; the job's policy ends it too
            self._call("POST", f"/cancel/{job_id}", _CANCEL_TIMEOUT, "")

    def _call(
        self, method: str, path: str, timeout: float | None, request_id: str, body: bytes | None = None
    ) -> dict[str, Any]:
        connect = _smaller(timeout, _CONNECT_TIMEOUT)
        try:
            response = self._http.request(
                method, self._url + path, content=body, timeout=httpx.Timeout(timeout, connect=connect)
            )
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise ConnectionFailed("RunPod cannot be reached", request_id=request_id) from error
            raise DeadlineExceeded("RunPod did not answer in time", request_id=request_id) from error
        except httpx.HTTPError as error:
            raise ConnectionFailed("the connection to RunPod failed", request_id=request_id) from error
        if not response.is_success:
            raise http_error(response, request_id)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BadAnswer("RunPod's answer is not a JSON object", request_id=request_id)
        return answer


def _smaller(timeout: float | None, bound: float) -> float:
    return bound if timeout is None else max(0.05, min(timeout, bound))


def _may_poll_again(error: FaceSwapError) -> bool:
    """Whether a status request is retried: unlike a job, it changes nothing."""
    return isinstance(error, (ConnectionFailed, DeadlineExceeded)) or error.code in ("SERVER_BUSY", "PLATFORM_ERROR")
