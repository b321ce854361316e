"""Stub model repository: a `face_swap` that only waits, to test and measure what surrounds it.

Its answer is the target as it came and one face said to be swapped. It starts in a second and needs no model pack.
"""

from __future__ import annotations

import json
from pathlib import Path

_CONFIG = """name: "face_swap"
backend: "python"
max_batch_size: 0
input [
  {{ name: "SOURCE_IMAGE" data_type: TYPE_STRING dims: [ -1 ] }},
  {{ name: "TARGET_IMAGE" data_type: TYPE_STRING dims: [ 1 ] }}
]
output [
  {{ name: "SWAPPED_IMAGE" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "FACES" data_type: TYPE_STRING dims: [ 1 ] }}
]
instance_group [ {{ kind: KIND_CPU count: {instances} }} ]
"""

_MODEL = """import os
import signal
import time

import numpy as np
import triton_python_backend_utils as pb_utils

FACES = np.array([{faces!r}], dtype=object)
DEADLY = {deadly!r}


class TritonPythonModel:
    def execute(self, requests):
        time.sleep({seconds} * len(requests))
        answers = []
        for request in requests:
            target = pb_utils.get_input_tensor_by_name(request, "TARGET_IMAGE").as_numpy()
            if DEADLY and DEADLY in target[0]:
                os.kill(os.getppid(), signal.SIGKILL)
            outputs = [pb_utils.Tensor("SWAPPED_IMAGE", target), pb_utils.Tensor("FACES", FACES)]
            answers.append(pb_utils.InferenceResponse(outputs))
        return answers
"""


def lay_out_stub_repository(
    directory: Path, *, seconds: float, instances: int = 1, swapped: bool = True, deadly: bytes = b""
) -> Path:
    """Writes the repository; returns `directory`.

    Args:
        directory: where; made if need be.
        seconds: how long each swap takes.
        instances: how many swaps run at once.
        swapped: False makes a server that answers but swaps nothing.
        deadly: a target that holds these bytes kills tritonserver.
    """
    face = {
        "index": 0,
        "box": [10.0, 10.0, 90.0, 90.0],
        "score": 0.9,
        "landmarks": [[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 75.0], [65.0, 75.0]],
    }
    target = {**face, "swapped": swapped, "source": 0 if swapped else None, "source_face": 0 if swapped else None}
    source = {**face, "width": 100, "height": 100, "faces": 1}
    faces = json.dumps({"width": 100, "height": 100, "faces": [target], "sources": [source]}).encode()
    version = directory / "face_swap" / "1"
    version.mkdir(parents=True, exist_ok=True)
    (version.parent / "config.pbtxt").write_text(_CONFIG.format(instances=instances))
    (version / "model.py").write_text(_MODEL.format(faces=faces, seconds=seconds, deadly=deadly))
    return directory
