"""A target that breaks its promise, to see it found."""

from __future__ import annotations

from faceswap_tools.fuzzing.targets import Target


def raising(data: bytes) -> None:
    if data not in (b"", b"\n", b"GIF89"):
        raise IndexError("beyond the end")


def seed() -> dict[str, bytes]:
    return {"gif": b"GIF89"}


TARGETS = {"raising": Target(raising, seed, 512)}
