#!/bin/sh
# Installs Debian or Ubuntu packages and leaves neither lists nor archives behind: install_system.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* \
    /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
