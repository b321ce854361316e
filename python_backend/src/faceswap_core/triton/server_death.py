"""Ends the steps' processes when their tritonserver has ended, however: watched with a pidfd, independent of Triton.

Triton's own stub notices too, but ends in order, and for that waits for threads that wait for an answer of the dead
server (setting a gauge, an execution): on 24.10 such a stub never exits. It may hold Python's lock while it waits, so
that none of its threads can end it: therefore steps end the others of their server too.

PR_SET_PDEATHSIG would not do: it follows the thread that forked the stub, which may end when the model has loaded.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (as buffers.server_processes, whose import costs a network's stub 20 MB)
_STUB = "triton_python_backend_stub"
_LOOK_EVERY_SECONDS = 0.5
"""Where the kernel has no pidfd (before Linux 5.3, or forbidden by a sandbox)."""


def end_with_server(server: int, clean_up: Callable[[], None] | None = None) -> None:
    """Starts a thread that kills this process when the process `server`, its parent, has ended.

    Args:
        server: process id of tritonserver.
        clean_up: deletes what would stay in shared memory until the next start; its OSErrors are ignored. Who has one
            deletes the regions of all steps as well, and kills the other steps: in this order, so that a process
            that is killed leaves nothing undone.
    """
    threading.Thread(target=_watch, args=(server, clean_up), name="server-death", daemon=True).start()


def _watch(server: int, clean_up: Callable[[], None] | None) -> None:
    prefix = _region_prefix(_words("self"))
    _wait_for_end(server)
    if clean_up is not None:
        with suppress(OSError):
            clean_up()
        if prefix is not None:
            _end_siblings(prefix)
    os.kill(os.getpid(), signal.SIGKILL)


def _end_siblings(prefix: str) -> None:
    for region in _SHARED_MEMORY.glob(f"{prefix}*"):
        with suppress(OSError):
            region.unlink()
    for stub in _stubs_with(prefix):
        with suppress(OSError):  # it has ended
            os.kill(stub, signal.SIGKILL)


def _region_prefix(words: list[str]) -> str | None:
    """What the names of all regions of one server begin with, from a stub's command line, which has its own."""
    for word in words:
        if word and "/" not in word and _is_own(_SHARED_MEMORY / word):
            return word.rpartition("_")[0] + "_" if word.startswith("faceswap_") else word
    return None


def _is_own(path: Path) -> bool:
    """Whether it is a file of this user: others may make files named like a word of a command line."""
    with suppress(OSError):
        stat = path.lstat()
        return S_ISREG(stat.st_mode) and stat.st_uid == os.geteuid()
    return False


def _stubs_with(prefix: str) -> list[int]:
    """Processes of other steps of the same server."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        words = _words(process.name)
        if words[0].endswith(_STUB) and any(word.startswith(prefix) for word in words):
            found.append(int(process.name))
    return found


def _words(process: str) -> list[str]:
    """The command line of a process; one empty word where it has ended or is another user's."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]


def _wait_for_end(server: int) -> None:
    try:
        descriptor = os.pidfd_open(server)
    except ProcessLookupError:
        return
    except OSError:
        while os.getppid() == server:
            time.sleep(_LOOK_EVERY_SECONDS)
        return
    try:
        if os.getppid() == server:  # else it has ended, and another process may have its number
            select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
