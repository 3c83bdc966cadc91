"""Policies: reading a document, reporting every error in it, and compiling it into immutable rules.

`read_document` reads the value of one site's parameter; `Document.compile` adds the lists it names. A JSON document
with any error is rejected whole (`PolicyError` carries all of them); in a plain list an entry that can't be read is
skipped and reported, which only narrows.
"""

from __future__ import annotations

import json

from .characters import ALPHANUMERIC, consists_of, is_token
from .findings import ERROR, SKIPPED, Finding
from .origin import ANY, NULL, OriginSet, Pattern, parse_origin, parse_pattern, parse_subdomain
from .paths import Globs, decode_unreserved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .decision import Decision

    Headers = tuple[tuple[str, str], ...]

VERSION = 1
DEFAULT_REFRESH_SECONDS = 60
DEFAULT_MAX_AGE = 7200
DEFAULT_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_TEXT = 8 * 1024 * 1024
"""Characters of a policy or list after unpacking. Far above what Parameter Store can hold; it bounds a gzip bomb."""

CODES = {
    "bad-glob": "a host or path is no glob, or one that could never match",
    "bad-list-name": "what follows the @ can't be the name of a list",
    "duplicate-field": "a field stands twice in one object",
    "empty": "a list is empty where that can't be meant",
    "expose-wildcard-with-credentials": "expose_headers is * in a rule with credentials, where * is a plain name",
    "forbidden-header": "a page can never send, or never see, this header",
    "forbidden-method": "browsers never send this method",
    "insecure-origin": "an http origin that is not loopback in a rule with credentials",
    "invalid-json": "the document begins like JSON and is none",
    "list-missing": "a list that is named does not exist",
    "missing-field": "a required field is not there",
    "not-a-token": "a method or header name holds characters that none can hold",
    "not-in-a-list": "a list holds * or the name of another list",
    "null-with-credentials": "null in a rule with credentials",
    "origin-bad-host": "the host is no name, IPv4 or IPv6 address in the one spelling browsers send",
    "origin-bad-port": "the port is no number from 1 to 65535, and no *",
    "origin-bad-scheme": "what stands before :// is no scheme",
    "origin-bad-wildcard": "a * stands where none can be",
    "origin-file-scheme": "a file URL, whose origin is opaque",
    "origin-has-path": "a path, query or fragment follows the origin",
    "origin-has-userinfo": "a user name stands before the host",
    "origin-no-scheme": "there is no scheme://",
    "origin-not-ascii": "an internationalised name is not in Punycode, or a look-alike letter crept in",
    "origin-too-long": "the entry is longer than any origin",
    "out-of-range": "a number is too small or too large",
    "repaired-blanks": "blanks around an entry were removed",
    "repaired-case": "upper-case letters were made lower case",
    "repaired-default-port": "the scheme's default port was removed",
    "repaired-trailing-slash": "a trailing slash was removed",
    "unknown-field": "there is no field of this name",
    "unknown-value": "the field knows no such value",
    "unknown-version": "the document is of a version that this edgecors does not know",
    "unreadable": "what follows gz: can't be unpacked",
    "wildcard-not-alone": "* stands beside other entries",
    "wildcard-with-credentials": "* in a rule with credentials",
    "wrong-type": "the value is of another type than the field",
}
"""Every code of a finding made here, with its meaning. The linter adds some of its own."""

GZIP_PREFIX = "gz:"

SAFELISTED_REQUEST_HEADERS = ("accept", "accept-language", "content-language", "content-type", "range")
"""https://fetch.spec.whatwg.org/#cors-safelisted-request-header"""

FORBIDDEN_METHODS = frozenset(("CONNECT", "TRACE", "TRACK"))
"""https://fetch.spec.whatwg.org/#forbidden-method (compared without regard to case)"""

_FORBIDDEN_REQUEST_HEADERS = frozenset(
    (
        *("accept-charset", "accept-encoding", "connection", "content-length", "cookie", "cookie2", "date", "dnt"),
        *("expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding"),
        *("upgrade", "via"),
    )
)
_FORBIDDEN_REQUEST_PREFIXES = ("access-control-", "proxy-", "sec-")
_UNEXPOSABLE_HEADERS = frozenset(("set-cookie", "set-cookie2"))
_RESOURCE_POLICIES = ("same-origin", "same-site", "cross-origin")
TOLERABLE = ("insecure-origin", "public-suffix")

