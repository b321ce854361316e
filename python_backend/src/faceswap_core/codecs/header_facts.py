"""What a container's header says about its image, and how reading it can fail.

The readers in `jpeg_segments`, `png_chunks`, `webp_chunks`, `tiff_directory`, `gif_blocks` and `bmp_header`
look at headers only and allocate nothing that grows with what a header claims. They exist because Pillow's
lazy `Image.open` is not header-only everywhere (Pillow 12.3): WebP builds its decoder with two full canvases,
GIF may fill a frame, PNG inflates text chunks (up to 64 MB), TIFF and EXIF load the value of every tag, and
tags may overlap, so that 1 MB of file becomes gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass


class TruncatedDataError(Exception):
    """The data ends before the header, or the pixels, are complete."""


class CorruptDataError(Exception):
    """Header or pixels contradict themselves or their format."""


class UnsupportedVariantError(Exception):
    """A valid file of a variant we do not read."""


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
