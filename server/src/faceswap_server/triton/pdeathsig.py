"""Runs a program that the kernel kills when its parent dies (PR_SET_PDEATHSIG): `[*command(), PROGRAM, ARG, ...]`.

A launcher that is killed outright cannot clean up; this way no server is left behind even then. Killed, not asked to
end: a tritonserver that has crashed can hang in its own signal handler and hear nothing ("terminate called
recursively"). Its steps notice that it has gone, and their regions are deleted by the next start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command() -> list[str]:
    """What to put before the program and its arguments; this process is the parent whose death counts.

    Python runs this file alone (-I, -S): importing the package would cost every start a third of a second.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid())]


def main(arguments: list[str]) -> None:
    """Replaces this process; does not return."""
    parent = int(arguments[0])
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call above
        raise SystemExit(1)
    os.execv(arguments[1], arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
