"""The temporary folder of a running server: its backend directory, and its view of the model repository."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from faceswap_core.files.disk_errors import cannot_write
from faceswap_models.checkout import Checkout, NotACheckout

from faceswap_server.triton.errors import SetupError
from faceswap_server.triton.locator import TritonLocator
from faceswap_server.triton.served_repository import ServedRepository

REMEDY = "choose another folder with TMPDIR"


class ServerFolder:
    """A temporary folder that only this user can read."""

    backends: Path | None
    """The server's backend directory; None for the one compiled into it."""

    def __init__(self, triton: TritonLocator, repository: Path) -> None:
        """Makes it; raises SetupError, in one line, when that cannot be done."""
        if not repository.is_dir():
            raise SetupError(f"{repository} is not a model repository")
        self._view: ServedRepository | None = None
        try:
            self.path = Path(tempfile.mkdtemp(prefix="faceswap-triton-"))
        except FileNotFoundError as error:  # tempfile has tried every candidate
            raise SetupError(f"no temporary folder can be written ({error.strerror}); {REMEDY}") from None
        except OSError as error:
            raise SetupError(cannot_write(error, "the folder for", Path(tempfile.gettempdir()), REMEDY)) from None
        try:
            self.backends = triton.backend_directory(self.path / "backends", _onnxruntime_backend)
            self._view = ServedRepository(repository, self.models)
        except OSError as error:
            self.remove()
            raise SetupError(cannot_write(error, "the server's temporary folder", self.path, REMEDY)) from None
        except SetupError:
            self.remove()
            raise

    @property
    def models(self) -> Path:
        return self.path / "models"

    def remove(self) -> None:
        """Deletes it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._view is not None:
            self._view.close()


def _onnxruntime_backend() -> Path:
    """Our Python-based onnxruntime backend; raises SetupError where it is not installed."""
    try:
        found = Checkout.find().onnxruntime_backend
    except NotACheckout as error:
        raise SetupError(str(error)) from None
    if not (found / "model.py").is_file():
        raise SetupError(f"this Triton has no onnxruntime backend, and ours is not in {found}")
    return found
