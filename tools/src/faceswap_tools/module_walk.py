"""Walk of one swap through the modules of the three Python steps: `python -m faceswap_tools.module_walk [--show]`.

Counts how often a reader who follows one request changes modules. The steps run with the served networks and a fake of
Triton's Python API; every function of our packages counts when it is entered for the first time in a step. Consecutive
functions of one module are one stay; a return is a stay in a module that was visited before.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import onnxruntime
from faceswap_contract.names import ALIGN_FACES, DECODE_IMAGES, NETWORKS, PASTE_FACES, SOURCE_IMAGE, TARGET_IMAGE
from faceswap_models.checkout import Checkout
from PIL import Image

from faceswap_tools.fakes import python_backend
from faceswap_tools.photographs import astronaut

PACKAGE = re.compile(r"/(faceswap_(?:core|contract)/.+)\.py$")


@dataclass(frozen=True, slots=True)
class Walk:
    """One step.

    modules: in the order in which their functions are first entered, each stay once.
    """

    step: str
    modules: tuple[str, ...]

    @property
    def stays(self) -> int:
        """How often the module changes, the first included."""
        return len(self.modules)

    @property
    def rooms(self) -> int:
        """Different modules."""
        return len(set(self.modules))

    @property
    def returns(self) -> int:
        """Stays in a module that was visited before."""
        return self.stays - self.rooms


class Ensemble:
    """`face_swap` without Triton: its steps and networks, one after another, by the maps of its config."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._config = (repository / "face_swap" / "config.pbtxt").read_text()
        self._tensors: dict[str, python_backend.Tensor] = {}

    def send(self, name: str, encoded: bytes) -> None:
        """Gives an input of the request."""
        self._tensors[name] = python_backend.Tensor(name, np.array([encoded], dtype=np.object_))

    def run(self) -> tuple[Walk, ...]:
        """Runs every model in the config's order; returns the walks of the steps."""
        models = re.findall(r'model_name: "(\w+)"', self._config)
        return tuple(walk for name in models if (walk := self._run_model(name)) is not None)

    def _run_model(self, name: str) -> Walk | None:
        if name not in NETWORKS:
            return self._step(name)
        path = self._repository / name / "1" / "model.onnx"
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        known = {entry.name for entry in session.get_inputs()}
        inputs = {key: tensor.as_numpy() for key, tensor in self._inputs(name).items() if key in known}
        wanted = self._map(name, "output")
        for tensor, value in zip(wanted.values(), session.run(list(wanted), inputs), strict=True):
            self._tensors[tensor] = python_backend.Tensor(tensor, value)
        return None

    def _step(self, name: str) -> Walk:
        model: Any = importlib.import_module(f"faceswap_core.triton.{name}").TritonPythonModel()
        model.initialize({"model_name": name, "model_repository": str(self._repository / name)})
        model.finalize()  # ends the housekeeping thread
        outputs = self._map(name, "output")
        request = python_backend.InferenceRequest(self._inputs(name), list(outputs), {})
        with _entered_functions() as entered:
            (response,) = model.execute([request])
        if response.error is not None:
            raise RuntimeError(f"{name}: {response.error.message}")
        for tensor in response.output_tensors:
            self._tensors[outputs[tensor.name()]] = tensor
        return Walk(name, _stays(entered))

    def _inputs(self, name: str) -> dict[str, python_backend.Tensor]:
        return {key: self._tensors[value] for key, value in self._map(name, "input").items() if value in self._tensors}

    def _map(self, name: str, kind: str) -> dict[str, str]:
        """Names of a model's tensors to names in the ensemble."""
        after = self._config.split(f'model_name: "{name}"', 1)[1].split("model_name:", 1)[0]
        return dict(re.findall(rf'{kind}_map {{ key: "(\w+)" value: "(\w+)" }}', after))


@contextmanager
def _entered_functions() -> Iterator[list[CodeType]]:
    """Code of every Python function that this thread enters, in order."""
    entered: list[CodeType] = []

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            entered.append(frame.f_code)

    sys.setprofile(look)
    try:
        yield entered
    finally:
        sys.setprofile(None)


def _stays(entered: list[CodeType]) -> tuple[str, ...]:
    modules: list[str] = []
    for code in dict.fromkeys(entered):
        found = PACKAGE.search(code.co_filename)
        if found and (not modules or modules[-1] != found[1]):
            modules.append(found[1])
    return tuple(modules)


def walk_one_swap(repository: Path) -> tuple[Walk, ...]:
    """The walks of one swap of a JPEG with one face into itself; `repository` is laid out for serving."""
    python_backend.install()
    ensemble = Ensemble(repository)
    with Image.open(astronaut()) as image, io.BytesIO() as buffer:
        image.convert("RGB").save(buffer, "JPEG", quality=95)
        jpeg = buffer.getvalue()
    ensemble.send(SOURCE_IMAGE, jpeg)
    ensemble.send(TARGET_IMAGE, jpeg)
    with tempfile.TemporaryDirectory(prefix="module-walk-", dir="/dev/shm") as folder:
        os.environ["FACESWAP_FRAMES_DIRECTORY"] = folder
        walks = ensemble.run()
    steps = tuple(walk.step for walk in walks)
    if steps != (DECODE_IMAGES, ALIGN_FACES, PASTE_FACES):
        raise RuntimeError(f"the ensemble has other steps: {steps}")
    return walks


def main() -> int:
    """Prints a table; with `--show` the modules too."""
    parser = argparse.ArgumentParser(prog="python -m faceswap_tools.module_walk", description=__doc__)
    parser.add_argument("--show", action="store_true", help="print the modules in order")
    parser.add_argument("--repository", type=Path, default=Checkout.find().served_repository)
    chosen = parser.parse_args()
    sys.stdout.write("| step | stays | modules | returns |\n|---|---|---|---|\n")
    for walk in walk_one_swap(chosen.repository):
        sys.stdout.write(f"| `{walk.step}` | {walk.stays} | {walk.rooms} | {walk.returns} |\n")
        if chosen.show:
            sys.stdout.write("".join(f"    {module}\n" for module in walk.modules))
    return 0


if __name__ == "__main__":
    sys.exit(main())
