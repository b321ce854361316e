"""The packet a result gets, and how the mark is read back before the result leaves."""

from __future__ import annotations

import timeit
from typing import Any
from xml.etree import ElementTree

import pytest
from faceswap_core.provenance.xmp.mark import mark_as_synthetic
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE, SYNTHETIC_PACKET
from faceswap_core.provenance.xmp.read_back import UnmarkedResultError, check_mark, xmp_packets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageCms
from support.hostile_xmp import CAPTURE, SYNTHETIC, packets, placed, with_packet

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
FORMATS = ["jpeg", "png", "webp"]
USUAL = {"attribute", "element", "wrapped", "end tag in a comment behind", "behind the pixels", "before the pixels"}
"""Of the hostile packets and places, those that are only unusual: every reader finds the statement."""


def test_the_packet_is_small_and_says_one_thing() -> None:
    root = ElementTree.fromstring(SYNTHETIC_PACKET.decode())  # noqa: S314 (our own output)
    assert [element.attrib[SOURCE_TYPE] for element in root.iter() if SOURCE_TYPE in element.attrib] == [SYNTHETIC]
    assert DIGITAL_SOURCE_TYPE == SYNTHETIC
    assert len(list(root.iter())) == 3
    assert len(SYNTHETIC_PACKET) < 500


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_marked_passes(format: Any, encode: Any) -> None:
    for options in ({}, {"icc_profile": SRGB}):
        marked = mark_as_synthetic(encode(format, **options), format)
        check_mark(marked)
        assert xmp_packets(marked) == [SYNTHETIC_PACKET]


@pytest.mark.parametrize("format", FORMATS)
def test_packets_that_readers_disagree_about_do_not_pass(format: Any, encode: Any) -> None:
    passed = set()
    for name, image in placed(format, encode(format, icc_profile=SRGB), SYNTHETIC):
        try:
            check_mark(image)
        except UnmarkedResultError:
            continue
        passed.add(name)
    assert {"attribute", "element", "wrapped"} <= passed <= USUAL


@pytest.mark.parametrize("format", FORMATS)
def test_another_value_or_none_does_not_pass(format: Any, encode: Any) -> None:
    plain = encode(format, icc_profile=SRGB)
    with pytest.raises(UnmarkedResultError, match="0 XMP packets"):
        check_mark(plain)
    for packet in packets(CAPTURE).values():
        with pytest.raises(UnmarkedResultError):
            check_mark(with_packet(format, plain, packet))


def test_entities_are_not_expanded(encode: Any) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "ha"}">' for i in range(12))
    bomb = f"<!DOCTYPE x [{entities}]><x>&e11;</x>".encode()
    with pytest.raises(UnmarkedResultError, match="cannot be parsed"):
        check_mark(with_packet("png", encode("png"), bomb))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_damaged_results_pass_or_are_refused(data: Any, format: Any, encode: Any) -> None:
    encoded = bytearray(mark_as_synthetic(encode(format), format))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_mark(bytes(encoded[: data.draw(st.integers(0, len(encoded)))]))
    except UnmarkedResultError:
        return
    assert SYNTHETIC.encode() in encoded


@pytest.mark.parametrize("format", FORMATS)
def test_reading_back_takes_at_most_a_third_of_a_millisecond(format: Any, encode: Any) -> None:
    marked = mark_as_synthetic(encode(format), format)
    assert min(timeit.repeat(lambda: check_mark(marked), number=10, repeat=20)) / 10 < 0.0003
