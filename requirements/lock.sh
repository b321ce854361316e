#!/bin/sh
# Rewrites environment.txt, runpod.txt and audit.txt from the .in files. Needs uv. No registry host is written.
set -eu
cd "$(dirname "$0")/.."
options="--quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header --no-annotate"
{
    echo "# Exact versions and hashes for Python 3.10 to 3.12, written by lock.sh. Install with --no-deps."
    uv pip compile $options requirements/environment.in
    uv pip compile $options --no-deps requirements/carried.in
} > requirements/environment.txt.new
{
    echo "# What the RunPod worker needs on top of environment.txt, written by lock.sh. Install with --no-deps."
    uv pip compile $options --constraint requirements/environment.txt.new requirements/runpod.in
} > requirements/runpod.txt.new
{
    echo "# What \`make audit\` needs on top of environment.txt, written by lock.sh. Install with --no-deps."
    uv pip compile $options --constraint requirements/environment.txt.new requirements/audit.in
} > requirements/audit.txt.new
mv requirements/audit.txt.new requirements/audit.txt
mv requirements/runpod.txt.new requirements/runpod.txt
mv requirements/environment.txt.new requirements/environment.txt
