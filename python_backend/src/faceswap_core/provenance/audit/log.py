"""Audit log: writes one line when a request has ended, in whichever step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from faceswap_core.provenance.audit.records import AuditRecord, AuditSink, ImageHasher, SignState
from faceswap_core.provenance.audit.request_record import RequestRecord


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended.

    Attributes:
        record: of the request.
        output: what the caller gets, encoded or as a raw frame; None without an image.
        marked, signed, labelled: see `AuditRecord`.
    """

    record: RequestRecord
    output: bytes | NDArray[np.uint8] | None = None
    marked: bool = False
    signed: SignState = "off"
    labelled: bool = False


class AuditLog:
    """Audit log of one step's process; the processes of a server may share a file.

    Args:
        sink: where lines go.
        hasher: of the deployment's salt.
        tag: free text of the operator.
    """

    def __init__(self, sink: AuditSink, hasher: ImageHasher, tag: str = "") -> None:
        self._sink = sink
        self._hasher = hasher
        self._tag = tag

    def hashes(self, sources: Sequence[bytes], target: bytes | NDArray[np.uint8] | None) -> RequestRecord:
        """A record with the hashes of what was sent: encoded images, or a raw frame's pixels."""
        return RequestRecord(
            sources=tuple(self._hasher(source) for source in sources),
            target=None if target is None else self._hash(target),
        )

    def write(self, request_id: str, ending: Ending, code: str = "OK") -> None:
        """Writes the line; raises OSError when it could not be written whole."""
        record, output = ending.record, ending.output
        self._sink.write(
            AuditRecord(
                time=datetime.now(timezone.utc),
                request_id=request_id,
                task=record.task,
                code=code,
                operator_tag=self._tag,
                faces_found=record.faces_found,
                faces_swapped=record.faces_swapped,
                sources=record.sources,
                target=record.target,
                output=None if output is None else self._hash(output),
                marked=ending.marked,
                signed=ending.signed,
                labelled=ending.labelled,
            )
        )

    def _hash(self, image: bytes | NDArray[np.uint8]) -> str:
        return self._hasher(image if isinstance(image, bytes) else np.ascontiguousarray(image).data)
