"""`faceswap verify` on what the server made, and on what it did not."""

from __future__ import annotations

import io
import json
from pathlib import Path

from faceswap_client import Client
from faceswap_client.cli import ExitCode, app
from faceswap_server.triton import TritonServer
from PIL import Image
from typer.testing import CliRunner


def test_swapped_images_are_recognised_and_others_are_not(server: TritonServer, portrait: Path, tmp_path: Path) -> None:
    with Client(server.grpc_address) as client:
        client.swap(portrait, portrait, output_format="jpeg").save(tmp_path / "swapped.jpg")
    run = CliRunner()
    marked = run.invoke(app, ["verify", str(tmp_path / "swapped.jpg")], standalone_mode=False)
    assert marked.return_value is None
    assert "marked as synthetic; C2PA none" in marked.output
    both = run.invoke(app, ["verify", "--json", str(tmp_path / "swapped.jpg"), str(portrait)], standalone_mode=False)
    assert [entry["synthetic"] for entry in json.loads(both.output)] == [True, False]
    assert both.return_value == ExitCode.UNMARKED


def test_a_re_saved_image_has_lost_its_mark(server: TritonServer, portrait: Path, tmp_path: Path) -> None:
    with Client(server.grpc_address) as client:
        swapped = client.swap(portrait, portrait).image
    with Image.open(io.BytesIO(swapped)) as image:
        image.convert("RGB").save(tmp_path / "resaved.jpg")
    answer = CliRunner().invoke(app, ["verify", str(tmp_path / "resaved.jpg")], standalone_mode=False)
    assert answer.return_value == ExitCode.UNMARKED
    assert "no mark in XMP" in answer.output
