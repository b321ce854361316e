"""Reads the IPTC digital source type from an image's XMP, as exiftool and Adobe's XMP toolkit (exempi) both would.

What only one of them sees is no statement: readers disagree about several packets, several rdf:RDF, compressed text
chunks, other encodings than UTF-8 and misplaced elements, so that such XMP says one thing to one reader and another
to the next. It is called ambiguous here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_ROOT, _NODE = f"{_RDF}RDF", f"{_RDF}Description"
_WRAPPERS = ("adobe:ns:meta/ xmpmeta", "adobe:ns:meta/ xapmeta")
_SOURCE_TYPE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DigitalSourceType"

_JPEG_XMP, _JPEG_MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_PNG_RAW_XMP = (b"Raw profile type xmp\0", b"Raw profile type APP1\0")


class AmbiguousXmpError(ValueError):
    """Readers would not agree about this XMP."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """One XMP packet; `common`: it is stored in the form that every reader reads."""

    data: bytes
    common: bool = True


def digital_source_type(encoded: bytes) -> str | None:
    """The DigitalSourceType of a JPEG, PNG or WebP, or None where its XMP does not name one.

    Raises:
        AmbiguousXmpError: the XMP is broken, or names one to some readers and none, or another, to others.
    """
    try:
        packets = [packet for signature, read in _READERS if encoded.startswith(signature) for packet in read(encoded)]
    except (IndexError, struct.error):
        raise AmbiguousXmpError("the file ends inside its metadata") from None
    if not packets:
        return None
    if len(packets) > 1:
        raise AmbiguousXmpError(f"{len(packets)} XMP packets")
    if not packets[0].common:
        raise AmbiguousXmpError("an XMP packet in a form that not every reader reads")
    return _statement(packets[0].data)


def _jpeg(data: bytes) -> Iterator[_Packet]:
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            return
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            continue
        if marker in (0xD9, 0xDA):
            return
        (length,) = struct.unpack_from(">H", data, at)
        start, end = at + 2, at + max(length, 2)
        if marker == 0xE1 and data.startswith(_JPEG_XMP, start):
            yield _Packet(data[start + len(_JPEG_XMP) : end])
        elif marker == 0xE1 and data.startswith(_JPEG_MORE_XMP, start) and _may_name_one(data[start:end]):
            yield _Packet(b"", common=False)
        at = end


def _may_name_one(part: bytes) -> bool:
    return b"DigitalSourceType" in part.replace(b"\0", b"")


def _png(data: bytes) -> Iterator[_Packet]:
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        start, end = at + 8, at + 8 + length
        if name == b"IEND":
            return
        if name == b"iTXt" and data.startswith(_PNG_XMP + b"\0\0\0\0", start):
            yield _Packet(data[start + len(_PNG_XMP) + 4 : end])
        elif name in (b"iTXt", b"tEXt", b"zTXt") and data.startswith((_PNG_XMP, *_PNG_RAW_XMP), start):
            yield _Packet(b"", common=False)
        at = end + 4


def _webp(data: bytes) -> Iterator[_Packet]:
    at = 12
    while at + 8 <= len(data):  # chunks behind the RIFF length are read by others too
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"XMP ":
            yield _Packet(data[at + 8 : at + 8 + length])
        at += 8 + length + (length & 1)


_READERS: tuple[tuple[bytes, Callable[[bytes], Iterator[_Packet]]], ...] = (
    (b"\xff\xd8", _jpeg),
    (b"\x89PNG", _png),
    (b"RIFF", _webp),
)


def _statement(packet: bytes) -> str | None:
    parser = _Parser()
    try:
        packet.decode("utf-8")
        parser.parse(packet)
    except UnicodeDecodeError:
        raise AmbiguousXmpError("an XMP packet that is not UTF-8") from None
    except expat.ExpatError:
        raise AmbiguousXmpError("an XMP packet that is not well-formed") from None
    if parser.roots > 1:
        raise AmbiguousXmpError(f"{parser.roots} rdf:RDF in one packet")
    if len(parser.values) > 1:
        raise AmbiguousXmpError("several source types")
    return parser.values[0] if parser.values else None


class _Parser:
    """Collects the source types that a packet states about the image: properties of a top rdf:Description."""

    def __init__(self) -> None:
        self.roots = 0
        self.values: list[str] = []
        self._open: list[str] = []
        self._text = ""

    def parse(self, packet: bytes) -> None:
        """Raises ExpatError or AmbiguousXmpError."""
        parser = expat.ParserCreate("utf-8", " ")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        parser.XmlDeclHandler = _check_encoding
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
        parser.Parse(packet.removeprefix(b"\xef\xbb\xbf").strip().rstrip(b"\0"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._open[1:] if self._open and self._open[0] in _WRAPPERS else self._open[:]
        self._open.append(name)
        self._text = ""
        self.roots += name == _ROOT
        if path[:1] != [_ROOT]:
            return
        if len(path) == 1 and name != _NODE:
            raise AmbiguousXmpError("a typed node in place of rdf:Description")
        if len(path) == 2 and name.startswith(_RDF):
            raise AmbiguousXmpError("an RDF element in place of a property")
        if path[2:] == [_SOURCE_TYPE]:
            raise AmbiguousXmpError("a source type with parts")
        if len(path) == 1 and _SOURCE_TYPE in attributes:
            self.values.append(attributes[_SOURCE_TYPE])
        if len(path) == 2 and name == _SOURCE_TYPE and attributes:
            if attributes.keys() != {f"{_RDF}resource"}:
                raise AmbiguousXmpError("a source type with qualifiers")
            self._text = attributes[f"{_RDF}resource"]

    def _end(self, name: str) -> None:
        self._open.pop()
        # where another element stands around a source type, it says something about that, not about the image
        if name == _SOURCE_TYPE and self._open[-2:] == [_ROOT, _NODE]:
            self.values.append(self._text.strip())

    def _characters(self, text: str) -> None:
        self._text += text


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() != "utf-8":
        raise AmbiguousXmpError(f"an XMP packet that says it is {encoding[:20]}")


def _refuse(*_: object) -> None:
    raise AmbiguousXmpError("a DOCTYPE, which has no place in XMP")
