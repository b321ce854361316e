"""`python -m faceswap_tools.random_weights [DIRECTORY]`: builds the twins and prints their paths."""

from __future__ import annotations

import sys
from pathlib import Path

from faceswap_tools.random_weights.build import build_random_weights


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 for wrong arguments."""
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        sys.stderr.write("usage: python -m faceswap_tools.random_weights [DIRECTORY]\n")
        return 2
    for name, path in build_random_weights(Path(arguments[0]) if arguments else None).items():
        sys.stdout.write(f"{name}\t{path.stat().st_size}\t{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
