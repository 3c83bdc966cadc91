"""The field table: each field of a policy document, described once.

The validator, the hints for unknown fields, the JSON Schema, docs/policy.md and the comparison of two policies are
made from it. A reader takes a field's value, its location and a collector of findings, and returns what the compiler
needs; where the value is invalid it adds an error and returns something harmless.
"""

from __future__ import annotations

import json

from .allowlist import Allowlist
from .characters import is_token
from .fetch import FORBIDDEN_RESPONSE_HEADERS, is_forbidden_method, is_forbidden_request_header
from .findings import ERROR, WARNING, Findings
from .packing import TooLargeError
from .paths import Globs, decode_escapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    class FieldReader(Protocol):
        """Reads the value of one field."""

        def read(self, value: Any, location: str, findings: Findings) -> Any:
            """The value for the compiler; errors go to the findings."""


VERSION = 1
DEFAULT_REFRESH_SECONDS = 60
MAX_REFRESH_SECONDS = 3600
DEFAULT_MAX_AGE = 7200
DEFAULT_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
TOLERABLE = ("insecure-origin", "public-suffix")


class Field:
    """One field of a document, a rule or a grant.

    Attributes:
        name: as in the document; `Policy`, `Rule` and `Grant` use the same name.
        default: the value for the compiler where the field is absent.
        description: one or two sentences for the reference.
        example: a JSON value.
    """

    __slots__ = ("default", "description", "example", "name", "reader", "required")

    def __init__(
        self, name: str, reader: FieldReader, default: Any, description: str, example: Any, *, required: bool = False
    ) -> None:
        self.name = name
        self.reader = reader
        self.default = default
        self.description = description
        self.example = example
        self.required = required


class Anything:
    """A string that has no effect."""

    def read(self, value: Any, location: str, findings: Findings) -> str:
        """The string."""
        return value if isinstance(value, str) else _wrong_type(value, "a string", location, findings, "")


class Version:
    """The version of the document's format."""

    def read(self, value: Any, location: str, findings: Findings) -> int:
        """The version."""
        if isinstance(value, bool) or value != VERSION:  # JSON has one kind of number; 1.0 is 1
            message = f"this version of edgecors does not support version {show(value)}"
            remedy = f'Write "version": {VERSION}, or update edgecors first.'
            findings.add(ERROR, "unknown-version", location, message, remedy)
        return VERSION


class Boolean:
    """True or false."""

    def read(self, value: Any, location: str, findings: Findings) -> bool:
        """The value."""
        return value if isinstance(value, bool) else _wrong_type(value, "true or false", location, findings, False)


class Seconds:
    """A whole number of seconds within bounds."""

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest = lowest
        self.highest = highest

    def read(self, value: Any, location: str, findings: Findings) -> int:
        """The number."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON has one kind of number; 60.0 is 60
        remedy = f"Write a whole number of seconds from {self.lowest} to {self.highest}."
        if isinstance(value, bool) or not isinstance(value, int):
            findings.add(ERROR, "wrong-type", location, f"{show(value)} is not a whole number", remedy)
            return self.lowest
        if not self.lowest <= value <= self.highest:
            findings.add(ERROR, "out-of-range", location, f"{show(value)} is out of range", remedy)
            return self.lowest
        return value


class Choice:
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, value: Any, location: str, findings: Findings) -> str:
        """The word."""
        if value in self.words:
            return str(value)
        name = location.rpartition(".")[2]
        remedy = f"Write one of: {', '.join(self.words)}."
        findings.add(ERROR, "unknown-value", location, f"{show(value)} is not a valid value of {name}", remedy)
        return self.words[0]


class Tolerate:
    """Codes of safety errors."""

    words = TOLERABLE

    def read(self, value: Any, location: str, findings: Findings) -> tuple[str, ...]:
        """The codes. A single code may be written without a list."""
        if isinstance(value, str):
            self._check(value, location, findings)
            return (value,)
        codes = []
        for number, code in _strings(value, location, findings):
            self._check(code, f"{location}[{number}]", findings)
            codes.append(code)
        return tuple(dict.fromkeys(codes))

    def _check(self, code: str, location: str, findings: Findings) -> None:
        if code not in self.words:
            remedy = f"Valid codes: {', '.join(self.words)}."
            findings.add(ERROR, "unknown-value", location, f"{show(code)} can't be tolerated", remedy)


class GlobList:
    """Globs of hosts or paths. None where everything matches."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def read(self, value: Any, location: str, findings: Findings) -> Globs | None:
        """The globs."""
        if value == []:
            message = "the list is empty, so the rule could never match"
            findings.add(ERROR, "empty", location, message, "Leave it out to match everything.")
        normalise = _host_glob if self.kind == "hosts" else _path_glob
        globs = []
        if isinstance(value, list) and len(value) > MAX_GLOBS:
            message = f"there are {len(value):,} globs, more than {MAX_GLOBS:,}"
            findings.add(ERROR, "too-large", location, message, "Merge some of them, with * where that is possible.")
            return None
        for number, text in _strings(value, location, findings):
            glob, fault, remedy = normalise(text)
            if fault:
                remedy = remedy or "Write a glob with * and ? as wildcards."
                findings.add(ERROR, "bad-glob", f"{location}[{number}]", f"{show(text)} {fault}", remedy)
            globs.append(glob)
        is_everything = any(glob == "*" or (glob == "/*" and self.kind == "paths") for glob in globs)
        return None if is_everything else Globs(globs)


