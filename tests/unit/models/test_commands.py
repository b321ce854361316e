"""`make pack`, `make models`, `make gate`, `make offline`: which pack and gate a checkout serves afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from faceswap_models.checkout import Checkout
from faceswap_models.content_gate.__main__ import app as gate
from faceswap_models.layout import served_pack
from faceswap_models.offline.pack import prepare_offline_pack
from faceswap_models.pack_manifest import MANIFEST, installed_pack
from faceswap_models.packs import main as pack
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def offline_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_offline_pack(tmp_path_factory.mktemp("packs") / "offline")


@pytest.fixture
def checkout(offline_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout with the offline pack, and the same networks as a pack called `insightface`."""
    shutil.copytree(Checkout.find().model_repository, tmp_path / "model_repository")
    made = Checkout(tmp_path)
    for name in ("offline", "insightface"):
        shutil.copytree(offline_pack, made.packs / name)
    manifest = json.loads((made.packs / "insightface" / MANIFEST).read_text())
    (made.packs / "insightface" / MANIFEST).write_text(json.dumps(manifest | {"pack": "insightface"}))
    monkeypatch.setattr(Checkout, "find", classmethod(lambda _: made))
    return made


def gate_command(*arguments: str) -> None:
    ended = CliRunner().invoke(gate, list(arguments))
    assert ended.exit_code == 0, ended.output


def gate_settings(repository: Path) -> dict[str, object] | None:
    file = repository / "content_gate" / "1" / "gate.json"
    return dict(json.loads(file.read_text())) if file.exists() else None


def test_the_first_time_it_is_the_offline_pack_and_later_the_chosen_one(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, served in (
        ([], "offline"),
        (["insightface"], "insightface"),
        ([], "insightface"),
        (["offline"], "offline"),
    ):
        assert pack(arguments) == 0
        assert capsys.readouterr().out == f"model pack: {served}\n"
        assert installed_pack(checkout.served_repository) == served_pack(checkout.served_repository) == served


def test_an_edited_config_is_served_after_make_pack(checkout: Checkout) -> None:
    pack([])
    config = checkout.model_repository / "det_10g" / "config.pbtxt"
    config.write_text(config.read_text() + "# edited\n")
    pack([])
    assert (checkout.served_repository / "det_10g" / "config.pbtxt").read_text().endswith("# edited\n")


def test_a_pack_of_version_0_1_is_refused_in_one_line_and_the_old_layout_stays(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(["offline"])
    file = checkout.packs / "insightface" / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 1}))
    assert pack(["insightface"]) == 1
    assert capsys.readouterr().err == (
        "pack: pack 'insightface' was prepared by another version; prepare it again: make models\n"
    )
    assert served_pack(checkout.served_repository) == "offline"


def test_an_offline_pack_of_version_0_1_is_built_again(checkout: Checkout) -> None:
    file = checkout.packs / "offline" / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 1}))
    assert pack([]) == 0
    assert json.loads(file.read_text())["format"] == 2


def test_a_gate_outlives_a_change_of_the_pack_until_it_is_turned_off(checkout: Checkout) -> None:
    pack([])
    assert gate_settings(checkout.served_repository) is None
    gate_command("stand-in", "--threshold", "0.7")
    for arguments in ([], ["insightface"], ["offline"]):
        settings = gate_settings(checkout.served_repository)
        assert settings is not None
        assert settings["name"] == "stand-in"
        pack(arguments)
    gate_command("off")
    assert gate_settings(checkout.served_repository) is None
    assert not checkout.content_gate.exists()
    pack(["insightface"])
    assert gate_settings(checkout.served_repository) is None


def test_another_output_does_not_change_what_is_served(checkout: Checkout, tmp_path: Path) -> None:
    pack(["offline"])
    gate_command("stand-in")
    assert pack(["insightface", "--output", str(tmp_path / "models")]) == 0
    assert installed_pack(tmp_path / "models") == "insightface"
    assert gate_settings(tmp_path / "models") is not None
    assert served_pack(checkout.served_repository) == "offline"


def test_a_pack_that_was_deleted_is_named(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    pack(["insightface"])
    capsys.readouterr()
    shutil.rmtree(checkout.packs / "insightface")
    assert pack([]) == 1
    assert (
        capsys.readouterr().err
        == f"pack: there is no pack in {checkout.packs / 'insightface'}; prepare it: make models\n"
    )