_SITE_FIELDS = ("version", "mode", "refresh_seconds", "rules")
_RULE_FIELDS = (
    "hosts",
    "paths",
    "allow_origins",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "allow_credentials",
    "max_age",
    "allow_private_network",
    "on_refused",
    "timing_allow_origin",
    "resource_policy",
    "debug",
    "tolerate",
)


class PolicyError(ValueError):
    """A document that can't serve. ``findings`` holds every error in it, and the repairs beside them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        self.errors = tuple(f for f in self.findings if f.severity == ERROR)
        super().__init__("; ".join(str(error) for error in self.errors))


class Rule:
    """One compiled rule. Immutable by convention.

    ``hosts`` and ``paths`` are None where everything matches, ``methods`` and ``headers`` where the rule says ``*``,
    and ``origins`` where ``*`` allows every origin (which is never so with credentials).
    """

    __slots__ = (
        "accepted_headers",
        "actual_headers",
        "block",
        "credentials",
        "debug",
        "expose",
        "headers",
        "headers_value",
        "hosts",
        "index",
        "max_age",
        "methods",
        "methods_value",
        "origins",
        "paths",
        "private_network",
        "resource_policy",
        "timing",
    )

    index: int
    hosts: Globs | None
    paths: Globs | None
    origins: OriginSet | None
    methods: frozenset[str] | None
    methods_value: str
    headers: frozenset[str] | None
    accepted_headers: frozenset[str]
    headers_value: str
    expose: str
    credentials: bool
    max_age: str
    private_network: bool
    block: bool
    timing: bool
    resource_policy: str
    debug: bool
    actual_headers: Headers
    """What follows Access-Control-Allow-Origin in the response to an allowed actual request."""

    def matches(self, host: str | None, path: str) -> bool:
        """Whether the rule is about this resource. ``path`` is normalised; an unknown host matches no named one."""
        if self.paths is not None and not self.paths.match(path):
            return False
        return self.hosts is None or (host is not None and self.hosts.match(_bare_host(host)))


def preflight_headers(rule: Rule, methods: str, headers: str) -> Headers:
    """All of an allowed preflight's headers that do not depend on its origin."""
    found = [
        ("Access-Control-Allow-Credentials", "true" if rule.credentials else ""),
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Allow-Headers", headers),
        ("Access-Control-Max-Age", rule.max_age),
    ]
    return tuple((name, value) for name, value in found if value)


def _actual_headers(rule: Rule) -> Headers:
    found = [
        ("Access-Control-Allow-Credentials", "true" if rule.credentials else ""),
        ("Access-Control-Expose-Headers", rule.expose),
        ("Cross-Origin-Resource-Policy", rule.resource_policy),
    ]
    return tuple((name, value) for name, value in found if value)


def _bare_host(host: str) -> str:
    """A Host header's value without port and trailing dot, in lower case."""
    name = host.lower()
    if name.endswith("]"):
        return name
    head, colon, port = name.rpartition(":")
    # RFC 3986, section 3.2.3: the port behind the colon may be empty.
    if colon and (not port or (port.isascii() and port.isdigit())):
        name = head
    return name.removesuffix(".")


class Policy:
    """A site's compiled policy: immutable, swapped whole.

    ``decisions`` and ``asked`` are what `edgecors.decision` remembers; nothing else is written in a request's way.
    """

    __slots__ = ("asked", "blocks", "decisions", "findings", "refresh_seconds", "rules", "shadow")

    def __init__(
        self, rules: Iterable[Rule], *, shadow: bool, refresh_seconds: int, findings: Iterable[Finding] = ()
    ) -> None:
        self.rules = tuple(rules)
        self.shadow = shadow
        self.refresh_seconds = refresh_seconds
        self.findings = tuple(findings)
        self.blocks = any(rule.block for rule in self.rules)
        self.decisions: dict[tuple[int | str | None, ...], Decision] = {}
        self.asked: dict[tuple[int, str, str | None], tuple[str, Headers]] = {}


def load_policy(text: str, lists: Mapping[str, str | None] | None = None) -> Policy:
    """The policy of a parameter's value and the values of the lists it names (None: there is no such list).

    Raises `PolicyError` with every error of the document.
    """
    return read_document(text).compile(lists or {})


