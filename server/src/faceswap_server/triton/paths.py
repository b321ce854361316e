"""Paths that Triton's Python backend cannot work with, refused before a start that would end without a reason."""

from __future__ import annotations

import os
import re
import site
from collections.abc import Iterable
from pathlib import Path

from faceswap_server.triton.errors import SetupError

_SAFE = re.compile(r"[A-Za-z0-9_./+=:@,~-]*", re.ASCII)


def check_temporary_folder(folder: Path) -> None:
    """Refuses a folder whose name has a blank, a quote, another character of the shell's, or a letter beyond ASCII.

    The backend starts a step as `bash -c "exec PATH ..."`, unquoted, with its PATH in this folder; and 24.10 does not
    load models from a folder with other letters.

    Raises:
        SetupError: in one line.
    """
    if not _SAFE.fullmatch(str(folder)):
        raise SetupError(
            f"the temporary folder {str(folder)!r} has characters in its name that Triton's Python backend cannot take "
            "(blanks, quotes, letters beyond ASCII); choose another one with TMPDIR"
        )


def check_python_path(directories: Iterable[str], path_files: Iterable[Path] | None = None) -> None:
    """Refuses a Python whose packages the interpreter inside a step cannot find.

    That one decodes .pth files (an editable install names its folder in one) as ASCII, and ends at another letter. A
    colon separates directories in PYTHONPATH and LD_LIBRARY_PATH.

    Args:
        directories: those that become PYTHONPATH or LD_LIBRARY_PATH.
        path_files: the .pth files that are read; by default this interpreter's.

    Raises:
        SetupError: in one line.
    """
    for directory in directories:
        if os.pathsep in directory:
            raise SetupError(
                f"Python packages lie in {directory!r}, and a path with a colon cannot be passed on: move it"
            )
    for file in _path_files() if path_files is None else path_files:
        if not file.read_bytes().isascii():
            raise SetupError(
                f"{str(file)!r} names a folder with letters beyond ASCII, which Python inside Triton cannot read: "
                "move the checkout to a folder without them and run `make setup` again"
            )


def _path_files() -> list[Path]:
    return [file for folder in site.getsitepackages() for file in sorted(Path(folder).glob("*.pth"))]
