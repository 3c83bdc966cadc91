"""Runs an artifact as Lambda does: under Lambda's runtime client, driven by Lambda's runtime interface emulator."""

import contextlib
import http.client
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgecors_local.ports import accepts_connections, free_port
from edgecors_local.runtime import MACHINES

from harness.wait import wait_until

ROOT = Path(__file__).resolve().parents[1]


def emulator() -> Path | None:
    """The runtime interface emulator that comes with the SAM CLI; None where there is none for this machine."""
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return None
    pattern = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    return next((ROOT / ".venv-sam").glob(pattern), None)


def lambda_python() -> Path:
    """The interpreter for artifacts: Lambda's own version where this machine has it, otherwise the tests' one."""
    python = ROOT / ".venv-lambda" / "bin" / "python"
    return python if python.exists() else Path(sys.executable)


class FunctionError(Exception):
    """The function ended with an error instead of an answer.

    Attributes:
        payload: what Lambda would hand to the caller: ``errorMessage``, ``errorType``, maybe ``stackTrace``.
    """

    def __init__(self, payload: dict[str, Any], log: str) -> None:
        super().__init__(f"{payload.get('errorType')}: {payload.get('errorMessage')}\n{log}")
        self.payload = payload


class LambdaRuntime:
    """One execution environment: a context manager around the emulator and the function's process.

    The function starts with the first invocation, as the emulator has it; later ones find it warm.

    Args:
        artifact: the function's directory, as built.
        handler: ``module.function`` in it.
        environment: variables for the function. Beside them it sees what Lambda sets, and nothing of this process.
        layers: directories of layers, each with a ``python`` directory inside.
        python: the interpreter, with awslambdaric installed; ``lambda_python()`` when left out.
        seconds: the function's time limit.
    """

    def __init__(
        self,
        artifact: Path,
        handler: str = "app.handler",
        *,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[Path] = (),
        python: Path | None = None,
        seconds: int = 30,
    ) -> None:
        self.artifact = artifact.resolve()
        self.handler = handler
        self.seconds = seconds
        self._python = python or lambda_python()
        self._directory = Path(tempfile.mkdtemp(prefix="edgecors-runtime-"))
        self._log_path = self._directory / "log"
        self._port = free_port()
        self._variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(self._directory),
            "LAMBDA_TASK_ROOT": str(self.artifact),
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            # Lambda's code directory is read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(str((layer / "python").resolve()) for layer in layers),
            **(environment or {}),
            "_HANDLER": handler,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Starts the emulator and waits until it listens.

        Raises:
            RuntimeError: there is no emulator here, or it ended at once; the message says which.
        """
        original = emulator()
        if original is None:
            raise RuntimeError("no runtime interface emulator here: it comes with `make runtime`, on Linux")
        # Wheels keep no run bit for data files.
        program = self._directory / "aws-lambda-rie"
        shutil.copyfile(original, program)
        program.chmod(0o755)
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(program),
                    "--runtime-interface-emulator-address",
                    f"127.0.0.1:{self._port}",
                    "--runtime-api-address",
                    f"127.0.0.1:{free_port()}",
                    str(self._python),
                    "-m",
                    "awslambdaric",
                    self.handler,
                ],
                cwd=self.artifact,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A process group of its own, so that the function ends with the emulator.
                start_new_session=True,
            )
        process = self._process

        def listening() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the emulator ended with {process.returncode}:\n{self.log}")
            return accepts_connections(self._port)

        wait_until(listening, "the runtime emulator listens")
        return self

    def stop(self) -> None:
        """Ends the emulator and the function, and removes the log; a second call does nothing."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that the emulator and the function have written so far."""
        return self._log_path.read_text("utf-8", "replace") if self._log_path.exists() else ""

    @property
    def init_milliseconds(self) -> float | None:
        """How long the function's process took until it asked for its first event; None before that."""
        # Not what "Init Duration" says in the emulator's report, which is its own.
        match = re.search(r"INIT REPORT\(durationMs: ([0-9.]+)\)", self.log)
        return float(match[1]) if match else None

    @property
    def durations(self) -> list[float]:
        """Milliseconds of each invocation so far; the first one holds the function's whole start too."""
        return [float(value) for value in re.findall(r"\tDuration: ([0-9.]+) ms", self.log)]

    def invoke(self, event: object) -> Any:
        """Sends one event and returns the answer, both as JSON values.

        Raises:
            FunctionError: the function raised, could not start, or ran out of time.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self.seconds + 30)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", body=json.dumps(event).encode())
            body = connection.getresponse().read()
        finally:
            connection.close()
        try:
            answer = json.loads(body)
        except ValueError:
            # The emulator's own words, for instance that the function ran out of time.
            raise FunctionError(
                {"errorType": "Emulator", "errorMessage": body.decode("utf-8", "replace")}, self.log
            ) from None
        if isinstance(answer, dict) and "errorMessage" in answer and "errorType" in answer:
            raise FunctionError(answer, self.log)
        return answer
