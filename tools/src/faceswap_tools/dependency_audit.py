"""`make audit`: known vulnerabilities in the locked packages, and that every one is pinned by its hashes.

pip-audit asks an advisory database over the network. Where that cannot be reached the hashes are all that is checked,
and it says so. Exit status: 0 nothing found, or the database not reached; 1 a known vulnerability, or a line
without hashes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from faceswap_models.checkout import Checkout

_SECONDS_PER_ANSWER = 10
_SECONDS = 180  # for one file
_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[\w,-]+\])?==[^\s;\\]+")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?=\s|$)")


class DatabaseNotReached(Exception):
    """pip-audit could not ask; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A known vulnerability of a locked package."""

    package: str
    version: str
    identifier: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fixed release known"
        return f"{self.package} {self.version}: {self.identifier}, {remedy}"


def lines_without_hashes(lock: str) -> list[str]:
    """The requirements of a lock that name no exact version, or no sha256.

    Args:
        lock: text of a requirements file; a backslash at a line's end joins it with the next.
    """
    logical = (line.strip() for line in lock.replace("\\\n", " ").splitlines())
    requirements = [line for line in logical if line and not line.startswith("#")]
    return [line.split()[0] for line in requirements if not (_PINNED.match(line) and _HASH.search(line))]


def known_faults(lock: Path) -> list[Fault]:
    """What the advisory database knows about the packages of a lock.

    Raises:
        DatabaseNotReached: no network, no answer in time, or no pip-audit.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    command += ["--format=json", "--progress-spinner=off", f"--timeout={_SECONDS_PER_ANSWER}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DatabaseNotReached(f"no answer within {_SECONDS} s") from None
    try:
        return faults_in(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise DatabaseNotReached(lines[-1][:200]) from None


def faults_in(report: str) -> list[Fault]:
    """The vulnerabilities in pip-audit's JSON.

    Raises:
        ValueError: anything else.
        DatabaseNotReached: some package could not be looked up, as behind a mirror that has no advisories.
    """
    try:
        packages = json.loads(report)["dependencies"]
        unknown = [package["name"] for package in packages if "skip_reason" in package]
        if unknown:
            raise DatabaseNotReached(f"it did not answer about {len(unknown)} of {len(packages)} packages")
        return [
            Fault(package["name"], package["version"], fault["id"], tuple(fault["fix_versions"]))
            for package in packages
            for fault in package.get("vulns", [])
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not pip-audit's report") from error


def main() -> None:
    """Checks every lock in requirements/."""
    locks = sorted((Checkout.find().root / "requirements").glob("*.txt"))
    loose = [f"{lock.name}: {line}" for lock in locks for line in lines_without_hashes(lock.read_text())]
    for line in loose:
        typer.echo(f"not pinned by version and hash: {line}")
    faults: list[str] = []
    try:
        for lock in locks:
            faults += [f"{lock.name}: {fault}" for fault in known_faults(lock)]
        asked = "asked the advisory database"
    except DatabaseNotReached as error:
        asked = f"the advisory database was NOT reached ({error}): only hashes were verified"
    for fault in faults:
        typer.echo(f"known vulnerability: {fault}")
    typer.echo(f"{len(locks)} locks, {len(loose)} loose lines, {len(faults)} known vulnerabilities; {asked}")
    raise typer.Exit(1 if loose or faults else 0)


if __name__ == "__main__":
    typer.run(main)
