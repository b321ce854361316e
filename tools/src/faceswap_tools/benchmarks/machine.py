"""Environment of a benchmark run (CPU, versions, commit), for `out/bench.json`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import psutil

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "simplejpeg",
    "pillow",
    "onnxruntime",
    "insightface",
    "scikit-image",
    "nvidia-pytriton",
    "tritonclient",
)


def machine_facts() -> dict[str, object]:
    """Processor, cores this process may use, memory, kernel, and how busy the machine is with other work."""
    return {
        "processor": _processor_name(),
        "cores": available_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def version_facts() -> dict[str, str]:
    """Versions of Python and of what does the work; "not installed" where it is missing."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def commit_facts(root: Path) -> dict[str, object]:
    """The commit a checkout is at, and whether files differ from it; `commit` is None outside git."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or None, "changed": None if changed is None else bool(changed)}


def measurement_facts(root: Path) -> dict[str, object]:
    """All of it, with the time in UTC."""
    return {
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "versions": version_facts(),
        **commit_facts(root),
    }


def available_cores() -> int:
    """Cores the scheduler may use for this process."""
    return len(os.sched_getaffinity(0))


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
