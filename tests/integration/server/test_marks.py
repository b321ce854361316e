"""Every swapped image says in its metadata that it is synthetic, and says it to tools that are not ours."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from faceswap_client import Client
from faceswap_client.images.verification import verify_image
from faceswap_server.triton import TritonServer
from PIL import Image, ImageCms
from support.hostile_xmp import CAPTURE, packets, with_packet

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@pytest.fixture(scope="module")
def client(server: TritonServer) -> Client:
    return Client(server.grpc_address)


def xmp(encoded: bytes) -> str:
    with Image.open(io.BytesIO(encoded)) as image:
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return packet.decode() if isinstance(packet, bytes) else str(packet)


@pytest.mark.parametrize("fmt", ["jpeg", "png", "webp"])
def test_a_swapped_image_is_marked(fmt: str, client: Client, portrait: Path, tmp_path: Path) -> None:
    result = client.swap(portrait, portrait, output_format=fmt)  # type: ignore[arg-type]
    assert SYNTHETIC in xmp(result.image)
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed (Debian and Ubuntu: apt-get install libimage-exiftool-perl)")
    path = tmp_path / f"x.{fmt}"
    result.save(path)
    read = subprocess.run(["exiftool", "-json", "-n", path], capture_output=True, text=True, check=True)
    assert json.loads(read.stdout)[0]["DigitalSourceType"] == SYNTHETIC


@pytest.mark.parametrize(
    "name", ["attribute", "second RDF, empty first", "nested Description", "typed node", "in utf-16-le"]
)
@pytest.mark.parametrize("fmt", ["jpeg", "png", "webp"])
def test_the_targets_own_xmp_does_not_touch_the_mark(fmt: str, name: str, client: Client, portrait: Path) -> None:
    buffer = io.BytesIO()
    with Image.open(portrait) as image:
        image.convert("RGB").save(buffer, fmt, icc_profile=SRGB)
    result = client.swap(portrait, with_packet(fmt, buffer.getvalue(), packets(CAPTURE)[name]))
    found = verify_image(result.image)
    assert (found.format, found.digital_source_type) == (fmt, SYNTHETIC)
    assert "ambiguous" not in " ".join(found.problems)
    assert b"urn:my" not in result.image
    assert xmp(result.image).count("DigitalSourceType=") == 1


def test_an_image_in_which_nothing_was_swapped_is_not_marked(client: Client, portrait: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    result = client.swap(portrait, buffer.getvalue(), on_no_face="passthrough", output_format="webp")
    assert xmp(result.image) == ""
