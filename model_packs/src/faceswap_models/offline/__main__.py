"""`python -m faceswap_models.offline DIR`: builds the offline pack into DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from faceswap_models.environment import end_on_unknown_variables
from faceswap_models.offline import build_offline_pack


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faceswap_models.offline", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR")
    given = parser.parse_args()
    end_on_unknown_variables("offline pack")
    for name, path in build_offline_pack(given.directory).items():
        sys.stdout.write(f"{name}: {path} ({path.stat().st_size:,} bytes)\n")


if __name__ == "__main__":
    main()
