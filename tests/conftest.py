"""Fixtures that all tests share."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lambda_runtime import emulator
from tests.support.parameter_store import ParameterStoreServer
from tests.support.require import require

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away whatever would lead a test to a real AWS account, or change what it sees on this machine."""
    for name in os.environ:
        if name.startswith(("AWS_", "EDGECORS_", "POWERTOOLS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def parameter_store_server() -> Iterator[ParameterStoreServer]:
    """One server for the whole run; tests take ``parameter_store``, which is empty for each of them."""
    with ParameterStoreServer.start() as server:
        yield server


@pytest.fixture
def parameter_store(parameter_store_server: ParameterStoreServer) -> Iterator[ParameterStoreServer]:
    """An empty Parameter Store that checks signatures. What a test writes with ``put`` goes when it ends."""
    yield parameter_store_server
    parameter_store_server.clear()


@pytest.fixture(scope="session")
def runtime_emulator() -> Path:
    """Lambda's runtime emulator; the test is skipped (under CI: fails) where there is none."""
    program = emulator()
    require(program, "Lambda's runtime emulator is not here: run `make runtime` (Linux on x86-64 or arm64)")
    assert program is not None
    return program


@pytest.fixture(scope="session")
def built() -> Path:
    """The directory of the built artifacts, ``.aws-sam/build``, up to date: ``built / "EdgeFunction"`` and so on."""
    make("build")
    return ROOT / ".aws-sam" / "build"


@pytest.fixture(scope="session")
def packaged() -> Path:
    """The directory that `make package` writes, up to date."""
    make("package")
    return ROOT / "build" / "package"


def make(target: str) -> None:
    """Run a target of the Makefile that builds something."""
    require((ROOT / "template.yaml").exists(), "there is no template.yaml, so nothing can be built")
    state = ROOT / ".aws-sam"
    state.mkdir(exist_ok=True)
    # Not make's own variables when make runs the tests: the inner one would wait for the outer one's job slots.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with (state / ".lock").open("w") as lock:
        # Two runs at once must not build into the same directory.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"`make {target}` failed:\n{done.stdout}\n{done.stderr}", pytrace=False)