def read_document(text: str) -> Document:
    """Read a site's parameter: plain list or JSON, either of them perhaps packed as ``gz:``. Raises `PolicyError`."""
    findings: list[Finding] = []
    try:
        text = unpack(text)
    except ValueError as error:
        raise PolicyError([_unreadable("", str(error))]) from None
    if text.lstrip()[:1] in ("{", "["):
        document = _read_json(text, findings)
    else:
        document = _read_plain(text, findings)
    if document is None or any(f.severity == ERROR for f in findings):
        raise PolicyError(findings)
    return document


def unpack(text: str) -> str:
    """The text behind ``gz:``, or the text itself. Raises ValueError for what is no base64 of gzip of UTF-8.

    A byte order mark, which some editors write before everything, is no part of either.
    """
    text = text.removeprefix("\ufeff")
    if not text.startswith(GZIP_PREFIX):
        return text
    import binascii  # two modules to load that few values need
    import zlib

    try:
        # The base64 command breaks lines; white space has no meaning in base64.
        packed = binascii.a2b_base64("".join(text[len(GZIP_PREFIX) :].split()), strict_mode=True)
        # 16 + MAX_WBITS: a gzip header is required. The bound on the output is what stops a bomb.
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        data = inflater.decompress(packed, MAX_TEXT)
    except (ValueError, zlib.error) as error:  # binascii.Error is a ValueError, and so is what is not ASCII
        raise ValueError(f"the value behind gz: is not base64 of gzip ({error})") from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the value behind gz: is cut short, followed by something else, or too large")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise ValueError("the value behind gz: is not UTF-8") from None


def _unreadable(location: str, message: str) -> Finding:
    return Finding(ERROR, "unreadable", location, message, "Write the value again, best with the edgecors command.")


class Document:
    """A document that was read without error, waiting for the lists it names (``lists``, in order of appearance)."""

    __slots__ = ("_rules", "findings", "lists", "refresh_seconds", "shadow")

    def __init__(self, rules: list[_Draft], *, shadow: bool, refresh_seconds: int, findings: list[Finding]) -> None:
        self._rules = rules
        self.shadow = shadow
        self.refresh_seconds = refresh_seconds
        self.findings = tuple(findings)
        self.lists = tuple(dict.fromkeys(name for draft in rules for name in draft.entries.lists))

    def compile(self, lists: Mapping[str, str | None]) -> Policy:
        """The policy with the lists' values filled in. A missing or unreadable list allows nobody, and is reported.

        One bad list does not take the others along: never raises for what stands in a list.
        """
        findings = list(self.findings)

        def read(name: str) -> Entries:
            # A list in several rules is read for each, but reported once. None is held longer than it is needed.
            return read_list(name, lists.get(name), findings if name not in reported else [])

        reported: set[str] = set()
        rules = []
        for draft in self._rules:
            rules.append(draft.compile(read, findings))
            reported.update(draft.entries.lists)
        return Policy(rules, shadow=self.shadow, refresh_seconds=self.refresh_seconds, findings=findings)


class Entries:
    """The readable entries of one list: exact origins, patterns, the lists it names, and whether it says ``*``."""

    __slots__ = ("any", "exact", "lists", "patterns")

    def __init__(self) -> None:
        self.exact: set[str] = set()
        self.patterns: dict[str, Pattern] = {}
        self.lists: list[str] = []
        self.any = False

    def take(self, text: str) -> bool:
        """Read one entry, if it is as most are written: an origin, or all subdomains of one, with nothing to repair."""
        if "*" not in text:
            if parse_origin(text) is None:
                return False
            self.exact.add(text)
            return True
        pattern = parse_subdomain(text)
        if pattern is None:
            return False
        self.patterns[text] = pattern
        return True

    def add(self, text: str, location: str) -> list[Finding]:
        """Read any other entry; the findings say what was repaired or could not be read."""
        pattern, findings = parse_pattern(text, location)
        if pattern is ANY:
            self.any = True
        elif pattern is not None and (pattern is NULL or (pattern.kind == "origin" and pattern.port != "*")):
            self.exact.add(pattern.text)
        elif pattern is not None:
            self.patterns[pattern.text] = pattern
        return findings

    def unsafe_with_credentials(self) -> Iterable[tuple[str, Finding]]:
        """Each entry that must not stand in a rule with credentials, with the error that says so (no place yet)."""
        # Of exact origins only these can be unsafe: do not parse a hundred thousand others.
        for text in sorted(text for text in self.exact if text == "null" or text.startswith("http:")):
            yield from _unsafe(NULL if text == "null" else _exact_pattern(text))
        for pattern in self.patterns.values():
            if pattern.scheme == "http":
                yield from _unsafe(pattern)


