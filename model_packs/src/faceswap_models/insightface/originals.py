"""Finds published files on disk: loose, in insightface's own directory layout, or in a zip file."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from faceswap_core.files.digests import file_sha256

from faceswap_models.insightface.sources import OriginalFile, Pack


class MissingOriginalsError(RuntimeError):
    """A directory does not hold all the files of a pack."""


class WrongFileError(RuntimeError):
    """A file is not the published one."""

    @classmethod
    def of_hash(cls, path: Path, original: OriginalFile, sha256: str) -> WrongFileError:
        """For a file that is not `original`, by its sha256."""
        return cls(f"{path} is not the published {original.name}: sha256 {sha256}, published {original.sha256}")


def find_originals(pack: Pack, directory: Path, scratch: Path) -> dict[str, Path]:
    """Finds a pack's three files in a directory.

    Searches `directory` and insightface's layout below it: `<pack>/`, `models/`,
    `models/<pack>/`; and beside it if it is a pack's directory (~/.insightface/models/buffalo_l has
    inswapper_128.onnx beside it). Zip files are searched for in the same places.

    Args:
        directory: where to search.
        scratch: where members of a zip file are unpacked.

    Returns:
        Name of each original -> its path. Only unpacked files are hashed here.

    Raises:
        MissingOriginalsError: names what is missing and where it was searched for.
        WrongFileError: a zip file's member is not the published file.
    """
    places = [place for place in _places(pack, directory) if place.is_dir()]
    found = {}
    for original in pack.originals:
        loose = _first_existing(original.name, places)
        if loose is not None:
            found[original.name] = loose
    for archive in pack.archives:
        wanted = [member for member in archive.members if member.name not in found]
        zipped = _first_existing(archive.file.name, places)
        if wanted and zipped is not None:
            found.update(extract_archive(zipped, wanted, scratch))
    missing = [original.name for original in pack.originals if original.name not in found]
    if missing:
        archives = " or ".join(archive.file.name for archive in pack.archives)
        raise MissingOriginalsError(
            f"{directory} does not hold {', '.join(missing)} (nor {archives} with the first two); "
            f"looked in {', '.join(str(place) for place in places) or 'no directory, because it is not one'}"
        )
    return found


def extract_archive(path: Path, members: Sequence[OriginalFile], directory: Path) -> dict[str, Path]:
    """Unpacks members of a zip file by file name, in any of its folders, and checks size and sha256.

    Raises:
        WrongFileError: it is not a zip file, a member is missing or not the published file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    extracted = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {Path(entry.filename).name: entry for entry in archive.infolist() if not entry.is_dir()}
            for member in members:
                entry = entries.get(member.name)
                if entry is None:
                    raise WrongFileError(f"{path.name} holds no {member.name}")
                if entry.file_size != member.size:
                    raise WrongFileError(
                        f"{member.name} in {path.name} has {entry.file_size} bytes, published are {member.size}"
                    )
                target = directory / member.name
                with archive.open(entry) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
                sha256 = file_sha256(target)
                if sha256 != member.sha256:
                    raise WrongFileError.of_hash(target, member, sha256)
                extracted[member.name] = target
    except zipfile.BadZipFile as error:
        raise WrongFileError(f"{path.name} is not a complete zip file ({error})") from error
    return extracted


def _places(pack: Pack, directory: Path) -> list[Path]:
    names = [pack.name, *(Path(archive.file.name).stem for archive in pack.archives)]
    places = [directory, directory / "models"]
    places += [place / name for place in (directory, directory / "models") for name in names]
    if directory.name in names:
        places.append(directory.parent)
    return list(dict.fromkeys(places))


def _first_existing(name: str, places: Sequence[Path]) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)
