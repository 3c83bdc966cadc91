#!/usr/bin/env bash
# Runs a command with a container engine: the one that is running, or one started for the command and ended after it.
#   scripts/with_engine.sh COMMAND [ARGUMENT...]
# An engine of its own needs root and dockerd (Debian and Ubuntu: docker.io). Where neither is there, the command runs
# without, and says itself what it lacks.
set -euo pipefail

if docker info >/dev/null 2>&1 || ((EUID != 0)) || ! command -v dockerd >/dev/null; then
    exec "$@"
fi

state=$(mktemp -d -t edgecors-engine.XXXXXX)
engine=
finish() {
    if [[ -n $engine ]] && kill "$engine" 2>/dev/null; then
        wait "$engine" || true
    fi
    rm -rf "$state"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export DOCKER_HOST=unix://$state/docker.sock
dockerd --host "$DOCKER_HOST" --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" \
    >"$state/log" 2>&1 &
engine=$!
for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || { echo "dockerd ended at once:" >&2 && tail -n 20 "$state/log" >&2 && exit 1; }
    sleep 0.2
done
"$@"
