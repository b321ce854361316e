"""`MODE=serve`: `faceswap serve --listen` in the container, on the image's Triton, without RunPod.

It listens on FACESWAP_HOST and PORT. Callers send the token of FACESWAP_TOKEN, or of the file FACESWAP_TOKEN_FILE;
without one it refuses any address but loopback. `/metrics` is behind the token too.
"""

from __future__ import annotations

import ipaddress
import logging
import tempfile
from pathlib import Path

from faceswap_server.exit_codes import ExitCode
from faceswap_server.foreground import Foreground, ForegroundSettings
from faceswap_server.http.listening import ListenAddress
from faceswap_server.runpod import readiness
from faceswap_server.runpod.settings import BadSettings, WorkerSettings
from faceswap_server.runpod.triton_server import server_settings
from faceswap_server.supervision import Outcome, RestartPolicy, SupervisionSettings
from faceswap_server.triton import SetupError

logger = logging.getLogger(__name__)

STATE_FILE = "faceswap-serve.json"
"""In the folder for temporary files; FACESWAP_STATE_FILE overrides it."""


def run(settings: WorkerSettings) -> ExitCode:
    """Serves until SIGTERM or the server's end; returns the exit code, those of `faceswap serve`.

    Raises:
        BadSettings: FACESWAP_HOST is not an IP address.
        NotACheckout: there is no model repository.
    """
    foreground_settings = ForegroundSettings(
        server_settings(settings),
        settings.state_file or Path(tempfile.gettempdir()) / STATE_FILE,
        SupervisionSettings(restarts=RestartPolicy(limit=settings.restarts)),
        _address(settings),
        settings.token_file,
    )
    try:
        foreground = Foreground(foreground_settings, lambda http_url: readiness.prove(http_url, settings))
    except SetupError as error:
        return _ended(Outcome(ExitCode.CANNOT_START, str(error)))
    if foreground.advice:
        logger.warning(foreground.advice)

    def greet() -> None:
        if foreground.front is not None:
            logger.info("serving on %s", foreground.front.url)

    return _ended(foreground.run(greet))


def _address(settings: WorkerSettings) -> str:
    try:
        return str(ListenAddress(str(ipaddress.ip_address(settings.host)), settings.port))
    except ValueError:
        raise BadSettings(f"FACESWAP_HOST={settings.host!r:.60} is not allowed: it must be an IP address") from None


def _ended(outcome: Outcome) -> ExitCode:
    level = logging.INFO if outcome.code is ExitCode.STOPPED else logging.ERROR
    logger.log(level, "exit code %d: %s", outcome.code, outcome.message)
    return outcome.code
