"""BMP's header (Microsoft, BITMAPINFOHEADER and its relatives)."""

from __future__ import annotations

import struct

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError

_OS2_HEADER = 12
_HEADER_SIZES = frozenset((_OS2_HEADER, 40, 52, 56, 64, 108, 124))
_BITS = (1, 2, 4, 8, 16, 24, 32)


def is_bmp(data: bytes) -> bool:
    """Two letters are a weak signature, so the size of the second header must be a known one, as far as sent."""
    if not data.startswith(b"BM"):
        return False
    return len(data) < 18 or struct.unpack_from("<I", data, 14)[0] in _HEADER_SIZES


def bmp_facts(data: bytes) -> HeaderFacts:
    """Facts of a BMP; a negative height means rows from the top.

    Raises:
        TruncatedDataError, CorruptDataError
    """
    try:
        (header_size,) = struct.unpack_from("<I", data, 14)
        if header_size == _OS2_HEADER:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        else:
            width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        alpha_mask = struct.unpack_from("<I", data, 66)[0] if header_size >= 56 and bits == 32 else 0
    except struct.error:
        raise TruncatedDataError("the data ends inside the BMP header") from None
    if bits not in _BITS or width < 0:
        raise CorruptDataError(f"a BMP with {bits} bits a pixel and width {width}")
    mode = "P" if bits <= 8 else "RGBA" if alpha_mask else "RGB"
    return HeaderFacts(width, abs(height), mode, min(bits, 8), has_alpha=bool(alpha_mask))
