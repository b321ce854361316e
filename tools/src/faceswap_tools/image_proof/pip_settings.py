"""Passes this machine's pip settings to the build as a secret, so that no host or path stays in an image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$")
_NAMES = ("index-url", "extra-index-url", "find-links", "cert", "trusted-host", "proxy", "timeout", "default-timeout")


@dataclass(frozen=True, slots=True)
class PipSettings:
    """A pip.conf and the local paths it names, which the build has to see at the same place."""

    text: str
    paths: tuple[Path, ...]


def pip_settings() -> PipSettings:
    """What `pip config list` says here, environment variables included."""
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PIP_NO_COLOR": "1"},
    )
    values: dict[str, str] = {}
    for line in answer.stdout.splitlines():
        found = _LINE.match(line)
        if found and found[1] in _NAMES:
            values[found[1].removeprefix("default-")] = found[2].replace("\\n", " ")
    words = " ".join(values.values()).split()
    paths = {Path(word) for word in words if word.startswith("/")}
    # an index of files names packages relative to itself, in a folder beside it
    paths |= {Path(word.removeprefix("file://")).parent for word in words if word.startswith("file:///")}
    lines = [f"{name} = {value}" for name, value in values.items()]
    return PipSettings("\n".join(["[global]", *lines, ""]), tuple(sorted(path for path in paths if path.exists())))
