"""The command at scale: 100,000 origins in 50 lists, each reading and writing command once, against moto's server.

The command and the server run in the development environment (`make setup`), which has what they need.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecors_local.ports import accepts_connections, free_port

from bench import samples
from harness.wait import wait_until

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
ORIGINS, LISTS = 100_000, 50
NEW = "https://new.example.com"
COMMANDS = (
    "plan DIRECTORY",
    "apply DIRECTORY --yes",
    "plan DIRECTORY",
    "sites",
    "lists",
    "show shop",
    "show @list-00",
    "lint",
    "lint shop",
    "lint @list-00",
    f"explain shop --origin {samples.exact_origins(ORIGINS)[-1]}",
    "export -",
    "export EMPTY --yes",
    f"allow @list-00 {NEW} --yes",
    "history @list-00",
    "diff @list-00 1 2",
    f"revoke @list-00 {NEW} --yes",
    "rollback @list-00 2 --yes",
    f"allow shop {NEW} --yes",
    f"revoke shop {NEW} --yes",
    "history shop",
    "delete shop --yes",
)
"""In the order in which they run. The first plan is of what does not exist yet, the second of what does."""


def run() -> list[tuple[str, float]]:
    """Every command with its seconds, from the start of its process to its end.

    Raises:
        RuntimeError: a command failed.
    """
    with tempfile.TemporaryDirectory(prefix="edgecors-bench-") as name, _parameter_store() as environment:
        directory = Path(name, "policies")
        write_policies(directory)
        rows = []
        for command in COMMANDS:
            places = {"DIRECTORY": str(directory), "EMPTY": f"{name}/export"}
            arguments = [places.get(word, word) for word in command.split()]
            start = time.perf_counter()
            done = subprocess.run(
                [str(PYTHON), "-m", "edgecors_cli", *arguments],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            rows.append((command, time.perf_counter() - start))
            # 1 and 4 are about the policies: there is something to look at, or to write.
            if done.returncode not in (0, 1, 4):
                raise RuntimeError(f"edgecors {command}: {done.returncode}\n{done.stderr[-2000:]}")
        return rows


def write_policies(directory: Path) -> None:
    """One site that uses all lists, as files for `plan` and `apply`."""
    origins, size = samples.exact_origins(ORIGINS), ORIGINS // LISTS
    (directory / "lists").mkdir(parents=True)
    (directory / "sites").mkdir()
    names = [f"list-{number:02}" for number in range(LISTS)]
    for number, name in enumerate(names):
        text = "\n".join(origins[number * size : (number + 1) * size]) + "\n"
        (directory / "lists" / f"{name}.txt").write_text(text, "utf-8")
    (directory / "sites" / "shop.json").write_text(samples.policy([f"@{name}" for name in names]), "utf-8")


@contextmanager
def _parameter_store() -> Iterator[dict[str, str]]:
    """moto's server; the variables that lead the command to it."""
    port = free_port()
    command = [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts_connections(port), "moto's server listens")
        paths = os.pathsep.join(str(ROOT / part) for part in ("layers/edgecors", "admin", "cli", "local"))
        yield {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": paths,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.terminate()
        server.wait()
