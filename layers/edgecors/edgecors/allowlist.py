"""Allowlists: the entries of one list of origins, as a plain list in Parameter Store holds them."""

from __future__ import annotations

from .characters import ALPHANUMERIC, consists_of
from .findings import ERROR, SKIPPED, Finding, Findings, quote
from .origin import ANY, NULL, OriginIndex, Pattern, parse_pattern
from .packing import TooLargeError, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    __slots__ = ("_others", "_unsafe", "_valid_others", "findings", "has_star", "index", "names")

    def __init__(self) -> None:
        self.index = OriginIndex()
        self.names: dict[str, None] = {}
        self.has_star = False
        self.findings = Findings()
        # Entries that are not in canonical spelling, so that a repeated one is read and reported once.
        self._others: set[str] = set()
        self._valid_others = 0
        self._unsafe: dict[tuple[str, ...], UnsafeEntries] = {}

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
            self._valid_others += 1
            self.index.add(pattern)

    def add_name(self, entry: str, location: str, invalid: str) -> None:
        """Add ``@name``, another list's name."""
        self._others.add(entry)
        name = entry[1:]
        if not is_name(name):
            message = f"{quote(entry)} is not a valid list name"
            remedy = "Write @ and a name of letters, digits, _ . and -."
            self.report(invalid, Finding(invalid, "bad-list-name", location, message, remedy))
        else:
            self.names[name] = None

    def refuse(self, entry: str, location: str) -> None:
        """Skip an entry that a list must not have: ``*``, or another list's name."""
        self._others.add(entry)
        remedy = "Write origins only; '*' and names of lists belong in the policy itself."
        message = f"{quote(entry)} is not allowed in a list"
        self.report(SKIPPED, Finding(SKIPPED, "not-in-a-list", location, message, remedy))

    def report(self, severity: str, finding: Finding) -> None:
        """Add a finding; the message says whether the entry is skipped."""
        message = f"{finding.message}; the entry is skipped" if severity == SKIPPED else finding.message
        self.findings.add(severity, finding.code, finding.location, message, finding.remedy)

    def check_size(self) -> None:
        """Raises TooLargeError when there are more entries than one value may have."""
        if len(self.index) + len(self._others) - self._valid_others > MAX_ENTRIES:
            raise TooLargeError(f"the value has more than {MAX_ENTRIES:,} different entries")

    def unsafe_with_credentials(self, tolerate: tuple[str, ...]) -> UnsafeEntries:
        """The entries that must not be in a grant with credentials, unless their codes are tolerated.

        Computed once for all grants that use the list, because there may be many grants and many entries.
        """
        unsafe = self._unsafe.get(tolerate)
        if unsafe is None:
            unsafe = self._unsafe[tolerate] = UnsafeEntries(self._find_unsafe(tolerate))
        return unsafe

    def _find_unsafe(self, tolerate: tuple[str, ...]) -> Iterator[tuple[str, Finding]]:
        # Of exact origins only these can be unsafe: do not parse a hundred thousand others.
        texts = [text for text in self.index.exact if text == "null" or text.startswith("http:")]
        texts += [text for text in self.index.patterns if text.startswith("http:") or text.endswith("://*")]
        for text in sorted(texts):
            pattern = parse_pattern(text)[0] if text in self.index.patterns else _exact_pattern(text)
            finding = None if pattern is None else find_risk(pattern)
            if finding is not None and finding.code not in tolerate:
                yield text, finding


class UnsafeEntries:
    """Entries of a list that allow nobody in a grant with credentials.

    Attributes:
        texts: in canonical spelling.
        findings: an error for each, with an empty location.
    """

    __slots__ = ("findings", "texts")

    def __init__(self, entries: Iterable[tuple[str, Finding]]) -> None:
        self.findings = Findings()
        texts = []
        for text, finding in entries:
            texts.append(text)
            self.findings.add(finding.severity, finding.code, "", finding.message, finding.remedy)
        self.texts = frozenset(texts)


def _exact_pattern(text: str) -> Pattern:
    if text == "null":
        return NULL
    scheme, _, rest = text.partition("://")
    host = rest.partition("]")[0] + "]" if rest.startswith("[") else rest.partition(":")[0]
    return Pattern("origin", text, scheme, host)


def find_risk(pattern: Pattern) -> Finding | None:
    """Why an entry must not be in a grant with credentials: an error with an empty location, or None."""
    if pattern is NULL:
        code, remedy = "null-with-credentials", "Remove 'null' or allow_credentials."
        message = "'null' with credentials: any page can get the origin null with a sandboxed frame"
    elif pattern.kind == "extension":
        code, remedy = "extension-wildcard-with-credentials", "List the extensions, or remove allow_credentials."
        message = f"{pattern.text!r} with credentials: any extension that a user installs could read as the user"
    elif pattern.insecure:
        code, remedy = "insecure-origin", 'Use https, or accept the risk with "tolerate": ["insecure-origin"].'
        message = f"{pattern.text!r} is not encrypted: with credentials anyone on its network can read as the user"
    else:
        return None
    return Finding(ERROR, code, "", message, remedy)


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
    # A function keeps up to a hundred lists.
    allowlist.index.compact()
    return allowlist


def new_entries(allowlist: Allowlist, text: str) -> Iterator[tuple[int, str]]:
    """The entries of a plain list that have to be parsed, with their numbers. Canonical entries are added at once.

    Raises:
        TooLargeError: the value has more entries than one value may have.
    """
    for number, entry in enumerate(split_entries(text)):
        if not number % _SIZE_CHECK:
            allowlist.check_size()
        if not allowlist.is_known(entry):
            yield number, entry
    allowlist.check_size()