def _exact_pattern(text: str) -> Pattern:
    scheme, _, rest = text.partition("://")
    host = rest.partition("]")[0] + "]" if rest.startswith("[") else rest.partition(":")[0]
    return Pattern("origin", text, scheme, host)


def _unsafe(pattern: Pattern) -> Iterable[tuple[str, Finding]]:
    if pattern is NULL:
        message = "'null' with credentials: any page can make itself a null origin, with a sandboxed frame"
        yield pattern.text, Finding(ERROR, "null-with-credentials", "", message, "Remove 'null' or allow_credentials.")
    elif pattern.insecure:
        message = f"{pattern.text!r} is not encrypted: with credentials anyone on its network can read as the user"
        remedy = 'Use https, or accept the risk with "tolerate": ["insecure-origin"].'
        yield pattern.text, Finding(ERROR, "insecure-origin", "", message, remedy)


def split_plain(text: str) -> list[str]:
    """The entries of a plain list: separated by commas and/or white space."""
    return text.replace(",", " ").split()


def read_list(name: str, text: str | None, findings: list[Finding]) -> Entries:
    """The entries of a list parameter, nothing of what can't be read. A list can neither name lists nor say ``*``."""
    entries = Entries()
    if text is None:
        message = "there is no such list, so it allows nobody"
        findings.append(Finding(SKIPPED, "list-missing", f"@{name}", message, f"Create the list {name!r}."))
        return entries
    try:
        text = unpack(text)
    except ValueError as error:
        findings.append(Finding(SKIPPED, "unreadable", f"@{name}", str(error), "Write the list again."))
        return entries
    for number, entry in enumerate(split_plain(text)):
        if entries.take(entry):
            continue
        location = f"@{name}[{number}]"
        if entry == "*" or entry.startswith("@"):
            remedy = "Write origins only; what is open to everyone belongs in the policy itself."
            findings.append(_skipped("not-in-a-list", location, f"{_shown(entry)} can't stand in a list", remedy))
        else:
            findings.extend(_as_skipped(entries.add(entry, location)))
    return entries


def _skipped(code: str, location: str, message: str, remedy: str) -> Finding:
    return Finding(SKIPPED, code, location, f"{message}; the entry is skipped", remedy)


def _as_skipped(found: Iterable[Finding]) -> Iterable[Finding]:
    for f in found:
        yield _skipped(f.code, f.location, f.message, f.remedy) if f.severity == ERROR else f


def _read_plain(text: str, findings: list[Finding]) -> Document:
    draft = _Draft(0)
    entries = draft.entries
    found = split_plain(text)
    for number, entry in enumerate(found):
        if entries.take(entry):
            continue
        location = f"entries[{number}]"
        if entry.startswith("@"):
            findings.extend(_as_skipped(_add_list_name(entries, entry, location)))
        else:
            findings.extend(_as_skipped(entries.add(entry, location)))
    if entries.any and any(entry != "*" for entry in found):
        # Also beside an entry that can't be read: a typing error must not open to everyone what names one.
        entries.any = False
        message = "'*' stands beside other origins"
        findings.append(_skipped("wildcard-not-alone", "entries", message, "Keep '*' alone, or only the origins."))
    return Document([draft], shadow=False, refresh_seconds=DEFAULT_REFRESH_SECONDS, findings=findings)


_NAME = ALPHANUMERIC + b"_.-"


def is_name(text: str) -> bool:
    """Whether text can be a site's or a list's name: letters, digits and ``_ . -``, as Parameter Store has them."""
    return 0 < len(text) <= 256 and consists_of(text, _NAME)


