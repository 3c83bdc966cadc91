"""Built artifacts in Lambda's own runtime: its runtime client, driven by the emulator that the SAM CLI brings along."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgecors_local.errors import LocalError
from edgecors_local.handlers import PROJECT
from edgecors_local.invoke import Event, Invocation, Say
from edgecors_local.ports import accepts_connections, free_port

START_SECONDS: Final = 15.0
MACHINES: Final = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
"""Lambda's architecture for each name that `platform.machine()` has."""
# A program that is still open for writing in a process forked meanwhile can't be run ("text file busy").
_starting: Final = threading.Lock()
_INVOKE: Final = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True, slots=True)
class Tools:
    """What it takes: the emulator, and an interpreter that has Lambda's runtime client."""

    emulator: Path
    python: Path

    @classmethod
    def locate(cls) -> Tools:
        """Those of this machine. Raises LocalError, saying what to install."""
        emulator = _emulator()
        if emulator is None:
            raise LocalError(
                "--runtime needs Lambda's runtime emulator. It comes with the SAM CLI, on Linux: run `make runtime` in"
                " the project, or install aws-sam-cli.",
                2,
            )
        own = PROJECT / ".venv-lambda" / "bin" / "python"
        if own.exists():
            return cls(emulator, own)
        if importlib.util.find_spec("awslambdaric") is None:
            raise LocalError("--runtime needs Lambda's runtime client: pip install awslambdaric.", 2)
        return cls(emulator, Path(sys.executable))


def artifact(name: str) -> Path:
    """The directory of a built artifact. Raises LocalError where nothing has been built."""
    directory = PROJECT / ".aws-sam" / "build" / name
    if not directory.is_dir():
        raise LocalError(f"--runtime needs built artifacts, and there is no {directory}. Run `make build` first.", 2)
    return directory


def _emulator() -> Path | None:
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return None
    inside = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    for home in _sam_homes():
        for program in home.glob(inside):
            return program
    return None


def _sam_homes() -> Iterable[Path]:
    """Environments that may have the SAM CLI: the project's, and the one that ``sam`` on the path lives in."""
    yield PROJECT / ".venv-sam"
    command = shutil.which("sam")
    if command is not None:
        yield Path(command).resolve().parent.parent
    yield Path(sys.prefix)


class EmulatedContainer:
    """One emulator with one function process, started by its first event.

    ``environment`` is what the function sees beside what Lambda sets; nothing of this process. What the function logs
    goes to ``say``. ``seconds`` is its time limit.
    """

    def __init__(
        self, tools: Tools, directory: Path, handler: str, environment: Mapping[str, str], say: Say, *, seconds: int
    ) -> None:
        self._tools = tools
        self._artifact = directory
        self._handler = handler
        self._environment = environment
        self._say = say
        self._seconds = seconds
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._reader: threading.Thread | None = None
        self._ending = False

    async def __call__(self, event: Event) -> Invocation:
        """The function's answer. What it decided is in its log only."""
        return await asyncio.to_thread(self._call, json.dumps(event).encode())

    def _call(self, event: bytes) -> Invocation:
        try:
            if self._process is None:
                self._start()
            answer = self._ask(event)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            return Invocation(error=f"the runtime emulator failed: {type(error).__name__}: {error}")
        try:
            result = json.loads(answer)
        except ValueError:
            # The emulator's own words, for instance that the function ran out of time.
            return Invocation(error=answer.decode("utf-8", "replace"))
        if isinstance(result, dict) and "errorMessage" in result and "errorType" in result:
            return Invocation(error=f"{result['errorType']}: {result['errorMessage']}")
        return Invocation(result=result)

    def _ask(self, event: bytes) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._seconds + START_SECONDS)
        try:
            connection.request("POST", _INVOKE, body=event)
            return connection.getresponse().read()
        finally:
            connection.close()

    def _start(self) -> None:
        with _starting:
            process = self._process = self._launched()
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_SECONDS
        while not accepts_connections(self._port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("it did not start")
            time.sleep(0.02)

    def _launched(self) -> subprocess.Popen[str]:
        self._scratch = tempfile.TemporaryDirectory(prefix="edgecors-runtime-")
        # Wheels keep no run bit for data files.
        program = Path(self._scratch.name) / "aws-lambda-rie"
        shutil.copyfile(self._tools.emulator, program)
        program.chmod(0o755)
        self._port, api = free_port(), free_port()
        return subprocess.Popen(
            [
                str(program),
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{self._port}",
                "--runtime-api-address",
                f"127.0.0.1:{api}",
                str(self._tools.python),
                "-m",
                "awslambdaric",
                self._handler,
            ],
            cwd=self._artifact,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            # A process group of its own: Ctrl-C is for us, and the function ends with the emulator.
            start_new_session=True,
        )

    def _variables(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(self._artifact),
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._seconds),
            # Lambda's code directory is read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._environment,
            "_HANDLER": self._handler,
        }

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Tells what the function logs; the emulator's own lines and metric records are left out."""
        assert process.stdout is not None
        for line in process.stdout:
            text = _log_line(line)
            if text is not None and not self._ending:
                self._say(text)
        process.stdout.close()

    def close(self) -> None:
        """Ends the emulator and the function, whose complaints about that are of no interest."""
        self._ending = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._reader is not None:
            self._reader.join(1)
        if self._scratch is not None:
            self._scratch.cleanup()


def _log_line(line: str) -> str | None:
    """A line of the function's JSON log as the local edge prints it in-process too; None for any other line."""
    try:
        record: Any = json.loads(line)
    except ValueError:
        # A traceback of the runtime client's is worth seeing, the emulator's book-keeping is not.
        return f"    {line.rstrip()}" if line.startswith(("Traceback", "[ERROR]", "  File ")) else None
    if not isinstance(record, dict) or "message" not in record:
        return None
    known = ("level", "message", "timestamp", "service")
    details = ", ".join(f"{name} {text}" for name, text in record.items() if name not in known and text)
    level = str(record.get("level", "info")).lower()
    return f"    {level}: {record['message']}{f' ({details})' if details else ''}"
