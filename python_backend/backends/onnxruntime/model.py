"""Triton backend `onnxruntime` in Python, for the Triton of the wheel, which comes without the native backend.

Triton loads a backend directory that holds `model.py` for every model whose config says
`backend: "onnxruntime"`. In the container the native backend takes its place; the same `config.pbtxt` serves
on both. What a config asks for and this backend cannot do is refused at load time, in one line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from faceswap_core.triton.server_death import end_with_server
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

# Parameters of the native backend. Those for GPUs have no effect on a CPU instance there, so they have none here.
SESSION_OPTIONS = {
    "intra_op_thread_count": "intra_op_num_threads",
    "inter_op_thread_count": "inter_op_num_threads",
    "execution_mode": "execution_mode",
    "enable_mem_arena": "enable_cpu_mem_arena",
    "enable_mem_pattern": "enable_mem_pattern",
}
GPU_ONLY = {"cudnn_conv_algo_search", "gpu_mem_limit", "arena_extend_strategy", "do_copy_in_default_stream"}
RUN_OPTIONS = {"memory.enable_memory_arena_shrinkage"}
# Parameter of this backend only (the native one ignores it): the most rows of one run. On a CPU a row costs the same in
# any batch, but a network's memory grows with the rows of one run and is kept.
ROWS_PER_RUN = "rows_per_run"
GRAPH_LEVELS = {
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    0: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
UNSUPPORTED = ("sequence_batching", "optimization.execution_accelerators", "model_operations", "ensemble_scheduling")


class ConfigError(Exception):
    """The config asks for something that this backend does not support."""


def session_options(config: dict[str, Any]) -> onnxruntime.SessionOptions:
    """Turns `parameters` and `optimization.graph` of a model config into session options.

    Keys beginning with `session.` go to onnxruntime as they are (the native backend ignores most of them).

    Raises:
        ConfigError: an unknown parameter, or one whose value is not a number.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    if level not in GRAPH_LEVELS:
        raise ConfigError(f"optimization.graph.level {level} is not one of {sorted(GRAPH_LEVELS)}")
    options.graph_optimization_level = GRAPH_LEVELS[level]
    for key, holder in config.get("parameters", {}).items():
        value = holder.get("string_value", "")
        if key in SESSION_OPTIONS:
            _set_option(options, key, value)
        elif key.startswith("session."):
            options.add_session_config_entry(key, value)
        elif key not in GPU_ONLY and key not in RUN_OPTIONS and key != ROWS_PER_RUN:
            raise ConfigError(f"parameter '{key}' is unknown to the Python onnxruntime backend")
    return options


def _set_option(options: onnxruntime.SessionOptions, key: str, value: str) -> None:
    try:
        number = int(value)
    except ValueError:
        raise ConfigError(f"parameter '{key}' must be a whole number, not '{value}'") from None
    if key == "execution_mode":
        parallel, sequential = onnxruntime.ExecutionMode.ORT_PARALLEL, onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.execution_mode = parallel if number else sequential
    elif key.startswith("enable_"):
        setattr(options, SESSION_OPTIONS[key], bool(number))
    else:
        setattr(options, SESSION_OPTIONS[key], number)


def rows_per_run(config: dict[str, Any]) -> int | None:
    """Value of the parameter of that name, None without it; raises ConfigError unless it is a number above 0."""
    value = config.get("parameters", {}).get(ROWS_PER_RUN, {}).get("string_value")
    if value is None:
        return None
    if not value.isdigit() or int(value) < 1:
        raise ConfigError(f"parameter '{ROWS_PER_RUN}' must be a whole number above 0, not '{value}'")
    return int(value)


def refuse_unsupported(config: dict[str, Any], kind: str) -> None:
    """Raises ConfigError for what only the native backend can do."""
    if kind not in ("CPU", "KIND_CPU", "AUTO", "KIND_AUTO"):
        raise ConfigError(f"instance kind {kind} needs the native onnxruntime backend; this one runs on the CPU")
    for path in UNSUPPORTED:
        node: Any = config
        for part in path.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        if node:
            raise ConfigError(f"'{path}' is not supported by the Python onnxruntime backend")


def check_tensors(config: dict[str, Any], session: onnxruntime.InferenceSession) -> None:
    """Raises ConfigError unless names, types and dims of config and network agree."""
    batched = int(config.get("max_batch_size", 0)) > 0
    for section, nodes in (("input", session.get_inputs()), ("output", session.get_outputs())):
        network = {node.name: node for node in nodes}
        declared = {tensor["name"]: tensor for tensor in config[section]}
        missing = sorted(network.keys() - declared.keys()) if section == "input" else []
        unknown = sorted(declared.keys() - network.keys())
        if missing or unknown:
            raise ConfigError(f"{section}s differ: network has {sorted(network)}, config {sorted(declared)}")
        for name, tensor in declared.items():
            dims = [int(dim) for dim in tensor["dims"]]
            _check_dims(name, dims, list(network[name].shape), batched)
            wanted = pb_utils.triton_string_to_numpy(tensor["data_type"])
            if network[name].type != _onnx_type(wanted):
                raise ConfigError(f"'{name}' is {tensor['data_type']} in config, {network[name].type} in network")


def _check_dims(name: str, dims: list[int], shape: list[Any], batched: bool) -> None:
    if batched:
        if not shape or isinstance(shape[0], int):
            raise ConfigError(f"'{name}' has no free first dimension, but max_batch_size is above 0")
        shape = shape[1:]
    known = [size if isinstance(size, int) else -1 for size in shape]
    if len(dims) != len(known) or any(k not in (d, -1) for d, k in zip(dims, known, strict=True) if d != -1):
        raise ConfigError(f"'{name}' has dims {dims} in config, {shape} in network")


