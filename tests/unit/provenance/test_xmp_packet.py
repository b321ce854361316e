"""What becomes of the target's XMP packet."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE, MAX_EXISTING, synthetic_packet
from hypothesis import given
from hypothesis import strategies as st

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"

LIGHTROOM_LIKE = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:a&amp;b"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmp:CreatorTool="a &gt; b"
    ext:DigitalSourceType="{CAPTURE}"
    xmp:Rating='5'>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Tête à tête</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def wrapped(properties: str, attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:n="http://ns.adobe.com/xmp/note/" xmlns:p="http://purl.org/dc/terms/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f"{attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def source_types(packet: bytes) -> list[str]:
    root = ElementTree.fromstring(packet.decode())  # noqa: S314 (our own output)
    found = [element.attrib[SOURCE_TYPE] for element in root.iter() if SOURCE_TYPE in element.attrib]
    return found + [(element.text or "").strip() for element in root.iter(SOURCE_TYPE)]


def test_new_packet_is_small_and_says_it_once() -> None:
    packet = synthetic_packet(None)
    assert source_types(packet) == [DIGITAL_SOURCE_TYPE]
    assert len(packet) < 600


def test_existing_packet_keeps_every_other_byte() -> None:
    packet = synthetic_packet(LIGHTROOM_LIKE)
    assert source_types(packet) == [DIGITAL_SOURCE_TYPE]
    before_mark, _, after_mark = packet.partition(b"<rdf:Description xmlns:rdf=")
    _, _, after_mark = after_mark.partition(b"/>")
    expected = LIGHTROOM_LIKE.replace(f'\n    ext:DigitalSourceType="{CAPTURE}"'.encode(), b"")
    assert before_mark + after_mark == expected


def test_added_description_is_about_the_same_resource() -> None:
    root = ElementTree.fromstring(synthetic_packet(LIGHTROOM_LIKE).decode())  # noqa: S314
    assert [element.attrib[f"{RDF}about"] for element in root.iter(f"{RDF}Description")] == ["uuid:a&b"] * 2


@pytest.mark.parametrize(
    ("properties", "attributes"),
    [
        (f"<e:DigitalSourceType>{CAPTURE}</e:DigitalSourceType>", ""),
        (f'<e:DigitalSourceType rdf:resource="{CAPTURE}"/>', ""),
        (f'<e:DigitalSourceType rdf:resource="{CAPTURE}"/> ', ""),
        ("", f"e:DigitalSourceType='{CAPTURE}'"),
        (f"<e:DigitalSourceType>{CAPTURE}</e:DigitalSourceType><e:x/>", f'e:DigitalSourceType="{CAPTURE}"'),
    ],
)
def test_old_source_type_is_replaced(properties: str, attributes: str) -> None:
    packet = synthetic_packet(wrapped(properties, attributes))
    assert source_types(packet) == [DIGITAL_SOURCE_TYPE]
    assert CAPTURE.encode() not in packet


@pytest.mark.parametrize(
    ("properties", "attributes", "gone"),
    [
        ("", 'n:HasExtendedXMP="0123"', b"HasExtendedXMP"),
        ("<xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>", "", b"AAAA"),
        ("<p:provenance>https://example.org/m.c2pa</p:provenance>", "", b"example.org"),
    ],
)
def test_what_is_no_longer_true_is_cut(properties: str, attributes: str, gone: bytes) -> None:
    existing = wrapped(properties + "<xmp:Rating>3</xmp:Rating>", attributes)
    assert gone in existing
    packet = synthetic_packet(existing)
    assert gone not in packet
    assert b"<xmp:Rating>3</xmp:Rating>" in packet


def test_source_type_inside_a_structure_is_not_the_images_own() -> None:
    inner = f"<rdf:Description><e:DigitalSourceType>{CAPTURE}</e:DigitalSourceType></rdf:Description>"
    packet = synthetic_packet(wrapped(f"<e:Part>{inner}</e:Part>"))
    assert inner.encode() in packet


def test_marking_twice_changes_nothing() -> None:
    once = synthetic_packet(LIGHTROOM_LIKE)
    assert source_types(synthetic_packet(once)) == [DIGITAL_SOURCE_TYPE]
    assert len(synthetic_packet(once)) <= len(once) + len(synthetic_packet(None))


def test_utf16_packets_are_kept() -> None:
    assert "Tête à tête".encode() in synthetic_packet(LIGHTROOM_LIKE.decode().encode("utf-16"))


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + wrapped("<e:x>&b;</e:x>")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"not XML",
        LIGHTROOM_LIKE[:-60],
        ENTITIES,
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + wrapped(""),
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        b"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>",
        b"<x><r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/></x>",
        b"\xff\xfe\x00",
        LIGHTROOM_LIKE.replace("ê".encode(), b"\xff"),
        wrapped(" " * MAX_EXISTING),
    ],
)
def test_unusable_packets_are_replaced(broken: bytes) -> None:
    assert synthetic_packet(broken) == synthetic_packet(None)


@given(st.binary(max_size=200), st.integers(0, len(LIGHTROOM_LIKE)), st.integers(0, 40))
def test_any_damage_leaves_a_packet_with_the_mark(junk: bytes, at: int, cut: int) -> None:
    packet = synthetic_packet(LIGHTROOM_LIKE[:at] + junk + LIGHTROOM_LIKE[at + cut :])
    assert DIGITAL_SOURCE_TYPE in source_types(packet)
