"""Environment variables of every program, and the check of their names at a program's start."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType

from faceswap_contract.deprecated import OLD_WORDS
from faceswap_contract.other_variables import HTTP_VARIABLES, OTHER_VARIABLES
from faceswap_contract.steps_variables import STEPS_VARIABLES
from faceswap_contract.variable import Program, Variable, VariableKind
from faceswap_contract.worker_variables import WORKER_VARIABLES

__all__ = ["PREFIX", "VARIABLES", "Program", "UnknownVariable", "Variable", "VariableKind", "check_environment"]

PREFIX = "FACESWAP_"

VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {each.name: each for each in (*STEPS_VARIABLES, *HTTP_VARIABLES, *WORKER_VARIABLES, *OTHER_VARIABLES)}
)
"""Every variable by name, in the order of the documentation."""

_KUBERNETES = re.compile(
    r"FACESWAP_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)
"""What Kubernetes injects into every container beside a Service called faceswap, or faceswap-something; source: its
documentation of Services, "Environment variables"."""

_KUBERNETES_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://.+")
"""Value of the one injected variable whose name says little: FACESWAP_TRITON_PORT beside a Service faceswap-triton."""


class UnknownVariable(ValueError):
    """A variable with our prefix that no program reads; the message names it and the nearest one that exists."""


def check_environment(
    environ: MutableMapping[str, str], warn: Callable[[str], object], program: Program | None = None
) -> None:
    """Refuses misspelt variables, removes those that Kubernetes injects, and replaces old values and names.

    Called once at the start of a program, before any variable is read. Variables of other programs are accepted,
    because containers and machines share them. A name in lower case is replaced by the one in capitals, which wins
    where both are set.

    Args:
        environ: usually `os.environ`; changed in place, so that child processes see the new words.
        warn: gets one line for each old word.
        program: the one that starts; decides which renamings apply.

    Raises:
        UnknownVariable: a name begins with FACESWAP_, is in no table, and is not one that Kubernetes injects.
    """
    for name in sorted(environ):
        upper = name.upper()  # the settings classes read names in any case
        if not upper.startswith(PREFIX):
            continue
        if upper in VARIABLES:
            if name != upper:
                value = environ.pop(name)
                environ.setdefault(upper, value)
            continue
        if _injected(upper, environ[name]):
            del environ[name]  # a settings class would read FACESWAP_PORT for its field `port`
        else:
            raise UnknownVariable(f"there is no environment variable {name:.80}; the nearest is {_nearest(upper)}")
    for word in OLD_WORDS:
        if word.where == "value" and environ.get(word.of) == word.old:
            environ[word.of] = word.new
            warn(word.warning)
    if program is Program.WORKER and "FACESWAP_JOB_SECONDS" not in environ and "FACESWAP_REQUEST_SECONDS" in environ:
        # one name meant two things: up to 0.1 it was the worker's own deadline too
        environ["FACESWAP_JOB_SECONDS"] = environ["FACESWAP_REQUEST_SECONDS"]
        warn(
            "FACESWAP_REQUEST_SECONDS also sets the worker's time for one swap, which is now called "
            "FACESWAP_JOB_SECONDS; this works until 0.3.0"
        )


def _injected(name: str, value: str) -> bool:
    """Whether Kubernetes sets it for a Service."""
    if name == "FACESWAP_PORT" or _KUBERNETES.fullmatch(name):
        return True
    return name.endswith("_PORT") and _KUBERNETES_ADDRESS.fullmatch(value) is not None


def _nearest(name: str) -> str:
    known = [each for each in VARIABLES if each.startswith(PREFIX)]
    return difflib.get_close_matches(name, known, 1, cutoff=0.0)[0]
