#!/bin/sh
# Makes .venv with the locked packages and our three own. Does nothing when it is up to date.
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

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "the pip-carried Triton runs on x86-64 Linux only; this is $(uname -s) $(uname -m)"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
install_own() {
    pip install --quiet --no-deps --no-build-isolation --no-index -e python_backend -e client -e model_packs -e server -e tools \
        || fail "cannot install our own packages"
    printf '%s' "$own $PWD" > "$venv/.stamp-own"
}
locked=$(cksum < "$lock")
own=$(cat python_backend/pyproject.toml client/pyproject.toml client/hatch_build.py model_packs/pyproject.toml server/pyproject.toml tools/pyproject.toml | cksum)
if [ "$(cat "$venv/.stamp-lock" 2>/dev/null)" = "$locked" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    [ "$(cat "$venv/.stamp-own" 2>/dev/null)" = "$own $PWD" ] || install_own
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
if [ -t 1 ]; then quiet=; else quiet=--quiet; fi # a person sees pip's own progress
pip install $quiet --no-deps --require-hashes -r "$lock" || fail "cannot install $lock: see pip's message above"
printf '%s' "$locked" > "$venv/.stamp-lock"
install_own
say "Set up in $PWD/.venv"
