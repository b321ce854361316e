"""The temporary folder of a running server: its backend directory, and its view of the model repository.

A launcher that was killed cannot remove its folder, so the next start does. A lock that the launcher holds on a file in
it (flock) is the sign of life: the kernel gives it up with the process, and it needs no process number, which another
container may use too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from faceswap_core.files.disk_errors import cannot_write
from faceswap_models.checkout import Checkout, NotACheckout

from faceswap_server.triton.errors import SetupError
from faceswap_server.triton.locator import TritonLocator
from faceswap_server.triton.paths import check_temporary_folder
from faceswap_server.triton.served_repository import ServedRepository

REMEDY = "choose another folder with TMPDIR"
PREFIX, LOCK = "faceswap-triton-", "lock"


class ServerFolder:
    """A temporary folder that only this user can read."""

    backends: Path | None
    """The server's backend directory; None for the one compiled into it."""

    def __init__(self, triton: TritonLocator, repository: Path) -> None:
        """Makes it; raises SetupError, in one line, when that cannot be done."""
        if not repository.is_dir():
            raise SetupError(f"{repository} is not a model repository")
        self._view: ServedRepository | None = None
        self._lock: int | None = None
        try:
            check_temporary_folder(Path(tempfile.gettempdir()))
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = _hold(self.path)
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
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._view is not None:
            self._view.close()


def remove_abandoned_folders(parent: Path | None = None) -> int:
    """Deletes this user's folders whose launcher has ended and could not; returns how many.

    Args:
        parent: where they are; by default the folder for temporary files.
    """
    return sum(_remove_if_abandoned(each) for each in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"))


def _remove_if_abandoned(folder: Path) -> bool:
    lock = None
    try:
        if folder.lstat().st_uid != os.geteuid():
            return False
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # held, without a lock (it is being made), or removed by another start
        return False
    finally:
        if lock is not None:
            os.close(lock)
    return True


def _hold(folder: Path) -> int:
    """A held lock, until it is closed or this process ends; it gets its name when it is held."""
    made = folder / f"{LOCK}.new"
    lock = os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    made.rename(folder / LOCK)
    return lock


def _onnxruntime_backend() -> Path:
    """Our Python-based onnxruntime backend; raises SetupError where it is not installed."""
    try:
        found = Checkout.find().onnxruntime_backend
    except NotACheckout:
        raise SetupError(
            "this Triton has no onnxruntime backend, and ours is in no installed package: run this inside a clone of "
            "faceswap-triton, or give --triton a Triton that has one"
        ) from None
    if not (found / "model.py").is_file():
        raise SetupError(f"this Triton has no onnxruntime backend, and ours is not in {found}")
    return found
