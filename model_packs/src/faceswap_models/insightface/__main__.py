"""`python -m faceswap_models.insightface`: prepares an InsightFace pack (licence, download, graph edits, proof)."""

from __future__ import annotations

import tempfile
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from faceswap_core.files.user_cache import user_cache_directory
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from faceswap_models.environment import end_on_unknown_variables
from faceswap_models.insightface.download import DownloadError, download_file
from faceswap_models.insightface.originals import (
    MissingOriginalsError,
    WrongFileError,
    extract_archive,
    find_originals,
)
from faceswap_models.insightface.prepare import OutputOccupiedError, prepare_insightface_pack
from faceswap_models.insightface.sources import LICENCE_NOTICE, PACKS, OriginalFile, Pack
from faceswap_models.onnx_graphs import GraphNotKnownError, ProofFailedError

# Exit codes; 2 is typer's for a wrong command line.
LICENCE_NOT_ACCEPTED = 3
FILES_UNAVAILABLE = 4
FILES_NOT_USABLE = 5

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class PackName(str, Enum):
    """InsightFace packs that can be prepared."""

    BUFFALO_L = "buffalo_l"
    BUFFALO_S = "buffalo_s"


@app.command()
def install(
    output: Annotated[Path, typer.Option(help="Directory for the prepared networks and manifest.json.")],
    pack: Annotated[PackName, typer.Option(help="buffalo_s is smaller and less exact.")] = PackName.BUFFALO_L,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="You have read the licence notice and keep to it.")
    ] = False,
    from_directory: Annotated[
        Path | None,
        typer.Option("--from", help="Directory that holds the files already, ~/.insightface for instance."),
    ] = None,
    downloads: Annotated[
        Path | None, typer.Option(help="Where downloads are kept. [default: in the user's cache directory]")
    ] = None,
) -> None:
    """Prepare an InsightFace pack: download, check, make batchable, prove, write.

    Exit codes: 0 done; 2 wrong command line; 3 licence not accepted, nothing was downloaded; 4 files are
    not available; 5 files are not the published ones, or the output directory is occupied.
    """
    end_on_unknown_variables("insightface pack")
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
    if not accept_license:
        typer.echo(LICENCE_NOTICE)
        raise typer.Exit(LICENCE_NOT_ACCEPTED)
    chosen = PACKS[pack.value]
    try:
        with tempfile.TemporaryDirectory(prefix="insightface-pack-") as scratch:
            if from_directory is None:
                files = _download(chosen, downloads or _default_downloads(), Path(scratch), console)
            else:
                files = find_originals(chosen, from_directory.expanduser(), Path(scratch))
            prepare_insightface_pack(chosen, files, output, notice=console.print)
    except DownloadError as error:
        console.print(_no_download(error))
        raise typer.Exit(FILES_UNAVAILABLE) from error
    except (MissingOriginalsError, OSError) as error:
        console.print(str(error))
        raise typer.Exit(FILES_UNAVAILABLE) from error
    except (WrongFileError, GraphNotKnownError, ProofFailedError, OutputOccupiedError) as error:
        console.print(str(error))
        raise typer.Exit(FILES_NOT_USABLE) from error
    typer.echo(f"{chosen.name} and {chosen.swapper.name} are ready in {output}")


def _download(pack: Pack, directory: Path, scratch: Path, console: Console) -> dict[str, Path]:
    """Downloads what the pack needs; archives are unpacked into `scratch`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        files = _download_archive(pack, directory, scratch, bars)
        files[pack.swapper.name] = _download_with_bar(pack.swapper, directory, bars)
    return files


def _download_archive(pack: Pack, directory: Path, scratch: Path, bars: Progress) -> dict[str, Path]:
    """Detector and recogniser, from the first archive that can be downloaded."""
    failed = None
    for archive in pack.archives:
        try:
            path = _download_with_bar(archive.file, directory, bars)
        except DownloadError as error:
            if error.unreachable:
                raise
            failed = error
            continue
        return extract_archive(path, archive.members, scratch)
    raise failed or DownloadError(pack.name, {})


def _download_with_bar(file: OriginalFile, directory: Path, bars: Progress) -> Path:
    task = bars.add_task(file.name, total=file.size)
    path = download_file(
        file, directory, progress=lambda name, done, total: bars.update(task, completed=done, total=total)
    )
    bars.update(task, completed=file.size)
    return path


def _no_download(error: DownloadError) -> str:
    return (
        f"{error}. With network access run this again (it resumes), or put the file into a "
        "directory and name it with --from; without InsightFace's networks the offline pack works anywhere."
    )


def _default_downloads() -> Path:
    return user_cache_directory() / "downloads"


if __name__ == "__main__":
    app()
