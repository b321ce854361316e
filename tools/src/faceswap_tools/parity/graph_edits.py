"""Parity rows of the graph edits: batches of the prepared networks against single runs of the untouched files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from faceswap_models.onnx_graphs.prepare import prepare_network
from faceswap_models.onnx_graphs.proof import ProofFailedError, prove_batchable

from faceswap_tools.parity.networks import DETECTOR, SWAPPER, ParityNetworks
from faceswap_tools.parity.result import ParityRow, at_most
from faceswap_tools.random_weights.build import build_random_weights
from faceswap_tools.scratch import scratch_directory

BATCHES = (2, 3, 8)


def graph_edit_rows(networks: ParityNetworks, models: Path | None, *, short: bool) -> Iterator[ParityRow]:
    """One row per network and output, the worst over batches of 2, 3 and 8 (the swapper: 2, when short).

    Args:
        networks: those of the parity run.
        models: a directory with other exporters' SCRFD files, or None.
    """
    pairs = {name: (original, networks.pack / f"{name}.onnx") for name, original in networks.originals.items()}
    for name, (original, prepared) in pairs.items():
        batches = (2,) if short and name == SWAPPER else BATCHES
        yield from _rows(f"{name} ({original.stem})", original, prepared, batches)
    if short:
        return
    others = [build_random_weights(names=[DETECTOR])[DETECTOR]]
    if models is not None:
        others += sorted(models.glob("scrfd_*.onnx"))
    with scratch_directory() as scratch:
        for original in others:
            prepared = scratch / f"{original.stem}.onnx"
            prepare_network(original, prepared)
            label = f"{original.stem} (random weights)" if original is others[0] else original.stem
            yield from _rows(label, original, prepared, BATCHES)


def _rows(label: str, original: Path, prepared: Path, batches: tuple[int, ...]) -> Iterator[ParityRow]:
    try:
        proof = prove_batchable(original, prepared, batch_sizes=batches)
    except ProofFailedError as error:
        yield ParityRow(f"edited {label}: {error}", math.inf, "", 0.0, ok=False)
        return
    for optimised in sorted({row.optimised for row in proof}):
        rows = [row for row in proof if row.optimised == optimised]
        how = "as served" if optimised else "same kernels"
        worst = max(row.max_abs_difference for row in rows)
        sizes = ", ".join(map(str, batches))
        yield at_most(f"edited {label}: N = {sizes}, {how}", worst, "", max(row.bound for row in rows))
