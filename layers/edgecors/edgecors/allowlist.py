"""Allowlists: the entries of one list of origins, as a plain list in Parameter Store holds them."""

from __future__ import annotations

from .characters import ALPHANUMERIC, consists_of
from .findings import ERROR, SKIPPED, Finding, Findings, quote
from .origin import ANY, NULL, OriginIndex, Pattern, parse_pattern
from .packing import TooLargeError, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ENTRIES = 100_000
"""Distinct entries of one value. A value with more of them is refused as too large; repeated entries cost nothing."""
_SLICE = 65536
_SIZE_CHECK = 4096
_NAME = ALPHANUMERIC + b"_.-"


class Allowlist:
    """The entries of one value: origins and patterns, the lists that it names, and whether it has ``*``.

    Attributes:
        index: the readable origins and patterns.
        names: the lists that it names with ``@``, in order of appearance.
        has_star: whether ``*`` is an entry.
        findings: repaired and skipped entries.
    """

    __slots__ = ("_others", "findings", "has_star", "index", "names")

    def __init__(self) -> None:
        self.index = OriginIndex()
        self.names: list[str] = []
        self.has_star = False
        self.findings = Findings()
        # Entries that needed a closer look, so that a repeated one is read and reported once.
        self._others: set[str] = set()

    def is_known(self, entry: str) -> bool:
        """Whether this very text was added before, or just now in its canonical spelling."""
        return entry in self.index or entry in self._others or self.index.add_if_canonical(entry)

    def add(self, entry: str, location: str, invalid: str) -> None:
        """Add an entry that is not known; ``invalid`` is the severity of the finding for one that can't be read."""
        self._others.add(entry)
        pattern, findings = parse_pattern(entry, location)
        for finding in findings:
            self.report(invalid if finding.severity == ERROR else finding.severity, finding)
        if pattern is ANY:
            self.has_star = True
        elif pattern is not None:
            self.index.add(pattern)

    def add_name(self, entry: str, location: str, invalid: str) -> None:
        """Add ``@name``, another list's name."""
        self._others.add(entry)
        name = entry[1:]
        if not is_name(name):
            remedy = "Write @ and a name of letters, digits, _ . and -."
            self.report(invalid, Finding(invalid, "bad-list-name", location, f"{quote(entry)} names no list", remedy))
        elif name not in self.names:
            self.names.append(name)

    def refuse(self, entry: str, location: str) -> None:
        """Skip an entry that a list must not have: ``*``, or another list's name."""
        self._others.add(entry)
        remedy = "Write origins only; what is open to everyone belongs in the policy itself."
        message = f"{quote(entry)} is not allowed in a list"
        self.report(SKIPPED, Finding(SKIPPED, "not-in-a-list", location, message, remedy))

    def report(self, severity: str, finding: Finding) -> None:
        """Add a finding, with a word about what became of the entry."""
        message = f"{finding.message}; the entry is skipped" if severity == SKIPPED else finding.message
        self.findings.add(severity, finding.code, finding.location, message, finding.remedy)

    def check_size(self) -> None:
        """Raises TooLargeError when there are more entries than one value may have."""
        if len(self.index) + len(self._others) > MAX_ENTRIES:
            raise TooLargeError(f"the value has more than {MAX_ENTRIES:,} different entries")

    def unsafe_with_credentials(self) -> Iterator[tuple[str, Finding]]:
        """Each entry that must not be in a grant with credentials, with its error (whose location is empty)."""
        # Of exact origins only these can be unsafe: do not parse a hundred thousand others.
        for text in sorted(text for text in self.index.exact if text == "null" or text.startswith("http:")):
            yield from _unsafe(NULL if text == "null" else _exact_pattern(text))
        for text in sorted(self.index.patterns):
            if text.startswith("http:") or text.endswith("://*"):
                pattern, _ = parse_pattern(text)
                if pattern is not None:
                    yield from _unsafe(pattern)


def _exact_pattern(text: str) -> Pattern:
    scheme, _, rest = text.partition("://")
    host = rest.partition("]")[0] + "]" if rest.startswith("[") else rest.partition(":")[0]
    return Pattern("origin", text, scheme, host)


def _unsafe(pattern: Pattern) -> Iterator[tuple[str, Finding]]:
    if pattern is NULL:
        code, remedy = "null-with-credentials", "Remove 'null' or allow_credentials."
        message = "'null' with credentials: any page can make itself a null origin, with a sandboxed frame"
    elif pattern.kind == "extension":
        code, remedy = "extension-wildcard-with-credentials", "List the extensions, or remove allow_credentials."
        message = f"{pattern.text!r} with credentials: any extension that a user installs could read as the user"
    elif pattern.insecure:
        code, remedy = "insecure-origin", 'Use https, or accept the risk with "tolerate": ["insecure-origin"].'
        message = f"{pattern.text!r} is not encrypted: with credentials anyone on its network can read as the user"
    else:
        return
    yield pattern.text, Finding(ERROR, code, "", message, remedy)


def is_name(text: str) -> bool:
    """Whether text can name a site or a list: 1 to 256 letters, digits and ``_ . -``, as in Parameter Store."""
    return 0 < len(text) <= 256 and consists_of(text, _NAME)


def split_entries(text: str) -> Iterator[str]:
    """The entries of a plain list: separated by commas and/or white space. Holds one slice of them at a time."""
    rest = ""
    for start in range(0, len(text), _SLICE):
        piece = (rest + text[start : start + _SLICE]).replace(",", " ")
        entries = piece.split()
        # The last entry of a slice may go on in the next one.
        rest = "" if piece[-1].isspace() else entries.pop()
        yield from entries
    if rest:
        yield rest


def read_list(name: str, text: str) -> Allowlist:
    """Read the value of a list parameter. A list can neither name lists nor hold ``*``.

    Args:
        name: the list's name, for the findings.
        text: the parameter's value, perhaps packed.

    Returns:
        The entries that can be read, and a finding for each that was skipped or repaired.

    Raises:
        TooLargeError: the value has more entries, or unpacks to more text, than one value may have.
        ValueError: the value can't be unpacked.
    """
    allowlist = Allowlist()
    for number, entry in new_entries(allowlist, unpack(text)):
        location = f"@{name}[{number}]"
        if entry == "*" or entry.startswith("@"):
            allowlist.refuse(entry, location)
        else:
            allowlist.add(entry, location, SKIPPED)
    return allowlist


def new_entries(allowlist: Allowlist, text: str) -> Iterator[tuple[int, str]]:
    """The entries of a plain list that need a closer look, with their numbers. The others are added at once.

    Raises:
        TooLargeError: the value has more entries than one value may have.
    """
    for number, entry in enumerate(split_entries(text)):
        if not number % _SIZE_CHECK:
            allowlist.check_size()
        if not allowlist.is_known(entry):
            yield number, entry
    allowlist.check_size()
