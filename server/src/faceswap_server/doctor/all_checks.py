"""All checks of `faceswap doctor` in order, and their runner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from faceswap_server.doctor.check import Result, Status, broken
from faceswap_server.doctor.context import Context
from faceswap_server.doctor.endpoint import check_endpoint
from faceswap_server.doctor.image import check_image
from faceswap_server.doctor.machine import check_disk, check_gpu, check_memory, check_shared_memory
from faceswap_server.doctor.model_pack import check_pack
from faceswap_server.doctor.service import check_handler, check_port, check_server, check_swap

CHECKS: dict[str, tuple[str, Callable[[Context], Result]]] = {
    "image": ("the image can be read", check_image),
    "pack": ("the model pack is there and proven", check_pack),
    "memory": ("enough memory", check_memory),
    "shm": ("enough /dev/shm", check_shared_memory),
    "disk": ("enough disk", check_disk),
    "gpu": ("a GPU and its driver", check_gpu),
    "port": ("the HTTP port", check_port),
    "server": ("Triton starts", check_server),
    "swap": ("one swap works", check_swap),
    "handler": ("the handler works", check_handler),
    "endpoint": ("the RunPod endpoint answers", check_endpoint),
}
"""By name: what it asks, and the check. Each check needs those before it, not those after it."""


def run_checks(context: Context, wanted: Collection[str] = tuple(CHECKS)) -> Iterator[tuple[str, Result]]:
    """Runs the wanted checks in order, and none after the first that fails; yields each name and result.

    The server that a check starts is stopped at the end, however it ends.
    """
    stopped = False
    try:
        for name, (_, check) in CHECKS.items():
            if name not in wanted:
                continue
            if stopped:
                yield name, Result(Status.NOT_REACHED, "")
                continue
            result = _result_of(check, context)
            stopped = result.status is Status.BROKEN
            yield name, result
    finally:
        context.close()


def _result_of(check: Callable[[Context], Result], context: Context) -> Result:
    try:
        return check(context)
    except Exception as error:  # a defect of a check must not hide the results before it
        return broken(f"unexpected {type(error).__name__}: {error}", "report this, with what --json says")
