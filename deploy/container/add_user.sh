#!/bin/sh
# The user the container runs as: number 1000, no password, no shell, no home. Bases that have a user 1000 (ubuntu,
# triton-server) lose its name, which nothing uses.
set -eu
user=faceswap
other=$(getent passwd 1000 | cut -d: -f1)
if [ -n "$other" ] && [ "$other" != "$user" ]; then userdel "$other"; fi
getent group 1000 >/dev/null || groupadd --gid 1000 "$user"
getent passwd 1000 >/dev/null \
    || useradd --uid 1000 --gid 1000 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
