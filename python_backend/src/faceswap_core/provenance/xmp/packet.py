"""XMP packet that marks an image as synthetic: a new one, or the target's with the mark added.

The mark is the IPTC property `DigitalSourceType` with the value `compositeWithTrainedAlgorithmicMedia`: a
image of which parts were made by a trained model (IPTC Photo Metadata Standard and its NewsCodes).

An existing packet is not rewritten: expat finds where the parts are, and only those bytes change, so prefixes,
order and white space of the target's own metadata stay. Documents with a DOCTYPE are refused, which rules out
entity expansion; packets that cannot be parsed are replaced.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MAX_EXISTING = 1 << 20
"""Larger packets are replaced: the time to look through one stays in the low milliseconds."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF_RDF, _RDF_DESCRIPTION = f"{_RDF} RDF", f"{_RDF} Description"
_MARK = f"{_IPTC} DigitalSourceType"
_NO_LONGER_TRUE = frozenset(
    {
        _MARK,
        "http://ns.adobe.com/xmp/note/ HasExtendedXMP",  # names JPEG segments that do not come along
        "http://ns.adobe.com/xap/1.0/ Thumbnails",  # shows the image before the swap
        "http://purl.org/dc/terms/ provenance",  # a remote manifest of the image before the swap
    }
)
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>"']+)\s*=\s*("[^"]*"|'[^']*')""")
_START_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")


class _UnusableError(Exception):
    """The packet cannot be extended."""


def synthetic_packet(existing: bytes | None) -> bytes:
    """The packet to put into the result.

    Args:
        existing: the target's XMP packet, UTF-8 or UTF-16 with a byte order mark, or None.

    Returns:
        UTF-8. `existing` with the mark in place of any `DigitalSourceType` it had, or a new packet of about
        400 bytes when there is none, it is not well-formed XMP, or it is longer than `MAX_EXISTING`.
    """
    if existing is not None and len(existing) <= MAX_EXISTING:
        try:
            return _extended(_as_utf8(existing))
        except (_UnusableError, expat.ExpatError, ValueError, LookupError):
            pass  # broken XMP is worth less than the mark
    return _new_packet()


def _new_packet() -> bytes:
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"
        f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{_RDF}'>"
        f"{_description('')}</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def _description(about: str) -> str:
    """One self-contained rdf:Description: it declares both prefixes, whatever the packet around it uses."""
    return (
        f"<rdf:Description xmlns:rdf='{_RDF}' rdf:about={quoteattr(about)} xmlns:Iptc4xmpExt='{_IPTC}' "
        f"Iptc4xmpExt:DigitalSourceType='{DIGITAL_SOURCE_TYPE}'/>"
    )


def _as_utf8(packet: bytes) -> bytes:
    if packet.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return packet.decode("utf-16").strip("\0 \n").encode()
    packet = packet.removeprefix(codecs.BOM_UTF8).strip(b"\0 \t\r\n")
    packet.decode()  # raises UnicodeDecodeError, a ValueError
    return packet


@dataclass(slots=True)
class _Layout:
    """Where things are in a packet, in bytes."""

    insert_at: int = -1
    about: str = ""
    cuts: list[tuple[int, int]] = field(default_factory=list)


def _extended(packet: bytes) -> bytes:
    layout = _locate(packet)
    if layout.insert_at < 0:
        raise _UnusableError("no rdf:RDF to add to")
    pieces = []
    position = 0
    for start, end in sorted(layout.cuts):
        pieces.append(packet[position:start])
        position = end
    pieces.append(packet[position : layout.insert_at])
    pieces.append(_description(layout.about).encode())
    pieces.append(packet[layout.insert_at :])
    return b"".join(pieces)


def _locate(packet: bytes) -> _Layout:
    """Parses the packet and notes the end of rdf:RDF, rdf:about, and the properties to cut."""
    layout = _Layout()
    parser = expat.ParserCreate("utf-8", " ")
    open_elements: list[str] = []
    prefixes: dict[str | None, list[str]] = {}
    to_close: dict[int, int] = {}  # depth of an element that has an end tag: offset of its start

    def start(name: str, attributes: dict[str, str]) -> None:
        parents, at = open_elements[-2:], parser.CurrentByteIndex
        if name == _RDF_RDF:
            if not _is_empty(packet, at):
                to_close[len(open_elements)] = at
        elif name == _RDF_DESCRIPTION and parents[-1:] == [_RDF_RDF]:
            layout.about = layout.about or attributes.get(f"{_RDF} about", attributes.get("about", ""))
            if not _NO_LONGER_TRUE.isdisjoint(attributes):
                layout.cuts.extend(_attribute_cuts(packet, at, prefixes))
        elif name in _NO_LONGER_TRUE and parents == [_RDF_RDF, _RDF_DESCRIPTION]:
            if _is_empty(packet, at):
                layout.cuts.append((at, _tag_end(packet, at)))
            else:
                to_close[len(open_elements)] = at
        open_elements.append(name)

    def end(name: str) -> None:
        open_elements.pop()
        started = to_close.pop(len(open_elements), None)
        if started is not None and name == _RDF_RDF:
            layout.insert_at = parser.CurrentByteIndex
        elif started is not None:
            layout.cuts.append((started, _tag_end(packet, parser.CurrentByteIndex)))

    def refuse(*_: object) -> None:
        raise _UnusableError("a DOCTYPE has no place in XMP")

    def bind(prefix: str | None, uri: str | None) -> None:
        prefixes.setdefault(prefix, []).append(uri or "")

    def unbind(prefix: str | None) -> None:
        prefixes[prefix].pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartNamespaceDeclHandler, parser.EndNamespaceDeclHandler = bind, unbind
    parser.Parse(packet, True)
    return layout


def _is_empty(packet: bytes, start: int) -> bool:
    """Whether the tag closes itself: there is no end tag to look for then."""
    return packet[_tag_end(packet, start) - 2 : _tag_end(packet, start)] == b"/>"


def _tag_end(packet: bytes, start: int) -> int:
    match = _START_TAG.match(packet, start)
    if match is None:
        raise _UnusableError("a tag without an end")
    return match.end()


def _attribute_cuts(packet: bytes, tag_start: int, prefixes: dict[str | None, list[str]]) -> list[tuple[int, int]]:
    cuts = []
    for match in _ATTRIBUTE.finditer(packet, tag_start, _tag_end(packet, tag_start)):
        prefix, _, name = match[1].decode().rpartition(":")
        bound = prefixes.get(prefix)
        if bound and f"{bound[-1]} {name}" in _NO_LONGER_TRUE:
            cuts.append(match.span())
    return cuts
