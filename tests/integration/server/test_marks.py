"""Every swapped image says in its metadata that it is synthetic, and says it to tools that are not ours."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from faceswap_client import Client
from faceswap_server.triton import TritonServer
from PIL import Image

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


def test_the_targets_own_xmp_is_kept(client: Client, portrait: Path) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>a test</dc:format>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    buffer = io.BytesIO()
    with Image.open(portrait) as image:
        image.convert("RGB").save(buffer, "JPEG", xmp=packet.encode())
    marked = xmp(client.swap(portrait, buffer.getvalue()).image)
    assert "a test" in marked
    assert SYNTHETIC in marked


def test_an_image_in_which_nothing_was_swapped_is_not_marked(client: Client, portrait: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    result = client.swap(portrait, buffer.getvalue(), on_no_face="passthrough", output_format="webp")
    assert xmp(result.image) == ""
