"""The built CloudFront Functions, and the engine that judges them."""

import subprocess
import sys
from pathlib import Path

import pytest
from edgecors_local.javascript import Engine, find_engine

from tests.support.require import require

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both functions, built from the sources as they are now."""
    directory = tmp_path_factory.mktemp("functions")
    subprocess.run([sys.executable, ROOT / "scripts" / "build_functions.py", directory], check=True, timeout=60)
    return directory


@pytest.fixture(scope="session")
def njs() -> Engine:
    """CloudFront's JavaScript engine."""
    engine = find_engine("njs")
    require(engine, "njs is not installed (Debian and Ubuntu: apt install njs)")
    assert engine is not None
    return engine
