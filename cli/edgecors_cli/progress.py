"""Says on standard error what a command is doing, once it takes longer than a second."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

DELAY_SECONDS = 1.0
INTERVAL_SECONDS = 5.0


class Progress:
    """A context manager around the work of a command. Quick commands print nothing."""

    def __init__(self) -> None:
        self._text = "working"
        self._quiet = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def step(self, text: str) -> None:
        """Name the current step, such as "writing 3 of 45"."""
        self._text = text

    def pause(self, quiet: bool) -> None:
        """Print nothing while a question is open."""
        self._quiet = quiet

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _report(self) -> None:
        start = time.monotonic()
        delay = DELAY_SECONDS
        while not self._done.wait(delay):
            delay = INTERVAL_SECONDS
            if not self._quiet:
                print(f"... {self._text} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
