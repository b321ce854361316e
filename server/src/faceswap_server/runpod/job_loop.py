"""Job loop that replaces the SDK's: jobs start on arrival without polling, and SIGTERM loses none that arrived.

The loop of runpod 1.12 looks for new jobs ten times a second, sleeps a second whenever every slot is taken, and on
SIGTERM leaves its job request open: a job that answers it is taken and never run. This subclass replaces the loop and
nothing else; taking, running, reporting and cancelling a job are the SDK's own functions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from runpod.http_client import AsyncClientSession, TooManyRequests
from runpod.serverless.modules import rp_scale
from runpod.serverless.modules.rp_job import get_job

from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod.shutdown import Shutdown

logger = logging.getLogger(__name__)

POLL_SECONDS = 90.0  # the SDK's: how long one request for jobs may stay open
BUSY_SECONDS = 5.0  # the SDK's pause after 429
FAILED_SECONDS = 1.0
QUICK_SECONDS = 0.1
RESTART_PAUSE_SECONDS = 0.05
ANSWER_GRACE_SECONDS = 0.25
"""On SIGTERM an open request for jobs is closed after this, unless its answer has begun. A job that the platform
sends at the moment the connection closes has to be requeued by the platform."""


class PromptJobScaler(rp_scale.JobScaler):
    """Takes up to `concurrency` jobs, runs each in a task, and drains on shutdown."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._shutdown: Shutdown = config["shutdown"]
        self._takes_jobs: Callable[[], bool] = config["takes_jobs"]
        self._drain_seconds: float = config["drain_seconds"]
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._arriving = _WatchedSession(None)
        self._stopped_on_arrival: set[str] = set()

    def handle_shutdown(self, signum: int, frame: object) -> None:
        """SIGTERM and SIGINT."""
        self._shutdown.begin(ExitCode.STOPPED)

    async def run(self) -> None:
        """Takes jobs until shutdown, then drains: returns when every accepted job is answered or out of time."""
        loop = asyncio.get_running_loop()
        # a signal handler that sets an event does not wake a loop that waits for the network; this does
        self._shutdown.on_begin(lambda: loop.call_soon_threadsafe(self._stop))
        async with AsyncClientSession() as session:
            stop_signals = asyncio.create_task(self.monitor_stop_signals(session))
            try:
                await self.get_jobs(session)
                await self._drain()
            finally:
                stop_signals.cancel()
                await asyncio.gather(stop_signals, return_exceptions=True)

    async def get_jobs(self, session: Any) -> None:
        """Takes and starts jobs until shutdown begins."""
        self.current_concurrency: int = self.concurrency_modifier(1)
        self.jobs_queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()  # the SDK's bookkeeping counts through it
        while not self._stopping.is_set():
            free = self.current_concurrency - len(self._running)
            if free <= 0:
                self._freed.clear()
                await self._freed.wait()
                continue
            if not self._takes_jobs():  # the server is restarting; other workers may take the jobs
                await self._pause(RESTART_PAUSE_SECONDS)
                continue
            for job in await self._take(session, free):
                self._start(session, job)

    async def stop_job(self, job_id: str) -> bool:
        """Cancels a job; also one whose body is still arriving (20 MB take a while), which the SDK would ignore."""
        if await super().stop_job(job_id):
            return True
        if self._arriving.answered:
            self._stopped_on_arrival.add(job_id)
        return False

    async def _take(self, session: Any, count: int) -> list[dict[str, Any]]:
        watched = self._arriving = _WatchedSession(session)
        self._stopped_on_arrival.clear()
        started = time.monotonic()
        request = asyncio.create_task(get_job(watched, count))
        await self._unless_stopping(request, POLL_SECONDS)
        if self._stopping.is_set():
            await asyncio.wait({request}, timeout=ANSWER_GRACE_SECONDS)
        if watched.answered:
            await asyncio.wait({request}, timeout=max(self._drain_seconds, ANSWER_GRACE_SECONDS))
        request.cancel()
        await asyncio.wait({request})
        error = None if request.cancelled() else request.exception()
        jobs = [] if request.cancelled() or error is not None else list(request.result() or ())
        if isinstance(error, TooManyRequests):
            await self._pause(BUSY_SECONDS)
        elif error is not None:
            logger.warning("no jobs could be taken (%s)", type(error).__name__)
            await self._pause(FAILED_SECONDS)
        elif not jobs and time.monotonic() - started < QUICK_SECONDS:
            await self._pause(QUICK_SECONDS)  # the platform did not hold the request open: limit the polling rate
        return jobs

    async def _pause(self, seconds: float) -> None:
        await self._unless_stopping(asyncio.sleep(seconds), seconds)

    async def _unless_stopping(self, work: Coroutine[Any, Any, Any] | asyncio.Task[Any], timeout: float) -> None:
        """Waits for `work` until `timeout` or the beginning of shutdown."""
        stopping = asyncio.create_task(self._stopping.wait())
        given = work if isinstance(work, asyncio.Task) else asyncio.create_task(work)
        try:
            await asyncio.wait({given, stopping}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if given is not work:
                given.cancel()

    def _start(self, session: Any, job: dict[str, Any]) -> None:
        if not isinstance(job, dict) or not isinstance(job.get("id"), str):
            logger.warning("the platform sent a job without an id; it cannot be answered")
            return
        if job["id"] in self._stopped_on_arrival:
            logger.info("job %s cancelled before it started", job["id"])
            return
        self.jobs_queue.put_nowait(job)
        self.jobs_queue.get_nowait()
        self.job_progress.add(job["id"])
        task = asyncio.create_task(self.handle_job(session, job))
        self.jobs_tasks[job["id"]] = task
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._freed.set()
        if not task.cancelled() and task.exception() is not None:
            logger.error("a job could not be reported (%s)", type(task.exception()).__name__)

    def _stop(self) -> None:
        self._stopping.set()
        self._freed.set()

    async def _drain(self) -> None:
        if not self._running:
            return
        logger.info("stopping: %d jobs in flight finish first", len(self._running))
        _, late = await asyncio.wait(self._running, timeout=self._drain_seconds)
        if late:
            logger.error("%d jobs did not finish within %g s", len(late), self._drain_seconds)
            self._shutdown.fail(ExitCode.DRAIN_TIMED_OUT)
        for task in late:
            task.cancel()


class _WatchedSession:
    """The SDK's session, remembering whether the answer to a request has begun."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.answered = False

    def get(self, url: str) -> _WatchedGet:
        return _WatchedGet(self, self._session.get(url))


class _WatchedGet:
    def __init__(self, watched: _WatchedSession, request: Any) -> None:
        self._watched = watched
        self._request = request

    async def __aenter__(self) -> Any:
        response = await self._request.__aenter__()
        self._watched.answered = True
        return response

    async def __aexit__(self, *error: object) -> None:
        await self._request.__aexit__(*error)


def install() -> None:
    """Makes the SDK's production mode use this loop."""
    rp_scale.JobScaler = PromptJobScaler
