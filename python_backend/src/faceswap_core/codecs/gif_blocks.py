"""GIF's block structure: size and number of frames without decoding (GIF89a specification, W3C copy, 1990)."""

from __future__ import annotations

import struct

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError

_EXTENSION, _FRAME, _TRAILER, _GRAPHIC_CONTROL = 0x21, 0x2C, 0x3B, 0xF9

_MOST_SUB_BLOCKS = 500_000  # five times as many as 25 MiB hold when they are full, as all writers make them


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    for _ in range(_MOST_SUB_BLOCKS):
        if not data[at]:
            return at + 1
        at += data[at] + 1
    raise CorruptDataError(f"more than {_MOST_SUB_BLOCKS} GIF sub-blocks in a row")


def gif_facts(data: bytes) -> HeaderFacts:
    """Facts of a GIF. The size is the canvas grown to the first frame's far corner, as Pillow grows it.

    A missing trailer is common and no error; whether the first frame is complete is for the decoder to say.

    Raises:
        TruncatedDataError: the data ends before the first frame's description.
        CorruptDataError: a block of an unknown kind before the first frame, or no frame at all.
    """
    frames, transparent, at = 0, False, 0
    width = height = 0
    try:
        width, height, flags = struct.unpack_from("<HHB", data, 6)
        at = 13 + _colour_table_bytes(flags)
        while frames < 2 and data[at] != _TRAILER:
            if data[at] == _EXTENSION:
                if data[at + 1] == _GRAPHIC_CONTROL and frames == 0:
                    transparent = bool(data[at + 3] & 1)
                at = _after_sub_blocks(data, at + 2)
            elif data[at] == _FRAME:
                left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, at + 1)
                frames += 1
                if frames == 1:
                    width, height = max(width, left + frame_width), max(height, top + frame_height)
                at = _after_sub_blocks(data, at + 11 + _colour_table_bytes(flags))
            elif frames == 0:
                raise CorruptDataError(f"GIF block of unknown kind {data[at]}")
            else:
                break
    except (struct.error, IndexError):
        if frames == 0:
            raise TruncatedDataError("the data ends inside the GIF header") from None
    if frames == 0:
        raise CorruptDataError("a GIF without a frame")
    return HeaderFacts(width, height, "P", 8, has_alpha=transparent, animated=frames > 1)
