"""What an import reports: findings with a location in the source, bounded in number and size."""

from __future__ import annotations

from collections import Counter

from edgecors.findings import ERROR, NOTE, SKIPPED, WARNING, Finding

MAX_FINDINGS_OF_ONE_CODE = 20
MAX_SHOWN = 80
"""Characters of a value or a location of the source that stand in a finding."""


class ImportReport:
    """Collects findings; at most 20 of one code are listed, the others are counted.

    Attributes:
        hint: how the variables of this format get their values, such as "Run serverless print".
        locations: the places of the source that were read.
        defaults: the default values of a template's parameters.
        resource: the name of the resource that is being read; findings belong to it.
    """

    def __init__(self) -> None:
        self.hint = ""
        self.locations: set[str] = set()
        self.defaults: dict[str, str] = {}
        self.resource = ""
        self._findings: dict[tuple[str, Finding], None] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def error(self, code: str, location: str, message: str, remedy: str = "") -> None:
        """Something that gives no policy."""
        self._add(ERROR, code, location, message, remedy)

    def skip(self, code: str, location: str, message: str, remedy: str = "") -> None:
        """A value that was left out."""
        self._add(SKIPPED, code, location, message, remedy)

    def warn(self, code: str, location: str, message: str, remedy: str = "") -> None:
        """Something to look at."""
        self._add(WARNING, code, location, message, remedy)

    def note(self, code: str, location: str, message: str, remedy: str = "") -> None:
        """Something worth knowing."""
        self._add(NOTE, code, location, message, remedy)

    def unresolved(self, location: str, text: str) -> None:
        """A variable or an intrinsic function."""
        message = f"{shown(text)} has no value here"
        if (default := self.defaults.get(text.rpartition(" ")[2])) is not None:
            message += f"; the parameter's default is {shown(default)}"
        self.skip("import-unresolved", location, message, self.hint)

    def findings(self, resource: str | None = None) -> tuple[Finding, ...]:
        """The findings of one resource, or of all; then one for each code that has too many."""
        counts: Counter[tuple[str, str]] = Counter()
        for (owner, severity, code), count in self._counts.items():
            if resource in (None, owner):
                counts[severity, code] += count
        listed: list[Finding] = []
        left: Counter[tuple[str, str]] = Counter()
        for owner, finding in self._findings:
            if resource in (None, owner):
                left[finding.severity, finding.code] += 1
                if left[finding.severity, finding.code] <= MAX_FINDINGS_OF_ONE_CODE:
                    listed.append(finding)
        more = [
            Finding(severity, "more-findings", "", f"{count - MAX_FINDINGS_OF_ONE_CODE} more of {code}")
            for (severity, code), count in counts.items()
            if count > MAX_FINDINGS_OF_ONE_CODE
        ]
        return (*listed, *more)

    def _add(self, severity: str, code: str, location: str, message: str, remedy: str) -> None:
        key = (self.resource, severity, code)
        if self._counts[key] < MAX_FINDINGS_OF_ONE_CODE:
            finding = Finding(severity, code, shortened(location), message, remedy)
            if (self.resource, finding) in self._findings:
                return
            self._findings[self.resource, finding] = None
        self._counts[key] += 1


def shown(value: object) -> str:
    """A value of the source as it can stand in a message: quoted, on one line, ASCII, at most 80 characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return shortened(ascii(value[: MAX_SHOWN + 1] if isinstance(value, str) else value))


def shortened(text: str) -> str:
    """Text of at most 80 ASCII characters without control characters."""
    text = "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text[: MAX_SHOWN * 2])
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def line_of(text: str, number: int) -> str:
    """One line of a text, as it can stand in a message."""
    lines = text.splitlines()
    return shown(lines[number - 1].strip()) if 0 < number <= len(lines) else ""
