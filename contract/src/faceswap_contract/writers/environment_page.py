"""Writes docs/reference/environment.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from faceswap_contract.variable import Program, Variable
from faceswap_contract.writers.markdown import code, page, table

_INTRODUCTION = """\
Every variable of every program. `faceswap serve`, `faceswap doctor` and the RunPod worker refuse at their start a variable that begins with `FACESWAP_` and is
not in these tables (exit code 2, with the nearest name), except those that Kubernetes injects for a Service called faceswap
(`FACESWAP_SERVICE_HOST`, `FACESWAP_PORT`, ...). Secrets are named by path; the one variable that holds a secret itself is marked."""

_SECTIONS = (
    (
        Program.STEPS,
        "Limits and provenance: the steps inside Triton",
        "Set them for the program that starts Triton: `faceswap serve` or the worker.",
    ),
    (Program.SERVE, "`faceswap serve`: HTTP server and plain API", ""),
    (Program.WORKER, "The RunPod worker", "Names without the prefix are given by RunPod."),
    (Program.COMMAND_LINE, "The command line", ""),
    (Program.ROUTE, "The TypeScript route", "Beside `RUNPOD_API_KEY`, `RUNPOD_ENDPOINT_ID` and `RUNPOD_BASE_URL`."),
    (Program.TESTS, "Tests", ""),
)


def environment_page(variables: Iterable[Variable]) -> str:
    """Text of the page: each variable once, under the first program that reads it."""
    left = list(variables)
    parts = [_INTRODUCTION]
    for program, title, words in _SECTIONS:
        kept = [each for each in left if program in each.programs]
        left = [each for each in left if each not in kept]
        parts += [f"## {title}", *([words] if words else []), _table(kept)]
    return page("Environment variables", "*_variables.py", *parts)


def _table(variables: Sequence[Variable]) -> str:
    head = ("variable", "type", "default", "allowed", "meaning", "read by")
    return table(head, (_row(each) for each in variables))


def _row(each: Variable) -> tuple[str, ...]:
    meaning = f"{each.meaning} (secret)" if each.secret else each.meaning
    programs = ", ".join(program.value for program in each.programs)
    return code(each.name), each.kind.value, code(each.shown_default), _allowed(each), meaning, programs


def _allowed(each: Variable) -> str:
    if each.choices:
        return ", ".join(code(word) for word in each.choices)
    if each.above is not None:
        return f"above {each.above:g}"
    if each.minimum is not None and each.maximum is not None:
        return f"{each.minimum:g} to {each.maximum:.0f}"
    if each.minimum is not None:
        return f"at least {each.minimum:g}"
    if each.longest is not None:
        return f"at most {each.longest} characters"
    return code(each.pattern or "")
