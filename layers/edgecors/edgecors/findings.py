"""What was found while a policy was read: errors, skipped entries, repairs, warnings."""

from __future__ import annotations

ERROR = "error"
"""The document is rejected; the last good policy goes on serving."""
SKIPPED = "skipped"
"""An entry of a plain list could not be read or is unsafe where it is used; it was left out, which only narrows."""
REPAIRED = "repaired"
"""An entry was written differently from what is compared; the repair can't widen anything."""
WARNING = "warning"
"""Nothing is wrong by the rules, but it is probably not what was meant. Only the linter says these."""
NOTE = "note"
"""Nothing is wrong; worth knowing. Only the linter says these."""


class Finding:
    """One thing about one place of a policy.

    ``severity`` is one of the constants above, ``code`` a stable word for programs, ``place`` a path such as
    ``rules[1].allow_origins[0]``, ``message`` what is wrong and ``remedy`` what to write instead.
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
