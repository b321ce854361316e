"""What the client library says about images without a manifest, and about broken ones."""

from __future__ import annotations

from typing import Any

import pytest
from faceswap_client.images.verification import NotAnImageError, verify_image
from faceswap_core.provenance.xmp.mark import mark_as_synthetic

VALUE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def xmp(properties: str, attributes: str = "", head: str = "") -> bytes:
    return (
        f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f"{attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_plain_and_marked(format: Any, encode: Any) -> None:
    plain = verify_image(encode(format))
    assert (plain.format, plain.xmp_mark, plain.digital_source_type, plain.synthetic) == (format, False, None, False)
    marked = verify_image(mark_as_synthetic(encode(format), format))
    assert marked.synthetic
    assert marked.digital_source_type == VALUE + "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("packet", "value", "synthetic"),
    [
        (xmp("", f'q:DigitalSourceType="{VALUE}trainedAlgorithmicMedia"'), "trainedAlgorithmicMedia", True),
        (xmp(f"<q:DigitalSourceType>{VALUE}compositeSynthetic</q:DigitalSourceType>"), "compositeSynthetic", True),
        (xmp(f'<q:DigitalSourceType rdf:resource="{VALUE}algorithmicMedia"/>'), "algorithmicMedia", True),
        (xmp("", f'q:DigitalSourceType="{VALUE}digitalCapture"'), "digitalCapture", False),
    ],
)
def test_other_source_types_and_spellings(packet: bytes, value: str, synthetic: bool, encode: Any) -> None:
    verification = verify_image(encode("jpeg", xmp=packet))
    assert verification.digital_source_type == VALUE + value
    assert verification.synthetic is synthetic


@pytest.mark.parametrize(
    "packet",
    [
        b"<broken",
        xmp("&a;", head='<!DOCTYPE x [<!ENTITY a "aaaa">]>'),
        xmp("").replace(b"q=", b"q2="),
        xmp("<q:Other>trainedAlgorithmicMedia</q:Other>"),
    ],
)
def test_broken_xmp_is_no_mark(packet: bytes, encode: Any) -> None:
    assert verify_image(encode("webp", xmp=packet)).digital_source_type is None


@pytest.mark.parametrize(
    "junk", [b"", b"hello", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
def test_what_is_no_image_is_an_error(junk: bytes) -> None:
    with pytest.raises(NotAnImageError):
        verify_image(junk)


def test_formats_we_do_not_write_are_an_error(encode: Any) -> None:
    with pytest.raises(NotAnImageError):
        verify_image(encode("gif"))
