"""`python -m faceswap_models.packs [NAME]`: chooses the model pack that is served, and lays out the repository.

Packs are prepared once into `.packs/NAME`; configs and steps come from `model_repository/`, which is never written.
What is served is in `.served/model_repository`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from faceswap_models.checkout import Checkout, NotACheckout
from faceswap_models.environment import end_on_unknown_variables
from faceswap_models.layout import lay_out_repository, served_pack
from faceswap_models.offline.pack import NAME as OFFLINE
from faceswap_models.offline.pack import prepare_offline_pack
from faceswap_models.pack_manifest import PackError, installed_pack


def lay_out_pack(name: str | None = None, output: Path | None = None) -> Path:
    """Lays out a prepared pack with the content gate that is installed; the offline pack is prepared where needed.

    Args:
        name: of the pack; None takes the one that is served already, else the offline pack.
        output: another model repository to write, whose files are copies; None writes the one that is served.

    Returns:
        The model repository.

    Raises:
        NotACheckout: this is not a checkout of faceswap-triton.
        PackError: the pack is missing, incomplete or from another version, or something cannot be written.
    """
    checkout = Checkout.find()
    chosen = name or served_pack(checkout.served_repository) or OFFLINE
    pack = checkout.packs / chosen
    if chosen == OFFLINE:
        prepare_offline_pack(pack)
    return lay_out_repository(
        pack, output or checkout.served_repository, gate=checkout.content_gate, copy=output is not None
    )


def lay_out_offline_pack(repository: Path) -> Path:
    """Lays out the offline pack without a gate, whatever is chosen; raises as `lay_out_pack`."""
    return lay_out_repository(prepare_offline_pack(Checkout.find().packs / OFFLINE), repository)


def main(arguments: Sequence[str]) -> int:
    """Runs the command; the exit status is 1, with one line on stderr, when the pack cannot be laid out."""
    parser = argparse.ArgumentParser("python -m faceswap_models.packs", description="Choose the pack that is served.")
    parser.add_argument("name", nargs="?", help="a pack in .packs/ (default: keep the present one, else 'offline')")
    parser.add_argument("--output", type=Path, help="write another model repository, of copies that stand alone")
    given = parser.parse_args(arguments)
    end_on_unknown_variables("pack")
    try:
        repository = lay_out_pack(given.name, given.output)
    except (PackError, NotACheckout) as error:
        sys.stderr.write(f"pack: {error}\n")
        return 1
    sys.stdout.write(f"model pack: {installed_pack(repository)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
