"""What the report is made of: goals, parts, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Goal:
    """A limit to keep: ``measured`` at most ``limit`` (at least, where ``least``)."""

    def __init__(
        self, part: str, sentence: str, measured: float, limit: float, *, least: bool = False, at: str = ""
    ) -> None:
        self.part = part
        self.sentence = sentence
        self.measured = measured
        self.limit = limit
        self.least = least
        self.at = at

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """In words, and by how much it was missed."""
        if self.reached:
            return "reached"
        if self.least:
            return f"**missed**: {self.measured / self.limit:.0%} of it"
        return f"**missed** by {self.measured / self.limit - 1:.0%}" if self.limit else "**missed**"

    def record(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "part": self.part,
            "goal": self.sentence,
            "limit": self.limit,
            "measured": round(self.measured, 4),
            "worst_at": self.at,
            "reached": self.reached,
        }


@dataclass(frozen=True)
class Part:
    """One part of the report.

    Attributes:
        title: its heading.
        text: its body in Markdown.
        goals: what is judged.
        data: its figures for `--json`.
        summary: what the top of the page says of it, one sentence or two.
        charts: SVG by file name in docs.
    """

    title: str
    text: str
    goals: Sequence[Goal]
    data: Mapping[str, Any]
    summary: str = ""
    charts: Mapping[str, str] = field(default_factory=dict)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; all columns but the first are aligned to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def worst(pairs: Iterable[tuple[float, str]], *, least: bool = False) -> tuple[float, str]:
    """The figure that decides, and where it was measured."""
    return min(pairs) if least else max(pairs)
