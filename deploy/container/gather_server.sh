#!/bin/sh
# In Triton's full image: keeps the server and the two backends we use (what Triton's compose.py copies), in DIRECTORY.
set -eu
directory=$1
home=/opt/tritonserver
mkdir -p "$directory/backends"
for part in bin lib LICENSE TRITON_VERSION NVIDIA_Deep_Learning_Container_License.pdf; do
    if [ -e "$home/$part" ]; then cp -a "$home/$part" "$directory/"; fi
done
for backend in python onnxruntime; do
    [ -d "$home/backends/$backend" ] || { echo "$home has no backend $backend" >&2; exit 1; }
    cp -a "$home/backends/$backend" "$directory/backends/"
done
find "$directory" -name '*.a' -delete # static libraries are for builders
[ -x "$directory/bin/tritonserver" ] || { echo "$home has no bin/tritonserver" >&2; exit 1; }
