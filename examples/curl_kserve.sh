#!/bin/sh
# Swaps faces with curl through the KServe v2 protocol, on Triton's own port or on `faceswap serve --listen`:
#   sh examples/curl_kserve.sh me.jpg group.jpg swapped.jpg [http://127.0.0.1:8000]
# FACESWAP_TOKEN in the environment is sent as the bearer token. Options are in "parameters" (docs/reference/options.md).
#
# The body is the JSON header, then each image with its length in front: four bytes, lowest first. The length of the
# JSON is in a header of HTTP, there and back. Where the plain API is served, curl_plain.sh does it in one line.
set -eu
[ $# -ge 3 ] || { echo "usage: $0 SOURCE TARGET OUT [URL]" >&2; exit 2; }
source=$1 target=$2 out=$3 url=${4:-http://127.0.0.1:8000}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

size() { echo $(($(wc -c < "$1"))); }
tensor() { # FILE: its length as four bytes, then the file
    n=$(size "$1")
    for byte in $((n & 255)) $((n >> 8 & 255)) $((n >> 16 & 255)) $((n >> 24)); do
        printf "\\$(printf %03o "$byte")"
    done
    cat "$1"
}

header='{
  "parameters": {"output_format": "jpeg"},
  "inputs": [
    {"name": "SOURCE_IMAGE", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": '$(($(size "$source") + 4))'}},
    {"name": "TARGET_IMAGE", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": '$(($(size "$target") + 4))'}}
  ],
  "outputs": [{"name": "SWAPPED_IMAGE", "parameters": {"binary_data": true}}]
}'
{ printf %s "$header"; tensor "$source"; tensor "$target"; } > "$scratch/request"

# the token goes through standard input, where other users of the machine cannot read it
status=$(if [ -n "${FACESWAP_TOKEN:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$FACESWAP_TOKEN"; fi |
    curl --silent --show-error --config - --data-binary "@$scratch/request" \
        --header "Content-Type: application/octet-stream" \
        --header "Inference-Header-Content-Length: ${#header}" \
        --dump-header "$scratch/headers" --output "$scratch/response" --write-out '%{http_code}' \
        "$url/v2/models/face_swap/infer")
if [ "$status" != 200 ]; then
    echo "HTTP $status: $(cat "$scratch/response")" >&2 # {"error": "CODE: what is wrong"}
    exit 1
fi
json=$(tr -d '\r' < "$scratch/headers" | tr A-Z a-z | sed -n 's/^inference-header-content-length: *//p')
tail -c +$((json + 5)) "$scratch/response" > "$out" # after the JSON and four bytes of length
echo "$out: $(size "$out") bytes"
