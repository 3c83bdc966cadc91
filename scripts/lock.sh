#!/bin/sh
# Writes requirements/*.lock anew: one resolution for Python 3.11 to 3.14 on any system, with hashes and without the
# address of any index. Called by `make lock`.
set -eu
: "${BIN:=.venv/bin}"

compile() {
    output=requirements/$1.lock
    shift
    "$BIN/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o "$output" "$@"
    echo "$output"
}

compile dev --extra local --extra terraform pyproject.toml requirements/dev.in
# The SAM CLI pins much of what it uses: it lives apart.
compile sam requirements/sam.in
# What goes into artifacts is the version that was tested.
compile runtime -c requirements/dev.lock requirements/runtime.in
compile image -c requirements/dev.lock requirements/image.in
compile guard -c requirements/dev.lock requirements/guard.in
# The peers that `make bench` measures against live apart too; what they share with the tests is the same version.
compile bench -c requirements/dev.lock requirements/bench.in
# Fuzzing has an environment of its own: its packages are built for few Pythons.
compile fuzz requirements/fuzz.in
