"""The files that are generated from the contract, by path in the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faceswap_contract.deprecated import OLD_WORDS
from faceswap_contract.environment import VARIABLES
from faceswap_contract.errors import ERRORS
from faceswap_contract.exit_codes import FROM_SIGNALS, ExitCode
from faceswap_contract.options import OPTIONS
from faceswap_contract.version import __version__
from faceswap_contract.writers import typescript
from faceswap_contract.writers.client_options import client_options
from faceswap_contract.writers.contract_json import Contract, contract_json
from faceswap_contract.writers.core_errors import core_errors
from faceswap_contract.writers.core_options import core_options
from faceswap_contract.writers.environment_page import environment_page
from faceswap_contract.writers.errors_page import errors_page
from faceswap_contract.writers.exit_codes_page import exit_codes_page
from faceswap_contract.writers.options_page import options_page

CONTRACT = Contract(__version__, OPTIONS, ERRORS.values(), VARIABLES.values(), ExitCode, FROM_SIGNALS, OLD_WORDS)
"""All tables together."""

WHOLE: dict[str, Callable[[], str]] = {
    "client/src/faceswap_client/_swap_options.py": lambda: client_options(OPTIONS),
    "contract/contract.json": lambda: contract_json(CONTRACT),
    "docs/reference/environment.md": lambda: environment_page(VARIABLES.values()),
    "docs/reference/errors.md": lambda: errors_page(tuple(ERRORS.values())),
    "docs/reference/exit-codes.md": lambda: exit_codes_page(ExitCode, FROM_SIGNALS),
    "docs/reference/options.md": lambda: options_page(OPTIONS),
    "python_backend/src/faceswap_core/errors.py": lambda: core_errors(ERRORS.values()),
    "python_backend/src/faceswap_core/option_fields.py": lambda: core_options(OPTIONS),
}
"""Path -> the file's text."""

REGIONS: dict[str, Callable[[str], str]] = {
    "client/typescript/README.md": lambda text: typescript.readme(text, ERRORS.values()),
    "client/typescript/route.ts": lambda text: typescript.route(
        text, ERRORS.values(), OPTIONS, VARIABLES["FACESWAP_MAX_TARGETS"]
    ),
}
"""Path -> what makes the file's new text of the old one, for files that are generated in part."""


def is_checkout(root: Path) -> bool:
    """Whether `root` is a checkout of the project."""
    return (root / "contract" / "src" / "faceswap_contract").is_dir()


def generated_files(root: Path) -> dict[str, str]:
    """Text of every generated file, by path.

    Raises:
        OSError: a file that is generated in part is missing.
        NoRegion: it has lost its marks.
    """
    whole = {name: text() for name, text in WHOLE.items()}
    parts = {name: written((root / name).read_text()) for name, written in REGIONS.items()}
    return whole | parts
