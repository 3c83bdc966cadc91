"""The SAM CLI with a container engine, the built functions, and the store of ``edgecors local --sam``."""

from __future__ import annotations

import http.client
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.containers import HostAddress, host_address
from edgecors_local.errors import LocalError
from edgecors_local.ports import accepts_connections, free_port
from edgecors_local.runtime import MACHINES

from harness.wait import wait_until
from tests.support.require import require

ROOT = Path(__file__).resolve().parents[2]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
IMAGE = f"public.ecr.aws/lambda/python:3.13-{MACHINES.get(platform.machine())}"
TEMPLATES = Path("build", "sam-local")
ENVIRONMENT = {
    # SAM keeps its own files in the home directory; docker's command may keep its context there.
    **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "DOCKER_HOST", "CI") if name in os.environ},
    "SAM_CLI_TELEMETRY": "0",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def engine() -> HostAddress:
    """A running container engine with an image for Lambda's Python: this machine as its containers see it."""
    try:
        host = host_address()
    except LocalError as error:
        require(False, f"{error} Run scripts/with_engine.sh as root, with docker.io installed, or start an engine.")
        raise
    if not docker("image", "inspect", IMAGE):
        if os.geteuid() == 0 and shutil.which("debootstrap"):
            command = [str(ROOT / "scripts" / "lambda_image.sh")]
            subprocess.run(command, env={**ENVIRONMENT, "PYTHON": sys.executable}, check=True, timeout=600)
        else:
            require(docker("pull", IMAGE), f"{IMAGE} can't be pulled, and building it needs root and debootstrap.")
    return host


def docker(*arguments: str) -> bool:
    """Whether a docker command succeeds."""
    return subprocess.run(["docker", *arguments], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What ``edgecors local --sam`` printed: its lines to paste, without the indentation."""

    lines: list[str]

    def sam_lines(self, command: str) -> list[list[str]]:
        """The words of each `sam local COMMAND` line, with the option that keeps SAM off the network."""
        lines = [shlex.split(line) for line in self.lines if f"sam local {command} " in line]
        return [[*words, "--skip-pull-image"] for words in lines]


@contextmanager
def prepared(*options: str) -> Iterator[Prepared]:
    """``edgecors local --sam`` for as long as the block runs; Ctrl-C ends it."""
    command = [sys.executable, "-m", "edgecors_cli", "local", "--sam", *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            line = process.stdout.readline()
            if not line:
                pytest.fail(f"it ended with {process.wait(30)}: {process.stderr.read()}")
            lines.append(line.strip())
        yield Prepared(lines)
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest.strip(), errors) == (0, "Ending.", "")


class SamServer:
    """A running `sam local start-lambda` or `start-api`."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, header fields with lower-case names, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            fields = [(name.lower(), value) for name, value in response.getheaders()]
            return response.status, fields, response.read()
        finally:
            connection.close()

    def invoke(self, function: str, event: object) -> Any:
        """The function's answer to an event."""
        status, _, body = self.request(
            "POST", f"/2015-03-31/functions/{function}/invocations", body=json.dumps(event).encode()
        )
        assert status == 200, (status, body, self.log.read_text("utf-8", "replace")[-2000:])
        return json.loads(body)


@contextmanager
def sam_server(words: list[str], log: Path) -> Iterator[SamServer]:
    """Starts the words of a `sam local start-…` line on a free port; its containers stay warm and end with it."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*words, "--port", str(port), "--warm-containers", "LAZY"],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:

        def listening() -> bool:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            return accepts_connections(port)

        wait_until(listening, "`sam local` listens", seconds=60)
        yield SamServer(port, log)
    finally:
        # SIGINT is ignored in a background job of a shell.
        process.terminate()
        process.wait(60)