class Methods:
    """Method names, or ``"*"``."""

    def read(self, value: Any, location: str, findings: Findings) -> tuple[str, ...] | str:
        """The names without repetition, HEAD after GET."""
        entries = _star_or_strings(value, location, findings)
        if entries is None:
            return "*"
        names: list[str] = []
        for number, text in entries:
            if not is_token(text):
                where, message = f"{location}[{number}]", f"{show(text)} is not a method name"
                findings.add(ERROR, "not-a-token", where, message, "Write a name such as GET.")
            elif is_forbidden_method(text):
                where, message = f"{location}[{number}]", f"browsers never send {show(text)}"
                findings.add(ERROR, "forbidden-method", where, message, "Remove it.")
            else:
                names.append(text)
        if "GET" in names and "HEAD" not in names:
            names.insert(names.index("GET") + 1, "HEAD")
        return tuple(dict.fromkeys(names))


class HeaderNames:
    """Header names, or ``"*"``. Names that have no effect are ignored with a warning."""

    def __init__(self, is_ignored: Callable[[str], bool], reason: str) -> None:
        self._is_ignored = is_ignored
        self._reason = reason

    def read(self, value: Any, location: str, findings: Findings) -> tuple[str, ...] | str:
        """The names in lower case, without repetition."""
        entries = _star_or_strings(value, location, findings)
        if entries is None:
            return "*"
        names = []
        for number, text in entries:
            if not is_token(text):
                where, message = f"{location}[{number}]", f"{show(text)} is not a header name"
                findings.add(ERROR, "not-a-token", where, message, "Write a name such as x-request-id.")
            elif self._is_ignored(text.lower()):
                where, message = f"{location}[{number}]", f"{show(text)} {self._reason}; ignored"
                findings.add(WARNING, "forbidden-header", where, message, "Remove it.")
            else:
                names.append(text.lower())
        return tuple(dict.fromkeys(names))


class Origins:
    """Patterns of origins and names of lists, or ``"*"``."""

    def read(self, value: Any, location: str, findings: Findings) -> Allowlist:
        """The entries, with ``has_star`` for ``"*"``."""
        allowlist = Allowlist()
        if value in ("*", ["*"]):
            allowlist.has_star = True
            return allowlist
        # No list of locations is made: there may be 100,000 entries, nearly all of them without a finding.
        for number, text in _strings(value, location, findings):
            if allowlist.is_known(text):
                continue
            where = f"{location}[{number}]"
            if text.startswith("@"):
                allowlist.add_name(text, where, ERROR)
            else:
                allowlist.add(text, where, ERROR)
            if allowlist.has_star and len(value) > 1:
                allowlist.has_star = False
                _refuse_star(where, location, findings)
        findings.extend(allowlist.findings)
        _check_size(allowlist, location, findings)
        return allowlist


def _check_size(allowlist: Allowlist, location: str, findings: Findings) -> None:
    try:
        allowlist.check_size()
    except TooLargeError as error:
        remedy = "Move origins to lists of their own, and name them as @list."
        findings.add(ERROR, "too-large", location, str(error), remedy)


