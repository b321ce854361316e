"""Wrapper around Buildah with separate storage: base images, builds, an image's configuration and files."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceswap_tools.image_proof.pip_settings import PipSettings

TOOLS = ("buildah", "podman", "mmdebstrap", "unshare", "nsenter", "chroot")


class ProofFailed(Exception):
    """Something that was to be proven does not hold; one line."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about itself (Docker's format)."""

    user: str
    entrypoint: tuple[str, ...]
    health_check: tuple[str, ...]
    stop_signal: str
    working_directory: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    history: str = field(repr=False)


def missing_tools() -> list[str]:
    """Programs that are needed and not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class Builder:
    """Builds into `scratch`, which holds everything until `close`."""

    def __init__(self, scratch: Path, context: Path) -> None:
        self._scratch = scratch
        self._context = context
        self._storage = ["--storage-driver", "overlay", "--root", f"{scratch}/storage", "--runroot", f"{scratch}/run"]

    def make_base(self, name: str, suite: str, archive: Path, log: Path) -> None:
        """A clean Debian root as an image, kept in `archive` for the next time.

        What `debian:SUITE-slim` is made of, more or less.
        """
        if not archive.exists():
            scratch = self._scratch / "base.tar"
            _run(["mmdebstrap", "--variant=minbase", "--include=ca-certificates", suite, str(scratch)], log)
            shutil.move(scratch, archive)
        _run(["podman", *self._storage, "import", str(archive), name], log)

    def build(
        self,
        target: str,
        tag: str,
        arguments: Mapping[str, str],
        pip: PipSettings,
        log: Path,
        dockerfile: Path | None = None,
    ) -> None:
        """`docker build --target TARGET -t TAG .`, steps in chroots; raises ProofFailed with the log's last line."""
        configuration = self._scratch / "pip.conf"
        configuration.write_text(pip.text)
        command = ["buildah", *self._storage, "bud", "--layers", "--format", "docker", "--isolation", "chroot"]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        for path in pip.paths:
            command += ["--volume", f"{path}:{path}:ro"]
        command += ["--secret", f"id=pip_conf,src={configuration}", "--target", target, "--tag", tag]
        _run([*command, "--file", str(dockerfile or self._context / "Dockerfile"), str(self._context)], log)

    def config(self, image: str) -> ImageConfig:
        """The image's configuration."""
        answer = json.loads(self._buildah("inspect", "--type", "image", image))["Docker"]
        config: dict[str, Any] = answer["config"]
        pairs = (entry.partition("=") for entry in config.get("Env") or [])
        return ImageConfig(
            user=config.get("User", ""),
            entrypoint=tuple(config.get("Entrypoint") or []),
            health_check=tuple((config.get("Healthcheck") or {}).get("Test") or []),
            stop_signal=config.get("StopSignal", ""),
            working_directory=config.get("WorkingDir") or "/",
            environment={name: value for name, _, value in pairs},
            labels=config.get("Labels") or {},
            history=json.dumps(answer.get("history", [])),
        )

    @contextlib.contextmanager
    def files(self, image: str) -> Iterator[Path]:
        """The image's root directory, mounted while the context lasts."""
        container = self._buildah("from", "--pull-never", image).strip()
        try:
            yield Path(self._buildah("mount", container).strip())
        finally:
            self._buildah("umount", container)
            self._buildah("rm", container)

    def close(self, *, keep: bool) -> None:
        """Ends every mount and, unless they are kept, removes the images and the storage."""
        for command in (["buildah", *self._storage, "rm", "--all"], ["umount", f"{self._scratch}/storage/overlay"]):
            subprocess.run(command, capture_output=True, check=False)
        if not keep:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _buildah(self, *arguments: str) -> str:
        done = subprocess.run(["buildah", *self._storage, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProofFailed(f"buildah {arguments[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise ProofFailed(f"{Path(command[0]).name} ended with {done.returncode}: {lines[-1][-300:]} (log: {log})")
