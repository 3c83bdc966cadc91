"""Findings: errors, skipped entries, repairs and warnings about one value of Parameter Store."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = "error"
"""The document is rejected; the last good policy stays in use."""
SKIPPED = "skipped"
"""An entry that can't be read, or is unsafe where it is used, was left out. That only narrows."""
WARNING = "warning"
"""Allowed, but probably not what was meant."""
REPAIRED = "repaired"
"""An entry is compared in another spelling than the written one. A repair can't widen anything."""
NOTE = "note"
"""Nothing is wrong; worth knowing. Only the linter reports these."""

MAX_FINDINGS = 100
"""Findings of one severity that are kept for one value; the rest is counted. It bounds memory and log lines."""


class Finding:
    """One statement about one location of a policy.

    Attributes:
        severity: one of the constants above.
        code: a stable word for programs; `edgecors_admin.codes` lists them all.
        location: a path such as ``rules[1].allow_origins[0]`` or ``@partners[3]``; empty for the whole document.
        message: what is wrong.
        remedy: what to write instead.
    """

    __slots__ = ("code", "location", "message", "remedy", "severity")

    def __init__(self, severity: str, code: str, location: str, message: str, remedy: str = "") -> None:
        self.severity = severity
        self.code = code
        self.location = location
        self.message = message
        self.remedy = remedy

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON-ready strings, in a fixed order of keys."""
        return {
            "severity": self.severity,
            "code": self.code,
            "location": self.location,
            "message": self.message,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        text = f"{self.location or 'document'}: {self.message}"
        return f"{text} ({self.code}). {self.remedy}" if self.remedy else f"{text} ({self.code})."

    def __repr__(self) -> str:
        return f"Finding({self.severity!r}, {self.code!r}, {self.location!r}, {self.message!r}, {self.remedy!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.severity, self.code, self.location, self.message, self.remedy))


class Findings:
    """Collects the findings of one value: at most `MAX_FINDINGS` of each severity, the rest as a count."""

    __slots__ = ("_counts", "_findings")

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._counts: dict[str, int] = {}

    @property
    def has_errors(self) -> bool:
        """Whether an error was added."""
        return ERROR in self._counts

    def is_full(self, severity: str) -> bool:
        """Whether a further finding of this severity would only be counted, so that its texts need not be made."""
        return self._counts.get(severity, 0) >= MAX_FINDINGS

    def add(self, severity: str, code: str, location: str, message: str, remedy: str = "") -> None:
        """Add one finding, or count it where there are too many."""
        if not self.is_full(severity):
            self._findings.append(Finding(severity, code, location, message, remedy))
        self._counts[severity] = self._counts.get(severity, 0) + 1

    def extend(self, findings: Findings) -> None:
        """Add what another collector holds, with its counts."""
        for finding in findings._findings:
            self.add(finding.severity, finding.code, finding.location, finding.message, finding.remedy)
        for severity, count in findings._counts.items():
            self._counts[severity] = self._counts.get(severity, 0) + max(0, count - MAX_FINDINGS)

    def __iter__(self) -> Iterator[Finding]:
        yield from self._findings
        for severity, count in self._counts.items():
            if count > MAX_FINDINGS:
                message = f"{count - MAX_FINDINGS:,} more findings of severity {severity!r} are not listed"
                yield Finding(severity, "more-findings", "", message, "Fix the listed ones first.")


def quote(text: str) -> str:
    """A text as it can stand in a message: no control characters, at most 80 characters."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
