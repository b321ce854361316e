"""How the container ends, and what to do about it.

RunPod documents no exit codes: a container's code is the code of its first process. Python uses 1 for an uncaught
error, and uvicorn 3 for an application that failed to start, which is why a bare 3 explained nothing. Here 3 is ours.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `python -m faceswap_tools.runpod`; `meaning` and `remedy` are the documentation's texts."""

    meaning: str
    remedy: str

    def __new__(cls, code: int, meaning: str = "", remedy: str = "") -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.remedy = remedy
        return member

    STOPPED = (
        0,
        "stopped by SIGTERM or Ctrl-C; every job that was accepted has been finished",
        "nothing to do: the platform scaled the worker down",
    )
    FAILED = (
        1,
        "an uncaught error, a fitness check that failed, or a `--test_input` whose job failed",
        "the last lines of the log name the check or the error",
    )
    BAD_SETTINGS = (
        2,
        "an environment variable or an argument is not allowed",
        "the log names the variable and what is allowed; correct it in the endpoint's settings",
    )
    SERVER_FAILED = (
        3,
        "Triton died or never became ready",
        "the log has Triton's own reason: a missing model pack, too little memory or /dev/shm, a driver older than "
        "the image's CUDA; `FACESWAP_START_SECONDS` if loading is only slow",
    )
    SWAP_FAILED = (
        4,
        "Triton is ready, but a swap of the built-in picture does not work",
        "the model pack does not fit the model repository: prepare and prove it again",
    )
    CANNOT_LISTEN = (
        5,
        "the gateway's port is in use or may not be opened (`MODE=lb`)",
        "set `PORT` to a free port above 1024 and expose the same port in the endpoint's settings",
    )
    DRAIN_TIMED_OUT = (
        6,
        "stopped, but jobs in flight did not finish within `FACESWAP_DRAIN_SECONDS`",
        "the log says how many; they are lost unless the platform hands them out again. Raise the time",
    )
    NO_GPU = (
        7,
        "the networks run on the CPU although the container has a GPU",
        "choose machines whose driver supports the image's CUDA (allowedCudaVersions), or set FACESWAP_REQUIRE_GPU=no",
    )


FROM_SIGNALS = {
    137: "killed by SIGKILL: out of memory, or the platform lost patience. Give the endpoint more memory, or send "
    "smaller pictures",
    139: "a crash in native code (SIGSEGV). Report it with the log",
    143: "SIGTERM before the worker had set itself up",
}
"""Codes the kernel or the shell makes of a signal (128 + its number)."""
