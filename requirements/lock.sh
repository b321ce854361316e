#!/bin/sh
# Rewrites every lock from its .in file. Needs uv. No registry host is written.
# environment.txt decides the versions; the images' locks are parts of it, audit.txt comes on top.
set -eu
cd "$(dirname "$0")/.."
options="--quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate"
{
    echo "# Exact versions and hashes for Python 3.10 to 3.12, written by lock.sh. Install with --no-deps."
    uv pip compile $options requirements/environment.in
    uv pip compile $options --no-deps requirements/carried.in
} > requirements/environment.txt.new
part() { # NAME [OPTION]: the part of environment.txt that NAME.in and what it needs make
    {
        echo "# A part of environment.txt, written by lock.sh. Install with --no-deps."
        uv pip compile $options ${2:-} --constraint requirements/environment.txt.new "requirements/$1.in"
    } > "requirements/$1.txt.new"
}
part image
uv pip compile $options --no-deps --constraint requirements/environment.txt.new requirements/image-carried.in \
    >> requirements/image.txt.new
part image-cpu --no-deps
part image-build --no-deps
{
    echo "# What \`make audit\` needs on top of environment.txt, written by lock.sh. Install with --no-deps."
    uv pip compile $options --constraint requirements/environment.txt.new requirements/audit.in
} > requirements/audit.txt.new
for name in environment image image-cpu image-build audit; do
    mv "requirements/$name.txt.new" "requirements/$name.txt"
done
