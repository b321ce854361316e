"""`python -m faceswap_tools.random_weights [DIRECTORY]`: builds the random-weight networks and prints their paths."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from faceswap_tools.random_weights.build import build_random_weights


def main() -> int:
    """Builds what is not there yet, and prints name, bytes and path of each."""
    parser = argparse.ArgumentParser(
        prog="python -m faceswap_tools.random_weights",
        description="Builds det_10g, w600k_r50 and inswapper_128 with random weights, 750 MB in all.",
    )
    parser.add_argument("directory", type=Path, nargs="?", help="where to (default: the user's cache directory)")
    for name, path in build_random_weights(parser.parse_args().directory).items():
        sys.stdout.write(f"{name}\t{path.stat().st_size}\t{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
