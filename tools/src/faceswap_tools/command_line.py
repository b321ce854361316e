"""Command lines of tools that take no options: `--help` prints the module's docstring."""

from __future__ import annotations

import argparse


def no_options(module: str, text: str | None) -> None:
    """Ends the program for --help and for arguments; `module` is the name after `python -m`, `text` its docstring."""
    argparse.ArgumentParser(
        prog=f"python -m {module}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
