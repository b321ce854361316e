"""Cost of an ensemble step: a frame through a Python step that does nothing.

    python -m faceswap_tools.benchmarks.hop_cost

One server holds two ensembles around a step that gives its tensor back, once and three times. What one more hop adds
is half the difference, in latency and in CPU of tritonserver and of the step. The last step answers with
the frame's size only, so sending the answer is no part of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from faceswap_server.triton import ServerSettings, TritonServer
from rich.console import Console
from tritonclient.utils import np_to_triton_dtype

from faceswap_tools.benchmarks.pairing import summary
from faceswap_tools.benchmarks.server_processes import ServerProcesses
from faceswap_tools.benchmarks.table import Row, print_rows
from faceswap_tools.command_line import no_options

FRAMES = {"1080p, 6.2 MB": 1080 * 1920 * 3, "12 MP, 36 MB": 3000 * 4000 * 3}
HOPS = (1, 3)
BLOCKS, REQUESTS = 6, 10

_MODEL = """import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        frame = pb_utils.get_input_tensor_by_name(request, "{input}").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("{output}", {value})])
"""
_CONFIG = """backend: "python"
max_batch_size: 0
input [ {{ name: "{input}" data_type: {input_type} dims: [ -1 ] }} ]
output [ {{ name: "{output}" data_type: {output_type} dims: [ -1 ] }} ]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
"""
_STEPS = {
    # a frame is made in the server, so that receiving it is no part of the measurement either
    "make_frame": ("size", "frame", "TYPE_INT64", "TYPE_UINT8", "np.zeros(int(frame[0]), np.uint8)"),
    "release": ("frame", "same_frame", "TYPE_UINT8", "TYPE_UINT8", "frame"),
    "take_frame": ("frame", "size", "TYPE_UINT8", "TYPE_INT64", "np.array([frame.size])"),
}


def write_repository(directory: Path) -> Path:
    """Models and one ensemble per number of hops."""
    for name, (source, result, source_type, result_type, value) in _STEPS.items():
        (directory / name / "1").mkdir(parents=True)
        (directory / name / "1" / "model.py").write_text(_MODEL.format(input=source, output=result, value=value))
        config = _CONFIG.format(input=source, output=result, input_type=source_type, output_type=result_type)
        (directory / name / "config.pbtxt").write_text(f'name: "{name}"\n{config}')
    for hops in HOPS:
        (directory / f"hops_{hops}" / "1").mkdir(parents=True)
        (directory / f"hops_{hops}" / "config.pbtxt").write_text(_ensemble(hops))
    return directory


def _ensemble(hops: int) -> str:
    steps = [_step("make_frame", "size", "SIZE", "frame", "frame_0")]
    steps += [_step("release", "frame", f"frame_{n}", "same_frame", f"frame_{n + 1}") for n in range(hops)]
    steps.append(_step("take_frame", "frame", f"frame_{hops}", "size", "RESULT"))
    joined = ",\n".join(steps)
    return (
        f'name: "hops_{hops}"\nplatform: "ensemble"\nmax_batch_size: 0\n'
        'input [ { name: "SIZE" data_type: TYPE_INT64 dims: [ 1 ] } ]\n'
        'output [ { name: "RESULT" data_type: TYPE_INT64 dims: [ 1 ] } ]\n'
        f"ensemble_scheduling {{ step [\n{joined}\n] }}\n"
    )


def _step(model: str, source: str, source_value: str, result: str, result_value: str) -> str:
    return (
        f'{{ model_name: "{model}" model_version: -1 '
        f'input_map {{ key: "{source}" value: "{source_value}" }} '
        f'output_map {{ key: "{result}" value: "{result_value}" }} }}'
    )


def measure(environment: dict[str, str] | None = None, label: str = "") -> list[Row]:
    """Rows for each frame size: milliseconds one hop adds, and CPU milliseconds of server and step."""
    from tritonclient import grpc  # noqa: PLC0415  (slow to import)

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        repository = write_repository(Path(directory) / "repository")
        log = Path(directory) / "server.log"
        with TritonServer(ServerSettings(repository, log=log, environment=environment or {})) as server:
            processes = ServerProcesses(server.pid, frozenset(_STEPS))
            client = grpc.InferenceServerClient(server.grpc_address)
            for frame, size in FRAMES.items():
                tensor = grpc.InferInput("SIZE", [1], np_to_triton_dtype(np.int64))
                tensor.set_data_from_numpy(np.array([size], np.int64))
                ways = {hops: partial(client.infer, f"hops_{hops}", [tensor]) for hops in HOPS}
                rows += _rows(f"one more hop{label}, {frame}", ways, processes)
            client.close()
    return rows


def _rows(name: str, ways: Mapping[int, Callable[[], object]], processes: ServerProcesses) -> list[Row]:
    """Interleaved blocks of requests: the processes' CPU time is counted in ticks of 10 ms."""
    took: dict[int, list[float]] = {hops: [] for hops in ways}
    spent: dict[int, list[float]] = {hops: [] for hops in ways}
    for block in range(BLOCKS + 1):
        for hops, way in ways.items():
            before, times = processes.cpu().total, []
            for _ in range(REQUESTS):
                began = time.perf_counter()
                way()
                times.append((time.perf_counter() - began) * 1e3)
            if block:  # the first one grows shared memory
                took[hops] += times
                spent[hops].append((processes.cpu().total - before) * 1e3 / REQUESTS)
    few, many = HOPS
    rows = []
    for unit, values in (("ms", took), ("CPU ms", spent)):
        less, more = summary(values[few]), summary(values[many])
        each = (more.median - less.median) / (many - few)
        rows.append(Row(name, each, (more.spread + less.spread) / (many - few), unit))
    return rows


def main() -> int:
    """Prints the table, with glibc's own settings and with its pages kept (see config_variants.KEEP_PAGES)."""
    from faceswap_tools.benchmarks.config_variants import KEEP_PAGES  # noqa: PLC0415

    no_options("faceswap_tools.benchmarks.hop_cost", __doc__)
    rows = measure() + measure(dict(KEEP_PAGES), ", malloc keeps pages")
    console = Console(width=120, markup=False, emoji=False)
    print_rows("What a frame costs on its way through one more Python step", rows, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
