#!/bin/sh
# Installs our own packages, whose builder lies in BUILDER, into a directory: install_own.sh DIRECTORY BUILDER PACKAGE...
# Sources are copied first: a builder writes beside them, and the build context is read-only.
set -eu
directory=$1
builder=$2
shift 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R "$(dirname "$1")/contract" "$scratch/" # the client's builder takes it from beside the client
for package in "$@"; do
    cp -R "$package" "$scratch/"
    PYTHONPATH=$builder python3 -m pip install --disable-pip-version-check --no-cache-dir --root-user-action=ignore --quiet \
        --no-deps --no-index --no-build-isolation --target "$directory" "$scratch/$(basename "$package")"
done
