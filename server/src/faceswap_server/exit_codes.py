"""How `faceswap serve` and the RunPod worker end, and what to do about it; docs/exit-codes.md lists the same.

One number means one thing everywhere: those of the command line (`faceswap_client.cli`) are left out here, and its
own leave these out. Python uses 1 for an uncaught error, and uvicorn 3 for an application that failed to start, which
is why a bare 3 of a container explained nothing. Here 3 is ours.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the two long-running programs; `meaning` and `remedy` are the documentation's texts."""

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
        "stopped by SIGTERM or Ctrl-C; everything that was accepted has been finished",
        "nothing to do",
    )
    FAILED = (
        1,
        "an uncaught error; in the worker also a fitness check that failed, or a `--test_input` whose job failed",
        "the last lines of the log name the check or the error",
    )
    BAD_SETTINGS = (
        2,
        "an environment variable or an argument is not allowed",
        "the message names it and what is allowed",
    )
    SERVER_FAILED = (
        3,
        "Triton never became ready, or kept dying although it was started again",
        "the last line has Triton's own reason: a missing model pack, too little memory or /dev/shm, a driver older "
        "than the image's CUDA; `FACESWAP_START_SECONDS` if loading is only slow",
    )
    CANNOT_START = (
        10,
        "`serve` cannot start on this machine as it is: a port, a disk, /dev/shm, a model file, Python",
        "the message names what is in the way and what to do",
    )
    DRAIN_TIMED_OUT = (
        11,
        "stopped, but what was in flight did not finish within the drain time",
        "the message says how many requests are lost where that is known; raise `--drain-seconds` "
        "(worker: `FACESWAP_DRAIN_SECONDS`)",
    )
    SWAP_FAILED = (
        15,
        "Triton is ready, but a swap of the built-in image does not work",
        "the model pack does not fit the model repository: prepare and prove it again",
    )
    NO_GPU = (
        16,
        "the networks run on the CPU although the container has a GPU",
        "choose machines whose driver supports the image's CUDA (allowedCudaVersions), or set FACESWAP_REQUIRE_GPU=no",
    )
    CANNOT_LISTEN = (
        17,
        "the gateway's port is in use or may not be opened (`MODE=lb`)",
        "set `PORT` to a free port above 1024 and expose the same port in the endpoint's settings",
    )


FROM_SIGNALS = {
    137: "killed by SIGKILL: out of memory, or the platform lost patience. Give it more memory, or send smaller images",
    139: "a crash in native code (SIGSEGV). Report it with the log",
    143: "SIGTERM before the program had set itself up. Start it again",
}
"""Codes the kernel or the shell makes of a signal (128 + its number)."""
