#!/bin/sh
# Rewrites every lock from its .in file: lock.sh [--upgrade]. Needs uv. Writes no registry host.
# Versions stay as they are locked unless a .in file excludes them or --upgrade is given.
# environment.txt decides the versions; the images' locks are parts of it, audit.txt comes on top. kserve.txt stands
# alone: it is for a separate virtual environment.
set -eu
cd "$(dirname "$0")/.."
upgrade=${1:-}
options="--quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compile() { # LOCK OPTION... FILE.in: to stdout, with the versions that LOCK has
    lock=$1
    shift
    if [ -f "requirements/$lock.txt" ]; then cp "requirements/$lock.txt" "$scratch/preferred.txt"; fi
    uv pip compile $options $upgrade --output-file "$scratch/preferred.txt" "$@" >/dev/null
    cat "$scratch/preferred.txt"
    rm -f "$scratch/preferred.txt"
}
part() { # NAME [OPTION]: the part of environment.txt that NAME.in and what it needs make
    {
        echo "# A part of environment.txt, written by lock.sh. Install with --no-deps."
        uv pip compile $options ${2:-} --constraint "$scratch/environment.txt" "requirements/$1.in"
    } > "$scratch/$1.txt"
}

{
    echo "# Exact versions and hashes for Python 3.10 to 3.12, written by lock.sh. Install with --no-deps."
    compile environment requirements/environment.in
    compile environment --no-deps requirements/bundled.in
} > "$scratch/environment.txt"
part image
uv pip compile $options --no-deps --constraint "$scratch/environment.txt" requirements/image-bundled.in \
    >> "$scratch/image.txt"
part image-cpu --no-deps
part image-build --no-deps
{
    echo "# What \`make audit\` needs on top of environment.txt, written by lock.sh. Install with --no-deps."
    compile audit --constraint "$scratch/environment.txt" requirements/audit.in
} > "$scratch/audit.txt"
{
    echo "# For a separate virtual environment, written by lock.sh. Install with --no-deps."
    compile kserve requirements/kserve.in
} > "$scratch/kserve.txt"
for name in environment image image-cpu image-build audit kserve; do
    mv "$scratch/$name.txt" "requirements/$name.txt"
done
