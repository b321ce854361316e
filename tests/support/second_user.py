"""A second user of the machine, who looks at files that are not hers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import TracebackType

import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can act as a second user: run the tests as root")

_LOOK = """
import glob, os, select, sys
user, pause, patterns = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
seen, read, looks = set(), set(), 0
print(flush=True)
while True:
    for path in (each for pattern in patterns for each in glob.glob(pattern)):
        seen.add(path)
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
            read.add(path)
        except OSError:
            pass
    looks += 1
    if select.select([0], [], [], pause)[0]:
        break
print("looks", looks)
print("seen", len(seen))
for path in sorted(read):
    print("read", path)
"""


class SecondUser:
    """`with SecondUser(0.1, "/dev/shm/prefix*") as looking`: another user who tries to open what matches.

    Args:
        pause_s: between two looks.
        patterns: of paths, as glob takes them; folders too.

    Attributes (after the block):
        read: what could be opened, at any moment.
        looks: how often she looked; seen: how many paths there were.
    """

    def __init__(self, pause_s: float, *patterns: str) -> None:
        self._command = [sys.executable, "-I", "-S", "-c", _LOOK, str(NOBODY), str(pause_s), *patterns]
        self._process: subprocess.Popen[str] | None = None
        self.read: list[str] = []
        self.looks = self.seen = 0

    def __enter__(self) -> SecondUser:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        time.sleep(0.2)
        output, _ = self._process.communicate("stop\n", timeout=60)
        for line in output.splitlines():
            word, _, rest = line.partition(" ")
            if word == "read":
                self.read.append(rest)
            else:
                setattr(self, word, int(rest))
