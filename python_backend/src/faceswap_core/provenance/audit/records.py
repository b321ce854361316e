"""Audit records: one JSON line per request, without personal data.

A line has hashes of the images so that an operator can answer "did this image come from us?". They are keyed
with a secret of the deployment (HMAC-SHA256): without it an image cannot be tested against the log, and logs of
two deployments cannot be joined. There is no field for an image, an embedding or a plain hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, Protocol

MIN_SALT_BYTES = 16
MAX_TEXT = 128
"""Longest request id or operator tag; longer ones are cut."""

SignState = Literal["signed", "off"]
Task = Literal["swap", "analysis"]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Outcome of one request.

    Attributes:
        time: when the answer was ready, with a time zone.
        request_id: the caller's or the server's id.
        task: `swap`, or `analysis` where faces were only found and embedded.
        operator_tag: free text from the operator's settings or gateway, for example a customer number.
        faces_found: faces in the target, or None when it did not get that far.
        faces_swapped: faces changed, or None when it did not get that far.
        code: `OK`, or the code of the error the caller got.
        sources: keyed hashes of the encoded sources (`ImageHasher`), in request order.
        target: keyed hash of the encoded target, or None.
        output: keyed hash of the encoded result, or None.
        marked: the result's metadata contain the XMP mark.
        signed: whether the result contains a C2PA manifest.
        labelled: a visible label was drawn.
    """

    time: datetime
    request_id: str
    code: str
    task: Task = "swap"
    operator_tag: str = ""
    faces_found: int | None = None
    faces_swapped: int | None = None
    sources: tuple[str, ...] = ()
    target: str | None = None
    output: str | None = None
    marked: bool = False
    signed: SignState = "off"
    labelled: bool = False


class ImageHasher:
    """HMAC-SHA256 of encoded images under a deployment's salt.

    Args:
        salt: at least `MIN_SALT_BYTES` random bytes, kept as secret as the log is.

    Raises:
        ValueError: the salt is shorter.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < MIN_SALT_BYTES:
            raise ValueError(f"the salt of the audit log has at least {MIN_SALT_BYTES} bytes, got {len(salt)}")
        self._salt = salt

    def __call__(self, encoded: bytes | memoryview) -> str:
        """64 hexadecimal digits."""
        return hmac.digest(self._salt, encoded, hashlib.sha256).hex()


def audit_line(record: AuditRecord) -> str:
    """The record as one line of JSON without a line break; keys in the order of `AuditRecord`.

    Raises:
        ValueError: the time has no time zone.
    """
    if record.time.tzinfo is None:
        raise ValueError("the time of an audit record has a time zone")
    fields = asdict(record)
    fields["time"] = record.time.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    fields["request_id"] = record.request_id[:MAX_TEXT]
    fields["operator_tag"] = record.operator_tag[:MAX_TEXT]
    return json.dumps(fields, separators=(",", ":"))  # ASCII: line breaks of any kind are escaped


class AuditSink(Protocol):
    """Where audit lines go."""

    def write(self, record: AuditRecord) -> None:
        """Adds one line. Raises OSError when it could not be written whole."""

    def close(self) -> None:
        """Closes the file, if any."""


class StdoutAudit:
    """Lines on standard output, for a container's log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def write(self, record: AuditRecord) -> None:
        """Writes and flushes one line."""
        line = audit_line(record) + "\n"
        with self._lock:
            sys.stdout.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Does nothing."""


class FileAudit:
    """Lines appended to a file that only its owner may read (created with mode 0600).

    A line is one `write` to a file opened for appending, so lines of several processes do not mix. To rotate, copy
    and truncate.

    Raises:
        OSError: the file cannot be opened, or it exists and others may read or write it.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_mode & 0o077:
            os.close(self._fd)
            raise PermissionError(f"others may read the audit log {path}: make it 0600")

    def write(self, record: AuditRecord) -> None:
        """Appends one line. Raises OSError when the disk did not take all of it."""
        line = (audit_line(record) + "\n").encode()
        if os.write(self._fd, line) != len(line):
            raise OSError("the audit log took only a part of a line")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._fd)
