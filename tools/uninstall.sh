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

# Names: faceswap-frames-NAME, decoded images, a folder that the processes of its server hold locked; and
# faceswap_NAME_..., a region of Triton's. NAME is pPID-RANDOM, with _ for - in a region's name; in version 0.1 it was the
# process id of the launcher or of the server.
in_use() { # path, NAME, PID
    folder=$shared_memory/faceswap-frames-$2
    if [ -d "$folder" ] && command -v flock >/dev/null && ! flock --exclusive --nonblock "$folder" true; then
        return 0
    fi
    [ -e "/proc/$3" ] || grep -qsF "$1" /proc/[0-9]*/maps
}
for path in "$shared_memory"/faceswap_* "$shared_memory"/faceswap-frames-*; do
    [ -O "$path" ] || continue
    name=${path##*/}
    name=${name#faceswap_}
    name=${name#faceswap-frames-}
    first=${name%%[_-]*}
    pid=${first#p}
    random=${name#"$first"}
    random=${random#[_-]}
    random=${random%%_*}
    case $pid in
    '' | *[!0-9]*) continue ;;
    esac
    if in_use "$path" "$first-$random" "$pid"; then
        say "keeping $path: its server is running"
    else
        remove "$path"
    fi
done
say "What git tracks is as it was; remove $root to remove that too."