def _add_list_name(entries: Entries, entry: str, location: str) -> list[Finding]:
    name = entry[1:]
    if not is_name(name):
        message = f"{_shown(entry)} names no list"
        return [Finding(ERROR, "bad-list-name", location, message, "Write @ and a name of letters, digits, _ . and -.")]
    if name not in entries.lists:
        entries.lists.append(name)
    return []


class _Draft:
    """A rule as read: what does not depend on lists is final."""

    __slots__ = ("entries", "index", "values")

    def __init__(self, index: int) -> None:
        self.index = index
        self.values: dict[str, Any] = {}
        self.entries = Entries()

    def compile(self, lists: Callable[[str], Entries], findings: list[Finding]) -> Rule:
        get = self.values.get
        rule = Rule()
        rule.index = self.index
        rule.hosts = get("hosts")
        rule.paths = get("paths")
        rule.credentials = get("allow_credentials", False)
        rule.origins = None if self.entries.any else self._origins(lists, findings)
        methods = get("allow_methods", DEFAULT_METHODS)
        rule.methods = None if methods == "*" else frozenset(methods)
        rule.methods_value = "*" if methods == "*" else ", ".join(methods)
        headers = get("allow_headers", "*")
        rule.headers = None if headers == "*" else frozenset(headers)
        rule.accepted_headers = frozenset(SAFELISTED_REQUEST_HEADERS).union(rule.headers or ())
        # Authorization is never covered by the wildcard (Fetch, "CORS non-wildcard request-header name").
        rule.headers_value = "*, authorization" if headers == "*" else ", ".join(headers)
        expose = get("expose_headers", ())
        rule.expose = "*" if expose == "*" else ", ".join(expose)
        rule.max_age = str(get("max_age", DEFAULT_MAX_AGE))
        rule.private_network = get("allow_private_network", False)
        rule.block = get("on_refused", "omit") == "block" and rule.origins is not None
        rule.timing = get("timing_allow_origin", False)
        rule.resource_policy = get("resource_policy", "")
        rule.debug = get("debug", False)
        rule.actual_headers = _actual_headers(rule)
        return rule

    def _origins(self, lists: Callable[[str], Entries], findings: list[Finding]) -> OriginSet:
        exact, patterns = set(self.entries.exact), dict(self.entries.patterns)
        for name in self.entries.lists:
            entries = lists(name)
            unsafe = self._unsafe_in(name, entries, findings)
            exact |= entries.exact - unsafe if unsafe else entries.exact
            patterns.update((text, p) for text, p in entries.patterns.items() if text not in unsafe)
        return OriginSet(exact, patterns.values())

    def _unsafe_in(self, name: str, entries: Entries, findings: list[Finding]) -> set[str]:
        """Entries of a list that this rule must not take over. Its own are errors long before."""
        unsafe = set()
        if self.values.get("allow_credentials"):
            for text, finding in entries.unsafe_with_credentials():
                if finding.code not in self.values.get("tolerate", ()):
                    unsafe.add(text)
                    location = f"rules[{self.index}] @{name}"
                    findings.append(_skipped(finding.code, location, finding.message, finding.remedy))
        return unsafe


# Reading JSON. Every reader takes a value and a place, adds to the findings, and returns what it could make of it.


