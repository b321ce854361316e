"""Invalid tensors: wrong datatype, shape or length; missing, duplicate and unknown ones."""

from __future__ import annotations

from collections.abc import Iterator

from faceswap_client.wire.tensors import Tensor, bytes_tensor
from faceswap_server.supervision.swap_probe import probe_image

from faceswap_tools.adversarial.requests import (
    GRPC,
    HTTP,
    NOT_PARSED_BY_TRITON,
    REFUSED_BY_TRITON,
    AdversarialRequest,
    asking,
    good_source,
    good_target,
)

REFUSED = (REFUSED_BY_TRITON,)
NOT_PARSED = (NOT_PARSED_BY_TRITON,)


def wrong_tensors() -> Iterator[AdversarialRequest]:
    """Triton itself refuses all but the missing embeddings, which are optional inside the ensembles."""
    yield from _wrong_datatypes()
    yield from _wrong_shapes()
    yield from _wrong_inputs()


def _wrong_datatypes() -> Iterator[AdversarialRequest]:
    for name, good in (("SOURCE_IMAGE", good_target()), ("TARGET_IMAGE", good_source())):
        for datatype, size in (("FP32", 4), ("UINT8", 1), ("INT64", 8), ("BOOL", 1)):
            wrong = Tensor(name, datatype, (3,), bytes(3 * size))
            yield AdversarialRequest(f"{name} of {datatype}", asking([wrong, good]), REFUSED)
        for datatype in ("", "NONSENSE", "bytes", "TYPE_STRING", "BYTES\0", "/etc/passwd", "x" * 10_000):
            wrong = Tensor(name, datatype, (1,), good_source().data)
            # a NUL ends Triton's text: what is left is the right name
            outcomes = ("FINE",) if datatype == "BYTES\0" else REFUSED
            case = f"{name} of datatype {datatype[:20]!r}"
            yield AdversarialRequest(case, asking([wrong, good]), outcomes, http_outcomes=outcomes)


def _wrong_shapes() -> Iterator[AdversarialRequest]:
    data, target = good_source().data, good_target()
    shapes: dict[str, tuple[int, ...]] = {
        "[1, 1]": (1, 1),
        "[]": (),
        "[2] for one image": (2,),
        "[2^62]": (2**62,),
        "[0] for one image": (0,),
        "of 200 dimensions": (1,) * 200,
    }
    for name, shape in shapes.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", shape, data)
        yield AdversarialRequest(f"shape {name}", asking([wrong, target]), REFUSED)
    for name, shape in {"[-1]": (-1,), "[-2^63]": (-(2**63),)}.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", shape, data)
        yield AdversarialRequest(f"shape {name}", asking([wrong, target]), REFUSED, http_outcomes=NOT_PARSED)
    lengths = {
        "two images for shape [1]": data * 2,
        "no bytes for shape [1]": b"",
        "an image without its length": probe_image(),
        "a length of 2 GB": b"\xff\xff\xff\x7f" + probe_image(),
        "a length of 4 GB": b"\xff\xff\xff\xff" + probe_image(),
        "a length cut in two": data[:2],
        "an image one byte short": data[:-1],
        "a byte behind the image": data + b"x",
    }
    for name, content in lengths.items():
        wrong = Tensor("SOURCE_IMAGE", "BYTES", (1,), content)
        yield AdversarialRequest(name, asking([wrong, target]), REFUSED)


def _wrong_inputs() -> Iterator[AdversarialRequest]:
    source, target = good_source(), good_target()
    yield AdversarialRequest("no source tensor", asking([target]), REFUSED)
    yield AdversarialRequest("no target tensor", asking([source]), REFUSED)
    yield AdversarialRequest("no tensors", asking([]), REFUSED)
    yield AdversarialRequest("the source twice", asking([source, source, target]), REFUSED)
    yield AdversarialRequest("a tensor too many", asking([source, target, bytes_tensor("EXTRA", [b"x"])]), REFUSED)
    thousand = [bytes_tensor(f"EXTRA_{i}", [b"x"]) for i in range(1000)]
    yield AdversarialRequest("1000 tensors too many", asking([source, target, *thousand]), REFUSED)
    lower = Tensor("source_image", "BYTES", source.shape, source.data)
    yield AdversarialRequest("a tensor of an inner step", asking([lower, target]), REFUSED)
    named = Tensor("/etc/passwd", "BYTES", source.shape, source.data)
    yield AdversarialRequest("a tensor named like a path", asking([named, target]), REFUSED)
    yield AdversarialRequest("an unknown output", asking([source, target], outputs=("NOPE",)), REFUSED)
    yield AdversarialRequest("an output of an inner step", asking([source, target], outputs=("lease",)), REFUSED)
    image = bytes_tensor("IMAGE", [probe_image()] * 2)
    yield AdversarialRequest("analysis of two images", asking([image], model="face_analysis"), REFUSED)
    nothing = bytes_tensor("IMAGE", [])
    yield AdversarialRequest("analysis of no image", asking([nothing], model="face_analysis"), REFUSED)
    yield AdversarialRequest("analysis of a source", asking([source], model="face_analysis"), REFUSED)
    numbers = Tensor("IMAGE", "FP32", (1,), bytes(4))
    yield AdversarialRequest("analysis of a number", asking([numbers], model="face_analysis"), REFUSED, (GRPC, HTTP))
