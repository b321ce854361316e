"""Inference requests, replies and tensors as values, without any transport.

Tensors hold their bytes as both protocols carry them (KServe v2 `raw_input_contents` for gRPC, the binary tensor
extension for HTTP): numbers little-endian in row-major order; a BYTES tensor is each element's length as an unsigned
32-bit little-endian integer followed by the element.
Source: Triton's docs/protocol/extension_binary_data.md and the KServe v2 gRPC definition.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_client._errors import BadAnswer

Parameter = str | int | float | bool
"""Type of a request parameter: a scalar; floats finite, integers within 64 bits."""

_LENGTH = struct.Struct("<I")
_LONGEST_TIMEOUT = 1e12  # seconds; longer ones, infinity among them, do not fit into Triton's microseconds


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor with its raw bytes."""

    name: str
    datatype: str  # KServe v2 name: BYTES, FP32, UINT8, ...
    shape: tuple[int, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InferRequest:
    """An inference request: model, inputs, the outputs asked for, and parameters."""

    model: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    request_id: str


@dataclass(frozen=True, slots=True)
class InferReply:
    """The output tensors of a reply, by name."""

    outputs: Mapping[str, Tensor]
    request_id: str = ""

    def tensor(self, name: str) -> Tensor:
        """The output `name`; raises BadAnswer when the answer lacks it."""
        try:
            return self.outputs[name]
        except KeyError:
            raise BadAnswer(f"the answer has no output {name}", request_id=self.request_id) from None


def bytes_tensor(name: str, items: Sequence[bytes]) -> Tensor:
    """A BYTES tensor of shape [len(items)]."""
    parts: list[bytes] = []
    for item in items:
        parts += (_LENGTH.pack(len(item)), item)
    return Tensor(name, "BYTES", (len(items),), b"".join(parts))


def bytes_items(tensor: Tensor) -> list[bytes]:
    """The elements of a BYTES tensor in row-major order; raises BadAnswer when they do not fit its shape."""
    if tensor.datatype != "BYTES":
        raise BadAnswer(f"{tensor.name} is {tensor.datatype}, expected BYTES")
    items: list[bytes] = []
    position, end = 0, len(tensor.data)
    while position < end:
        if position + _LENGTH.size > end:
            raise BadAnswer(f"{tensor.name} is cut short")
        (length,) = _LENGTH.unpack_from(tensor.data, position)
        position += _LENGTH.size
        if position + length > end:
            raise BadAnswer(f"{tensor.name} is cut short")
        items.append(tensor.data[position : position + length])
        position += length
    if len(items) != math.prod(tensor.shape):
        raise BadAnswer(f"{tensor.name} has {len(items)} elements, its shape {list(tensor.shape)} says otherwise")
    return items


def float_array(tensor: Tensor) -> NDArray[np.float32]:
    """A writable float32 copy of an FP32 tensor; raises BadAnswer when the bytes do not fit its shape."""
    if tensor.datatype != "FP32":
        raise BadAnswer(f"{tensor.name} is {tensor.datatype}, expected FP32")
    if min(tensor.shape, default=0) < 0 or len(tensor.data) != 4 * math.prod(tensor.shape):
        raise BadAnswer(f"{tensor.name} has {len(tensor.data)} bytes, its shape {list(tensor.shape)} says otherwise")
    return np.frombuffer(tensor.data, dtype="<f4").reshape(tensor.shape).astype(np.float32)


def float_tensor(name: str, array: NDArray[np.float32]) -> Tensor:
    """An FP32 tensor of the array's shape."""
    return Tensor(name, "FP32", array.shape, np.ascontiguousarray(array, dtype="<f4").tobytes())


def time_limit(seconds: float | None) -> dict[str, int]:
    """Triton's request parameter `timeout`, in microseconds; 0 is none there, and it has 64 bits."""
    return {} if seconds is None else {"timeout": max(1, round(min(seconds, _LONGEST_TIMEOUT) * 1e6))}
