#!/bin/sh
# compile_artifact.sh DIRECTORY [PLACE [bundle]]: adds bytecode to an artifact that runs on Lambda's python3.13; with
# "bundle" its library becomes one file of bytecode and one of sources, see bundle_edge.py.
#
# Lambda's code directory is read-only, so without it every cold start compiles the sources again. The bytecode is
# marked as not to be compared with its source (unchecked-hash): a zip file keeps no exact times, and nobody edits an
# artifact in place. Only the runtime's own Python can make it; where that is not at hand the artifact is left as it is,
# and works all the same.
set -eu
directory=$1
python=$("$(dirname "$0")/find_python.sh" 3.13) || {
    echo "no python3.13 here: $directory keeps its sources only, and compiles them at each cold start" >&2
    exit 0
}
scripts=$(dirname "$0")
"$python" -X no_debug_ranges "$scripts/compile_artifact.py" "$directory" "${2:-/var/task}"
[ "${3:-}" != bundle ] || "$python" -X no_debug_ranges "$scripts/bundle_edge.py" "$directory" "${2:-/var/task}"
