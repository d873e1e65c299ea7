#!/bin/sh
# Sees to it that a PostgreSQL server can be started by the tests; fails with what to install otherwise.
set -eu

present() {
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null
}

present || "$(dirname "$0")/system_package.sh" postgresql || true
present && exit 0
cat >&2 <<'MESSAGE'
PostgreSQL is not installed, and could not be installed from here.
Install it:   sudo apt-get install postgresql
The tests need it: the store is tested on SQLite and on a real PostgreSQL.
MESSAGE
exit 1
