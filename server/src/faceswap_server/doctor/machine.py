"""Checks `memory`, `shm`, `disk` and `gpu`: resources of the machine or container, against what the worker needs.

The needs were measured (docs/deploy/runpod.md, "Sizes").
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
from faceswap_core.buffers.server_processes import SHARE_OF_LIMIT, memory_limit

from faceswap_server.doctor.check import Fact, Result, broken, ok, skipped
from faceswap_server.doctor.context import Context
from faceswap_server.runpod.settings import RequireGpu
from faceswap_server.triton.shared_memory import LEAST

MEMORY_MB = 2048
"""Worker and server idle take 0.8 GB with the offline pack, 2.6 GB under load; InsightFace's networks 0.75 GB more."""
SHARED_MEMORY_MB = LEAST // 2**20
"""24 MB idle, 108 MB under load of small images; Docker's default is 64 MB."""
DISK_MB = 512
DISK_SHARE = 0.1
"""RunPod's SDK refuses to start a worker whose disk has less than a tenth free (RUNPOD_MIN_DISK_PERCENT)."""
CUDA_13_DRIVER = 580
"""The first driver branch that runs programs built for CUDA 13, as those of the image are (Dockerfile)."""
_MB = 2**20


def check_memory(context: Context) -> Result:
    """Memory limit of the container, or memory of the machine, and how much of it is free."""
    limit = int(memory_limit(context.machine.cgroup) / SHARE_OF_LIMIT) // _MB
    free = min(limit, psutil.virtual_memory().available // _MB)
    facts: dict[str, Fact] = {"limit_mb": limit, "available_mb": free, "needed_mb": MEMORY_MB}
    if limit < MEMORY_MB:
        said = f"the limit is {limit} MB, the worker needs {MEMORY_MB} MB"
        return broken(said, "a container with more memory (`docker run --memory`, a larger RunPod machine)", **facts)
    if free < MEMORY_MB:
        said = f"{free} MB of {limit} MB are free, the worker needs {MEMORY_MB} MB"
        return broken(said, "end other programs, or take a larger machine", **facts)
    return ok(f"{free} MB free of {limit} MB (needed: {MEMORY_MB} MB; 8 GB for the real networks under load)", **facts)


def check_shared_memory(context: Context) -> Result:
    """Free space of /dev/shm: the buffer pool, through which decoded images go from step to step, is there."""
    path = context.machine.shared_memory
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        return broken(f"{path}: {error.strerror}", "mount a tmpfs there")
    total, free = usage.total // _MB, usage.free // _MB
    facts: dict[str, Fact] = {"total_mb": total, "free_mb": free, "needed_mb": SHARED_MEMORY_MB}
    if free < SHARED_MEMORY_MB:
        said = f"{free} MB of {total} MB are free in {path}, the steps need {SHARED_MEMORY_MB} MB"
        return broken(said, "docker run --shm-size 1g; regions of a server that was killed can be deleted", **facts)
    return ok(f"{free} MB free of {total} MB in {path} (needed: {SHARED_MEMORY_MB} MB)", **facts)


def check_disk(context: Context) -> Result:
    """Free space of the container's root, by the SDK's rule, and of the folder for temporary files."""
    usage = shutil.disk_usage(context.machine.root)
    temporary = Path(tempfile.gettempdir())
    free, share = shutil.disk_usage(temporary).free // _MB, usage.free / usage.total
    facts: dict[str, Fact] = {"temporary_free_mb": free, "root_free_share": round(share, 3), "needed_mb": DISK_MB}
    if free < DISK_MB:
        return broken(
            f"{free} MB are free in {temporary}, {DISK_MB} MB are needed", "free some, or set TMPDIR", **facts
        )
    if share < DISK_SHARE:
        said = f"{share:.0%} of {context.machine.root} is free; RunPod's SDK ends a worker below {DISK_SHARE:.0%}"
        return broken(said, "a larger container disk in the endpoint's settings", **facts)
    return ok(f"{free} MB free in {temporary}, {share:.0%} of {context.machine.root}", **facts)


def check_gpu(context: Context) -> Result:
    """GPU, its memory and driver; without one the networks run on the CPU, which FACESWAP_REQUIRE_GPU may refuse."""
    settings = context.settings
    native = settings.native_triton is not None
    row = _nvidia_smi(context.machine.nvidia_smi)
    if row is None:
        if settings.require_gpu is RequireGpu.YES:
            return broken(
                "no GPU is visible, and FACESWAP_REQUIRE_GPU is yes", "docker run --gpus all, or set it to no"
            )
        if context.machine.driver_device.exists():
            said = f"{context.machine.driver_device} is there, but nvidia-smi does not answer"
            return broken(said, "the driver is not mapped in whole: NVIDIA_DRIVER_CAPABILITIES=compute,utility")
        return skipped("no GPU: the networks run on the CPU", "docker run --gpus all, where there is one")
    name, memory, driver = row
    facts: dict[str, Fact] = {"name": name, "memory_mb": memory, "driver": driver}
    branch = driver.split(".")[0]
    if native and branch.isdigit() and int(branch) < CUDA_13_DRIVER:
        said = f"{name}, driver {driver}: the image's CUDA 13 needs branch {CUDA_13_DRIVER} or newer"
        return broken(said, "hosts with a newer driver: allowedCudaVersions 13.0 and newer", **facts)
    return ok(f"{name}, {memory} MB, driver {driver}", **facts)


def _nvidia_smi(program: str) -> tuple[str, int, str] | None:
    """Name, memory in MiB and driver of the first GPU."""
    found = shutil.which(program)
    if found is None:
        return None
    try:
        answer = subprocess.run(
            [found, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        name, memory, driver = (part.strip() for part in answer.stdout.splitlines()[0].split(","))
        return name, int(memory), driver
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
