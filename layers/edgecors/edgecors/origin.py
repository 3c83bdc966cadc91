"""Origins: the grammar of a serialised origin, the patterns of an allowlist, and the index that looks them up.

The grammar is that of https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin over hosts as the URL standard
serialises them (https://url.spec.whatwg.org/#host-serializing). It is deliberately narrower than what a URL parser
accepts: a browser sends an origin in exactly one spelling, so no browser sends any other spelling.

This module compiles no regular expression, because it is imported on every cold start.
"""

from __future__ import annotations

from .characters import DIGITS, LOWER, VISIBLE, consists_of
from .findings import ERROR, REPAIRED, Finding, quote

TYPE_CHECKING = False  # importing `typing` costs 5 ms of a cold start
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

MAX_ORIGIN_LENGTH = 512
"""Characters. Longer values are refused before they are parsed; the longest real ones have about 270."""

DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
"""Ports that a serialised origin leaves out: https://url.spec.whatwg.org/#default-port."""

EXTENSION_SCHEMES = ("chrome-extension", "moz-extension", "safari-web-extension")
"""Schemes of browser extensions. The host is an id, in Firefox and Safari another one for each installation."""

_SCHEME = LOWER + DIGITS + b"+-."
_HOST = LOWER + DIGITS + b"-_."
# Visible ASCII without the URL standard's forbidden host code points, the percent sign, quotes and braces. Without
# the star, which is a wildcard in a pattern, and the comma, which separates the entries of a list.
_OPAQUE_HOST = bytes(byte for byte in VISIBLE if byte not in b'#/:<>?@[\\]^|%"`{}*,')
_LOWER_HEX = b"0123456789abcdef"


def parse_origin(text: str) -> tuple[str, str, str] | None:
    """Parse a serialised tuple origin.

    Args:
        text: the value of an Origin header.

    Returns:
        Scheme, host and port (``""`` for the default port). None for a malformed origin, for ``null``, which is not a
        tuple, and for ``file``, whose origins are opaque.
    """
    if len(text) > MAX_ORIGIN_LENGTH:
        return None
    scheme, separator, authority = text.partition("://")
    is_valid_host = _is_host
    if scheme not in DEFAULT_PORTS:
        if not separator or not _is_scheme(scheme) or scheme == "file":
            return None
        is_valid_host = _is_opaque_host
    if authority.startswith("["):
        address, bracket, rest = authority[1:].partition("]")
        host, colon, port = f"[{address}]", rest[:1], rest[1:]
        if not bracket or colon not in ("", ":") or not _is_ipv6(address):
            return None
    else:
        host, colon, port = authority.partition(":")
        if not is_valid_host(host):
            return None
    if colon and (not _is_port(port) or DEFAULT_PORTS.get(scheme) == port):
        return None
    return scheme, host, port


def _is_scheme(text: str) -> bool:
    return text[:1].islower() and consists_of(text, _SCHEME)


def _is_port(text: str) -> bool:
    return 0 < len(text) <= 5 and consists_of(text, DIGITS) and text[0] != "0" and int(text) <= 65535


def _is_opaque_host(text: str) -> bool:
    """https://url.spec.whatwg.org/#concept-opaque-host-parser: hosts of schemes that are not special."""
    return bool(text) and consists_of(text, _OPAQUE_HOST)


def _is_host(text: str) -> bool:
    """Labels of letters, digits, hyphens and underscores, 1 to 63 characters, 253 in all; or a canonical IPv4 address.

    A hyphen may begin or end a label: the URL standard does not apply STD3 rules, and browsers send such names.
    """
    if not text or len(text) > 253 or not consists_of(text, _HOST):
        return False
    name = text if text[-1] != "." else text[:-1]
    if not name or name[0] == "." or ".." in text:
        return False
    if len(name) > 63 and max(map(len, name.split("."))) > 63:
        return False
    # A name that ends in a number is an IPv4 address to every browser (URL standard, "ends in a number checker"),
    # and an address has one spelling.
    last = name[name.rfind(".") + 1 :]
    if last[0].isdigit() and (last.isdigit() or (last[:2] == "0x" and consists_of(last[2:], _LOWER_HEX))):
        return name == text and name.count(".") == 3 and all(map(_is_octet, name.split(".")))
    return True


