"""Fake RunPod API on loopback for one queue endpoint, for local development and tests: no account, no network.

It serves the URLs that the SDK uses in production (job-take, job-take-batch, job-done, job-stop, ping) and those of a
caller (run, runsync, status, cancel, health). Sizes, states and lost results follow docs/deploy/runpod.md; how the
real platform behaves beyond them is not known. `python -m faceswap_tools.fakes.control_plane` runs it with a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

ENDPOINT = "local"
API_KEY = "local-key"
RUN_BYTES = 10_000_000
RUNSYNC_BYTES = 20_000_000
HOLD_SECONDS = 5.0
"""How long a request for jobs is held open when there is none."""


@dataclass
class Job:
    """One job, from the caller's request to its result."""

    id: str
    request: dict[str, Any] = field(repr=False)
    status: str = "IN_QUEUE"
    output: Any = field(default=None, repr=False)
    error: Any = None
    refused: bool = False  # its result was too large for the platform
    done_posts: int = 0
    created: float = field(default_factory=time.monotonic)
    taken: float | None = None
    ended: float | None = None

    @property
    def is_over(self) -> bool:
        return self.status not in ("IN_QUEUE", "IN_PROGRESS")

    def body(self) -> dict[str, Any]:
        """What a caller sees."""
        body: dict[str, Any] = {"id": self.id, "status": self.status}
        if self.output is not None:
            body["output"] = self.output
        if self.error is not None:
            body["error"] = self.error
        return body


