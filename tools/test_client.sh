#!/bin/sh
# The client as a user installs it: ./client alone in a clean virtual environment, then its unit tests there.
# PYTHON=... picks the interpreter, 3.10 to 3.13.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
python=$scratch/venv/bin/python
"$python" -m pip --disable-pip-version-check install --quiet ./client pytest pytest-timeout hypothesis mypy
"$python" --version
# without tests/conftest.py, which needs the server
"$python" -m pytest tests/unit/client --confcutdir=tests/unit/client -q -p no:cacheprovider "$@"