class _Reader:
    """Reads a decoded JSON document and collects everything that is wrong with it."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def error(self, code: str, location: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(ERROR, code, location, message, remedy))

    def document(self, data: dict[str, Any]) -> Document:
        self.known_fields(data, _SITE_FIELDS, "")
        if type(version := data.get("version", VERSION)) is not int or version != VERSION:
            message = f"version {_shown(version)} is not known to this edgecors"
            self.error("unknown-version", "version", message, f'Write "version": {VERSION}, or update edgecors first.')
        mode = self.one_of(data, "mode", "", ("enforce", "shadow"), "enforce")
        refresh = self.integer(data, "refresh_seconds", "", 5, 3600, DEFAULT_REFRESH_SECONDS)
        drafts = []
        rules = data.get("rules")
        if rules is None and "rules" not in data:
            self.error("missing-field", "rules", "there are no rules", 'Write "rules": [{"allow_origins": [...]}].')
        elif not isinstance(rules, list):
            self.error("wrong-type", "rules", f"{_shown(rules)} is not a list", 'Write "rules": [...].')
        elif not rules:
            self.error("empty", "rules", "the list of rules is empty, so nothing would be managed", "Write a rule.")
        else:
            drafts = [self.rule(index, rule) for index, rule in enumerate(rules)]
        return Document(drafts, shadow=mode == "shadow", refresh_seconds=refresh, findings=self.findings)

    def rule(self, index: int, data: Any) -> _Draft:
        location = f"rules[{index}]"
        draft = _Draft(index)
        if not isinstance(data, dict):
            self.error("wrong-type", location, f"{_shown(data)} is not an object", 'Write {"allow_origins": [...]}.')
            return draft
        self.known_fields(data, _RULE_FIELDS, location)
        values = draft.values
        values["hosts"] = self.globs(data, "hosts", location, _host_glob)
        values["paths"] = self.globs(data, "paths", location, _path_glob)
        values["allow_methods"] = self.methods(data, location)
        values["allow_headers"] = self.names(data, "allow_headers", location, "*", _forbidden_request_header)
        values["expose_headers"] = self.names(data, "expose_headers", location, (), _unexposable_header)
        for field in ("allow_credentials", "allow_private_network", "timing_allow_origin", "debug"):
            values[field] = self.boolean(data, field, location)
        values["max_age"] = self.integer(data, "max_age", location, 0, 86400, DEFAULT_MAX_AGE)
        values["on_refused"] = self.one_of(data, "on_refused", location, ("omit", "block"), "omit")
        values["resource_policy"] = self.one_of(data, "resource_policy", location, _RESOURCE_POLICIES, "")
        values["tolerate"] = self.tolerate(data, location)
        self.origins(data, location, draft)
        if values["allow_credentials"]:
            self.credentials(draft, location)
        return draft

    def known_fields(self, data: dict[str, Any], known: tuple[str, ...], location: str) -> None:
        for field in data:
            if field not in known:
                import difflib  # only a wrong document pays for it

                near = difflib.get_close_matches(field, known, 1, 0.5)
                remedy = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
                self.error("unknown-field", _join(location, _name(field)), f"{_shown(field)} is no field", remedy)

    def boolean(self, data: dict[str, Any], field: str, location: str) -> bool:
        value = data.get(field, False)
        if not isinstance(value, bool):
            self.error(
                "wrong-type", _join(location, field), f"{_shown(value)} is not true or false", "Write true or false."
            )
            return False
        return value

    def integer(self, data: dict[str, Any], field: str, location: str, low: int, high: int, default: int) -> int:
        value = data.get(field, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON has one kind of number; 60.0 is 60
        remedy = f"Write a whole number of seconds from {low} to {high}."
        if isinstance(value, bool) or not isinstance(value, int):
            self.error("wrong-type", _join(location, field), f"{_shown(value)} is not a whole number", remedy)
            return default
        if not low <= value <= high:
            self.error("out-of-range", _join(location, field), f"{_shown(value)} is out of range", remedy)
            return default
        return value

    def one_of(self, data: dict[str, Any], field: str, location: str, known: tuple[str, ...], default: str) -> str:
        value = data.get(field, default)
        if field in data and value not in known:
            remedy = f"Write one of: {', '.join(known)}."
            self.error("unknown-value", _join(location, field), f"{_shown(value)} is not a {field}", remedy)
            return default
        return str(value)

    def strings(self, data: dict[str, Any], field: str, location: str) -> list[tuple[int, str]]:
        """Each string of a list with its number; everything else is an error."""
        value = data[field]
        if not isinstance(value, list):
            remedy = "Write a list of strings: [...]."
            self.error("wrong-type", _join(location, field), f"{_shown(value)} is not a list", remedy)
            return []
        for number, item in enumerate(value):
            if not isinstance(item, str):
                at = _item(location, field, number)
                self.error("wrong-type", at, f"{_shown(item)} is not a string", "Write a string.")
        return [numbered for numbered in enumerate(value) if isinstance(numbered[1], str)]

    def star_or_strings(self, data: dict[str, Any], field: str, location: str) -> list[tuple[int, str]] | None:
        """None for ``"*"`` (or ``["*"]``), else the strings without any ``"*"``, which is an error beside others."""
        if data[field] == "*" or data[field] == ["*"]:
            return None
        found = self.strings(data, field, location)
        stars = [number for number, text in found if text == "*"]
        for number in stars:
            remedy = f'Write "{field}": "*", or leave it out.'
            self.error("wildcard-not-alone", _item(location, field, number), '"*" stands beside others', remedy)
        return [(number, text) for number, text in found if text != "*"] if stars else found

    def globs(
        self, data: dict[str, Any], field: str, location: str, read: Callable[[str], tuple[str, str]]
    ) -> Globs | None:
        if field not in data:
            return None
        found = self.strings(data, field, location)
        if data[field] == []:
            self.error(
                "empty", _join(location, field), "the list is empty, so the rule could never match", "Leave it out."
            )
        globs = []
        for number, text in found:
            glob, wrong = read(text)
            if wrong:
                at = _item(location, field, number)
                self.error("bad-glob", at, f"{_shown(text)} {wrong}", "Write a glob: * any run of characters, ? one.")
            globs.append(glob)
        everything = any(glob == "*" or (glob == "/*" and field == "paths") for glob in globs)
        return None if everything else Globs(globs)

    def methods(self, data: dict[str, Any], location: str) -> tuple[str, ...] | str:
        if "allow_methods" not in data:
            return DEFAULT_METHODS
        found = self.star_or_strings(data, "allow_methods", location)
        if found is None:
            return "*"
        names: list[str] = []
        for number, text in found:
            at = _item(location, "allow_methods", number)
            if not is_token(text):
                self.error("not-a-token", at, f"{_shown(text)} is no method name", "Write a name such as GET.")
            elif text.upper() in FORBIDDEN_METHODS:
                self.error("forbidden-method", at, f"browsers never send {_shown(text)}", "Remove it.")
            else:
                names.append(text)
        if "GET" in names and "HEAD" not in names:
            names.insert(names.index("GET") + 1, "HEAD")
        return tuple(dict.fromkeys(names))

    def names(
        self,
        data: dict[str, Any],
        field: str,
        location: str,
        default: str | tuple[str, ...],
        refuse: Callable[[str], str],
    ) -> tuple[str, ...] | str:
        """Header names in lower case, without repetition."""
        if field not in data:
            return default
        found = self.star_or_strings(data, field, location)
        if found is None:
            return "*"
        names = []
        for number, text in found:
            name, at = text.lower(), _item(location, field, number)
            if not is_token(text):
                self.error("not-a-token", at, f"{_shown(text)} is no header name", "Write a name such as x-request-id.")
            elif wrong := refuse(name):
                self.error("forbidden-header", at, f"{_shown(text)} {wrong}", "Remove it.")
            else:
                names.append(name)
        return tuple(dict.fromkeys(names))

    def tolerate(self, data: dict[str, Any], location: str) -> tuple[str, ...]:
        if "tolerate" not in data:
            return ()
        value = data["tolerate"]
        # One name may stand without a list: the field switches off "one named safety error".
        alone = isinstance(value, str)
        found = [(0, value)] if alone else self.strings(data, "tolerate", location)
        for number, text in found:
            if text not in TOLERABLE:
                at = _join(location, "tolerate") if alone else _item(location, "tolerate", number)
                remedy = f"Known are: {', '.join(TOLERABLE)}."
                self.error("unknown-value", at, f"{_shown(text)} can't be tolerated", remedy)
        return tuple(text for _, text in found)

    def origins(self, data: dict[str, Any], location: str, draft: _Draft) -> None:
        if "allow_origins" not in data:
            remedy = 'Write a list of origins, or "*".'
            self.error("missing-field", _join(location, "allow_origins"), "the rule says nothing of origins", remedy)
            return
        found = self.star_or_strings(data, "allow_origins", location)
        if found is None:
            draft.entries.any = True
            return
        for number, text in found:
            if draft.entries.take(text):
                continue
            at = _item(location, "allow_origins", number)
            if text.startswith("@"):
                self.findings.extend(_add_list_name(draft.entries, text, at))
            else:
                self.findings.extend(draft.entries.add(text, at))
        if draft.entries.any and len(found) > 1:
            at = next(_item(location, "allow_origins", number) for number, text in found if text.strip() == "*")
            self.error(
                "wildcard-not-alone", at, '"*" stands beside others', 'Write "allow_origins": "*", or leave it out.'
            )
        if draft.values["allow_credentials"]:
            self.unsafe_origins(found, location, draft)

    def unsafe_origins(self, found: list[tuple[int, str]], location: str, draft: _Draft) -> None:
        unsafe = dict(draft.entries.unsafe_with_credentials())
        if not unsafe:
            return
        for number, text in found:
            pattern = parse_pattern(text)[0]
            finding = unsafe.get(pattern.text) if pattern else None
            if finding and finding.code not in draft.values["tolerate"]:
                self.error(finding.code, _item(location, "allow_origins", number), finding.message, finding.remedy)

    def credentials(self, draft: _Draft, location: str) -> None:
        if draft.entries.any:
            message = "'*' with credentials would let every site on the web read as the user"
            remedy = "List the origins, or remove allow_credentials."
            self.error("wildcard-with-credentials", _join(location, "allow_origins"), message, remedy)
        if draft.values["expose_headers"] == "*":
            message = "with credentials browsers take '*' for a header of that name"
            remedy = "List the headers to expose."
            self.error("expose-wildcard-with-credentials", _join(location, "expose_headers"), message, remedy)


def _read_json(text: str, findings: list[Finding]) -> Document | None:
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.extend(name for name in data if names.count(name) > 1)
        return data

    try:
        data = json.loads(text, object_pairs_hook=unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = "the document is no JSON: " + (str(error) or "nested too deep")
        findings.append(Finding(ERROR, "invalid-json", "", message, "Mend the JSON there."))
        return None
    for name in repeated:
        message = f"{_shown(name)} stands twice in one object"
        findings.append(Finding(ERROR, "duplicate-field", _name(name), message, "Keep one of them."))
    if not isinstance(data, dict):
        message = f"{_shown(data)} is not an object"
        findings.append(Finding(ERROR, "wrong-type", "", message, 'Write {"version": 1, "rules": [...]}.'))
        return None
    return _Reader(findings).document(data)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _forbidden_request_header(name: str) -> str:
    """https://fetch.spec.whatwg.org/#forbidden-request-header"""
    if name in _FORBIDDEN_REQUEST_HEADERS or name.startswith(_FORBIDDEN_REQUEST_PREFIXES):
        return "is set by the browser alone; no page can send it"
    return ""


