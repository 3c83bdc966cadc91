"""The local edge in a process of its own, and what it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from harness.wait import wait_until


class EdgeProcess:
    """A running local edge: a context manager. ``arguments`` are those of ``edgecors local``, ``environment`` comes
    on top of this process's.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgecors_cli", "local", "--port", "0", "--page-port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.lines: list[str] = []
        self._interrupted = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> Self:
        try:
            wait_until(self._up, "the local edge is up", 60)
        except BaseException:
            self.stop()
            raise
        text = "\n".join(self.lines)
        self.url = self._first_group(r"answers at (http://localhost:\d+)", text)
        self.port = int(self.url.rpartition(":")[2])
        self.page = self._first_group(r"playground is at (http://app\.localhost:\d+)/", text)
        self.page_port = int(self.page.rpartition(":")[2])
        return self

    def _up(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError("the local edge ended:\n" + "\n".join(self.lines))
        return any("Press Ctrl-C to stop." in line for line in self.lines)

    @staticmethod
    def _first_group(pattern: str, text: str) -> str:
        match = re.search(pattern, text)
        assert match is not None, text
        return match[1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def interrupt(self) -> None:
        """What Ctrl-C does; a second call does nothing."""
        if self._process.poll() is None and not self._interrupted:
            self._interrupted = True
            self._process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self.interrupt()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def origin(self, side: str) -> str:
        """The origin of a page on ``app.localhost`` or ``evil.localhost``."""
        return f"http://{side}.localhost:{self.page_port}"

    def came(self, method: str, path: str) -> list[str]:
        """The printed lines of the requests with this method whose target contains ``path``."""
        wanted = re.compile(rf"^[a-z-]+  {method} \S*{re.escape(path)}")
        return [line for line in self.lines if wanted.match(line)]
