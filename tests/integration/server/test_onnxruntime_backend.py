"""The Python-based onnxruntime backend on networks made for the purpose: batches, failures, instances, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from faceswap_server.triton import ServerSettings, ServerStartError, TritonServer
from faceswap_server.triton.statistics import read_statistics
from onnx import TensorProto, helper, numpy_helper
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

TABLE = np.array([10.0, 20.0, 30.0, 40.0], np.float32)


def looks_up(batch: str | None = "N") -> onnx.ModelProto:
    """table[index]; an index outside of the table makes the whole run fail."""
    shape: list[str | int | None] = [batch, 1] if batch else [1]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "index"], ["value"])],
        "lookup",
        [helper.make_tensor_value_info("index", TensorProto.INT32, shape)],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(TABLE, "table")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


CONFIG = """
name: "lookup"
backend: "onnxruntime"
max_batch_size: 8
input [ { name: "index" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "value" data_type: TYPE_FP32 dims: [ 1 ] } ]
dynamic_batching { max_queue_delay_microseconds: 300000 }
"""

Starter = Callable[[str], TritonServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    running: list[TritonServer] = []

    def starter(config: str) -> TritonServer:
        folder = tmp_path / "repository" / "lookup"
        (folder / "1").mkdir(parents=True)
        (folder / "config.pbtxt").write_text(config)
        onnx.save(looks_up(), folder / "1" / "model.onnx")
        server = TritonServer(ServerSettings(tmp_path / "repository", log=tmp_path / "server.log"))
        running.append(server)
        server.start()
        return server

    yield starter
    for server in running:
        server.stop()


def look_up(client: InferenceServerClient, indexes: list[int]) -> list[float]:
    tensor = InferInput("index", [len(indexes), 1], "INT32")
    tensor.set_data_from_numpy(np.array(indexes, np.int32).reshape(-1, 1))
    values: list[float] = client.infer("lookup", [tensor]).as_numpy("value").reshape(-1).tolist()
    return values


def test_one_failing_request_does_not_fail_its_neighbours_in_the_batch(start: Starter) -> None:
    server = start(CONFIG)
    asked = [[0], [99], [3, 1], [2]]

    def ask(indexes: list[int]) -> list[float] | str:
        try:
            return look_up(client, indexes)
        except InferenceServerException as error:
            return str(error.message())

    with InferenceServerClient(server.grpc_address) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, asked))
    assert [answers[0], answers[2], answers[3]] == [[10.0], [40.0, 20.0], [30.0]]
    assert "INTERNAL: the network failed" in answers[1]
    assert "Gather" not in answers[1], "onnxruntime's own words stay in the log"
    assert read_statistics(server.http_url)["lookup"].executions == 1, "Triton handed all four over together"


def stubs(server: TritonServer) -> list[psutil.Process]:
    family = psutil.Process(server.pid).children(recursive=True)
    return [process for process in family if "triton_python_backend_stub" in " ".join(process.cmdline())]


def test_instance_group_and_thread_count_are_honoured(start: Starter) -> None:
    extra = 'instance_group [ { kind: KIND_CPU count: 3 } ]\nparameters { key: "intra_op_thread_count" value { %s } }'
    server = start(CONFIG + extra % 'string_value: "6"')
    assert len(stubs(server)) == 3
    with_six = min(process.num_threads() for process in stubs(server))
    server.stop()
    config = server.settings.repository / "lookup" / "config.pbtxt"
    config.write_text(CONFIG + extra % 'string_value: "1"')
    server.start()
    with_one = min(process.num_threads() for process in stubs(server))
    assert with_six - with_one == 5, "onnxruntime keeps one thread fewer than asked for beside the caller's"


def test_a_large_batch_is_run_in_parts(start: Starter) -> None:
    extra = 'parameters { key: "rows_per_run" value { string_value: "%s" } }'
    server = start(CONFIG + extra % "2")
    with InferenceServerClient(server.grpc_address) as client:
        assert look_up(client, [3, 1, 2, 0, 3]) == [40.0, 20.0, 30.0, 10.0, 40.0]
        with pytest.raises(InferenceServerException, match="INTERNAL: the network failed"):
            look_up(client, [0, 1, 2, 3, 99])  # the fault is in the last part
    server.stop()
    (server.settings.repository / "lookup" / "config.pbtxt").write_text(CONFIG + extra % "0")
    with pytest.raises(ServerStartError, match="'rows_per_run' must be a whole number above 0"):
        server.start()


def test_a_wrong_shape_is_refused(start: Starter) -> None:
    server = start(CONFIG)
    with InferenceServerClient(server.grpc_address) as client, pytest.raises(InferenceServerException) as caught:
        tensor = InferInput("index", [1, 2], "INT32")
        tensor.set_data_from_numpy(np.zeros((1, 2), np.int32))
        client.infer("lookup", [tensor])
    assert "index" in str(caught.value)
