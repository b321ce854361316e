"""Exit codes of every program: the command line, `faceswap serve` and the RunPod worker.

One number means one thing, whichever program ends with it. Python uses 1 for an uncaught error and uvicorn 3 for an
application that failed to start; here 3 is given by our own programs only, after a line with the reason.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType

COMMAND_LINE, SERVE, WORKER = "command line", "serve", "worker"
ALL = (COMMAND_LINE, SERVE, WORKER)
_SERVERS = (SERVE, WORKER)
_CLI = (COMMAND_LINE,)


class ExitCode(IntEnum):
    """Exit status of a program.

    Attributes:
        programs: which programs end with it.
        meaning: what it means; for the command line where the programs differ.
        server_meaning: what it means when `faceswap serve` or the worker ends with it.
        remedy: what to do.
    """

    programs: tuple[str, ...]
    meaning: str
    server_meaning: str
    remedy: str

    def __new__(
        cls, value: int, programs: tuple[str, ...] = ALL, meaning: str = "", remedy: str = "", server_meaning: str = ""
    ) -> ExitCode:
        member = int.__new__(cls, value)
        member._value_ = value
        member.programs = programs
        member.meaning = meaning
        member.server_meaning = server_meaning or meaning
        member.remedy = remedy
        return member

    OK = (
        0,
        ALL,
        "done",
        "nothing to do",
        "stopped by SIGTERM or Ctrl-C; everything that was accepted has been finished",
    )
    STOPPED = OK  # the servers' word for it
    UNEXPECTED = (
        1,
        ALL,
        "an internal error of this program",
        "the last lines of the log name the check or the error",
        "an uncaught error; in the worker also a fitness check that failed, or a `--test_input` whose job failed",
    )
    FAILED = UNEXPECTED  # the servers' word for it
    USAGE = (
        2,
        ALL,
        "wrong arguments, or an option the server refuses",
        "the message names it and what is allowed",
        "an environment variable or an argument is not allowed",
    )
    BAD_SETTINGS = USAGE  # the servers' word for it
    SERVER_FAILED = (
        3,
        _SERVERS,
        "Triton did not become ready, at the first start or after it had died, though it was started several times",
        "the last line has Triton's own reason: a missing model pack, too little memory or /dev/shm, a driver older "
        "than the image's CUDA; `FACESWAP_START_SECONDS` if loading is only slow",
    )
    IMAGE = (
        4,
        _CLI,
        "an image cannot be read or used",
        "check the file; the message names it and `CODE: message` says what is wrong ([errors](errors.md))",
    )
    FACE = (
        5,
        _CLI,
        "the images do not show the faces asked for",
        "`faceswap faces IMAGE --draw OUT` shows what is found",
    )
    UNREACHABLE = (
        6,
        _CLI,
        "no server at that address, or the connection broke",
        "start the server, or correct `--server`; a server that restarts is back in seconds",
    )
    BUSY = 7, _CLI, "the server is full; try again later", "wait and call again"
    SERVER = (
        8,
        _CLI,
        "the server failed, or gave an answer that makes no sense",
        "the server's log has the details under the request id",
    )
    DEADLINE = (
        9,
        _CLI,
        "no answer within --timeout, or the request was cancelled",
        "raise `--timeout`, or send a smaller image",
    )
    CANNOT_START = (
        10,
        (SERVE,),
        "`serve` cannot start on this machine as it is: a port, a disk, /dev/shm, a model file, Python",
        "the message names what is in the way and what to do",
    )
    DRAIN_TIMED_OUT = (
        11,
        _SERVERS,
        "stopped, but what was in flight did not finish within the drain time",
        "the message says how many requests are lost where that is known; raise `--drain-seconds` "
        "(worker: `FACESWAP_DRAIN_SECONDS`)",
    )
    OUTPUT = 12, _CLI, "the result cannot be written", "the message names the file and why"
    UNMARKED = (
        13,
        _CLI,
        "verify: an image does not say that it is synthetic",
        "nothing to do if the image never came from here",
    )
    TAMPERED = (
        14,
        _CLI,
        "verify: a manifest is broken, or the image was changed after signing",
        "do not trust the image",
    )
    SWAP_FAILED = (
        15,
        _SERVERS,
        "Triton is ready, but a swap of the built-in image does not work",
        "the model pack does not fit the model repository: prepare and prove it again",
    )
    NO_GPU = (
        16,
        (WORKER,),
        "the networks run on the CPU although the container has a GPU",
        "choose machines whose driver supports the image's CUDA (allowedCudaVersions), or set FACESWAP_REQUIRE_GPU=no",
    )
    CANNOT_LISTEN = (
        17,
        (WORKER,),
        "the HTTP server's port is in use or may not be opened (`MODE=lb`)",
        "set `PORT` to a free port above 1024 and expose the same port in the endpoint's settings",
    )
    REFUSED = (
        18,
        _CLI,
        "the server's content gate refuses an image",
        "send other images; the same ones are refused again",
    )
    BROKEN = 19, _CLI, "doctor: a check failed", "the first failed check says what to do"
    INTERRUPTED = 130, _CLI, "stopped with Ctrl-C", "nothing to do"


FROM_SIGNALS = MappingProxyType(
    {
        137: (
            "killed by SIGKILL: out of memory, or the platform's grace period expired",
            "give it more memory, or send smaller images",
        ),
        139: ("a crash in native code (SIGSEGV)", "report it with the log"),
        143: ("SIGTERM before the program had set itself up", "start it again"),
    }
)
"""Codes the kernel or the shell makes of a signal (128 + its number) -> meaning and remedy."""
