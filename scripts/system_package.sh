#!/bin/sh
# Installs the Debian package $1 where that is possible without asking: as root, with apt-get. Otherwise fails, silently:
# the caller knows what the package was wanted for and says so.
set -eu
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || exit 1
export DEBIAN_FRONTEND=noninteractive
echo "installing the system package $1"
apt-get install --yes --quiet --no-install-recommends "$1" >/dev/null 2>&1 ||
    { apt-get update --quiet >/dev/null 2>&1 && apt-get install --yes --quiet --no-install-recommends "$1" >/dev/null; }