def _is_octet(text: str) -> bool:
    return text.isdigit() and len(text) <= 3 and int(text) <= 255 and (text == "0" or text[0] != "0")


def _is_ipv6(text: str) -> bool:
    """Whether text is the one serialisation of an address: https://url.spec.whatwg.org/#concept-ipv6-serializer."""
    head, gap, tail = text.partition("::")
    before, after = head.split(":") if head else [], tail.split(":") if tail else []
    pieces = before + after
    if not all(0 < len(p) <= 4 and consists_of(p, _LOWER_HEX) and (p == "0" or p[0] != "0") for p in pieces):
        return False
    if len(pieces) > 8 or (not gap and len(pieces) != 8):
        return False
    numbers = before + ["0"] * (8 - len(pieces)) + after
    return _serialise_ipv6(numbers) == text


def _serialise_ipv6(pieces: list[str]) -> str:
    """Eight pieces with the first longest run of two or more zeros compressed."""
    best_start, best_length, start = 0, 1, 0
    while start < 8:
        end = start
        while end < 8 and pieces[end] == "0":
            end += 1
        if end - start > best_length:
            best_start, best_length = start, end - start
        start = end + 1
    if best_length < 2:
        return ":".join(pieces)
    return ":".join(pieces[:best_start]) + "::" + ":".join(pieces[best_start + best_length :])


class Pattern:
    """One readable entry of an allowlist, in canonical spelling.

    Attributes:
        kind: ``origin`` (exact but for a ``*`` port), ``subdomain`` (``https://*.example.com``), ``label``
            (``https://shop-*.example.com``), ``extension`` (``moz-extension://*``), ``null`` or ``any``.
        text: the canonical spelling.
        port: ``""`` (the default port), digits, or ``*``.
    """

    __slots__ = ("host", "kind", "port", "scheme", "text")

    def __init__(self, kind: str, text: str, scheme: str = "", host: str = "", port: str = "") -> None:
        self.kind = kind
        self.text = text
        self.scheme = scheme
        self.host = host
        self.port = port

    def __repr__(self) -> str:
        return f"Pattern({self.kind!r}, {self.text!r})"

    @property
    def is_exact(self) -> bool:
        """Whether it allows one origin only, which is its text."""
        return self.kind == "null" or (self.kind == "origin" and self.port != "*")

    @property
    def insecure(self) -> bool:
        """Whether anyone on the network path can speak as this origin: ``http``, and not loopback.

        Loopback as in https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy.
        """
        if self.scheme != "http":
            return False
        name = self.host.removesuffix(".")
        loopback = name == "localhost" or name.endswith(".localhost") or name == "[::1]"
        if name.startswith("127."):
            # No star can stand in an address: it is in the leftmost label of a name only.
            loopback = loopback or name.rpartition(".")[2].isdigit()
        return not loopback


NULL = Pattern("null", "null")
ANY = Pattern("any", "*")


def parse_pattern(text: str, location: str = "") -> tuple[Pattern | None, list[Finding]]:
    """Read one entry of an allowlist.

    Repairs (case, default port, trailing slash, spaces around it) can't widen access: they are applied and reported.

    Args:
        text: the entry as written.
        location: where it stands, for the findings.

    Returns:
        The pattern, or None when it can't be read, and the findings: one error, or the repairs.
    """
    if text == "*":
        return ANY, []
    findings: list[Finding] = []
    try:
        return _read_pattern(text, location, findings), findings
    except _InvalidPatternError as error:
        findings.append(Finding(ERROR, error.code, location, f"{quote(text)} {error.message}", error.remedy))
        return None, findings


