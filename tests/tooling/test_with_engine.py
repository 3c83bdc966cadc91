"""scripts/with_engine.sh: it runs a command, with or without an engine, and ends what it started."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "with_engine.sh"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="an engine of its own needs root")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory that is all of PATH, with what the script itself uses."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("bash", "env", "cat", "mktemp", "rm", "seq", "sleep", "tail", "sh", "touch"):
        path = shutil.which(name)
        assert path is not None
        (directory / name).symlink_to(path)
    return directory


def imitate(tools: Path, name: str, script: str) -> None:
    program = tools / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(tools: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(tools), "TMPDIR": str(tools.parent)}
    arguments = [str(SCRIPT), "sh", "-c", command]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_command_runs_without_an_engine_where_none_can_be_started(tools: Path) -> None:
    done = run(tools, 'echo "$DOCKER_HOST"; exit 3')
    assert (done.returncode, done.stdout, done.stderr) == (3, "\n", "")


def test_running_engine_is_used(tools: Path) -> None:
    imitate(tools, "docker", "exit 0")
    imitate(tools, "dockerd", "echo started >&2; exit 1")
    done = run(tools, 'echo "$DOCKER_HOST"; exit 3')
    assert (done.returncode, done.stdout, done.stderr) == (3, "\n", "")


@AS_ROOT
def test_started_engine_ends_with_the_command(tools: Path) -> None:
    """The imitated engine listens as soon as its file is there, and removes it when it is asked to end."""
    running = tools.parent / "running"
    imitate(tools, "docker", f"test -e {running}")
    imitate(
        tools,
        "dockerd",
        f"trap 'rm {running}; exit 0' TERM\ntouch {running}\nwhile true; do sleep 0.05; done",
    )
    done = run(tools, 'echo "$DOCKER_HOST"; exit 3')
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith(f"unix://{tools.parent}/edgecors-engine.")
    assert not running.exists()
    assert list(tools.parent.glob("edgecors-engine.*")) == []


@AS_ROOT
def test_engine_that_ends_at_once_is_reported(tools: Path) -> None:
    imitate(tools, "docker", "exit 1")
    imitate(tools, "dockerd", "echo 'no cgroups here'; exit 1")
    done = run(tools, "echo never")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "dockerd ended at once:\nno cgroups here\n"
