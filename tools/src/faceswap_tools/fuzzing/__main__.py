"""`python -m faceswap_tools.fuzzing [SECONDS]`: every target for its share of the time; 1 when something was found.

FUZZ_SECONDS (60) is the default. What is found is written to out/fuzz/, and printed as the command that shows it again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from faceswap_models.checkout import Checkout

from faceswap_tools.fuzzing.targets import TARGETS, Target

OUR_TARGETS = "faceswap_tools.fuzzing.targets"
DEFAULT_SECONDS = 60
_LONGEST_INPUT = 4096  # bytes; so is the largest reproducer
_LONGEST_RUN = 10  # seconds for one input: slower is a finding too
_START_SECONDS = 60  # for imports, before the fuzzing begins


@dataclass(frozen=True, slots=True)
class Finding:
    """Bytes that broke a target, and what was said about it."""

    target: str
    file: Path
    report: str


def fuzz(target: Target, where: str, seconds: int, out: Path) -> tuple[int, Finding | None]:
    """Looks for bytes that break a target, for `seconds`; how many were tried, and what was found.

    Args:
        target: with its seeds; `where` names it as MODULE:NAME for the process that runs it.
        out: where the bytes of a finding go.
    """
    name = where.partition(":")[2]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="faceswap-fuzz-") as corpus:  # made anew: good inputs are found in seconds
        for index, seed in enumerate(target.seeds().values()):
            (Path(corpus) / f"seed-{index}").write_bytes(seed)
        done = _libfuzzer(
            where,
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={target.memory_mb}",
            f"-max_len={_LONGEST_INPUT}",
            f"-timeout={_LONGEST_RUN}",
            f"-artifact_prefix={out}/{name}-",
            corpus,
            seconds=seconds,
        )
    if done.returncode == 0:
        tried = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
        return int(tried.group(1)) if tried else 0, None
    written = re.search(r"Test unit written to (\S+)", done.stderr)
    file = Path(written.group(1)) if written else out
    return 0, Finding(name, file, _telling_lines(done.stdout + done.stderr))


def reproduce(where: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Runs a target on the bytes of a file."""
    return _libfuzzer(where, f"-timeout={_LONGEST_RUN}", str(file), seconds=_LONGEST_RUN)


def _libfuzzer(where: str, *arguments: str, seconds: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faceswap_tools.fuzzing.one_target", where, *arguments]
    limit = seconds + _LONGEST_RUN + _START_SECONDS
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=limit, check=False, env=_environment()
    )


def _environment() -> dict[str, str]:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
    return os.environ | one_thread


def _telling_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith(("INFO: ", "#", "\t"))]
    start = next((i for i, line in enumerate(lines) if "exception" in line or "ERROR" in line), 0)
    return "\n".join(lines[start : start + 25])


def main(
    seconds: Annotated[int, typer.Argument(envvar="FUZZ_SECONDS", min=1, help="In all.")] = DEFAULT_SECONDS,
    show: Annotated[Path | None, typer.Option("--reproduce", help="Run a finding of out/fuzz/ again.")] = None,
) -> None:
    """Fuzz everything that reads what callers send."""
    if show is not None:
        done = reproduce(f"{OUR_TARGETS}:{show.name.partition('-')[0]}", show)
        typer.echo(done.stdout + done.stderr)
        raise typer.Exit(min(done.returncode, 1))
    share = max(1, seconds // len(TARGETS))
    findings = []
    for name, target in TARGETS.items():
        tried, finding = fuzz(target, f"{OUR_TARGETS}:{name}", share, Checkout.find().root / "out" / "fuzz")
        if finding is None:
            typer.echo(f"{name:<20} {tried:>9,} inputs in {share} s, nothing found")
            continue
        findings.append(finding)
        typer.echo(f"{name:<20} BROKEN\n{finding.report}\nagain: make fuzz ARGS='--reproduce {finding.file}'")
    raise typer.Exit(1 if findings else 0)


if __name__ == "__main__":
    typer.run(main)