def _parse_wildcard(text: str) -> Pattern | None:
    """The pattern of an entry with one ``*`` in its leftmost label and nothing to repair, as most are written."""
    if len(text) > MAX_ORIGIN_LENGTH:
        return None  # before it is copied: an entry may have 4 MB
    head, _, tail = text.partition("*")
    scheme, separator, prefix = head.partition("://")
    label_end = tail.find(".")
    # At least one more label has to follow, and no other star.
    if (
        not separator
        or label_end < 0
        or not tail[label_end + 1 : label_end + 2].strip(".:")
        or "." in prefix
        or "*" in tail
    ):
        return None
    # A letter replaces the star, so that the host stays a name: `*.168.0.1` must not match 192.168.0.1.
    parts = parse_origin(f"{head}a{tail}")
    if parts is None or scheme not in DEFAULT_PORTS:
        return None
    port = parts[2]
    host = f"{prefix}*{tail.removesuffix(f':{port}') if port else tail}"
    return Pattern("label" if prefix or label_end else "subdomain", text, scheme, host, port)


class _InvalidPatternError(Exception):
    """Why an entry can't be read, and what to write instead."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        self.code = code
        self.message = message
        self.remedy = remedy


def _read_pattern(text: str, location: str, findings: list[Finding]) -> Pattern:
    def report_repair(code: str, what: str, value: str) -> None:
        findings.append(Finding(REPAIRED, code, location, f"{quote(text)} has {what}", f"Write {quote(value)}."))

    value = text.strip()
    if not value.isascii():
        message, remedy = "is not ASCII", "Write an internationalised name in Punycode (xn--...)."
        raise _InvalidPatternError("origin-not-ascii", message, remedy)
    if value != text:
        report_repair("repaired-blanks", "white space around it", value)
    lower = _lower_case(value)
    if value != lower:
        value = lower
        report_repair("repaired-case", "upper-case letters; browsers send origins in lower case", value)
    if value == "*":
        return ANY
    if value == "null":
        return NULL
    scheme, rest = _split_scheme(value)
    authority = rest.removesuffix("/")
    if any(mark in authority for mark in "/?#\\"):
        message, remedy = "has a path, query or fragment", "Write scheme://host[:port] and nothing after it."
        raise _InvalidPatternError("origin-has-path", message, remedy)
    if authority != rest:
        value = f"{scheme}://{authority}"
        report_repair("repaired-trailing-slash", "a trailing slash; origins have none", value)
    if "@" in authority:
        raise _InvalidPatternError("origin-has-userinfo", "has a user name", "Write scheme://host[:port] only.")
    host, port = _split_port(authority)
    if DEFAULT_PORTS.get(scheme) == port:
        value, port = f"{scheme}://{host}", ""
        report_repair("repaired-default-port", "its scheme's default port; browsers leave it out", value)
    if len(value) > MAX_ORIGIN_LENGTH:
        message, remedy = "is longer than any origin", f"Write at most {MAX_ORIGIN_LENGTH} characters."
        raise _InvalidPatternError("origin-too-long", message, remedy)
    return Pattern(_host_kind(scheme, host, port), value, scheme, host, port)


def _lower_case(value: str) -> str:
    """The entry in lower case. The opaque host of another scheme keeps its case: it is compared exactly."""
    scheme, separator, rest = value.partition("://")
    scheme = scheme.lower()
    return scheme + separator + (rest.lower() if scheme in DEFAULT_PORTS else rest)


def _split_scheme(value: str) -> tuple[str, str]:
    scheme, separator, rest = value.partition("://")
    example = "Write scheme://host, such as https://app.example.com."
    if not separator or not scheme:
        raise _InvalidPatternError("origin-no-scheme", "has no scheme", example)
    if scheme == "file":
        message = "is a file URL: pages from files and some WebViews send 'null', which any page can send"
        remedy = "Serve the page over https, or from a scheme of the app's own (such as app://name)."
        raise _InvalidPatternError("origin-file-scheme", message, remedy)
    if "*" in scheme:
        raise _InvalidPatternError("origin-bad-wildcard", "has a * in its scheme", "Write one entry for each scheme.")
    if not _is_scheme(scheme):
        raise _InvalidPatternError("origin-bad-scheme", "has an invalid scheme", example)
    return scheme, rest


def _split_port(authority: str) -> tuple[str, str]:
    """Host and port; the port's colon comes after the bracket of an IPv6 address."""
    bracket = authority.find("]") + 1
    name, colon, port = authority[bracket:].partition(":")
    if colon and port != "*" and not _is_port(port):
        remedy = "Write a port from 1 to 65535 without leading zero, or :*."
        raise _InvalidPatternError("origin-bad-port", "has an invalid port", remedy)
    return authority[:bracket] + name, port


