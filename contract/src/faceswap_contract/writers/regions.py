"""Generated regions inside files that are otherwise written by hand."""

from __future__ import annotations


class NoRegion(ValueError):
    """The file has no such region; the message names its marks."""


def replace_region(text: str, first: str, last: str, inside: str) -> str:
    """`text` with the lines between the lines `first` and `last` replaced by `inside`; the marks stay.

    Raises:
        NoRegion: one of the marks is missing.
    """
    before, found, rest = text.partition(f"{first}\n")
    _, closed, after = rest.partition(f"{last}\n")
    if not found or not closed:
        raise NoRegion(f"no lines {first!r} ... {last!r}")
    return f"{before}{first}\n{inside}\n{last}\n{after}"
