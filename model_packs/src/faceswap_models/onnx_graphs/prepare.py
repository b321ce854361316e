"""ONNX graph edits: converts a published network into the one that is served."""

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
from faceswap_models.onnx_graphs.recogniser import edit_recogniser
from faceswap_models.onnx_graphs.scrfd import edit_scrfd
from faceswap_models.onnx_graphs.swapper import edit_swapper

_EDITORS: Mapping[NetworkKind, Callable[[onnx.ModelProto], tuple[str, ...]]] = {
    NetworkKind.DETECTOR: edit_scrfd,
    NetworkKind.RECOGNISER: edit_recogniser,
    NetworkKind.SWAPPER: edit_swapper,
}


@dataclass(frozen=True, slots=True)
class GraphEdit:
    """Edits made to a network.

    Attributes:
        known: the published graph it was recognised as.
        changes: what was changed, in sentences.
        departures: where a file with the published hash differs from its description.
    """

    known: KnownGraph
    changes: tuple[str, ...]
    departures: tuple[str, ...]


def edit_graph(model: onnx.ModelProto, *, hash_is_published: bool = False) -> GraphEdit:
    """Edits a network in place so that it takes uint8 NHWC RGB images in batches of any size.

    Args:
        model: a detector, recogniser or swapper as InsightFace published it.
        hash_is_published: the file's sha256 is the published one. Differences from the description in
            `known_graphs`, which is second-hand for files this project has not seen, are then reported instead of
            refused. What the edit itself relies on is always required.

    Raises:
        GraphNotKnownError: the graph is not one that is known; the error says what differs. The model may
            have been edited in part by then.
    """
    kind = identify_network(model)
    known, differences = match_known_graph(model, kind)
    if differences and not hash_is_published:
        raise GraphNotKnownError(f"{kind.value}, nearest to {known.name}", differences)
    return GraphEdit(known=known, changes=_EDITORS[kind](model), departures=differences)


def prepare_network(original: Path, prepared: Path, *, hash_is_published: bool = False) -> GraphEdit:
    """Reads `original`, edits its graph and writes `prepared` (atomically; an old file is replaced).

    See `edit_graph`.

    Raises:
        GraphNotKnownError: the file is not ONNX, or its graph is not known.
        OSError: a file cannot be read or written.
    """
    try:
        model = onnx.load(original, load_external_data=False)
    except DecodeError as error:
        raise GraphNotKnownError(original.name, ["it is not an ONNX file"]) from error
    edit = edit_graph(model, hash_is_published=hash_is_published)
    content = model.SerializeToString()
    onnx.checker.check_model(content)
    partial = prepared.with_name(f".{prepared.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(prepared)
    finally:
        partial.unlink(missing_ok=True)
    return edit
