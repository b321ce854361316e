"""Writes XMP into JPEG: one APP1 segment (XMP specification part 3, section 1.1.3)."""

from __future__ import annotations

from faceswap_core.codecs.header_facts import CorruptDataError
from faceswap_core.codecs.jpeg_segments import APP0, APP1, MAX_PAYLOAD, Segment, header_segments

SOI = b"\xff\xd8"

_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_HEAD = 4
"""Bytes of a segment in front of its payload: FF, the marker, the length."""


def jpeg_with_xmp(jpeg: bytes, packet: bytes) -> bytes:
    """A copy of `jpeg` with that XMP packet and no other, behind the JFIF and Exif segments, which want to be first.

    Raises:
        TruncatedDataError, CorruptDataError: no JPEG header.
        ValueError: the packet does not fit one segment (64 kB).
    """
    if not jpeg.startswith(SOI):
        raise CorruptDataError("a JPEG begins with FF D8")
    payload = _NAMESPACE + packet
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a JPEG segment holds {MAX_PAYLOAD} bytes, not {len(payload)}")
    segments = list(header_segments(jpeg))
    view = memoryview(jpeg)  # the scan is copied once, by join
    at = _insertion_point(jpeg, segments)
    pieces: list[bytes | memoryview] = [view[:at], bytes((0xFF, APP1)), (len(payload) + 2).to_bytes(2, "big"), payload]
    for segment in segments:
        if segment.marker == APP1 and jpeg.startswith((_NAMESPACE, _EXTENSION), segment.start):
            pieces.append(view[at : segment.start - _HEAD])
            at = segment.end
    return b"".join((*pieces, view[at:]))


def _insertion_point(jpeg: bytes, segments: list[Segment]) -> int:
    at = len(SOI)
    for segment in segments:
        if segment.marker != APP0 and not (segment.marker == APP1 and jpeg.startswith(b"Exif\0", segment.start)):
            break
        at = segment.end
    return at
