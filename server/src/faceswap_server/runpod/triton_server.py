"""The tritonserver behind the worker: the container image's own, or the one that pip carries."""

from __future__ import annotations

import shlex

from faceswap_models.checkout import Checkout

from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision import RestartableServer
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.native import NativeTriton


def make_server(settings: WorkerSettings) -> RestartableServer:
    """The server the settings ask for, not started yet."""
    program = settings.native_triton
    if program is not None:
        return NativeTriton(program, settings)
    return TritonServer(
        ServerSettings(
            repository=settings.model_repository or Checkout.find().served_repository,
            start_timeout_s=settings.start_seconds,
            drain_timeout_s=settings.drain_seconds,
            arguments=tuple(shlex.split(settings.triton_arguments)),
        )
    )
