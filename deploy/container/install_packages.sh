#!/bin/sh
# Installs locked packages into a directory: install_packages.sh DIRECTORY LOCK...
# Wheels only, each checked against the lock's sha256; nothing is compiled, nothing is kept in a cache.
set -eu
directory=$1
shift
for lock in "$@"; do
    python3 -m pip install --disable-pip-version-check --no-cache-dir --root-user-action=ignore --progress-bar off --quiet \
        --no-deps --only-binary=:all: --require-hashes --target "$directory" -r "$lock"
done
