"""XMP in JPEG: one APP1 segment (XMP specification part 3, section 1.1.3)."""

from __future__ import annotations

from collections.abc import Callable

from faceswap_core.codecs.header_facts import CorruptDataError
from faceswap_core.codecs.jpeg_segments import APP0, APP1, MAX_PAYLOAD, Segment, header_segments
from faceswap_core.provenance.xmp.packet import synthetic_packet

SOI = b"\xff\xd8"

_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
_HEAD = 4
"""Bytes of a segment in front of its payload: FF, the marker, the length."""


def jpeg_with_xmp(jpeg: bytes, extend: Callable[[bytes | None], bytes]) -> bytes:
    """A copy of `jpeg` with one XMP packet, behind the JFIF and Exif segments, which want to be first.

    Args:
        jpeg: the image.
        extend: takes the packet the image has, or None, and returns the one it shall have. A packet that does
            not fit one segment (64 kB) is replaced by a new one: its parts could only be spread by rewriting it.

    Raises:
        TruncatedDataError, CorruptDataError: no JPEG header.
    """
    if not jpeg.startswith(SOI):
        raise CorruptDataError("a JPEG begins with FF D8")
    segments = list(header_segments(jpeg))
    old = [segment for segment in segments if _is_xmp(jpeg, segment)]
    packet = extend(_packet(jpeg, old[0]) if old else None)
    if len(_NAMESPACE) + len(packet) > MAX_PAYLOAD:
        packet = synthetic_packet(None)
    payload = _NAMESPACE + packet
    view = memoryview(jpeg)  # the scan is copied once, by join
    at = _insertion_point(jpeg, segments)
    pieces: list[bytes | memoryview] = [view[:at], bytes((0xFF, APP1)), (len(payload) + 2).to_bytes(2, "big"), payload]
    for segment in old:
        pieces.append(view[at : segment.start - _HEAD])
        at = segment.end
    return b"".join((*pieces, view[at:]))


def jpeg_xmp(jpeg: bytes) -> bytes | None:
    """The XMP packet or None. Extended XMP (further segments) is not put together.

    Raises:
        TruncatedDataError, CorruptDataError: no JPEG header.
    """
    for segment in header_segments(jpeg):
        if _is_xmp(jpeg, segment):
            return _packet(jpeg, segment)
    return None


def _is_xmp(jpeg: bytes, segment: Segment) -> bool:
    return segment.marker == APP1 and jpeg.startswith(_NAMESPACE, segment.start)


def _packet(jpeg: bytes, segment: Segment) -> bytes:
    return jpeg[segment.start + len(_NAMESPACE) : segment.end]


def _insertion_point(jpeg: bytes, segments: list[Segment]) -> int:
    at = len(SOI)
    for segment in segments:
        if segment.marker != APP0 and not (segment.marker == APP1 and jpeg.startswith(b"Exif\0", segment.start)):
            break
        at = segment.end
    return at
