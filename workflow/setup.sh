#!/bin/sh
# setup.sh PYTHON VENV: make the virtual environment, or print in one line why it cannot be made.
set -eu
python=$1
venv=$2
cd "$(dirname "$0")/.."

fail() {
    echo "error: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "there is no $python: install Python 3.11 or newer, or name one: make PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$("$python" --version 2>&1) is too old: install Python 3.11 or newer, or name one: make PYTHON=python3.12"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python lacks venv: install it (on Debian and Ubuntu: apt install python3-venv)"
if [ ! -e "$venv/.ready" ]; then
    free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
    [ "$free" -ge 8 ] || fail "the environment takes 8 GB and only $free GB are free here: make room"
    echo "setting up $venv: 7 GB, a few minutes, once"
    "$python" -m venv --clear "$venv" || fail "could not make $venv: see above"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt ||
    fail "could not install the packages: see above; 'make' tries again"
# The project itself, where it lies: kernels find helpers/ wherever they start, and nbconvert finds our exporters.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ||
    fail "could not install the project into $venv: see above"
