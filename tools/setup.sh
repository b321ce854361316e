#!/bin/sh
# Makes .venv with the locked packages and our own. Does nothing when it is up to date; after a change of the lock it
# brings .venv in line with it.
# Needs Python 3.10, 3.11 or 3.12 with pip on x86-64 Linux, nothing else. PYTHON=... picks one.
set -eu
cd "$(dirname "$0")/.."
lock=requirements/environment.txt
venv=.venv

say() { printf '%s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

usable() { # a Python we support that really runs and has pip
    "$1" -c 'import sys, pip; raise SystemExit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}
has_libpython() { # the server's Python steps are linked against libpython3.X.so.1.0
    "$1" -c '
import ctypes, os, sys, sysconfig
name = "libpython%d.%d.so.1.0" % sys.version_info[:2]
if os.path.exists(os.path.join(sysconfig.get_config_var("LIBDIR") or "", name)):
    raise SystemExit(0)
ctypes.CDLL(name)' >/dev/null 2>&1
}
pick_python() {
    fallback=
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
        usable "$candidate" || continue
        if has_libpython "$candidate"; then printf '%s' "$candidate"; return; fi
        fallback=${fallback:-$candidate}
    done
    printf '%s' "$fallback"
}

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "pip's Triton runs on x86-64 Linux only; this is $(uname -s) $(uname -m)"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
install_own() {
    pip install --quiet --no-deps --no-build-isolation --no-index -e client -e python_backend -e model_packs -e server -e tools \
        || fail "cannot install our own packages"
    stamp own "$own $PWD"
}
stamp() { # NAME TEXT: a new file, never written through a hard link into a copy of .venv
    rm -f "$venv/.stamp-$1"
    printf '%s' "$2" > "$venv/.stamp-$1"
}
install_lock() {
    if [ -t 1 ]; then quiet=; else quiet=--quiet; fi # a person sees pip's own progress
    rm -f "$venv/.stamp-lock"
    pip install $quiet --no-deps --require-hashes -r "$lock" || fail "cannot install $lock: see pip's message above"
}
remove_unlocked() { # what an earlier lock installed and this one does not name
    "$venv/bin/python" - "$lock" <<'PYTHON' | xargs -r "$venv/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes
import re
import sys
from importlib.metadata import distributions
from pathlib import Path


def canonical(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


locked = {canonical(line.split("==")[0]) for line in Path(sys.argv[1]).read_text().splitlines() if "==" in line}
present = {canonical(found.metadata["Name"]) for found in distributions()}
print(*sorted(name for name in present - locked - {"pip", "setuptools", "wheel"} if not name.startswith("faceswap-")))
PYTHON
}
locked=$(cksum < "$lock")
own=$(cat contract/src/faceswap_contract/version.py client/hatch_build.py ./*/pyproject.toml | cksum)
if [ "$(cat "$venv/.stamp-lock" 2>/dev/null)" = "$locked" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    [ "$(cat "$venv/.stamp-own" 2>/dev/null)" = "$own $PWD" ] || install_own
    exit 0
fi

if [ -f "$venv/.stamp-lock" ] && [ -z "${PYTHON:-}" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "Bringing .venv in line with $lock"
    install_lock
    remove_unlocked
    stamp lock "$locked"
    install_own
    exit 0
fi

python=$(pick_python)
[ -n "$python" ] || fail "Python 3.10, 3.11 or 3.12 with pip is needed; found $("${PYTHON:-python3}" --version 2>&1 || true). Set PYTHON=/path/to/python3.11"
has_libpython "$python" || fail "$python has no libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])').so.1.0 (a static build): apt-get install libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'), or set PYTHON=... to a shared build"

say "Setting up .venv with $("$python" --version) (about a minute and a half, once)"
rm -rf "$venv"
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian and Ubuntu split ensurepip off; virtualenv brings its own pip
    rm -rf "$venv" && bootstrap=$(mktemp -d)
    "$python" -m pip install --quiet --disable-pip-version-check --target "$bootstrap" virtualenv || fail "cannot install virtualenv with $python -m pip"
    PYTHONPATH=$bootstrap "$python" -m virtualenv --quiet "$venv" || fail "cannot create $venv"
    rm -rf "$bootstrap"
fi
install_lock
stamp lock "$locked"
install_own
say "Set up in $PWD/.venv"
