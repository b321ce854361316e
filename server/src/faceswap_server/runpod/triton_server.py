"""The tritonserver behind the worker: the container image's own (native), or the one bundled in pip's wheel."""

from __future__ import annotations

import shlex

from faceswap_models.checkout import Checkout

from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.triton import NativeTriton, ServerSettings, TritonServer


def server_settings(settings: WorkerSettings) -> ServerSettings:
    """The tritonserver that the environment asks for; raises NotACheckout without a model repository."""
    program = settings.native_triton
    return ServerSettings(
        repository=settings.model_repository or Checkout.find().served_repository,
        triton=None if program is None else NativeTriton(program),
        start_timeout_s=settings.start_seconds,
        drain_timeout_s=settings.drain_seconds,
        arguments=tuple(shlex.split(settings.triton_arguments)),
        log_to_stderr=True,
    )


def make_server(settings: WorkerSettings) -> TritonServer:
    """The tritonserver of `server_settings`, not started."""
    return TritonServer(server_settings(settings))
