"""compile_artifact.py DIRECTORY PLACE: bytecode for every module of an artifact, beside its source.

Run by Lambda's own Python (see compile_artifact.sh). PLACE is where the directory lies in Lambda, for tracebacks.
Docstrings stay in the sources only, and `-X no_debug_ranges` leaves out column positions: half of the bytes, all of the
lines.
"""

import sys
from pathlib import Path
from py_compile import PycInvalidationMode, compile


def main(directory: str, place: str) -> None:
    """Compiles every module below ``directory``."""
    root = Path(directory)
    for source in sorted(root.rglob("*.py")):
        target = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        name = f"{place}/{source.relative_to(root).as_posix()}"
        compile(str(source), str(target), name, True, 2, PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    main(*sys.argv[1:])