class Objects:
    """A list of objects: rules or grants. Their fields are read by `edgecors.document`."""

    def __init__(self, most: int, example: str) -> None:
        self.most = most
        self._example = example

    def read(self, value: Any, location: str, findings: Findings) -> list[tuple[str, dict[str, Any]]]:
        """Each object with its location."""
        name = location.rpartition(".")[2]
        if not isinstance(value, list):
            _wrong_type(value, f"a list of {name}", location, findings, None)
            return []
        if not value:
            message = f"the list of {name} is empty"
            findings.add(ERROR, "empty", location, message, f"Write at least one: {self._example}.")
        if len(value) > self.most:
            message = f"there are {len(value):,} {name}, more than {self.most:,}"
            findings.add(ERROR, "too-large", location, message, "Merge some of them.")
            return []
        objects = []
        for number, item in enumerate(value):
            where = f"{location}[{number}]"
            if isinstance(item, dict):
                objects.append((where, item))
            else:
                findings.add(ERROR, "wrong-type", where, f"{show(item)} is not an object", f"Write {self._example}.")
        return objects


MAX_RULES = 1000
MAX_GLOBS = 2000
"""Globs of hosts and paths in one document. Each may have to be compared with the path of every request."""
MAX_GLOB_LENGTH = 1024
"""Characters of one glob."""
MAX_QUESTION_MARKS = 100
"""``?`` in all globs of one document: unlike ``*``, each may have to be tried at every position of a path."""
MAX_LISTS = 100
"""Lists that one document can name. Each ten of them cost one call when they are read."""

SITE_FIELDS = (
    Field("$schema", Anything(), "", "Where an editor finds the schema. Ignored.", "./policy.schema.json"),
    Field("version", Version(), VERSION, "Version of the document's format.", 1),
    Field(
        "mode",
        Choice("enforce", "shadow"),
        "enforce",
        "`shadow` decides, logs and counts, but does not answer preflights or change responses.",
        "shadow",
    ),
    Field(
        "refresh_seconds",
        Seconds(5, MAX_REFRESH_SECONDS),
        DEFAULT_REFRESH_SECONDS,
        "How old the policy may get before it is read again, in seconds. Each container adds its own jitter.",
        300,
    ),
    Field(
        "rules",
        Objects(MAX_RULES, '{"allow_origins": [...]}'),
        [],
        "The first rule whose `hosts` and `paths` match decides. Where none matches, nothing is changed.",
        [{"allow_origins": ["https://app.example.com"]}],
        required=True,
    ),
)
"""Fields of a document."""

GRANT_FIELDS = (
    Field(
        "allow_origins",
        Origins(),
        None,
        'Origins, patterns and lists (`"@name"`) that are allowed, or `"*"` for every origin.',
        ["https://app.example.com", "https://*.example.com", "@partners"],
        required=True,
    ),
    Field(
        "allow_methods",
        Methods(),
        DEFAULT_METHODS,
        'Methods that a preflight may ask for, case-sensitive, or `"*"`. GET includes HEAD.',
        ["GET", "PUT"],
    ),
    Field(
        "allow_headers",
        HeaderNames(is_forbidden_request_header, "is set by the browser alone; no page can send it"),
        "*",
        'Request headers that a preflight may ask for, including `content-type`, or `"*"`.',
        ["content-type", "authorization"],
    ),
    Field(
        "expose_headers",
        HeaderNames(FORBIDDEN_RESPONSE_HEADERS.__contains__, "is never shown to a page"),
        (),
        'Response headers that the page may read in addition to the safelisted ones, or `"*"`.',
        ["x-request-id"],
    ),
    Field(
        "allow_credentials",
        Boolean(),
        False,
        "Whether the page may send cookies and HTTP authentication, and read the responses.",
        True,
    ),
    Field(
        "max_age",
        Seconds(0, 86400),
        DEFAULT_MAX_AGE,
        "How long a browser may remember the answer to a preflight, in seconds.",
        600,
    ),
    Field(
        "allow_private_network",
        Boolean(),
        False,
        "Whether public pages may reach this private network, where the browser asks for it.",
        True,
    ),
    Field(
        "timing_allow_origin",
        Boolean(),
        False,
        "Whether the page may read detailed timing of its requests (`Timing-Allow-Origin`).",
        True,
    ),
)
"""Fields of a grant. A rule without `grants` has one grant, written in the rule itself."""

RULE_FIELDS = (
    Field("hosts", GlobList("hosts"), None, "Host names, case-insensitive.", ["api.example.com"]),
    Field("paths", GlobList("paths"), None, "Paths, case-sensitive.", ["/api/*"]),
    Field(
        "grants",
        Objects(MAX_RULES, '{"allow_origins": [...]}'),
        None,
        'Permissions by origin: the first grant that matches decides. `"*"` is allowed in the last grant only.',
        [{"allow_origins": ["https://app.example.com"], "allow_credentials": True}, {"allow_origins": "*"}],
    ),
    Field(
        "on_refused",
        Choice("omit", "block"),
        "omit",
        "`block`: a cross-origin request from an origin that is not allowed gets 403 and never reaches the upstream.",
        "block",
    ),
    Field(
        "resource_policy",
        Choice("same-origin", "same-site", "cross-origin"),
        "",
        "Value of `Cross-Origin-Resource-Policy` on every response of the rule.",
        "cross-origin",
    ),
    Field("debug", Boolean(), False, "The response to a refused preflight names reason and cause.", True),
    Field("tolerate", Tolerate(), (), "Switches off the named safety errors.", ["insecure-origin"]),
)
"""Fields of a rule that hold for all its grants."""


