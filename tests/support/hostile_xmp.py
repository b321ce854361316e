"""XMP that hides a statement from some readers: packets that nest, repeat or disguise it, and places to put them.

`packets(value)`: each says somewhere that the source type is `value`, or seems to. `placed` puts them into images.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SYNTHETIC = BASE + "compositeWithTrainedAlgorithmicMedia"
CAPTURE = BASE + "digitalCapture"

_APP1 = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_GUID = b"0123456789ABCDEF0123456789ABCDEF"


def node(properties: str = "", attributes: str = "", about: str = "") -> str:
    return (
        f'<rdf:Description rdf:about="{about}" xmlns:e="{IPTC}" xmlns:my="urn:my" '
        f"{attributes}>{properties}</rdf:Description>"
    )


def meta(content: str, attributes: str = "") -> str:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="{RDF}" {attributes}>{content}</x:xmpmeta>'


def wrapped(content: str) -> str:
    return f"<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>{content}<?xpacket end='w'?>"


def root(*nodes: str) -> str:
    return f"<rdf:RDF>{''.join(nodes)}</rdf:RDF>"


def packets(value: str) -> dict[str, bytes]:
    """Packets by name, of which each says somewhere that the source type is `value`."""
    said = node("", f'e:DigitalSourceType="{value}"')
    nothing = node("<my:a>b</my:a>")
    rdf, empty, plain = root(said), root(nothing), meta(root(said))
    element = f"<e:DigitalSourceType>{value}</e:DigitalSourceType>"
    texts = {
        "attribute": plain,
        "element": meta(root(node(element))),
        "resource": meta(root(node(f'<e:DigitalSourceType rdf:resource="{value}"/>'))),
        "no xmpmeta": rdf.replace("<rdf:RDF>", f'<rdf:RDF xmlns:rdf="{RDF}">'),
        "wrapped": wrapped(plain),
        "second RDF, empty first": meta(empty + rdf),
        "second RDF, empty last": meta(rdf + empty),
        "second RDF, deeper": meta(f"{empty}<my:x xmlns:my='urn:my'>{rdf}</my:x>"),
        "RDF inside a property": meta(root(node(f"<my:a>{rdf}</my:a>"))),
        "nested Description": meta(root(node(f"<my:a>{said}</my:a>"))),
        "Description inside Description": meta(root(node(said))),
        "typed node": meta(
            root(nothing, said.replace("rdf:Description", "my:T").replace("<my:T", "<my:T xmlns:my='urn:my'"))
        ),
        "typed node and a Description": meta(root('<my:T xmlns:my="urn:my" rdf:about=""/>', said)),
        "parseType Literal": meta(root(node(f'<my:a rdf:parseType="Literal">{said}</my:a>'))),
        "about something else": meta(root(node("<my:a>b</my:a>", about="uuid:one"), said)),
        "about two things": meta(root(said, node("<my:a>b</my:a>", about="uuid:two"))),
        "in a comment": meta(f"{empty}<!-- {rdf} -->"),
        "in CDATA": meta(root(node(f"<my:a><![CDATA[{rdf}]]></my:a>"))),
        "end tag in a comment behind": meta(f"{rdf}<!-- </rdf:RDF> -->"),
        "prefix bound to something else": meta(rdf.replace(IPTC, "urn:e")),
        "not in a namespace": meta(root(f"<Description DigitalSourceType='{value}'/>")),
        "DOCTYPE": f"<!DOCTYPE x [<!ENTITY v '{value}'>]>" + meta(root(node(element.replace(value, "&v;")))),
        "cut off": plain[:-30],
        "two packets in one": wrapped(meta(empty)) + wrapped(plain),
        "another value as well": meta(root(node(element.replace(value, CAPTURE), f'e:DigitalSourceType="{value}"'))),
        "another value in a second Description": meta(root(said, said.replace(value, CAPTURE))),
        "qualified": meta(
            root(
                node(
                    '<e:DigitalSourceType rdf:parseType="Resource">'
                    f"<rdf:value>{value}</rdf:value><my:q>1</my:q></e:DigitalSourceType>"
                )
            )
        ),
        "an array": meta(root(node(element.replace(value, f"<rdf:Bag><rdf:li>{value}</rdf:li></rdf:Bag>")))),
    }
    encoded = {name: text.encode() for name, text in texts.items()}
    encoded |= {f"in {name}": wrapped(plain).encode(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le")}
    encoded["in UTF-16 with a mark"] = plain.encode("utf-16")
    encoded["in Latin-1"] = (
        "<?xml version='1.0' encoding='iso-8859-1'?>" + meta(root(said, node("<my:a>\xe9</my:a>")))
    ).encode("latin-1")
    encoded["in UTF-7"] = ("<?xml version='1.0' encoding='utf-7'?>" + plain).encode("utf-7")
    encoded["broken UTF-8"] = meta(root(node("<my:a>?</my:a>"), said)).encode().replace(b"?", b"\xff")
    return encoded


def jpeg_segment(payload: bytes, marker: int = 0xE1) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def png_chunk(name: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + name + payload + zlib.crc32(name + payload).to_bytes(4, "big")


def webp_chunk(name: bytes, payload: bytes) -> bytes:
    return name + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) & 1)


def with_packet(format: str, image: bytes, packet: bytes) -> bytes:
    """`image` (of Pillow, without XMP) with the packet where it belongs."""
    return {"jpeg": _in_jpeg, "png": _in_png, "webp": _in_webp}[format](image, packet)


def _in_jpeg(image: bytes, *all_packets: bytes) -> bytes:
    return image[:2] + b"".join(jpeg_segment(_APP1 + each) for each in all_packets) + image[2:]


def _in_png(image: bytes, *all_packets: bytes) -> bytes:
    chunks = (png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + each) for each in all_packets)
    return image[:33] + b"".join(chunks) + image[33:]


def _in_webp(image: bytes, *all_packets: bytes) -> bytes:
    """Takes an extended file (VP8X): Pillow writes one where there is a profile."""
    flags = bytes((image[20] | 4,))
    body = image[8:20] + flags + image[21:] + b"".join(webp_chunk(b"XMP ", each) for each in all_packets)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def placed(format: str, image: bytes, value: str) -> Iterator[tuple[str, bytes]]:
    """(name, image) for every packet in its usual place, and for every unusual place."""
    for name, packet in packets(value).items():
        yield name, with_packet(format, image, packet)
    silent = meta(f"<rdf:RDF>{node('<my:a>b</my:a>')}</rdf:RDF>").encode()
    yield from _PLACES[format](image, silent, packets(value)["attribute"])


def _jpeg_places(image: bytes, silent: bytes, saying: bytes) -> Iterator[tuple[str, bytes]]:
    naming = silent.replace(
        b"xmlns:my", b"xmlns:n='http://ns.adobe.com/xmp/note/' n:HasExtendedXMP='%s' xmlns:my" % _GUID
    )
    more = jpeg_segment(_EXTENSION + _GUID + len(saying).to_bytes(4, "big") + bytes(4) + saying)
    yield "APP1 twice", _in_jpeg(image, silent, saying)
    yield "APP1 twice, said first", _in_jpeg(image, saying, silent)
    yield "extended XMP", image[:2] + jpeg_segment(_APP1 + naming) + more + image[2:]
    yield "extended XMP alone", image[:2] + more + image[2:]
    yield "behind the end", image + saying
    yield "comment", image[:2] + jpeg_segment(saying, 0xFE) + image[2:]
    yield "APP13", image[:2] + jpeg_segment(b"Photoshop 3.0\0" + saying, 0xED) + image[2:]


def _png_places(image: bytes, silent: bytes, saying: bytes) -> Iterator[tuple[str, bytes]]:
    squeezed = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(saying))
    profile = b"\nxmp\n%8d\n" % len(saying) + saying.hex().encode() + b"\n"
    yield "iTXt twice", _in_png(image, silent, saying)
    yield "iTXt twice, said first", _in_png(image, saying, silent)
    yield "iTXt compressed", image[:33] + squeezed + image[33:]
    yield (
        "iTXt with a language",
        image[:33] + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0key\0" + saying) + image[33:],
    )
    yield "tEXt", image[:33] + png_chunk(b"tEXt", b"XML:com.adobe.xmp\0" + saying) + image[33:]
    yield "zTXt", image[:33] + png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(saying)) + image[33:]
    yield (
        "raw profile",
        image[:33] + png_chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(profile)) + image[33:],
    )
    yield "behind the pixels", image[:-12] + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + saying) + image[-12:]
    yield "behind the end", image + saying


def _webp_places(image: bytes, silent: bytes, saying: bytes) -> Iterator[tuple[str, bytes]]:
    yield "XMP twice", _in_webp(image, silent, saying)
    yield "XMP twice, said first", _in_webp(image, saying, silent)
    announced = _in_webp(image, saying)
    yield "not announced", announced[:20] + bytes((announced[20] & ~4,)) + announced[21:]
    yield "behind the end", image + webp_chunk(b"XMP ", saying)
    body = image[8:30] + webp_chunk(b"XMP ", saying) + image[30:]
    yield (
        "before the pixels",
        b"RIFF" + len(body).to_bytes(4, "little") + body[:12] + bytes((image[20] | 4,)) + body[13:],
    )


_PLACES: dict[str, Callable[[bytes, bytes, bytes], Iterator[tuple[str, bytes]]]] = {
    "jpeg": _jpeg_places, "png": _png_places, "webp": _webp_places
}  # fmt: skip
