"""Context shared by the checks: settings, and the server that one check starts for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from faceswap_models.checkout import Checkout

from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision import RestartableServer
from faceswap_server.supervision.swap_probe import probe_image


@dataclass(slots=True)
class Machine:
    """Paths and programs that the machine's numbers are read from; tests replace them."""

    cgroup: Path = Path("/sys/fs/cgroup")
    shared_memory: Path = Path("/dev/shm")  # noqa: S108 (the tmpfs every Linux has)
    root: Path = Path("/")
    nvidia_smi: str = "nvidia-smi"
    driver_device: Path = Path("/dev/nvidiactl")


@dataclass(slots=True)
class Endpoint:
    """A RunPod endpoint to check, and its API key, which is never printed."""

    id: str
    api_key: str = field(repr=False)
    base_url: str
    timeout: float


@dataclass(slots=True)
class Context:
    """One run of the checks. The image is the built-in one unless a file is named."""

    settings: WorkerSettings
    image_file: Path | None = None
    endpoint: Endpoint | None = None
    machine: Machine = field(default_factory=Machine)
    server: RestartableServer | None = None

    @property
    def repository(self) -> Path:
        """The model repository that the worker would serve; raises NotACheckout."""
        return self.settings.model_repository or Checkout.find().served_repository

    def image(self) -> bytes:
        """The encoded image to swap with itself; raises OSError."""
        return probe_image() if self.image_file is None else self.image_file.read_bytes()

    def close(self) -> None:
        """Stops the server, if a check started one."""
        if self.server is not None:
            self.server.stop()
            self.server = None
