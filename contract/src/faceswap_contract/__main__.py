"""`python -m faceswap_contract`: writes every file that is generated from the contract; `--check` only compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from faceswap_contract.document import generated_files, is_checkout


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 done or up to date, 1 out of date with `--check`, 2 not a checkout."""
    parser = argparse.ArgumentParser(prog="python -m faceswap_contract", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file is out of date")
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout; default: the current folder")
    parsed = parser.parse_args(arguments)
    if not is_checkout(parsed.root):
        print(f"{parsed.root.resolve()} is not a checkout of faceswap-triton", file=sys.stderr)
        return 2
    files = generated_files(parsed.root)
    changed = [name for name, text in files.items() if _differs(parsed.root / name, text)]
    for name in changed:
        if not parsed.check:
            path = parsed.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name])
        print(f"out of date: {name}" if parsed.check else f"written: {name}")
    return 1 if parsed.check and changed else 0


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text() != text


if __name__ == "__main__":
    sys.exit(main())
