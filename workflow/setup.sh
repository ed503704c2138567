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

# As workflow/environment.py does for what runs later: of the user's settings for Python, pip and uv, only those that say
# where packages come from. Where they go (PIP_USER, UV_TARGET, ...) is not the user's to say here.
passed="PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY"
passed="$passed PIP_CONFIG_FILE PIP_CONSTRAINT PIP_CACHE_DIR PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES"
passed="$passed UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_INSECURE_HOST UV_SYSTEM_CERTS"
passed="$passed UV_CACHE_DIR UV_HTTP_TIMEOUT UV_HTTP_RETRIES"
for name in $(env | sed -nE 's/^((PIP_|UV_|PYTHON)[A-Z0-9_]*)=.*/\1/p'); do
    case " $passed " in *" $name "*) ;; *) unset "$name" ;; esac
done
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 # also against a pip.conf

case ${TORCH:-cpu} in cpu | cuda) ;; *) fail "TORCH is '$TORCH', and can be cpu or cuda" ;; esac
case $PWD in *:*) fail "the folder's path has a colon, which virtual environments cannot have: move $PWD" ;; esac
command -v "$python" >/dev/null 2>&1 || fail "there is no $python: install Python 3.11 to 3.14, or name one: make PYTHON=..."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null ||
    fail "the packages are built for Python 3.11 to 3.14, and this is $("$python" --version 2>&1): install one of these, or name one: make PYTHON=python3.12"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python lacks venv: install it (on Debian and Ubuntu: apt install python3-venv)"
unfinished=$venv/.unfinished # there while packages are installed: when that was killed, half a package may be left
if [ ! -e "$venv/.ready" ] || [ -e "$unfinished" ]; then
    free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
    [ "$free" -ge 8 ] || fail "the environment takes 8 GB and only $free GB are free here: make room"
    echo "setting up $venv: up to 7 GB, a few minutes, once"
    "$python" -m venv --clear "$venv" || fail "could not make $venv: see above"
fi
touch "$unfinished"
"$venv/bin/python" -I workflow/install.py || {
    [ $? != 3 ] || rm -f "$unfinished" # nothing was changed
    fail "could not install the packages: see above; 'make' tries again"
}
# The project itself, where it lies: kernels find helpers/ wherever they start, and nbconvert finds our exporters.
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e . ||
    fail "could not install the project into $venv: see above"
rm -f "$unfinished"
echo "$venv is ready"
