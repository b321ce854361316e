"""From a published file to the one that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from faceswap_models.onnx_graphs.known_graphs import (
    GraphNotKnownError,
    KnownGraph,
    NetworkKind,
    identify_network,
    match_known_graph,
)
from faceswap_models.onnx_graphs.recogniser import operate_on_recogniser
from faceswap_models.onnx_graphs.scrfd import operate_on_scrfd
from faceswap_models.onnx_graphs.swapper import operate_on_swapper

_OPERATIONS: Mapping[NetworkKind, Callable[[onnx.ModelProto], tuple[str, ...]]] = {
    NetworkKind.DETECTOR: operate_on_scrfd,
    NetworkKind.RECOGNISER: operate_on_recogniser,
    NetworkKind.SWAPPER: operate_on_swapper,
}


@dataclass(frozen=True, slots=True)
class Surgery:
    """What was done to a file."""

    known: KnownGraph
    changes: tuple[str, ...]  # sentences
    departures: tuple[str, ...]  # where a file of known hash is not as its description says


def operate(model: onnx.ModelProto, *, hash_is_published: bool = False) -> Surgery:
    """Edits a network in place so that it takes uint8 NHWC RGB images in batches of any size.

    Args:
        model: a detector, recogniser or swapper as InsightFace published it.
        hash_is_published: the file's sha256 is the published one, so the file is what it says. The
            descriptions of files this project never saw are second-hand; where such a file departs from
            them, the departures are reported. What the edit itself relies on is required all the same.

    Raises:
        GraphNotKnownError: the graph is not one that is known; the error says what differs. The model may
            have been edited in part by then.
    """
    kind = identify_network(model)
    known, differences = match_known_graph(model, kind)
    if differences and not hash_is_published:
        raise GraphNotKnownError(f"{kind.value}, nearest to {known.name}", differences)
    return Surgery(known=known, changes=_OPERATIONS[kind](model), departures=differences)


def prepare_network(original: Path, prepared: Path, *, hash_is_published: bool = False) -> Surgery:
    """Reads `original`, edits its graph and writes `prepared` (atomically; an old file is replaced).

    See `operate`.

    Raises:
        GraphNotKnownError: the file is not ONNX, or its graph is not known.
        OSError: a file cannot be read or written.
    """
    try:
        model = onnx.load(original, load_external_data=False)
    except DecodeError as error:
        raise GraphNotKnownError(original.name, ["it is not an ONNX file"]) from error
    surgery = operate(model, hash_is_published=hash_is_published)
    content = model.SerializeToString()
    onnx.checker.check_model(content)
    partial = prepared.with_name(f".{prepared.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(prepared)
    finally:
        partial.unlink(missing_ok=True)
    return surgery
