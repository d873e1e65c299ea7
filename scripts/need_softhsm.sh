#!/bin/sh
# need_softhsm.sh PYTHON required|wanted: sees to it that SoftHSM is there. Without it, `required` fails and `wanted`
# warns so that nobody can miss it. PYTHON is the environment's: the project itself knows where the library may lie.
set -eu
python=$1
importance=$2

present() {
    "$python" -c 'from hsm.tokens import find_softhsm; find_softhsm()' >/dev/null 2>&1
}

present || "$(dirname "$0")/system_package.sh" softhsm2 || true
present && exit 0
cat >&2 <<'MESSAGE'
********************************************************************************
SoftHSM is not installed, and could not be installed from here.
Install it:   sudo apt-get install softhsm2
MESSAGE
if [ "$importance" = required ]; then
    echo "The tests need it: every key operation is tested on a real PKCS#11 token." >&2
    exit 1
fi
cat >&2 <<'MESSAGE'
Continuing WITHOUT an HSM: keys will lie in an encrypted file. That software
keystore is INSECURE against anyone who can read this account's files.
********************************************************************************
MESSAGE
