#!/bin/sh
# Writes requirements/*.lock anew, one for each dependency group of pyproject.toml: one resolution for Python 3.11 to 3.14
# on any system, with hashes and without the address of any index. Called by `make lock`.
set -eu
: "${BIN:=.venv/bin}"

compile() {
    group=$1
    shift
    "$BIN/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        --group "$group" -o "requirements/$group.lock" "$@"
    echo "requirements/$group.lock"
}

compile dev --extra local --extra terraform pyproject.toml
compile sam
# What goes into artifacts, and what they run with, is the version that was tested.
compile runtime -c requirements/dev.lock
compile guard -c requirements/dev.lock
# The peers that `make bench` measures against: what they share with the tests is the same version.
compile bench -c requirements/dev.lock
# What the GitHub action installs: the command's dependencies.
"$BIN/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
    --extra cli -c requirements/dev.lock -o deploy/github/requirements.lock pyproject.toml
# The fuzzer's packages are built for few Pythons.
compile fuzz
# jsii pins much of what it uses, and the CDK is large: what tests deploy/ has an environment of its own.
compile deploy
