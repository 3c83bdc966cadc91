"""Says on standard error what a command is doing, once it takes longer than a second."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

DELAY_SECONDS = 1.0
INTERVAL_SECONDS = 5.0
"""Between two lines where standard error is not a terminal."""
REDRAW_SECONDS = 0.5
"""Between two drawings of the line on a terminal."""
_ERASE_LINE = "\r\x1b[K"


class Progress:
    """A context manager around the work of a command. Quick commands print nothing.

    On a terminal one line shows the current step and is erased at the end; elsewhere a line is printed now and then.
    """

    def __init__(self) -> None:
        self._text = "working"
        self._quiet = False
        self._drawn = False
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def step(self, text: str) -> None:
        """Name the current step, such as "writing 3 of 45"."""
        self._text = text

    def pause(self, quiet: bool) -> None:
        """Print nothing while a question is open, or while the result is printed."""
        with self._lock:
            self._quiet = quiet
            self._erase()

    def erase(self) -> None:
        """Erase the line before something else is printed. It comes back while the command goes on."""
        with self._lock:
            self._erase()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.erase()

    def _report(self) -> None:
        start = time.monotonic()
        delay = DELAY_SECONDS
        terminal = sys.stderr.isatty()
        while not self._done.wait(delay):
            delay = REDRAW_SECONDS if terminal else INTERVAL_SECONDS
            with self._lock:
                if not self._quiet:
                    self._draw(f"... {self._text} ({time.monotonic() - start:.0f} s)", terminal)

    def _draw(self, text: str, terminal: bool) -> None:
        if terminal:
            # A line that fills the terminal would be folded, and only its last row erased.
            text = _ERASE_LINE + shortened(text, shutil.get_terminal_size().columns - 1)
        print(text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        self._drawn = terminal

    def _erase(self) -> None:
        if self._drawn:
            print(_ERASE_LINE, end="", file=sys.stderr, flush=True)
            self._drawn = False


def shortened(text: str, width: int) -> str:
    """A text of at most ``width`` columns: its middle gives way, because its end has the count and the time."""
    if len(text) <= width:
        return text
    end = max(0, (width - 1) // 2)
    return f"{text[: max(0, width - 1 - end)]}…{text[len(text) - end :]}"
