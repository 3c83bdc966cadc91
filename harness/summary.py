"""What every harness ends with: one line of figures, and an exit status."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

MOST_SHOWN = 20


class Summary:
    """Counts what a harness does and keeps what it finds.

    `seconds` bounds the run: a harness asks `over` in its loop, and what it has done by then is what counts.
    """

    def __init__(self, name: str, seconds: float, **about: Any) -> None:
        self.name = name
        self.about = about
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._started = time.monotonic()
        self._until = self._started + seconds

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._until

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def fail(self, sentence: str) -> None:
        """Keep a failure; identical ones are kept once."""
        self.counts["failures"] += 1
        if sentence not in self.failures and len(self.failures) < 1000:
            self.failures.append(sentence)

    def line(self) -> str:
        """The line of figures."""
        about = [f"{name}={value}" for name, value in self.about.items()]
        counts = [f"{name}={count}" for name, count in sorted(self.counts.items()) if name != "failures"]
        return " ".join(
            [f"{self.name}:", *about, *counts, f"failures={self.counts['failures']}", f"({self.elapsed:.1f} s)"]
        )

    def finish(self) -> int:
        """Print the failures and the line; the exit status."""
        for sentence in self.failures[:MOST_SHOWN]:
            print(f"FAILED {sentence}", file=sys.stderr)
        if len(self.failures) > MOST_SHOWN:
            print(f"... and {len(self.failures) - MOST_SHOWN} more", file=sys.stderr)
        print(self.line(), flush=True)
        return 1 if self.failures else 0
