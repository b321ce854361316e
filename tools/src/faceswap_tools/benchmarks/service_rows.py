"""Result rows of the comparison with the insightface loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faceswap_tools.benchmarks.benchmark_packs import BenchmarkPack
from faceswap_tools.benchmarks.images import BenchmarkImage, source_image, target_image
from faceswap_tools.benchmarks.our_stages import codec_floor
from faceswap_tools.benchmarks.pairing import Measured, alternate, ratio
from faceswap_tools.benchmarks.service import Series, compare_service, middle
from faceswap_tools.benchmarks.stages import FASTER, one_opencv_thread
from faceswap_tools.benchmarks.table import Row, at_least
from faceswap_tools.benchmarks.targets import at_most

BATCHING = ("det_10g", "w600k_r50", "inswapper_128")
MEGABYTE = 1e6
CODEC_FLOOR_TARGET = 2.0


def measure_service(
    pack: BenchmarkPack, in_flight: Sequence[int] = (1, 4, 8, 16), *, seconds: float = 6.0, rounds: int = 3
) -> list[Row]:
    """Throughput, latency, CPU outside the networks, mean batches and memory, at 1080p with one face."""
    target = target_image("1080p", 1, 400)
    results = compare_service(pack, target, in_flight, seconds=seconds, rounds=rounds)
    rows: list[Row] = []
    for number, (ours, theirs) in results.items():
        label = f"service, {pack.name} networks, 1080p, {number} in flight"
        rows += _speed_rows(label, ours, theirs) + _batch_rows(label, ours) + _memory_rows(label, ours, theirs)
    return rows + _cpu_rows(pack, results, _floor(target))


def measure_service_cpu(
    pack: BenchmarkPack, cases: Sequence[tuple[str, int, int]], *, seconds: float, rounds: int
) -> list[Row]:
    """CPU outside the networks at 1 and 4 in flight for other targets: (frame, faces, crop side)."""
    rows: list[Row] = []
    for frame, faces, crop_side in cases:
        target = target_image(frame, faces, crop_side)
        results = compare_service(pack, target, (1, 4), seconds=seconds, rounds=rounds)
        rows += _cpu_rows(pack, results, _floor(target), target, FASTER.get((frame, faces, crop_side)))
    return rows


def _speed_rows(label: str, ours: Series, theirs: Series) -> list[Row]:
    rows = []
    for name, series in (("ours", ours), ("insightface", theirs)):
        rows.append(Row(f"{label}: {name}", *middle(series.per_second), "req/s"))
        # a percentile of all requests of all rounds: its spread is not known
        rows += [Row(f"{label}: {name}, p{p}", series.percentile(p), 0.0, "ms") for p in (50, 95, 99)]
    faster = [mine / other for mine, other in zip(ours.per_second, theirs.per_second, strict=True)]
    rows.append(Row(f"{label}: ours / insightface, requests per second", *middle(faster), "x"))
    return rows


def _batch_rows(label: str, ours: Series) -> list[Row]:
    return [Row(f"{label}: mean batch of {name}", ours.mean_batch(name), 0.0, "items") for name in BATCHING]


def _memory_rows(label: str, ours: Series, theirs: Series) -> list[Row]:
    return [
        Row(f"{label}: peak memory, {name}", max(series.peaks) / MEGABYTE, 0.0, "MB")
        for name, series in (("server and steps", ours), ("insightface", theirs))
    ]


def _cpu_rows(
    pack: BenchmarkPack,
    results: Mapping[int, tuple[Series, Series]],
    floor: Measured,
    target: BenchmarkImage | None = None,
    faster: float | None = None,
) -> list[Row]:
    """Of the server: CPU of all its processes less the networks' own; of insightface: one request at a time."""
    what = target.name if target else "1080p, 1 face of 400 px"
    faster = faster if target else FASTER[("1080p", 1, 400)]
    label = f"service CPU outside the networks, {what}"
    theirs = Measured(*middle(results[1][1].cpu_ms), len(results[1][1].cpu_ms))
    rows = [
        Row(f"{label}: insightface, 1 in flight", theirs.median, theirs.spread, "CPU ms/req"),
        Row(f"{label}: codecs alone", floor.median, floor.spread, "CPU ms/req"),
    ]
    for number, (series, _) in results.items():
        ours = Measured(*middle(series.cpu_ms), len(series.cpu_ms))
        above = None if target else CODEC_FLOOR_TARGET
        rows += [
            Row(f"{label}: ours, {number} in flight", ours.median, ours.spread, "CPU ms/req"),
            at_least(f"{label}: insightface / ours, {number} in flight", *ratio(theirs, ours), "x", faster),
            at_most(f"{label}: ours / codecs alone, {number} in flight", *ratio(ours, floor), "x", above),
        ]
    return rows


def _floor(target: BenchmarkImage) -> Measured:
    source, encoded = source_image().jpeg, target.jpeg
    frame = target.decoded()
    with one_opencv_thread():
        return alternate({"floor": lambda: codec_floor(source, encoded, frame)}, seconds=2.0)["floor"]
