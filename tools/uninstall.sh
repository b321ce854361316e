#!/bin/sh
# Removes what this checkout has made: .venv, packs, the served repository, results, caches in the user's cache
# directory (InsightFace's downloaded files among them), and shared memory of servers that have ended.
# Tracked files stay. A server that runs is left alone, and one of this checkout has to be stopped first.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
shared_memory=${SHARED_MEMORY:-/dev/shm} # tests name another folder

say() { printf '%s\n' "$*"; }

for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe" 2>/dev/null) || continue
    case $program in
    "$root"/.venv/*)
        say "uninstall: ${program##*/} of this checkout is running (pid ${process#/proc/}); stop it first" >&2
        exit 1
        ;;
    esac
done

remove() {
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            say "removing $path"
            rm -rf -- "$path"
        fi
    done
}

case ${XDG_CACHE_HOME:-} in
/*) cache=$XDG_CACHE_HOME ;;
*) cache=${HOME:-/nonexistent}/.cache ;; # XDG: a path that is not absolute does not count
esac
remove "$cache/faceswap-triton"
remove .venv .packs .served out client/typescript/node_modules
for image in me.jpg group.jpg you.jpg; do # written by `make demo`; what else lies there is the user's own
    remove "examples/images/$image"
done
if [ -d examples/images ]; then
    rmdir examples/images 2>/dev/null || say "keeping examples/images: it holds files that make did not write"
fi
remove .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
remove model_repository/*/1/*.onnx model_repository/*/1/*.part model_repository/pack.json \
    model_repository/content_gate/1/gate.json # version 0.1 wrote these
find . -name .git -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -prune -exec rm -rf {} +

# Names: faceswap_PID-OF-THE-LAUNCHER_..., a region of Triton's; faceswap-frames-PID-OF-THE-SERVER, decoded images
for path in "$shared_memory"/faceswap_* "$shared_memory"/faceswap-frames-*; do
    [ -e "$path" ] || continue
    name=${path##*/}
    pid=${name#faceswap_}
    pid=${pid#faceswap-frames-}
    pid=${pid%%_*}
    case $pid in
    '' | *[!0-9]*) continue ;;
    esac
    if [ -e "/proc/$pid" ] || grep -qsF "$path" /proc/[0-9]*/maps; then
        say "keeping $path: its server is running"
    else
        remove "$path"
    fi
done
say "What git tracks is as it was; remove $root to remove that too."
