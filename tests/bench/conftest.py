"""One short run of the benchmarks for all tests that judge it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """What `make bench ARGS="--quick --json -"` says of requests and policies.

    In a process of its own: measuring coverage slows down the library and nothing else.
    """
    command = [sys.executable, "-m", "bench", "--quick", "--only", "request", "--only", "policies", "--json", "-"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result
