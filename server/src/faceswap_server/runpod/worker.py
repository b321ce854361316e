"""`python -m faceswap_server.runpod`, the container's entry point: starts Triton, then serves by MODE.

MODE=queue (default) serves jobs of RunPod's queue, MODE=lb the plain API behind RunPod's load balancer, and MODE=serve
runs what `faceswap serve --listen` does, without RunPod (`serve_mode`).

Arguments are the RunPod SDK's own, for local development: `--rp_serve_api --rp_api_port 8010`, or
`--test_input '{...}'`.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import signal
import sys
import threading
from types import FrameType

from faceswap_contract.environment import Program, UnknownVariable, check_environment
from faceswap_models.checkout import NotACheckout

from faceswap_server.exit_codes import ExitCode
from faceswap_server.installation import install_command
from faceswap_server.runpod.handler import JobHandler
from faceswap_server.runpod.log_levels import TooTalkative, check_arguments, set_up_logging
from faceswap_server.runpod.settings import BadSettings, Mode, WorkerSettings, settings_from_environment
from faceswap_server.runpod.shutdown import Shutdown
from faceswap_server.runpod.supervised_triton import SupervisedTriton
from faceswap_server.runpod.triton_server import make_server
from faceswap_server.stop_signals import stop_signals
from faceswap_server.supervision import RestartableServer

logger = logging.getLogger(__name__)


def main() -> int:
    """Runs until the platform stops it; returns the container's exit code (`exit_codes`)."""
    set_up_logging(os.environ)
    try:
        check_arguments(sys.argv[1:])
        check_environment(os.environ, logger.warning, Program.WORKER)
        settings = settings_from_environment()
        if settings.mode is Mode.SERVE:
            from faceswap_server.runpod import serve_mode  # noqa: PLC0415 (no job of RunPod's needs it)

            return serve_mode.run(settings)
        if settings.mode is Mode.QUEUE and importlib.util.find_spec("runpod") is None:
            raise BadSettings(
                f"the RunPod SDK is not installed; run `{install_command('runpod')}` in a checkout of faceswap-triton"
            )
        server = make_server(settings)
    except (UnknownVariable, BadSettings, TooTalkative, NotACheckout) as error:
        return _bad_settings(error)
    return run(settings, server)


def _bad_settings(error: Exception) -> ExitCode:
    logger.error("exit code %d, %s: %s", ExitCode.BAD_SETTINGS, ExitCode.BAD_SETTINGS.server_meaning, error)
    return ExitCode.BAD_SETTINGS


def run(settings: WorkerSettings, server: RestartableServer) -> int:
    """Runs the worker with a server that has not been started; returns the exit code."""
    balancer = None
    if settings.mode is Mode.LB:
        from faceswap_server.runpod.load_balancer import LoadBalancer  # noqa: PLC0415 (the queue does not need it)

        try:
            balancer = LoadBalancer(settings, os.environ)
        except BadSettings as error:
            return _bad_settings(error)
    shutdown = Shutdown()
    for number in stop_signals():
        signal.signal(number, lambda _number, _frame: shutdown.begin(ExitCode.STOPPED))
    supervised = SupervisedTriton(server, settings, shutdown)
    supervised.start()
    try:
        if balancer is not None:
            balancer.serve(supervised, shutdown)
        else:
            _serve_queue(settings, supervised, shutdown)
    finally:
        shutdown.begin(ExitCode.STOPPED)
        supervised.stop()
    code = shutdown.code or ExitCode.STOPPED
    logger.info("exit code %d: %s", code, code.server_meaning)
    return code


def _serve_queue(settings: WorkerSettings, supervised: SupervisedTriton, shutdown: Shutdown) -> None:
    # the SDK takes seconds to import, which Triton spends loading
    threading.Thread(target=importlib.import_module, args=("runpod",), daemon=True).start()
    if not supervised.wait_until_ready():
        return
    import runpod  # noqa: PLC0415

    from faceswap_server.runpod import job_loop  # noqa: PLC0415

    def the_server_swaps() -> None:
        supervised.check_fitness()

    runpod.serverless.register_fitness_check(the_server_swaps)
    if not settings.sdk_loop:
        job_loop.install()
    if _in_production():
        _leave_the_stop_to(shutdown)
    else:
        shutdown.on_begin(
            lambda: os.kill(os.getpid(), signal.SIGTERM)
        )  # the SDK's local API server stops on signals only
    runpod.serverless.start(
        {
            "handler": JobHandler(settings, supervised.server.grpc_address, supervised.supervisor),
            "concurrency_modifier": lambda _current: settings.concurrency,
            "shutdown": shutdown,
            "takes_jobs": lambda: supervised.state.takes_requests,
            "drain_seconds": settings.drain_seconds,
        }
    )


def _in_production() -> bool:
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ


def _leave_the_stop_to(shutdown: Shutdown) -> None:
    """Signal handler of the start-up, until the job loop installs its own."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        shutdown.begin(ExitCode.STOPPED)
        raise SystemExit(ExitCode.STOPPED)

    signal.signal(signal.SIGTERM, stop)
