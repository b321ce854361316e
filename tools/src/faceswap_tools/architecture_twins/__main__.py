"""`python -m faceswap_tools.architecture_twins [DIRECTORY]`: builds the twins and prints their paths."""

from __future__ import annotations

import sys
from pathlib import Path

from faceswap_tools.architecture_twins.build import build_twins


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 for wrong arguments."""
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        sys.stderr.write("usage: python -m faceswap_tools.architecture_twins [DIRECTORY]\n")
        return 2
    for name, path in build_twins(Path(arguments[0]) if arguments else None).items():
        sys.stdout.write(f"{name}\t{path.stat().st_size}\t{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
