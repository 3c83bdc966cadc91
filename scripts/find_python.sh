#!/bin/sh
# Prints the path of a Python interpreter, or explains on stderr what to install and fails.
#   find_python.sh         any Python from 3.11 on; a plain `python3` is preferred
#   find_python.sh 3.13    exactly this one (for what runs in Lambda); prints nothing and fails quietly when there is none
set -u

# A candidate counts when it really runs (a version manager's shim may not) and can make virtual environments.
usable() {
    "$1" -c "
import sys
wanted = '${2:-}'
ok = '%d.%d' % sys.version_info[:2] == wanted if wanted else sys.version_info >= (3, 11)
if ok:
    import ensurepip, venv
    print(sys.executable)
sys.exit(not ok)
" 2>/dev/null
}

if [ $# -gt 0 ]; then
    usable "python$1" "$1" && exit 0
    usable python3 "$1" && exit 0
    # Version managers keep interpreters that are not on PATH.
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python3 \
        "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-"$1".*/bin/python3; do
        [ -x "$candidate" ] && usable "$candidate" "$1" && exit 0
    done
    exit 1
fi

for candidate in python3 python3.13 python3.14 python3.12 python3.11; do
    usable "$candidate" && exit 0
done
echo "edgecors needs Python 3.11 or later with its venv module, and found none." >&2
echo "On Debian and Ubuntu: apt-get install python3 python3-venv. On macOS: brew install python." >&2
exit 1
