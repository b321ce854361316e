"""`python -m faceswap_tools.fuzzing.one_target MODULE:NAME [libFuzzer's options] CORPUS`: libFuzzer on one target.

The name is one of the module's `TARGETS`. libFuzzer ends the process with a status above 0 when it has found
something, and writes the bytes to `-artifact_prefix`.
"""

from __future__ import annotations

import importlib
import sys

import atheris  # type: ignore[import-untyped]


def main(arguments: list[str]) -> None:
    module, _, name = arguments[1].partition(":")
    with atheris.instrument_imports(include=["faceswap_core"]):
        target = importlib.import_module(module).TARGETS[name]
    atheris.Setup([arguments[0], *arguments[2:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
