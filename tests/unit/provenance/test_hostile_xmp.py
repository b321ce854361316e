"""No target switches the mark of its result off: every hostile packet, in every place, read by exiftool and exempi."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from faceswap_client.images.verification import verify_image
from faceswap_core.limits import Limits
from faceswap_core.options import Options
from faceswap_core.provenance.result_marks import ResultMarks
from faceswap_core.steps.decode_images import decode_images
from faceswap_core.steps.paste_faces import UNSIGNED, SwappedCrops, paste_faces
from PIL import ImageCms
from support.hostile_xmp import CAPTURE, SYNTHETIC, packets, placed

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = ["jpeg", "png", "webp"]
CROP = SwappedCrops(np.full((1, 128, 128, 3), 90, np.uint8), np.array([[[2.0, 0, 0], [0, 2.0, 0]]]), 1)


def swapped(target: bytes, marks: ResultMarks = UNSIGNED) -> bytes:
    """The result of a swap in that target, by the steps themselves."""
    decoded = decode_images(None, [target], Limits(), keep_target=True).target
    assert decoded is not None
    return paste_faces(decoded, CROP, Options(), marks=marks)


@pytest.mark.parametrize("format", FORMATS)
def test_every_reader_finds_the_mark_whatever_the_target_says(format: Any, encode: Any, source_types_seen: Any) -> None:
    targets = dict(placed(format, encode(format, icc_profile=SRGB), CAPTURE))
    assert len(targets) >= 21
    results = {name: swapped(target) for name, target in targets.items()}
    seen = source_types_seen(format, results)
    assert {name: found for name, found in seen.items() if found != [SYNTHETIC, SYNTHETIC]} == {}
    assert [name for name, result in results.items() if not verify_image(result).xmp_mark] == []
    for result in results.values():
        assert b"urn:my" not in result
        assert b"digitalCapture" not in result


@pytest.mark.parametrize("format", FORMATS)
def test_the_client_says_marked_only_where_every_reader_does(format: Any, encode: Any, source_types_seen: Any) -> None:
    images = dict(placed(format, encode(format, icc_profile=SRGB), SYNTHETIC))
    seen = source_types_seen(format, images)
    found = {name: verify_image(image) for name, image in images.items()}
    marked = {name for name, each in found.items() if each.xmp_mark}
    assert marked >= {"attribute", "element", "resource", "no xmpmeta", "wrapped"}
    assert {name: seen[name] for name in marked if seen[name] != [SYNTHETIC, SYNTHETIC]} == {}
    for name, each in found.items():
        if name not in marked and any(SYNTHETIC in read for read in seen[name]):
            assert "ambiguous" in " ".join(each.problems), name


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
def test_a_packet_inside_the_colour_profile_does_not_come_along(format: Any, encoding: str, encode: Any) -> None:
    """Readers that search a file for a packet, in place of following its chunks, would find it before ours."""
    packet = packets(CAPTURE)["wrapped"].decode().encode(encoding)
    size = (len(SRGB) + len(packet)).to_bytes(4, "big")
    profile = size + SRGB[4:] + packet
    result = swapped(encode(format, icc_profile=profile))
    assert packet not in result
    assert SYNTHETIC.encode() in result
    assert SRGB in swapped(encode("jpeg", icc_profile=SRGB)), "others do come along"


@pytest.mark.parametrize("format", FORMATS)
def test_a_signed_result_is_marked_too(format: Any, encode: Any, source_types_seen: Any) -> None:
    """The target's own manifest, which comes along as the history, has a hostile packet in a thumbnail."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    pytest.importorskip("cryptography", reason="cryptography is not installed (make setup): no development chain")
    from faceswap_core.provenance.c2pa.development_chain import new_development_chain
    from faceswap_core.provenance.c2pa.signing import ManifestSigner

    chain = new_development_chain()
    signer = ManifestSigner(chain.chain_pem, chain.key_pem, product=(packets(CAPTURE)["wrapped"].decode(), "1"))
    plain = encode(format, icc_profile=SRGB)
    target = signer.sign(plain, format, plain, format, [])
    assert b"digitalCapture" in target
    result = swapped(target, ResultMarks(ManifestSigner(chain.chain_pem, chain.key_pem)))
    assert source_types_seen(format, {"signed": result})["signed"] == [SYNTHETIC, SYNTHETIC]
    found = verify_image(result)
    assert (found.xmp_mark, found.c2pa_state, found.manifests) == (True, "valid", 2)
