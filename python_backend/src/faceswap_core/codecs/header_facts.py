"""Header facts of an image file, and the errors of reading them.

The readers in `jpeg_segments`, `png_chunks`, `webp_chunks`, `tiff_directory`, `gif_blocks` and `bmp_header`
read headers only and allocate nothing that grows with what a header claims. Pillow's lazy `Image.open` is not
header-only everywhere: docs/adr/0024-codecs.md.
"""

from __future__ import annotations

from dataclasses import dataclass


class TruncatedDataError(Exception):
    """The data ends before the header, or the pixels, are complete."""


class CorruptDataError(Exception):
    """Header or pixels contradict themselves or their format."""


class UnsupportedVariantError(Exception):
    """A valid file of a variant that is not supported."""


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """Facts of the first image in a file.

    width, height: pixels as stored, before EXIF orientation.
    mode: Pillow's name of the colour layout ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr").
    bit_depth: bits of one channel (of one index for "P").
    has_alpha: the header declares transparency.
    animated: there is a second frame or page.
    orientation: EXIF orientation, 1 to 8; 1 where absent or unreadable.
    subsampling: JPEG chroma subsampling such as "420", "gray", or "other"; None outside JPEG.
    """

    width: int
    height: int
    mode: str
    bit_depth: int
    has_alpha: bool = False
    animated: bool = False
    orientation: int = 1
    subsampling: str | None = None
