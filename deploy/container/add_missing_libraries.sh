#!/bin/sh
# Copies the shared libraries that the server needs and this image lacks from Triton's full image, mounted at FULL.
# Ends with an error when one cannot be found: better here than in front of a user. Only the driver's own libraries
# may be missing; the container runtime brings them.
#   add_missing_libraries.sh FULL DIRECTORY
set -eu
full=$1
directory=$2
target=/usr/local/lib/tritonserver
mkdir -p "$target"
echo "$target" > /etc/ld.so.conf.d/tritonserver.conf
ldconfig

missing() { # libraries no file in the directory or in our own target finds
    find "$directory" "$target" -type f \( -name '*.so*' -o -perm -u+x \) -exec ldd {} \; 2>/dev/null \
        | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u \
        | grep -v -E '^(libcuda\.so|libnvidia-|libnvcuvid\.so)' || true
}
inside() { # those in the directory itself are found through their users' run path
    find "$directory" -name "$1" | head -n 1
}
known_places() {
    ldconfig -r "$full" -p 2>/dev/null | sed -n "s|^[[:space:]]*$1 .*=> ||p"
    find "$full/usr/lib" "$full/usr/local" "$full/opt" "$full/lib" -name "$1" 2>/dev/null | sed "s|^$full||"
}
while :; do
    found=
    for library in $(missing); do
        if [ -n "$(inside "$library")" ]; then continue; fi
        place=$(known_places "$library" | head -n 1)
        if [ -z "$place" ]; then
            echo "$library is needed and nowhere in Triton's image" >&2
            exit 1
        fi
        echo "from Triton's image: $library"
        cp -L "$full$place" "$target/$library"
        found=yes
    done
    ldconfig
    [ -n "$found" ] || break
done
