"""Checks the types of everything that is written in Python here.

Each directory of ``functions/`` is a program of its own, and Lambda wants them all to have a module ``app``; so each
gets a run of its own, beside one for all the rest. Exits with 1 when any run has found something.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOYMENT = ("deploy/cdk", "deploy/github")
TOGETHER = ("layers/edgecors", "admin", "cli", "local", "tests", "scripts", "bench", "harness", *DEPLOYMENT)


def has_sources(directory: Path) -> bool:
    """Whether there is anything to check below a directory (mypy takes it for an error when there is not)."""
    return any(directory.rglob("*.py"))


def check(paths: list[str], **environment: str) -> bool:
    """Runs mypy over some paths; whether it found nothing."""
    print("mypy", *paths, flush=True)
    command = [sys.executable, "-m", "mypy", *paths]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode == 0


def main() -> int:
    """Runs mypy once for the packages and once for each function; the exit status."""
    together = [name for name in TOGETHER if has_sources(ROOT / name)]
    apart = sorted(path for path in (ROOT / "functions").glob("*/") if has_sources(path))
    # The harness imports the gateway's modules.
    clean = check(together, MYPYPATH=str(ROOT / "functions" / "gateway"))
    for path in apart:
        # In Lambda a function's own directory is where its imports start.
        clean = check([str(path.relative_to(ROOT))], MYPYPATH=str(path)) and clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
