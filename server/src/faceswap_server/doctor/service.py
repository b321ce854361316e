"""Checks `port`, `server`, `swap` and `handler`: the worker's parts, started as the container starts them."""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import json
import shutil
import socket
import time
from typing import Any

from faceswap_client import Client, FaceSwapError
from faceswap_contract.errors import ERRORS
from faceswap_models.checkout import NotACheckout

from faceswap_server.doctor.check import Result, broken, ok, skipped
from faceswap_server.doctor.context import Context
from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod.handler import JobHandler
from faceswap_server.runpod.settings import Mode
from faceswap_server.runpod.triton_server import make_server
from faceswap_server.triton import SetupError

SDK = "1.12."


def check_port(context: Context) -> Result:
    """The HTTP server's port can be opened; MODE=queue opens none."""
    settings = context.settings
    if settings.mode is not Mode.LB:
        return skipped("MODE=queue opens no port", "MODE=lb checks the HTTP server's")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except OSError as error:
            code = int(ExitCode.CANNOT_LISTEN)
            said = f"port {settings.port} on {settings.host}: {error.strerror} (the worker would end with {code})"
            return broken(said, ExitCode.CANNOT_LISTEN.remedy, port=settings.port)
    return ok(f"port {settings.port} on {settings.host} is free", port=settings.port)


def check_server(context: Context) -> Result:
    """Triton loads every model; it stays up for the checks after it."""
    started = time.monotonic()
    native = context.settings.native_triton
    which = str(native) if native else "pip's tritonserver"
    if native is not None and shutil.which(str(native)) is None:
        return broken(f"{which} is not there", "FACESWAP_TRITON=bundled for pip's, or set FACESWAP_TRITONSERVER")
    try:
        context.server = make_server(context.settings)
        context.server.start()
    except (SetupError, NotACheckout) as error:
        return broken(
            f"{error} (the worker would end with {int(ExitCode.SERVER_FAILED)})", ExitCode.SERVER_FAILED.remedy
        )
    seconds = round(time.monotonic() - started, 2)
    return ok(f"{which} is ready after {seconds} s", seconds=seconds)


def check_swap(context: Context) -> Result:
    """One swap of the image with itself."""
    if context.server is None:
        return _no_server()
    image = context.image()
    started = time.monotonic()
    try:
        with Client(context.server.http_url, timeout=context.settings.job_seconds, remember_sources=0) as client:
            result = client.swap(image, image)
    except FaceSwapError as error:
        fact = ERRORS.get(error.code)
        remedy = fact.for_jobs if fact else ExitCode.SWAP_FAILED.remedy
        return broken(f"{error} (the worker would end with {int(ExitCode.SWAP_FAILED)})", remedy, code=error.code)
    milliseconds = round((time.monotonic() - started) * 1e3)
    swapped = sum(face.swapped for face in result.faces)
    if not swapped:
        return broken("the server answers, but swapped no face", ExitCode.SWAP_FAILED.remedy)
    return ok(f"{swapped} of {len(result.faces)} faces swapped in {milliseconds} ms", milliseconds=milliseconds)


def check_handler(context: Context) -> Result:
    """The job handler, called as RunPod's SDK calls it; its answer must be what the SDK can send."""
    if context.server is None:
        return _no_server()
    try:
        version = importlib.metadata.version("runpod")
    except importlib.metadata.PackageNotFoundError:
        return skipped("RunPod's SDK is not installed: the worker would not start", "pip install 'runpod==1.12.*'")
    if not version.startswith(SDK):
        return broken(f"runpod {version}: the worker replaces the job loop of {SDK}x", "pip install 'runpod==1.12.*'")
    image = base64.b64encode(context.image()).decode()
    started = time.monotonic()
    output = asyncio.run(_one_job(context, {"id": "sync-doctor", "input": {"source": image, "target": image}}))
    milliseconds = round((time.monotonic() - started) * 1e3)
    if "error" in output:
        code = str(output["error"]).partition(":")[0]
        fact = ERRORS.get(code)
        return broken(str(output["error"]), fact.for_jobs if fact else "the log has the details", code=code)
    size = len(json.dumps(output))
    said = (
        f"runpod {version}; a job took {milliseconds} ms, its answer {size} bytes of {context.settings.runsync_bytes}"
    )
    return ok(said, milliseconds=milliseconds, answer_bytes=size, sdk=version)


async def _one_job(context: Context, job: dict[str, Any]) -> dict[str, Any]:
    if context.server is None:
        raise RuntimeError("no server was started")
    handler = JobHandler(context.settings, context.server.grpc_address)
    try:
        return await handler(job)
    finally:
        await handler.close()


def _no_server() -> Result:
    return skipped("no server was started", "run the check `server` too")