def _onnx_type(dtype: Any) -> str:
    names = {"float32": "float", "float64": "double", "bool": "bool", "float16": "float16"}
    name = np.dtype(dtype).name
    return f"tensor({names.get(name, name)})"


class TritonPythonModel:
    """One instance: one session. Requests that Triton hands over together run as one batch."""

    def initialize(self, args: dict[str, str]) -> None:
        end_with_server(os.getppid())
        config = json.loads(args["model_config"])
        filename = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"]) / args["model_version"] / filename
        try:
            if not path.is_file():
                raise ConfigError(f"'{path.name}' is missing; prepare a model pack first (make pack)")
            refuse_unsupported(config, args.get("model_instance_kind", "CPU"))
            options = session_options(config)
            self.rows_per_run = rows_per_run(config)
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            check_tensors(config, self.session)
        except (ConfigError, OSError) as error:
            raise pb_utils.TritonModelException(f"model '{args['model_name']}': {error}") from None
        except Exception as error:  # onnxruntime's exception classes share no base
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise pb_utils.TritonModelException(f"model '{args['model_name']}': {first_line}") from None
        self.batched = int(config.get("max_batch_size", 0)) > 0
        self.dims = {tensor["name"]: [int(dim) for dim in tensor["dims"]] for tensor in config["input"]}
        self.output_names = [tensor["name"] for tensor in config["output"]]
        self.shrink = config.get("parameters", {}).get("memory.enable_memory_arena_shrinkage", {}).get("string_value")

    def execute(self, requests: Sequence[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        responses: dict[int, pb_utils.InferenceResponse] = {}
        ready: list[tuple[int, Arrays]] = []
        for position, request in enumerate(requests):
            if request.is_cancelled():
                responses[position] = _failed("CANCELLED: the caller gave up", pb_utils.TritonError.CANCELLED)
                continue
            inputs = _arrays(request, self.dims)
            problem = self._problem(inputs)
            if problem:
                responses[position] = _failed(problem, pb_utils.TritonError.INVALID_ARG)
            else:
                ready.append((position, inputs))
        for batch in self._batches(ready):
            responses.update(self._run_batch(batch))
        return [responses[position] for position in range(len(requests))]

    def _problem(self, inputs: Arrays) -> str | None:
        for name, array in inputs.items():
            shape = list(array.shape[1:] if self.batched else array.shape)
            dims = self.dims[name]
            if len(shape) != len(dims) or any(d not in (-1, s) for d, s in zip(dims, shape, strict=True)):
                return f"INVALID_TENSOR: input '{name}' has shape {list(array.shape)}, expected {dims} per item"
        if self.batched and len({len(array) for array in inputs.values()}) > 1:
            return "INVALID_TENSOR: inputs of one request differ in batch size"
        return None

    def _batches(self, ready: list[tuple[int, Arrays]]) -> list[list[tuple[int, Arrays]]]:
        """One batch of all when the model batches; else one request at a time. Free inner dims must agree."""
        if not self.batched:
            return [[item] for item in ready]
        groups: dict[tuple[Any, ...], list[tuple[int, Arrays]]] = {}
        for item in ready:
            key = tuple(array.shape[1:] for array in item[1].values())
            groups.setdefault(key, []).append(item)
        return list(groups.values())

    def _run_batch(self, batch: list[tuple[int, Arrays]]) -> list[tuple[int, pb_utils.InferenceResponse]]:
        try:
            outputs = self._run(_joined([inputs for _, inputs in batch]))
        except Exception as error:  # onnxruntime's exception classes share no base
            if len(batch) > 1:  # one by one, so that only the request at fault fails
                return [answer for item in batch for answer in self._run_batch([item])]
            pb_utils.Logger.log_error(f"onnxruntime: {error}")
            return [(batch[0][0], _failed("INTERNAL: the network failed", pb_utils.TritonError.INTERNAL))]
        answers, start = [], 0
        for position, inputs in batch:
            stop = start + len(next(iter(inputs.values()))) if self.batched else None
            tensors = [
                pb_utils.Tensor(name, np.ascontiguousarray(array[start:stop] if self.batched else array))
                for name, array in zip(self.output_names, outputs, strict=True)
            ]
            answers.append((position, pb_utils.InferenceResponse(output_tensors=tensors)))
            start = stop or 0
        return answers

    def _run(self, inputs: Arrays) -> list[NDArray[Any]]:
        rows = len(next(iter(inputs.values()))) if self.batched else 0
        part = self.rows_per_run or rows
        if rows <= part:
            return self._run_once(inputs)
        parts = [
            self._run_once({name: array[start : start + part] for name, array in inputs.items()})
            for start in range(0, rows, part)
        ]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _run_once(self, inputs: Arrays) -> list[NDArray[Any]]:
        run_options = onnxruntime.RunOptions()
        if self.shrink:
            run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        outputs: list[NDArray[Any]] = self.session.run(self.output_names, inputs, run_options)
        return outputs


def _arrays(request: pb_utils.InferenceRequest, names: Iterable[str]) -> Arrays:
    """The request's input tensors, which Triton guarantees are there."""
    tensors = ((name, pb_utils.get_input_tensor_by_name(request, name)) for name in names)
    return {name: tensor.as_numpy() for name, tensor in tensors if tensor is not None}


def _joined(inputs: list[Arrays]) -> Arrays:
    if len(inputs) == 1:
        return inputs[0]
    return {name: np.concatenate([each[name] for each in inputs]) for name in inputs[0]}


def _failed(text: str, code: int) -> pb_utils.InferenceResponse:
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(text, code))
