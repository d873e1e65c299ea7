#!/bin/sh
# Makes the virtual environment in the folder given as $1, with the Python in $PYTHON or the first suitable one found.
# Needs nothing but Python 3.11 or newer; where Debian keeps `venv` apart and we are root, installs that package.
set -eu
folder=$1

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        if [ -n "$candidate" ] && suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "secure-ds needs Python 3.11 or newer; install it (Debian: apt-get install python3 python3-venv)" >&2
    echo "or name it: make PYTHON=/path/to/python3.11" >&2
    exit 1
}

python=$(find_python)
if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$(dirname "$0")/system_package.sh" "python$version-venv" || {
        echo "this Python cannot make virtual environments: apt-get install python$version-venv" >&2
        exit 1
    }
fi
echo "making $folder with $("$python" --version)"
"$python" -m venv "$folder"
