"""Request record: what the steps pass on about a request for the C2PA manifest and the audit line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from faceswap_core.errors import InvalidTensor
from faceswap_core.provenance.audit.records import Task


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Travels as one small tensor. Holds no image, no embedding, and keyed hashes only while the audit log is on.

    Attributes:
        task: `swap`, or `analysis` where faces are only found and embedded.
        source_formats: format of each source image (`ImageFormat` values), in request order; empty where the source
            came as an embedding.
        sources: keyed hash of each encoded source, or none.
        target: keyed hash of the encoded target or raw frame, or None.
        faces_found: faces of the target, once they are counted.
        faces_swapped: those that are to be swapped.
    """

    task: Task = "swap"
    source_formats: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    target: str | None = None
    faces_found: int | None = None
    faces_swapped: int | None = None

    def encode(self) -> bytes:
        """As the tensor `record` holds it: UTF-8 JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def parse(cls, encoded: bytes) -> RequestRecord:
        """Reads the bytes of `encode`; raises InvalidTensor for others, because callers can address a step directly."""
        try:
            held = json.loads(encoded)
            return cls(
                task="analysis" if held["task"] == "analysis" else "swap",
                source_formats=tuple(str(each) for each in held["source_formats"]),
                sources=tuple(str(each) for each in held["sources"]),
                target=_text(held["target"]),
                faces_found=_count(held["faces_found"]),
                faces_swapped=_count(held["faces_swapped"]),
            )
        except (ValueError, TypeError, KeyError):
            raise InvalidTensor("'record' is not a request's record") from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _count(value: object) -> int | None:
    return value if type(value) is int else None
