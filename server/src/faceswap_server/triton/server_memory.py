"""Shared memory of one tritonserver: its name, the lock that says it lives, its buffer pool and Triton's regions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from faceswap_core.buffers.private_folder import PrivateFolder
from faceswap_core.buffers.server_name import (
    VARIABLE,
    delete_abandoned_folders,
    delete_abandoned_regions,
    folder_of,
    new_name,
    region_prefix,
)
from faceswap_core.buffers.server_processes import SHARED_MEMORY, make_private
from faceswap_core.files.disk_errors import cannot_write

from faceswap_server.triton.errors import SetupError
from faceswap_server.triton.shared_memory import HOW


class ServerMemory:
    """Files of one server under /dev/shm, from `claim` to `delete`; may be claimed again after that.

    Attributes:
        name: random, so that nobody can make its files beforehand; another one after `delete`.
        buffers: the folder of its buffer pool; that of `claim` unless FACESWAP_FRAMES_DIRECTORY names another place.
    """

    def __init__(self) -> None:
        self.name = new_name()
        self.buffers = folder_of(self.name)
        self._folder: PrivateFolder | None = None

    @property
    def region_prefix(self) -> str:
        """What the names of Triton's regions begin with."""
        return region_prefix(self.name)

    @staticmethod
    def delete_abandoned() -> None:
        """Deletes what servers of this user have left of which no process lives."""
        delete_abandoned_regions()
        delete_abandoned_folders()

    def claim(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Makes this server's folder and holds it.

        Args:
            environment: that the server will have.

        Returns:
            The variable that tells the steps.

        Raises:
            SetupError: the folder cannot be made.
        """
        try:
            self._folder = PrivateFolder.create(folder_of(self.name))
        except OSError as error:
            raise SetupError(cannot_write(error, "the folder for decoded images", SHARED_MEMORY, HOW)) from None
        self.buffers = folder_of(self.name, Path(environment.get("FACESWAP_FRAMES_DIRECTORY") or SHARED_MEMORY))
        return {VARIABLE: self.name}

    def make_private(self) -> None:
        """Takes Triton's regions from other users, where the kernel could not make them private (`process_setup`)."""
        make_private(SHARED_MEMORY.glob(f"{self.region_prefix}*"))

    def delete(self) -> None:
        """Deletes all of it; to be called when every process of the server has ended."""
        for region in SHARED_MEMORY.glob(f"{self.region_prefix}*"):
            region.unlink(missing_ok=True)
        shutil.rmtree(self.buffers, ignore_errors=True)
        if self._folder is not None:
            self._folder.delete()
            self._folder = None
        self.name = new_name()