def _host_kind(scheme: str, host: str, port: str) -> str:
    if host.startswith("[") and host.endswith("]") and _is_ipv6(host[1:-1]):
        return "origin"
    if scheme not in DEFAULT_PORTS:
        return _opaque_host_kind(scheme, host, port)
    if "*" not in host:
        if _is_host(host):
            return "origin"
        remedy = "Write a name of letters, digits and hyphens, a dotted IPv4 or a canonical [IPv6] address."
        raise _InvalidPatternError("origin-bad-host", "has a host that no browser sends", remedy)
    label, dot, base = host.partition(".")
    # One star, in the leftmost label, over at least one more label. The stand-in is the shortest thing a star can
    # be, and never an address: `*.168.0.1` must not come to mean 192.168.0.1.
    if label.count("*") != 1 or not base or not _is_host(label.replace("*", "a") + dot + base):
        remedy = "Write https://*.example.com, or one * inside the leftmost label: https://shop-*.example.com."
        raise _InvalidPatternError("origin-bad-wildcard", "has a * in the wrong position", remedy)
    return "subdomain" if label == "*" else "label"


def _opaque_host_kind(scheme: str, host: str, port: str) -> str:
    if host == "*" and scheme in EXTENSION_SCHEMES and not port:
        return "extension"
    if "*" in host:
        message = f"has a * that a {scheme} origin can't have"
        remedy = f"List the origins, or use one of {', '.join(f'{s}://*' for s in EXTENSION_SCHEMES)}."
        raise _InvalidPatternError("origin-bad-wildcard", message, remedy)
    if not _is_opaque_host(host):
        remedy = "Write the origin exactly as the app sends it, such as app://. or capacitor://localhost."
        raise _InvalidPatternError("origin-bad-host", "has a host that no browser sends", remedy)
    return "origin"


