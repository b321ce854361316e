"""fetch_originals.py FILE DIRECTORY: unpacks the zip archive at the https address that FILE holds into DIRECTORY.

The address may be a signed one, so it is never printed and never part of the image. What the archive holds is judged
afterwards, by its sha256.
"""

import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

LARGEST = 2 * 10**9  # bytes
SECONDS = 60.0  # without a byte


def main(secret: Path, directory: Path) -> None:
    """Downloads and unpacks; ends the program with one line when it cannot."""
    address = secret.read_text().strip()
    if not address.startswith("https://"):
        sys.exit("the secret originals_url is not an https address")
    archive = directory / "archive.zip"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer, archive.open("wb") as file:  # noqa: S310
            size = 0
            while chunk := answer.read(2**20):
                size += len(chunk)
                if size > LARGEST:
                    sys.exit(f"the archive is larger than {LARGEST} bytes")
                file.write(chunk)
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                name = Path(member.filename).name
                if name.endswith((".onnx", ".zip")) and member.file_size <= LARGEST:
                    with opened.open(member) as source, (directory / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except (urllib.error.URLError, TimeoutError) as error:
        sys.exit(f"the archive cannot be downloaded: {type(error).__name__}")
    except zipfile.BadZipFile:
        sys.exit("what lies at the address is not a zip archive")
    archive.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
