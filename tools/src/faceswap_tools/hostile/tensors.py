"""Tensors of the wrong datatype, shape or length, missing, doubled and unknown."""

from __future__ import annotations

from collections.abc import Iterator

from faceswap_client._inference import Tensor, bytes_tensor

from faceswap_tools.hostile.requests import (
    GRPC,
    HTTP,
    NOT_PARSED_BY_TRITON,
    REFUSED_BY_TRITON,
    HostileRequest,
    asking,
    good_source,
    good_target,
)
from faceswap_tools.supervision.swap_probe import probe_picture

REFUSED = (REFUSED_BY_TRITON,)
NOT_PARSED = (NOT_PARSED_BY_TRITON,)


def wrong_tensors() -> Iterator[HostileRequest]:
    """Triton itself refuses all but the missing embeddings, which are optional inside the ensembles."""
    yield from _wrong_datatypes()
    yield from _wrong_shapes()
    yield from _wrong_inputs()


def _wrong_datatypes() -> Iterator[HostileRequest]:
    for name, good in (("SOURCE_IMAGE", good_target()), ("TARGET_IMAGE", good_source())):
        for datatype, size in (("FP32", 4), ("UINT8", 1), ("INT64", 8), ("BOOL", 1)):
            wrong = Tensor(name, datatype, (3,), bytes(3 * size))
            yield HostileRequest(f"{name} of {datatype}", asking([wrong, good]), REFUSED)
        for datatype in ("", "NONSENSE", "bytes", "TYPE_STRING", "BYTES\0", "/etc/passwd", "x" * 10_000):
            wrong = Tensor(name, datatype, (1,), good_source().data)
            # a NUL ends Triton's text: what is left is the right name
            outcomes = ("FINE",) if datatype == "BYTES\0" else REFUSED
            case = f"{name} of datatype {datatype[:20]!r}"
            yield HostileRequest(case, asking([wrong, good]), outcomes, http_outcomes=outcomes)


def _wrong_shapes() -> Iterator[HostileRequest]:
    data, target = good_source().data, good_target()
    shapes: dict[str, tuple[int, ...]] = {
        "[1, 1]": (1, 1),
        "[]": (),
        "[2] for one picture": (2,),
        "[2^62]": (2**62,),
        "[0] for one picture": (0,),
        "of 200 dimensions": (1,) * 200,
    }
    for name, shape in shapes.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", shape, data)
        yield HostileRequest(f"shape {name}", asking([wrong, target]), REFUSED)
    for name, shape in {"[-1]": (-1,), "[-2^63]": (-(2**63),)}.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", shape, data)
        yield HostileRequest(f"shape {name}", asking([wrong, target]), REFUSED, http_outcomes=NOT_PARSED)
    lengths = {
        "two pictures for shape [1]": data * 2,
        "no bytes for shape [1]": b"",
        "a picture without its length": probe_picture(),
        "a length of 2 GB": b"\xff\xff\xff\x7f" + probe_picture(),
        "a length of 4 GB": b"\xff\xff\xff\xff" + probe_picture(),
        "a length cut in two": data[:2],
        "a picture one byte short": data[:-1],
        "a byte behind the picture": data + b"x",
    }
    for name, content in lengths.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", (1,), content)
        yield HostileRequest(name, asking([wrong, target]), REFUSED)


def _wrong_inputs() -> Iterator[HostileRequest]:
    source, target = good_source(), good_target()
    yield HostileRequest("no source tensor", asking([target]), REFUSED)
    yield HostileRequest("no target tensor", asking([source]), REFUSED)
    yield HostileRequest("no tensors", asking([]), REFUSED)
    yield HostileRequest("the source twice", asking([source, source, target]), REFUSED)
    yield HostileRequest("a tensor too many", asking([source, target, bytes_tensor("EXTRA", [b"x"])]), REFUSED)
    thousand = [bytes_tensor(f"EXTRA_{i}", [b"x"]) for i in range(1000)]
    yield HostileRequest("1000 tensors too many", asking([source, target, *thousand]), REFUSED)
    lower = Tensor("source_image", "BYTES", source.shape, source.data)
    yield HostileRequest("a tensor of an inner step", asking([lower, target]), REFUSED)
    named = Tensor("/etc/passwd", "BYTES", source.shape, source.data)
    yield HostileRequest("a tensor named like a path", asking([named, target]), REFUSED)
    yield HostileRequest("an output nobody makes", asking([source, target], outputs=("NOPE",)), REFUSED)
    yield HostileRequest("an output of an inner step", asking([source, target], outputs=("frames",)), REFUSED)
    picture = bytes_tensor("IMAGE", [probe_picture()] * 2)
    yield HostileRequest("analysis of two pictures", asking([picture], model="face_analysis"), REFUSED)
    nothing = bytes_tensor("IMAGE", [])
    yield HostileRequest("analysis of no picture", asking([nothing], model="face_analysis"), REFUSED)
    yield HostileRequest("analysis of a source", asking([source], model="face_analysis"), REFUSED)
    numbers = Tensor("IMAGE", "FP32", (1,), bytes(4))
    yield HostileRequest("analysis of a number", asking([numbers], model="face_analysis"), REFUSED, (GRPC, HTTP))
