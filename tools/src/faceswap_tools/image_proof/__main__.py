"""`python -m faceswap_tools.image_proof`: builds and runs the images; a line per thing proven, exit code 1 at the first
that is not.

Exit codes: 0 all proven, 1 something does not hold, 2 this machine cannot try it (in words).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from faceswap_models.checkout import Checkout

from faceswap_tools.image_proof import checks, stand_in
from faceswap_tools.image_proof.builder import Builder, ProofFailed, missing_tools
from faceswap_tools.image_proof.pip_settings import pip_settings

SUITE = "bookworm"
BASE = "localhost/faceswap-proof-base"


def main(arguments: list[str]) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(
        prog="python -m faceswap_tools.image_proof",
        description="Builds the Dockerfile and runs its images without a Docker engine.",
    )
    parser.add_argument("--targets", default="cpu,gpu", help="cpu, gpu, or both with a comma")
    parser.add_argument("--base", type=Path, help="archive of a clean root; made when it is not there, and left there")
    parser.add_argument("--scratch", type=Path, help="keep images and layers here, for a faster next run")
    options = parser.parse_args(arguments)
    missing = missing_tools()
    if os.getuid() != 0 or missing:
        wanted = f"apt-get install {' '.join(missing)}" if missing else "root"
        sys.stderr.write(f"image-proof: this machine cannot try it: needs {wanted}\n")
        return 2
    root = Checkout.find().root
    report = root / "out" / "image-proof.json"
    report.parent.mkdir(exist_ok=True)
    scratch = options.scratch or Path(tempfile.mkdtemp(prefix="image-proof-"))
    scratch.mkdir(exist_ok=True)
    proof = Proof(root, scratch)
    try:
        proof.base(options.base)
        for target in options.targets.split(","):
            proof.target(target)
    except ProofFailed as error:
        proof.say(f"NOT PROVEN: {error}")
        return 1
    finally:
        proof.close(keep=options.scratch is not None)
        report.write_text(json.dumps(proof.lines, indent=1) + "\n")
    return 0


class Proof:
    """One run: its scratch directory and what was said."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.lines: list[str] = []
        self._scratch = scratch
        self._log = root / "out" / "image-proof.log"
        self._log.parent.mkdir(exist_ok=True)
        self._log.write_bytes(b"")
        self._builder = Builder(scratch, root)
        self._pip = pip_settings()

    def say(self, line: str) -> None:
        """One thing proven."""
        self.lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def base(self, archive: Path | None) -> None:
        """The clean root every image starts from."""
        started = time.monotonic()
        self._builder.make_base(BASE, SUITE, archive or self._scratch / "kept.tar", self._log)
        self.say(f"clean Debian {SUITE} root in {time.monotonic() - started:.0f} s")

    def target(self, target: str) -> None:
        """Builds one target and proves its image."""
        tag = f"localhost/faceswap-proof-{target}"
        arguments = {"CPU_BASE": BASE, "PACK": "offline"}
        extra: dict[str, str] = {}
        if target == "gpu":
            full, minimal = stand_in.build(self._builder, BASE, self._scratch, self._pip, self._log)
            arguments |= {"TRITON_FULL": full, "TRITON_BASE": minimal}
            extra = stand_in.ENVIRONMENT
            self.say(
                "gpu: on a stand-in of Triton's images (Debian, pip's Triton, no CUDA); the real ones were not there"
            )
        started = time.monotonic()
        self._builder.build(target, tag, arguments, self._pip, self._log)
        seconds = time.monotonic() - started
        config = self._builder.config(tag)
        with self._builder.files(tag) as root:
            self.say(f"{target}: built in {seconds:.0f} s, {size_of(root) / 1e6:.0f} MB of files")
            checks.check_config(config, root, self.say)
            for check in (checks.check_gateway, checks.check_queue, checks.check_dying_server, checks.check_refusals):
                check(root, config, extra, self._scratch, self.say)

    def close(self, *, keep: bool) -> None:
        """Removes everything but the log and the report; `keep` leaves the images."""
        self._builder.close(keep=keep)


def size_of(root: Path) -> int:
    """Bytes of all files."""
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
