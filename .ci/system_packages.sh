#!/bin/sh
# Installs the programs that some tests call. Needs apt-get, and root or sudo without a password; without them it says
# what is missing, and the tests that need it are skipped with their reason.
set -eu

missing=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need exiftool libimage-exiftool-perl # reads the marks as others do
need exempi exempi                       # the same with Adobe's XMP toolkit
need curl curl                       # examples/*.sh
need openssl openssl                 # a time-stamp authority, test certificates
need unshare util-linux              # small and read-only file systems
need node nodejs                     # client/typescript
need npm npm
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
install() {
    $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
}
if ! command -v apt-get >/dev/null 2>&1 || ! install >/dev/null; then
    echo "not installed, so that some tests are skipped:$missing" >&2
fi
