#!/bin/sh
# Installs our own packages into a directory: install_own.sh DIRECTORY BUILDER SOURCE PACKAGE...
# BUILDER holds hatchling; SOURCE the folders of the packages, side by side as in a checkout: a build reads the contract
# and the version beside its own folder. Sources are copied first: a build writes beside them, and the build context is
# read-only.
set -eu
directory=$1
builder=$2
source=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R "$source/." "$scratch"
for package in "$@"; do
    PYTHONPATH=$builder python3 -m pip install --disable-pip-version-check --no-cache-dir --root-user-action=ignore --quiet \
        --no-deps --no-index --no-build-isolation --target "$directory" "$scratch/$package"
done