def _unexposable_header(name: str) -> str:
    """https://fetch.spec.whatwg.org/#forbidden-response-header-name, and the protocol's own headers."""
    if name in _UNEXPOSABLE_HEADERS or name.startswith("access-control-"):
        return "is never shown to a page"
    return ""


_HOST_GLOB = "abcdefghijklmnopqrstuvwxyz0123456789-_.*?[]:"


def _host_glob(text: str) -> tuple[str, str]:
    glob = text.lower()
    if not glob or not text.isascii() or glob.strip(_HOST_GLOB) or (":" in glob and not glob.endswith("]")):
        return glob, "is no host name (without scheme and port)"
    return (glob.removesuffix(".") or glob), ""


def _path_glob(text: str) -> tuple[str, str]:
    """The glob in the spelling paths are compared in. As at CloudFront, the leading slash may be left out."""
    glob = text if text.startswith(("/", "*")) else "/" + text
    decoded = decode_unreserved(glob) if text else None
    if decoded is None or any(ord(character) < 0x21 or character in "\\\x7f" for character in glob):
        return glob, "is no path: it is empty, or has a bad escape, an encoded slash, a backslash or a blank"
    if any(segment in (".", "..") for segment in decoded.split("/")):
        return glob, "has a dot segment, which no normalised path has"
    return decoded, ""


def _join(location: str, field: str) -> str:
    return f"{location}.{field}" if location else field


def _item(location: str, field: str, number: int) -> str:
    """The location of one entry of a list. It is made where it is told only: there may be 100,000 entries."""
    return f"{_join(location, field)}[{number}]"


def _name(field: str) -> str:
    """A field as it can stand in a location: what is no plain name is quoted."""
    return field if field.isascii() and field.isidentifier() and len(field) <= 80 else _shown(field)


def _shown(value: object) -> str:
    """A value as it can stand in a message: JSON on one line, not endless."""
    if isinstance(value, (list, dict)) and value:
        # Not what is in it: it may be nested deeper than the encoder can follow.
        return "[...]" if isinstance(value, list) else "{...}"
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