def _strings(value: Any, location: str, findings: Findings) -> Iterator[tuple[int, str]]:
    """Each string of a list with its number; everything else is an error."""
    if not isinstance(value, list):
        _wrong_type(value, "a list", location, findings, None, "Write a list of strings: [...].")
        return
    for number, item in enumerate(value):
        if isinstance(item, str):
            yield number, item
        else:
            _wrong_type(item, "a string", f"{location}[{number}]", findings, None)


def _star_or_strings(value: Any, location: str, findings: Findings) -> list[tuple[int, str]] | None:
    """None for ``"*"`` (or ``["*"]``), else the strings with their numbers; another ``"*"`` is an error."""
    if value in ("*", ["*"]):
        return None
    entries = []
    for number, text in _strings(value, location, findings):
        if text == "*":
            _refuse_star(f"{location}[{number}]", location, findings)
        else:
            entries.append((number, text))
    return entries


def _refuse_star(where: str, location: str, findings: Findings) -> None:
    name = location.rpartition(".")[2]
    remedy = f'Write "{name}": "*", or leave "*" out.'
    findings.add(ERROR, "wildcard-not-alone", where, '"*" is combined with other entries', remedy)


def _wrong_type(value: Any, wanted: str, location: str, findings: Findings, default: Any, remedy: str = "") -> Any:
    findings.add(ERROR, "wrong-type", location, f"{show(value)} is not {wanted}", remedy or f"Write {wanted}.")
    return default


_HOST_GLOB = "abcdefghijklmnopqrstuvwxyz0123456789-_.*?[]:"


def _host_glob(text: str) -> tuple[str, str, str]:
    """The glob in lower case, what is wrong with it, and what to write instead (empty: any glob)."""
    if len(text) > MAX_GLOB_LENGTH:
        return "", f"is longer than {MAX_GLOB_LENGTH:,} characters", ""
    if not text.isascii():
        return text, "is not ASCII", "Write an internationalised name in Punycode (xn--...)."
    glob = text.lower()
    if glob.strip(_HOST_GLOB) or (":" in glob and not glob.endswith("]")):
        return glob, "is not a host name (without scheme and port)", ""
    glob = glob.removesuffix(".")
    if not glob or glob.startswith(".") or ".." in glob:
        return glob, "has an empty label, which no host has", "Write *.example.com for the hosts below example.com."
    return glob, "", ""


def _path_glob(text: str) -> tuple[str, str, str]:
    """The glob in the form that paths are compared in, what is wrong with it, and what to write instead.

    As at CloudFront, the leading slash may be left out.
    """
    glob = text if text.startswith(("/", "*")) else "/" + text
    if len(text) > MAX_GLOB_LENGTH:
        return "/", f"is longer than {MAX_GLOB_LENGTH:,} characters", ""
    if text.startswith(("http://", "https://")):
        return glob, "is a URL, not a path", "Write the path alone, such as /api/*, and the host in hosts."
    if not text or any(character <= " " or character in "\\\x7f" for character in glob):
        return glob, "is not a path: it is empty, or has a backslash, a blank or a control character", ""
    # A literal star can't be written: an encoded one is decoded, and would then match anything.
    decoded = decode_escapes(glob.replace("%2a", "%2F").replace("%2A", "%2F"))
    if any(piece[:2] not in ("25", "3B", "3F", "23") for piece in decoded.split("%")[1:]):
        return glob, "has a bad escape, or an encoded slash, backslash, star or NUL", ""
    if any(segment in (".", "..") for segment in decoded.split("/")):
        return glob, "has a dot segment, which is removed from paths before they are compared", ""
    return decoded, "", ""


def show(value: object) -> str:
    """A value as it can stand in a message: JSON on one line, at most 80 characters."""
    if isinstance(value, (list, dict)) and value:
        # Without its contents, which may be nested deeper than the encoder can follow.
        return "[...]" if isinstance(value, list) else "{...}"
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
