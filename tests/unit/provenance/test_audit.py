"""Audit lines hold what they should and nothing that identifies a person."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Thread

import pytest
from faceswap_core.provenance.audit.records import (
    MAX_TEXT,
    AuditRecord,
    FileAudit,
    ImageHasher,
    StdoutAudit,
    audit_line,
)

HASHER = ImageHasher(b"0123456789abcdef")
RECORD = AuditRecord(
    time=datetime(2026, 11, 23, 12, 0, 0, 250_000, timezone(timedelta(hours=2))),
    request_id="r-1",
    code="OK",
    operator_tag="customer 7",
    faces_found=3,
    faces_swapped=2,
    sources=(HASHER(b"source"),),
    target=HASHER(b"target"),
    output=HASHER(b"output"),
    marked=True,
    signed="signed",
)


def test_line_has_every_field() -> None:
    assert json.loads(audit_line(RECORD)) == {
        "time": "2026-11-23T10:00:00.250+00:00",
        "request_id": "r-1",
        "code": "OK",
        "task": "swap",
        "operator_tag": "customer 7",
        "faces_found": 3,
        "faces_swapped": 2,
        "sources": [hmac.new(b"0123456789abcdef", b"source", "sha256").hexdigest()],
        "target": hmac.new(b"0123456789abcdef", b"target", "sha256").hexdigest(),
        "output": hmac.new(b"0123456789abcdef", b"output", "sha256").hexdigest(),
        "marked": True,
        "signed": "signed",
        "labelled": False,
    }


def test_plain_hashes_do_not_appear() -> None:
    assert hashlib.sha256(b"target").hexdigest() not in audit_line(RECORD)


def test_another_deployment_gives_another_hash() -> None:
    assert ImageHasher(b"fedcba9876543210")(b"target") != HASHER(b"target")


def test_short_salts_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ImageHasher(b"short")


@pytest.mark.parametrize("nasty", ["a\nb", "a\r\nb", "a\u2028b", 'a"}{"', "\ud800", "\0"])
def test_no_text_breaks_the_line(nasty: str) -> None:
    line = audit_line(replace(RECORD, operator_tag=nasty, request_id=nasty))
    assert line.splitlines() == [line]
    assert line.isascii()
    assert json.loads(line)["operator_tag"] == nasty


def test_long_texts_are_cut() -> None:
    assert json.loads(audit_line(replace(RECORD, request_id="x" * 5000)))["request_id"] == "x" * MAX_TEXT


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        audit_line(replace(RECORD, time=datetime(2026, 1, 1)))


def test_file_is_private_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for _ in range(2):
        sink = FileAudit(path)
        sink.write(RECORD)
        sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == 2 * (audit_line(RECORD) + "\n")


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(0o644)
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="0600"):
        FileAudit(path)


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"

    def writer(number: int) -> None:
        sink = FileAudit(path)
        for _ in range(100):
            sink.write(replace(RECORD, request_id=str(number), sources=(HASHER(b"x"),) * 8))
        sink.close()

    threads = [Thread(target=writer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [json.loads(line)["request_id"] for line in path.read_text().splitlines()]
    assert sorted(ids) == sorted(str(number) for number in range(4) for _ in range(100))


def test_stdout_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    StdoutAudit().write(RECORD)
    assert capsys.readouterr().out == audit_line(RECORD) + "\n"
