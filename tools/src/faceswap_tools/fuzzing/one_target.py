"""`python -m faceswap_tools.fuzzing.one_target MODULE:NAME [libFuzzer's options] CORPUS`: libFuzzer on one target.

The name is one of the module's `TARGETS`. libFuzzer ends the process with a status above 0 when it has found
something, and writes the bytes to `-artifact_prefix`.
"""

from __future__ import annotations

import importlib
import os
import sys


def main(arguments: list[str]) -> None:
    """Runs the target in a child. libFuzzer takes the highest resident size for the memory in use, and a program that
    was started by a large one begins with that one's; a forked child begins at nothing."""
    if "--help" in arguments:
        sys.stdout.write(str(__doc__))
        sys.exit(0)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        sys.exit(code if code >= 0 else 128 - code)
    _fuzz(arguments)


def _fuzz(arguments: list[str]) -> None:
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415  after the fork: it starts threads

    module, _, name = arguments[1].partition(":")
    with atheris.instrument_imports(include=["faceswap_core"]):
        target = importlib.import_module(module).TARGETS[name]
    atheris.Setup([arguments[0], *arguments[2:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
