"""Private folder on a tmpfs: owned and readable by one user alone, its files reached through its descriptor.

Anybody may make files under /dev/shm, with any name and any link in them. So a folder is made exclusively or, where it
is there, opened without following a link and checked: type, owner, mode. From then on every file is named relative to
the open folder (openat(2)), so that nobody can put another folder in its place.

Each process that uses the folder holds a shared lock on it (flock(2)) for as long as it lives. Where nobody holds one
the folder is abandoned and may be deleted. A process number would not do: containers that share /dev/shm number their
processes separately.

A file carries a stamp, a time of the user's choosing: its access time. Nothing else changes that, since every process
opens the files with O_NOATIME; the modification time is set by the kernel when a page is first written to.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOATIME
_OTHERS = 0o077
_TRIES = 100
"""Between making and locking a folder somebody may take it for abandoned and delete it."""
_NEW = ".new"
LOCK = "lock"
"""Made by the first `locked`."""


class NotPrivate(Exception):
    """The folder is a link or no folder, belongs to somebody else, or others may use it. Says so in one line."""


class PrivateFolder:
    """An open folder; made by `create`, `open` or `join`. Usable from several threads.

    Attributes:
        path: where it was opened; its files are not reached through it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path) -> PrivateFolder:
        """Makes a folder that is not there yet; raises FileExistsError, also for a link that leads nowhere."""
        for _ in range(_TRIES):
            path.mkdir(mode=0o700)
            with suppress(FileNotFoundError):
                return cls.open(path)
        raise NotPrivate(f"{path} was deleted while it was made")

    @classmethod
    def open(cls, path: Path) -> PrivateFolder:
        """Opens a folder that is there.

        Raises:
            FileNotFoundError: it is not, or was deleted meanwhile.
            NotPrivate: it is not this user's, or not this user's alone.
        """
        descriptor = _open_folder(path)
        try:
            _check(path, os.fstat(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if not os.path.samestat(os.fstat(descriptor), path.lstat()):
                raise FileNotFoundError(path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    @classmethod
    def join(cls, path: Path) -> PrivateFolder:
        """Makes a folder or opens the one that is there; for processes that know a name in common.

        Raises:
            NotPrivate: somebody else has made it, or others may use it.
        """
        for _ in range(_TRIES):
            with suppress(FileExistsError):
                return cls.create(path)
            with suppress(FileNotFoundError):
                return cls.open(path)
        raise NotPrivate(f"{path} was made and deleted again and again")

    def close(self) -> None:
        """Gives up the lock; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def delete(self) -> None:
        """Deletes it with everything in it, whoever holds a lock, and closes it."""
        if self._descriptor >= 0 and _is_at(self.path, self._descriptor):
            shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    def files(self) -> list[tuple[str, os.stat_result]]:
        """All files: name, and lstat(2); its `st_atime` is the stamp."""
        # a descriptor of its own: threads that read one would share its position
        descriptor = os.open(".", _OPEN_FOLDER, dir_fd=self._descriptor)
        try:
            with os.scandir(descriptor) as entries:
                return list(_present(entries))
        finally:
            os.close(descriptor)

    def stat(self, name: str) -> os.stat_result:
        """lstat(2) of a file; its `st_atime` is the stamp; raises FileNotFoundError."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def open_file(self, name: str) -> int:
        """A descriptor for reading and writing.

        Raises:
            FileNotFoundError: there is no such file.
            NotPrivate: it is no regular file, belongs to somebody else, or has a second name.
        """
        try:
            descriptor = os.open(name, _OPEN_FILE, dir_fd=self._descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:  # ELOOP: a link; ENXIO, EISDIR: no file; EPERM: another user's
            raise NotPrivate(f"{self.path / name} cannot be used: {error.strerror}") from None
        if not is_own_file(os.fstat(descriptor)):
            os.close(descriptor)
            raise NotPrivate(f"{self.path / name} is not a file of this user alone")
        return descriptor

    def allocate(self, name: str, size: int, at: float) -> None:
        """Makes a file with `size` bytes of memory and a stamp; raises OSError where there is too little."""
        made = f"{secrets.token_hex(8)}{_NEW}"
        descriptor = os.open(made, _OPEN_FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._descriptor)
        try:
            os.posix_fallocate(descriptor, 0, size)  # a full tmpfs must fail here, not with SIGBUS at a pixel
            os.utime(descriptor, (at, at))
            self.rename(made, name)  # only now: nobody may see it without its stamp
        except BaseException:
            self.remove(made)
            raise
        finally:
            os.close(descriptor)

    def mark(self, name: str, at: float) -> None:
        """Sets the stamp of a file that says nothing else, and makes it if need be; atomically."""
        try:
            self.stamp(name, at)
        except FileNotFoundError:
            self.allocate(name, 1, at)

    def stamp(self, name: str, at: float) -> None:
        """Sets the stamp of a file; raises FileNotFoundError."""
        os.utime(name, (at, at), dir_fd=self._descriptor, follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        """Renames a file, replacing one of the new name; raises FileNotFoundError."""
        os.rename(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Deletes a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def remove_unfinished(self) -> None:
        """Deletes files that a killed process was making; to be called with the lock of `locked`."""
        for name, _ in self.files():
            if name.endswith(_NEW):
                self.remove(name)

    @contextmanager
    def locked(self) -> Iterator[list[tuple[str, os.stat_result]]]:
        """One process at a time, by a lock file, which is no sign of life; gives the files as they are then."""
        descriptor = os.open(LOCK, _OPEN_FILE | os.O_CREAT, 0o600, dir_fd=self._descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self.files()
        finally:
            os.close(descriptor)


def is_own_file(stat: os.stat_result) -> bool:
    """Whether a file is a regular one of this user, under one name."""
    return modes.S_ISREG(stat.st_mode) and stat.st_uid == os.geteuid() and stat.st_nlink <= 1


def is_held(path: Path) -> bool:
    """Whether a living process holds the folder, or it is somebody else's; False where there is none."""
    try:
        descriptor = _claim(path)
    except FileNotFoundError:
        return False
    except NotPrivate:
        return True
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def delete_abandoned(parent: Path, names: re.Pattern[str]) -> int:
    """Deletes this user's folders that no living process holds.

    Args:
        parent: where they are.
        names: fully matched by the names of those that may go.

    Returns:
        How many went.
    """
    deleted = 0
    for path in parent.iterdir():
        if not names.fullmatch(path.name):
            continue
        with suppress(FileNotFoundError, NotPrivate):
            descriptor = _claim(path)
            if descriptor is None:
                continue
            try:
                shutil.rmtree(path, ignore_errors=True)
                deleted += 1
            finally:
                os.close(descriptor)
    return deleted


def _claim(path: Path) -> int | None:
    """A descriptor with the exclusive lock, or None where a process holds the folder."""
    descriptor = _open_folder(path)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise NotPrivate(f"{path} belongs to another user")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, descriptor):
            return descriptor
        raise FileNotFoundError(path)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise


def _open_folder(path: Path) -> int:
    try:
        return os.open(path, _OPEN_FOLDER)
    except FileNotFoundError:
        raise
    except OSError as error:  # ELOOP, ENOTDIR, EACCES
        raise NotPrivate(f"{path} is not a folder of this user alone ({error.strerror})") from None


def _present(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, os.stat_result]]:
    for entry in entries:
        with suppress(FileNotFoundError):  # renamed or deleted in between
            yield entry.name, entry.stat(follow_symlinks=False)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _check(path: Path, stat: os.stat_result) -> None:
    if stat.st_uid != os.geteuid():
        raise NotPrivate(f"{path} belongs to user {stat.st_uid}, not to user {os.geteuid()} who runs this")
    if stat.st_mode & _OTHERS:
        raise NotPrivate(f"{path} may be used by others (mode {stat.st_mode & 0o777:o}); `chmod 700` it")
