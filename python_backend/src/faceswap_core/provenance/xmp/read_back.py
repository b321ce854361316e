"""Reads the mark of a finished result back, as a reader that has never heard of the writer would.

Shares no code and no constant with `packet`, `jpeg`, `png` and `webp`: it follows the container itself, takes every
place where readers look for XMP, and parses what is there with expat, namespaces resolved, DTDs refused. A result is
right when it has one packet, with one rdf:RDF, in which the image itself is called synthetic once and nothing else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from xml.parsers import expat

_SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META, _ROOT = "adobe:ns:meta/ xmpmeta", f"{_RDF} RDF"
_NODE, _ABOUT = f"{_RDF} Description", f"{_RDF} about"
_SOURCE_TYPE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DigitalSourceType"

_JPEG_XMP, _JPEG_MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_PNG_OTHER_XMP = (b"Raw profile type xmp\0", b"Raw profile type APP1\0")
# libpng writes IDAT chunks of 8 kB: hundreds in a large image, stepped over here without a turn of Python's loop each
_IDAT_RUN = re.compile(rb"(?s:\0\0\x20\0IDAT.{8196})*")


class UnmarkedResultError(Exception):
    """A result does not say, for every reader, that it is synthetic. The text is for the log and holds no metadata."""


def check_mark(encoded: bytes) -> None:
    """Raises unless the JPEG, PNG or WebP says exactly once, and without doubt, that it is synthetic.

    Raises:
        UnmarkedResultError: it does not.
    """
    try:
        packets = xmp_packets(encoded)
    except (IndexError, ValueError, struct.error):
        raise UnmarkedResultError("its container cannot be followed to the end") from None
    if len(packets) != 1:
        raise UnmarkedResultError(f"it has {len(packets)} XMP packets")
    _check_packet(packets[0])


def xmp_packets(encoded: bytes) -> list[bytes]:
    """Every XMP packet of a JPEG, PNG or WebP, in file order, as stored; empty for other formats.

    Raises:
        IndexError, ValueError, struct.error: the container cannot be followed to its end.
    """
    for signature, read in _CONTAINERS.items():
        if encoded.startswith(signature):
            return list(read(encoded))
    return []


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Payloads of the segments in front of the first scan."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one has to be")
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        start, end = at + 4, at + 2 + length
        if length < 2 or end > len(data):
            raise ValueError("a segment that does not fit")
        if marker == 0xDA:
            return
        if marker == 0xE1 and data.startswith(_JPEG_XMP, start):
            yield data[start + len(_JPEG_XMP) : end]
        elif marker == 0xE1 and data.startswith(_JPEG_MORE_XMP, start):
            yield data[start:end]
        at = end


def _png(data: bytes) -> Iterator[bytes]:
    at = 8
    while True:
        at = _IDAT_RUN.match(data, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        length, name = struct.unpack_from(">I4s", data, at)
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            raise ValueError("a chunk that does not fit")
        if name == b"IEND":
            if end + 4 != len(data):
                raise ValueError("data behind the end chunk")
            return
        if name == b"iTXt" and data.startswith(_PNG_XMP + b"\0\0\0\0", start):
            yield data[start + len(_PNG_XMP) + 4 : end]
        elif name[1:] in (b"TXt", b"EXt") and data.startswith((_PNG_XMP, *_PNG_OTHER_XMP), start):
            yield data[start:end]  # compressed, or with a language: never ours
        at = end + 4


def _webp(data: bytes) -> Iterator[bytes]:
    if int.from_bytes(data[4:8], "little") + 8 != len(data) or data[8:12] != b"WEBP":
        raise ValueError("a RIFF length that is not the file's")
    at = 12
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("a chunk that does not fit")
        if name[:3] == b"XMP":
            if data[12:16] != b"VP8X" or not data[20] & 4:
                raise ValueError("a packet that the header does not announce")
            yield data[at + 8 : end]
        at = end + (length & 1)


_CONTAINERS: dict[bytes, Callable[[bytes], Iterator[bytes]]] = {b"\xff\xd8": _jpeg, b"\x89PNG": _png, b"RIFF": _webp}


def _check_packet(packet: bytes) -> None:
    try:
        packet.decode("utf-8")
        reader = _Reader()
        reader.parse(packet)
    except (ValueError, expat.ExpatError):
        raise UnmarkedResultError("its XMP packet cannot be parsed") from None
    if (reader.roots, reader.said) != (1, [_SYNTHETIC]):
        raise UnmarkedResultError(f"its XMP has {reader.roots} rdf:RDF and names {len(reader.said)} source types")


class _Reader:
    """Counts the rdf:RDF elements of a packet and collects what it says about the image's source type.

    Attributes:
        roots: how many rdf:RDF there are, wherever they are.
        said: values of DigitalSourceType: attribute of, or element in, an rdf:Description of the image itself.
    """

    def __init__(self) -> None:
        self.roots = 0
        self.said: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []

    def parse(self, packet: bytes) -> None:
        """Raises ExpatError or ValueError."""
        parser = expat.ParserCreate("utf-8", " ")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text.append
        # entities cannot be declared without a DTD; a declaration could name another encoding to other parsers
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.XmlDeclHandler = _refuse
        parser.Parse(packet.rstrip(b"\0"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.roots += name == _ROOT
        node = [*self._open, name]
        if node[:3] == [_META, _ROOT, _NODE]:
            if len(node) == 3 and attributes.get(_ABOUT) != "":
                raise ValueError("statements about something else than the image")
        elif node != [_META, _ROOT][: len(node)]:
            raise ValueError("an element in a place where none belongs")
        if _SOURCE_TYPE in attributes:
            if len(node) != 3:
                raise ValueError("a source type of something else than the image")
            self.said.append(attributes[_SOURCE_TYPE])
        if _SOURCE_TYPE in self._open or (name == _SOURCE_TYPE and (len(node) != 4 or attributes)):
            raise ValueError("a source type of something else than the image")
        self._open.append(name)
        self._text.clear()

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == _SOURCE_TYPE:
            self.said.append("".join(self._text))


def _refuse(*_: object) -> None:
    raise ValueError("a DTD or an XML declaration has no place in XMP")