class OriginIndex:
    """Exact origins and patterns. The cost of a look-up follows the length of the host, not of the list.

    An exact origin is one hash look-up. For patterns the few texts are built that could match the host at all, one
    for each label and shape, and each is looked up by hash. Built with `add`, then only read.
    """

    __slots__ = ("_any_port", "_shapes", "_wild", "exact", "patterns")

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self.exact: set[str] = set()
        self.patterns: set[str] = set()
        self._any_port = False
        self._wild = False
        self._shapes: dict[str, set[tuple[int, int]]] = {}
        for pattern in patterns:
            self.add(pattern)

    def add(self, pattern: Pattern) -> None:
        """Add an entry other than ``*``."""
        if pattern.is_exact:
            self.exact.add(pattern.text)
            return
        self.patterns.add(pattern.text)
        self._any_port = self._any_port or pattern.port == "*"
        self._wild = self._wild or pattern.kind in ("subdomain", "label")
        if pattern.kind == "label":
            label, dot, base = pattern.host.partition(".")
            before, _, after = label.partition("*")
            self._shapes.setdefault(dot + base, set()).add((len(before), len(after)))

    def add_if_canonical(self, text: str) -> bool:
        """Add an entry that needs no repair, as most entries are written; False for every other entry."""
        if "*" not in text:
            if parse_origin(text) is None:
                return False
            self.exact.add(text)
            return True
        pattern = _parse_wildcard(text)
        if pattern is None:
            return False
        self.add(pattern)
        return True

    def compact(self) -> None:
        """Release the sets' spare capacity: they grow to four times what they need."""
        self.exact, self.patterns = set(self.exact), set(self.patterns)

    def __contains__(self, text: str) -> bool:
        return text in self.exact or text in self.patterns

    def __len__(self) -> int:
        return len(self.exact) + len(self.patterns)

    def __iter__(self) -> Iterator[str]:
        yield from sorted(self.exact)
        yield from sorted(self.patterns)

    def match_pattern(self, scheme: str, host: str, port: str) -> str | None:
        """The pattern that allows a parsed origin, in canonical spelling; None when no pattern does."""
        patterns = self.patterns
        if not patterns:
            return None
        start, end, any_port = scheme + "://", f":{port}" if port else "", self._any_port
        if any_port and (text := f"{start}{host}:*") in patterns:
            return text
        dot = host.find(".") if self._wild else -1
        if dot > 0 and self._shapes and (shapes := self._shapes.get(host[dot:])):
            ends = (end, ":*") if any_port else (end,)
            text = self._match_label(start, host[:dot], host[dot:], ends, shapes)
            if text:
                return text
        start += "*"
        while dot > 0:
            base = start + host[dot:]
            if (text := base + end) in patterns or (any_port and (text := base + ":*") in patterns):
                return text
            dot = host.find(".", dot + 1)
        # Here the start has its star: moz-extension://*.
        return start if scheme in EXTENSION_SCHEMES and not port and start in patterns else None

    def _match_label(
        self, start: str, label: str, base: str, ends: tuple[str, ...], shapes: Iterable[tuple[int, int]]
    ) -> str:
        length = len(label)
        for before, after in shapes:
            rest = length - after
            # The star stands for one or more of [a-z0-9-]; the host's grammar leaves only the underscore to exclude.
            if rest <= before or "_" in label[before:rest]:
                continue
            for end in ends:
                text = f"{start}{label[:before]}*{label[rest:]}{base}{end}"
                if text in self.patterns:
                    return text
        return ""


class OriginSet:
    """The origins of one grant: its own entries and those of the lists that it names, which several rules may share.

    Attributes:
        parts: each index with those of its entries that are unsafe in this grant, and so allow nobody here.
    """

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[tuple[OriginIndex, AbstractSet[str]]]) -> None:
        self.parts = tuple((index, excluded) for index, excluded in parts if len(index))

    def __len__(self) -> int:
        return sum(len(index) - len(excluded) for index, excluded in self.parts)

    def __iter__(self) -> Iterator[str]:
        yield from sorted({text for index, excluded in self.parts for text in index if text not in excluded})

    def match(self, origin: str) -> str | None:
        """The entry that allows a serialised origin, in canonical spelling; None when no entry does."""
        if self.has_exact(origin):
            return origin
        parts = parse_origin(origin)
        return None if parts is None else self.match_pattern(*parts)

    def has_exact(self, origin: str) -> bool:
        """Whether the origin itself is an entry."""
        for index, excluded in self.parts:  # noqa: SIM110  (a generator costs more than the look-up)
            if origin in index.exact and origin not in excluded:
                return True
        return False

    def match_pattern(self, scheme: str, host: str, port: str) -> str | None:
        """As `match`, for a parsed origin that is not an entry itself."""
        for index, excluded in self.parts:
            text = index.match_pattern(scheme, host, port)
            if text is not None and text not in excluded:
                return text
        return None