class ControlPlane:
    """`with ControlPlane() as plane: plane.submit({...})`. Everything public may be called from any thread."""

    def __init__(self, port: int = 0) -> None:
        """`port`: where it listens on 127.0.0.1; 0 takes a free one."""
        self.jobs: dict[str, Job] = {}
        self.pings: list[dict[str, str]] = []
        self.port = port
        self._queue: list[str] = []
        self._stops: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Address of the endpoint, as a caller uses it."""
        return f"{self.base_url}/{ENDPOINT}"

    @property
    def base_url(self) -> str:
        """What stands for https://api.runpod.ai/v2."""
        return f"http://127.0.0.1:{self.port}/v2"

    def worker_environment(self) -> dict[str, str]:
        """The variables RunPod sets in a worker's container."""
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{self.url}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{self.url}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{self.url}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{self.url}/ping/$RUNPOD_POD_ID",
            "RUNPOD_AI_API_KEY": API_KEY,
            "RUNPOD_ENDPOINT_ID": ENDPOINT,
            "RUNPOD_POD_ID": "local-worker",
            "RUNPOD_PING_INTERVAL": "1000",
            # a developer's machine has neither the hardware nor the network of the platform
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }

    def submit(self, job_input: Any, *, sync: bool = False, **top_level: Any) -> str:
        """Queues a job as a caller would; returns its id. `top_level`: s3Config, policy, webhook."""
        return str(self._run(self._submit({"input": job_input, **top_level}, sync=sync)).id)

    def cancel(self, job_id: str) -> None:
        """Cancels a job as a caller would."""
        self._run(self._cancel(self.jobs[job_id]))

    def wait(self, job_id: str, timeout: float = 30.0, *, taken: bool = False) -> Job:
        """The job once it is over (or taken by a worker); raises TimeoutError."""
        job = self.jobs[job_id]
        self._run(self._until(lambda: job.is_over or (taken and job.taken is not None), timeout))
        return job

    def wait_all(self, timeout: float = 60.0) -> None:
        """Waits until every job is over; raises TimeoutError."""
        self._run(self._until(lambda: all(job.is_over for job in self.jobs.values()), timeout))

    def __enter__(self) -> ControlPlane:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        app = web.Application(client_max_size=RUNSYNC_BYTES + 10_000_000)
        base = f"/v2/{ENDPOINT}"
        app.add_routes(
            [
                web.get(f"{base}/job-take/{{worker}}", self._take),
                web.get(f"{base}/job-take-batch/{{worker}}", self._take),
                web.get(f"{base}/job-stop/{{worker}}", self._stop_signals),
                web.post(f"{base}/job-done/{{worker}}/{{id}}", self._done),
                web.get(f"{base}/ping/{{worker}}", self._ping),
                web.post(f"{base}/run", self._run_call),
                web.post(f"{base}/runsync", self._runsync_call),
                web.get(f"{base}/status/{{id}}", self._status_call),
                web.post(f"{base}/cancel/{{id}}", self._cancel_call),
                web.get(f"{base}/health", self._health_call),
            ]
        )
        # a worker that closes its request must not be given a job that it would lose
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _until(self, condition: Any, timeout: float) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), timeout)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # the worker's side

    async def _take(self, request: web.Request) -> web.Response:
        batch = "batch_size" in request.query
        count = int(request.query.get("batch_size", "1"))
        try:
            await self._until(lambda: self._queue, HOLD_SECONDS)
        except asyncio.TimeoutError:
            return web.Response(status=204)
        jobs = []
        for job_id in self._queue[:count]:
            job = self.jobs[job_id]
            job.status, job.taken = "IN_PROGRESS", time.monotonic()
            jobs.append({"id": job.id, **{key: value for key, value in job.request.items() if key != "policy"}})
        del self._queue[:count]
        await self._notify()
        return web.json_response(jobs if batch else jobs[0])

    async def _stop_signals(self, request: web.Request) -> web.Response:
        try:
            await self._until(lambda: self._stops, HOLD_SECONDS)
        except asyncio.TimeoutError:
            return web.Response(status=204)
        stops, self._stops = self._stops, []
        return web.json_response({"jobsToStop": stops})

    async def _done(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["id"]]
        body = await request.read()
        job.done_posts += 1
        limit = RUNSYNC_BYTES if job.id.startswith("sync-") else RUN_BYTES
        status = 200
        if len(body) > limit:
            job.refused, status = True, 400
            job.status = "COMPLETED"  # without output: what callers of the real platform report
        elif job.status == "IN_PROGRESS":
            result = json.loads(body)
            job.output, job.error = result.get("output"), result.get("error")
            job.status = "FAILED" if isinstance(job.error, str) else "COMPLETED"
        job.ended = time.monotonic()
        await self._notify()
        return web.Response(status=status)

    async def _ping(self, request: web.Request) -> web.Response:
        self.pings.append(dict(request.query))
        await self._notify()
        return web.Response()

    # the caller's side

    async def _submit(self, body: dict[str, Any], *, sync: bool) -> Job:
        job = Job(("sync-" if sync else "") + str(uuid.uuid4()), body)
        self.jobs[job.id] = job
        self._queue.append(job.id)
        await self._notify()
        return job

    async def _cancel(self, job: Job) -> None:
        if not job.is_over:
            if job.id in self._queue:
                self._queue.remove(job.id)
            else:
                self._stops.append(job.id)
            job.status, job.ended = "CANCELLED", time.monotonic()
            await self._notify()

    async def _run_call(self, request: web.Request) -> web.Response:
        job = await self._submit(await request.json(), sync=False)
        return web.json_response(job.body())

    async def _runsync_call(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.Response(status=401)
        job = await self._submit(await request.json(), sync=True)
        with contextlib.suppress(asyncio.TimeoutError):
            await self._until(lambda: job.is_over, int(request.query.get("wait", "90000")) / 1000)
        return web.json_response(job.body())

    async def _status_call(self, request: web.Request) -> web.Response:
        job = self.jobs.get(request.match_info["id"])
        return web.Response(status=404) if job is None else web.json_response(job.body())

    async def _cancel_call(self, request: web.Request) -> web.Response:
        job = self.jobs.get(request.match_info["id"])
        if job is None:
            return web.Response(status=404)
        await self._cancel(job)
        return web.json_response(job.body())

    async def _health_call(self, request: web.Request) -> web.Response:
        running = sum(job.status == "IN_PROGRESS" for job in self.jobs.values())
        workers = {"idle": 1, "running": int(running > 0), "ready": 1}
        return web.json_response({"jobs": {"inQueue": len(self._queue), "inProgress": running}, "workers": workers})
