"""Results of a server with a key, read back by tools that are not ours, and by ours."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import Client, ServerError
from faceswap_client.cli import ExitCode, app
from faceswap_client.images.verification import verify_image
from faceswap_contract.version import __version__
from faceswap_core.provenance.c2pa.development_chain import new_development_chain
from integration.server.conftest import StrictServer
from PIL import Image
from typer.testing import CliRunner

SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
FORMATS = ["jpeg", "png", "webp"]


@pytest.fixture(scope="module")
def results(strict: StrictServer, portrait: Path) -> dict[str, bytes]:
    """One swap in each format, from a PNG."""
    with Client(strict.address, remember_sources=0) as client:
        return {fmt: client.swap(portrait, portrait, output_format=fmt).image for fmt in FORMATS}  # type: ignore[arg-type]


@pytest.mark.parametrize("fmt", FORMATS)
def test_c2pas_own_reader_trusts_it_under_our_root(fmt: str, results: dict[str, bytes], strict: StrictServer) -> None:
    import c2pa

    context = c2pa.Context.from_dict({"trust": {"trust_anchors": strict.chain.root_pem.decode()}})
    with c2pa.Reader(f"image/{fmt}", io.BytesIO(results[fmt]), context=context) as reader:
        assert reader.get_validation_state() == "Trusted"
        manifest = reader.get_active_manifest()
    actions = manifest["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    parts = {(part["title"], part["relationship"], part["format"]) for part in manifest["ingredients"]}
    assert parts == {("target", "parentOf", "image/png"), ("source 1", "componentOf", "image/png")}
    assert "thumbnail" not in json.dumps(manifest)


@pytest.mark.parametrize("fmt", FORMATS)
def test_exiftool_reads_mark_and_manifest(fmt: str, results: dict[str, bytes], tmp_path: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed (Debian and Ubuntu: apt-get install libimage-exiftool-perl)")
    path = tmp_path / f"x.{fmt}"
    path.write_bytes(results[fmt])
    read = subprocess.run(["exiftool", "-json", "-n", "-G", path], capture_output=True, text=True, check=True)
    tags: dict[str, Any] = json.loads(read.stdout)[0]
    assert tags["XMP:DigitalSourceType"] == SYNTHETIC
    if fmt != "webp":  # exiftool 12.57 does not look into a WebP's C2PA chunk
        assert any("c2pa" in str(value) for name, value in tags.items() if name.startswith("JUMBF:"))


@pytest.mark.parametrize("fmt", FORMATS)
def test_verification_says_who_and_what(fmt: str, results: dict[str, bytes], strict: StrictServer) -> None:
    found = verify_image(results[fmt], strict.chain.root_pem)
    assert (found.c2pa_state, found.synthetic, found.problems) == ("trusted", True, ())
    assert found.signed_by == "faceswap-triton DEVELOPMENT, UNTRUSTED"
    assert found.generator == f"faceswap-triton {__version__}"
    assert [action.name for action in found.actions] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_one_changed_pixel_is_found(fmt: str, results: dict[str, bytes], strict: StrictServer) -> None:
    marker, offset = {"jpeg": (b"\xff\xda", 4000), "png": (b"IDAT", 4000), "webp": (b"VP8 ", 4000)}[fmt]
    at = results[fmt].rindex(marker) + 4000 if fmt == "jpeg" else results[fmt].index(marker) + offset
    tampered = results[fmt][:at] + bytes((results[fmt][at] ^ 1,)) + results[fmt][at + 1 :]
    found = verify_image(tampered, strict.chain.root_pem)
    assert found.c2pa_state == "invalid"
    assert any(problem.startswith("assertion.dataHash.mismatch") for problem in found.problems)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_stripped_manifest_is_absent(fmt: str, results: dict[str, bytes]) -> None:
    with Image.open(io.BytesIO(results[fmt])) as image:
        image.info = {}
        buffer = io.BytesIO()
        image.save(buffer, fmt)
    found = verify_image(buffer.getvalue())
    assert (found.c2pa_state, found.synthetic) == ("none", False)


def test_somebody_elses_root_does_not_vouch_for_it(results: dict[str, bytes]) -> None:
    found = verify_image(results["jpeg"], new_development_chain().root_pem)
    assert found.c2pa_state == "valid"
    assert [problem.partition(":")[0] for problem in found.problems] == ["signingCredential.untrusted"]


def test_the_command_line_tells_all_four_states(
    results: dict[str, bytes], strict: StrictServer, portrait: Path, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(strict.chain.root_pem)
    good, bad = results["jpeg"], results["jpeg"][:-1]
    (tmp_path / "good.jpg").write_bytes(good)
    (tmp_path / "bad.jpg").write_bytes(bad)

    def verify(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["verify", *arguments], standalone_mode=False)

    trust = ["--trust", str(tmp_path / "root.pem")]
    trusted = verify(str(tmp_path / "good.jpg"), *trust)
    assert "C2PA trusted; signed by faceswap-triton DEVELOPMENT, UNTRUSTED" in trusted.output
    assert "actions c2pa.opened, c2pa.placed, c2pa.edited" in trusted.output
    assert "C2PA valid" in verify(str(tmp_path / "good.jpg")).output
    tampered = verify(str(tmp_path / "bad.jpg"), *trust)
    assert ("C2PA invalid" in tampered.output, tampered.return_value) == (True, ExitCode.TAMPERED)
    unmarked = verify(str(portrait), *trust)
    assert ("C2PA none" in unmarked.output, unmarked.return_value) == (True, ExitCode.UNMARKED)


def test_a_signed_target_keeps_its_history(results: dict[str, bytes], strict: StrictServer, portrait: Path) -> None:
    with Client(strict.address) as client:
        again = client.swap(portrait, results["jpeg"]).image
    found = verify_image(again, strict.chain.root_pem)
    assert (found.c2pa_state, found.manifests) == ("trusted", 2)
    assert {part.relationship: part.signed for part in found.ingredients} == {"parentOf": True, "componentOf": False}


def test_a_source_that_came_as_an_embedding_is_declared_too(strict: StrictServer, portrait: Path) -> None:
    with Client(strict.address) as client:
        image = client.swap(client.identity(portrait), portrait).image
    found = verify_image(image, strict.chain.root_pem)
    assert found.c2pa_state == "trusted"
    assert {part.relationship for part in found.ingredients} == {"parentOf", "componentOf"}
    assert "c2pa.placed" in [action.name for action in found.actions]


def test_an_image_in_which_nothing_was_swapped_is_neither_signed_nor_labelled(
    strict: StrictServer, portrait: Path
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(buffer, "PNG")
    with Client(strict.address) as client:
        result = client.swap(portrait, buffer.getvalue(), on_no_face="passthrough", output_format="webp")
        same = client.swap(portrait, buffer.getvalue(), on_no_face="passthrough")
    assert (verify_image(result.image).c2pa_state, verify_image(result.image).xmp_mark) == ("none", False)
    assert int(np.ptp(result.to_array())) <= 2
    assert same.image == buffer.getvalue()


def test_without_the_key_service_no_result_is_handed_out(strict: StrictServer, portrait: Path) -> None:
    with Client(strict.address) as client:
        strict.away.touch()
        try:
            with pytest.raises(ServerError) as caught:
                client.swap(portrait, portrait)
        finally:
            strict.away.unlink()
        assert caught.value.code == "SIGNING_FAILED"
        assert "key service" not in caught.value.message
        assert client.swap(portrait, portrait).faces[0].swapped
