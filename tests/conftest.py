"""Fixtures that all tests share."""

import fcntl
import functools
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

from harness.lambda_runtime import emulator
from tests.support.parameter_store import ParameterStoreServer
from tests.support.require import require

ROOT = Path(__file__).resolve().parent.parent


SLOW_FIRST = ("sam_local", "template", "browser", "harness", "bench", "functions", "cli")


def pytest_configure() -> None:
    """Lets Ctrl-C end a run and the commands that it starts, even where a script has started it in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a browser, a container or a process of their own."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the directories with the longest files first: else one worker would end alone with one of them."""

    def rank(item: pytest.Item) -> int:
        directory = item.path.relative_to(ROOT / "tests").parts[0]
        return SLOW_FIRST.index(directory) if directory in SLOW_FIRST else len(SLOW_FIRST)

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes whatever would lead a test to a real AWS account, or change what it sees on this machine."""
    for name in os.environ:
        if name.startswith(("AWS_", "EDGECORS_", "POWERTOOLS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Every botocore session would read AWS's service descriptions anew, which took half of the guard's tests' time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


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
