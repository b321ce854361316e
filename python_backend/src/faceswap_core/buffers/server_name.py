"""Name of one server in shared memory: its buffer pool's folder, its regions of Triton, and which are abandoned.

`faceswap-frames-NAME` is a private folder; while a process holds it the server lives. NAME is made by the launcher
(`new_name`), which hands it to the steps in FACESWAP_SERVER_NAME. The steps of a tritonserver that was started without
the launcher agree on one by its process (`name_of_process`). The names of Triton's regions begin with `region_prefix`.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from faceswap_core.buffers.private_folder import delete_abandoned, is_held
from faceswap_core.buffers.server_processes import SHARED_MEMORY

VARIABLE = "FACESWAP_SERVER_NAME"
FOLDER_PREFIX = "faceswap-frames-"
_FOLDERS = re.compile(rf"{FOLDER_PREFIX}(?:p\d+-[0-9a-f]{{16}}|\d+-\d+-\d+)")
_REGIONS = re.compile(r"faceswap_(p\d+)_([0-9a-f]{16})_.+")


def new_name() -> str:
    """A name that nobody can guess; has this process's id, for people who look into /dev/shm.

    Behind a letter, because servers of version 0.1 delete what is named after a process that they do not see.
    """
    return f"p{os.getpid()}-{secrets.token_hex(8)}"


def name_of_process(server: int) -> str:
    """The same for all children of a process, and of no other: namespace, process id, and start in clock ticks.

    It can be guessed; a folder that somebody else has made under it is refused.
    """
    namespace, started = "0", "0"
    with suppress(OSError):
        namespace = re.sub(r"\D", "", str(Path(f"/proc/{server}/ns/pid").readlink()))  # "pid:[4026531836]"
    with suppress(OSError, IndexError):
        # field 22 of proc_pid_stat(5); the second, in brackets, may hold anything
        started = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{namespace}-{server}-{started}"


def folder_of(name: str, parent: Path = SHARED_MEMORY) -> Path:
    """The private folder of a server."""
    return parent / f"{FOLDER_PREFIX}{name}"


def buffer_folder(server: int) -> Path:
    """The folder of a running tritonserver's buffer pool, from its environment; for those who watch it."""
    with suppress(OSError):
        variables = Path(f"/proc/{server}/environ").read_bytes().split(b"\0")
        held = dict(each.decode(errors="replace").partition("=")[::2] for each in variables)
        parent = Path(held.get("FACESWAP_FRAMES_DIRECTORY") or SHARED_MEMORY)
        return folder_of(held.get(VARIABLE) or name_of_process(server), parent)
    return folder_of(name_of_process(server))


def region_prefix(name: str) -> str:
    """What the names of Triton's regions of a launched server begin with."""
    return f"faceswap_{name.replace('-', '_')}_"


def delete_abandoned_folders(parent: Path = SHARED_MEMORY) -> int:
    """Deletes this user's folders of servers of which no process is left; returns how many."""
    return delete_abandoned(parent, _FOLDERS)


def delete_abandoned_regions(shared_memory: Path = SHARED_MEMORY) -> int:
    """Deletes this user's regions of servers whose folder is gone, or held by nobody; returns how many."""
    deleted = 0
    held: dict[str, bool] = {}
    for region in shared_memory.iterdir():
        match = _REGIONS.fullmatch(region.name)
        if match is None:
            continue
        name = f"{match[1]}-{match[2]}"
        if name not in held:
            held[name] = is_held(folder_of(name, shared_memory))
        with suppress(OSError):  # gone already
            if not held[name] and region.lstat().st_uid == os.geteuid():
                region.unlink()
                deleted += 1
    return deleted
