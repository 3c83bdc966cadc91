#!/usr/bin/env bash
# Builds a stand-in for Lambda's Python image from Debian trixie, whose Python is Lambda's 3.13 too, and loads it into the
# running container engine under the name that `sam local` uses. For machines that can't pull from a registry, and for tests.
#
# The file system is cached in build/lambda-image; a change of this script or of requirements/runtime.lock makes a new one.
# Needs root, debootstrap, and a container engine that the `docker` command reaches. PYTHON (with pip) installs the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PYTHON:=.venv/bin/python}"

case "$(uname -m)" in
    x86_64) architecture=x86_64 machine=x86_64 ;;
    aarch64 | arm64) architecture=arm64 machine=aarch64 ;;
    *) echo "Lambda has no Python image for $(uname -m)." >&2 && exit 1 ;;
esac
name=public.ecr.aws/lambda/python:3.13-$architecture
cache=build/lambda-image
tarball=$cache/$(cat "$0" requirements/runtime.lock | sha256sum | cut -c1-16)-$architecture.tar

# The address of Debian's archive in the machine's own apt configuration; nothing where there is none.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | head -n 1 || true
}

build() {
    local root=$cache/root
    rm -rf "$cache"
    mkdir -p "$cache"
    # shellcheck disable=SC2046
    debootstrap --variant=minbase --include=python3,ca-certificates trixie "$root" $(mirror) >"$cache/log" ||
        { tail -n 20 "$cache/log" >&2 && exit 1; }
    mkdir -p "$root"/var/{rapid,runtime,task} "$root"/opt
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps --require-hashes \
        --only-binary :all: --python-version 3.13 --implementation cp \
        --platform "manylinux2014_$machine" --platform "manylinux_2_28_$machine" \
        --target "$root/var/runtime" -r requirements/runtime.lock
    cat >"$root/var/runtime/bootstrap" <<'BOOTSTRAP'
#!/bin/sh
export PYTHONPATH="/var/task:/opt/python:/var/runtime"
exec python3.13 -m awslambdaric "$_HANDLER"
BOOTSTRAP
    chmod 755 "$root/var/runtime/bootstrap"
    cp "$(find -L .venv-sam/lib -path "*/samcli/local/rapid/aws-lambda-rie-$architecture" -print -quit)" \
        "$root/var/rapid/aws-lambda-rie"
    chmod 755 "$root/var/rapid/aws-lambda-rie"
    tar -C "$root" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists --exclude=./usr/share/doc \
        --exclude=./usr/share/locale -cf "$tarball.part" .
    rm -rf "$root"
    mv "$tarball.part" "$tarball"
}

[[ -f $tarball ]] || build
docker import --change "WORKDIR /var/task" --change 'ENTRYPOINT ["/var/rapid/aws-lambda-rie"]' \
    "$tarball" "$name" >/dev/null
echo "$name"
