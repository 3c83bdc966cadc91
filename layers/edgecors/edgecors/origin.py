"""Origins: the grammar of a serialised origin, the patterns an allowlist may hold, and the look-up structure.

The grammar is that of https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin over hosts as the URL standard
serialises them (https://url.spec.whatwg.org/#host-serializing). It is deliberately narrower than what a URL parser
accepts: a browser sends an origin in exactly one spelling, so every other spelling is no browser's.

Nothing here compiles a regular expression: this module is in the way of every cold start.
"""

from __future__ import annotations

from .characters import DIGITS, LOWER, consists_of
from .findings import ERROR, REPAIRED, Finding

TYPE_CHECKING = False  # `typing` itself costs 5 ms of a cold start
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

MAX_ORIGIN_LENGTH = 512
"""Characters. Longer values are refused before they are looked at; the longest real ones have about 270."""

DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
"""Ports a serialised origin leaves out: https://url.spec.whatwg.org/#default-port."""

_SCHEME = LOWER + DIGITS + b"+-."
_HOST = LOWER + DIGITS + b"-_."
_LOWER_HEX = b"0123456789abcdef"


def parse_origin(text: str) -> tuple[str, str, str] | None:
    """Scheme, host and port (``""`` for the default) of a serialised tuple origin; None when it is malformed.

    ``null`` is an opaque origin and no tuple: None. ``file`` has only opaque origins: None.
    """
    if len(text) > MAX_ORIGIN_LENGTH:
        return None
    scheme, separator, authority = text.partition("://")
    if not separator or (scheme not in DEFAULT_PORTS and not _is_scheme(scheme)):
        return None
    if authority.startswith("["):
        address, bracket, rest = authority[1:].partition("]")
        host, colon, port = f"[{address}]", rest[:1], rest[1:]
        if not bracket or colon not in ("", ":") or not _is_ipv6(address):
            return None
    else:
        host, colon, port = authority.partition(":")
        if not _is_host(host):
            return None
    if colon and (not _is_port(port) or DEFAULT_PORTS.get(scheme) == port):
        return None
    return scheme, host, port


def _is_scheme(text: str) -> bool:
    return text[:1].islower() and consists_of(text, _SCHEME) and text != "file"


def _is_port(text: str) -> bool:
    return 0 < len(text) <= 5 and consists_of(text, DIGITS) and text[0] != "0" and int(text) <= 65535


def _is_host(text: str) -> bool:
    """LDH labels (underscore tolerated) of at most 63 characters, 253 in all, or a canonical IPv4 address."""
    if not text or len(text) > 253 or not consists_of(text, _HOST):
        return False
    name = text.removesuffix(".")
    fenced = f".{name}."
    if ".." in fenced or ".-" in fenced or "-." in fenced:
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

    ``kind`` is ``origin`` (exact but for a ``*`` port), ``subdomain`` (``https://*.example.com``), ``label``
    (``https://shop-*.example.com``), ``null`` or ``any``. ``port`` is ``""`` (default), digits, or ``*``.
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
    def insecure(self) -> bool:
        """Whether anyone on the network path can speak as this origin: ``http``, and not loopback.

        Loopback as in https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy.
        """
        if self.scheme != "http":
            return False
        name = self.host.removesuffix(".")
        loopback = name == "localhost" or name.endswith(".localhost") or name == "[::1]"
        if name.startswith("127."):
            # No star can stand there: it is in the leftmost label only.
            loopback = loopback or name.rpartition(".")[2].isdigit()
        return not loopback


NULL = Pattern("null", "null")
ANY = Pattern("any", "*")


def parse_pattern(text: str, location: str = "") -> tuple[Pattern | None, list[Finding]]:
    """Read one entry of an allowlist; None when it can't be read, with the error that says why.

    Repairs (case, default port, trailing slash, stray blanks) can't widen anything: they are made and reported.
    """
    if text == "*":
        return ANY, []
    findings: list[Finding] = []
    pattern = _read_pattern(text, location, findings)
    return pattern, findings


def parse_subdomain(text: str) -> Pattern | None:
    """The pattern, if text is one over all subdomains with nothing to repair, as most patterns are written."""
    scheme, _, rest = text.partition("://*.")
    if not rest[:1].isalnum():
        return None
    parts = parse_origin(f"{scheme}://a.{rest}")
    return None if parts is None else Pattern("subdomain", text, scheme, "*" + parts[1][1:], parts[2])


def _read_pattern(text: str, location: str, findings: list[Finding]) -> Pattern | None:
    def refuse(code: str, message: str, remedy: str) -> None:
        findings.append(Finding(ERROR, code, location, f"{_shown(text)} {message}", remedy))

    def repaired(code: str, what: str, value: str) -> None:
        findings.append(Finding(REPAIRED, code, location, f"{_shown(text)} has {what}", f"Write {_shown(value)}."))

    value = text.strip()
    if not value.isascii():
        refuse("origin-not-ascii", "is not ASCII", "Write an internationalised name in Punycode (xn--...).")
        return None
    if value != text:
        repaired("repaired-blanks", "blanks around it", value)
    if value != value.lower():
        value = value.lower()
        repaired("repaired-case", "upper-case letters; browsers send origins in lower case", value)
    if value == "*":
        return ANY
    if value == "null":
        return NULL
    scheme, separator, rest = value.partition("://")
    if not separator or not scheme:
        refuse("origin-no-scheme", "has no scheme", "Write scheme://host, such as https://app.example.com.")
        return None
    if scheme == "file":
        refuse("origin-file-scheme", "is a file URL, whose origin is opaque", "Serve the page over http(s).")
        return None
    if "*" in scheme:
        refuse("origin-bad-wildcard", "has a * in its scheme", "Write one entry for each scheme.")
        return None
    if not _is_scheme(scheme):
        refuse(
            "origin-bad-scheme", "has a scheme that is none", "Write scheme://host, such as https://app.example.com."
        )
        return None
    authority = rest.removesuffix("/")
    if any(mark in authority for mark in "/?#\\"):
        refuse("origin-has-path", "has a path, query or fragment", "Write scheme://host[:port] and nothing after it.")
        return None
    if authority != rest:
        value = f"{scheme}://{authority}"
        repaired("repaired-trailing-slash", "a trailing slash; origins have none", value)
    if "@" in authority:
        refuse("origin-has-userinfo", "has a user name", "Write scheme://host[:port] only.")
        return None
    # In a bracketed IPv6 address the port's colon comes after the bracket.
    bracket = authority.find("]") + 1
    name, colon, port = authority[bracket:].partition(":")
    host = authority[:bracket] + name
    if colon and port != "*" and not _is_port(port):
        refuse(
            "origin-bad-port", "has a port that is none", "Write a port from 1 to 65535 without leading zero, or :*."
        )
        return None
    if colon and DEFAULT_PORTS.get(scheme) == port:
        value, colon, port = f"{scheme}://{host}", "", ""
        repaired("repaired-default-port", "its scheme's default port; browsers leave it out", value)
    if len(value) > MAX_ORIGIN_LENGTH:
        refuse("origin-too-long", "is longer than any origin", f"Write at most {MAX_ORIGIN_LENGTH} characters.")
        return None
    kind = _host_kind(host)
    if kind is None:
        if "*" in host:
            remedy = "Write https://*.example.com, or one * inside the leftmost label: https://shop-*.example.com."
            refuse("origin-bad-wildcard", "has a * where none can be", remedy)
        else:
            remedy = "Write a name of letters, digits and hyphens, a dotted IPv4 or a canonical [IPv6] address."
            refuse("origin-bad-host", "has a host that no browser sends", remedy)
        return None
    return Pattern(kind, value, scheme, host, port)


def _host_kind(host: str) -> str | None:
    if host.startswith("["):
        return "origin" if host.endswith("]") and _is_ipv6(host[1:-1]) else None
    if "*" not in host:
        return "origin" if _is_host(host) else None
    label, dot, base = host.partition(".")
    # One star, in the leftmost label, over at least one more label. The stand-in is the shortest thing a star can
    # be, and never an address: `*.168.0.1` must not come to mean 192.168.0.1.
    if label.count("*") != 1 or not base or not _is_host(label.replace("*", "a") + dot + base):
        return None
    return "subdomain" if label == "*" else "label"


def _shown(text: str) -> str:
    """The entry as it can stand in a message: no control characters, not endless."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


class OriginSet:
    """A fixed set of origins and patterns whose look-up cost follows the length of the host, not of the list.

    An exact origin is one hash look-up. For patterns the few texts are built that could match the host at all, one
    for each label and shape, and each is looked up by hash.
    """

    __slots__ = ("_any_port", "_patterns", "_shapes", "_wild", "exact")

    def __init__(self, exact: Iterable[str] = (), patterns: Iterable[Pattern] = ()) -> None:
        """``exact``: serialised origins (and ``null``), already known to be well formed. ``patterns``: the others."""
        patterns = tuple(patterns)
        # A set is taken as it is, for there may be 100,000 origins in it: its maker lets go of it.
        self.exact: AbstractSet[str] = exact if isinstance(exact, (set, frozenset)) else frozenset(exact)
        self._patterns = frozenset(p.text for p in patterns)
        self._any_port = any(p.port == "*" for p in patterns)
        self._wild = any(p.kind != "origin" for p in patterns)
        shapes: dict[str, set[tuple[int, int]]] = {}
        for pattern in patterns:
            if pattern.kind == "label":
                label, dot, base = pattern.host.partition(".")
                before, _, after = label.partition("*")
                shapes.setdefault(dot + base, set()).add((len(before), len(after)))
        self._shapes = {base: tuple(sorted(found)) for base, found in shapes.items()}

    def __len__(self) -> int:
        return len(self.exact) + len(self._patterns)

    def __iter__(self) -> Iterator[str]:
        yield from sorted(self.exact)
        yield from sorted(self._patterns)

    def match(self, origin: str) -> str | None:
        """The entry that allows a serialised origin, in canonical spelling; None when there is none."""
        if origin in self.exact:
            return origin
        parts = parse_origin(origin)
        return None if parts is None else self.match_pattern(*parts)

    def match_pattern(self, scheme: str, host: str, port: str) -> str | None:
        """As `match`, for an origin already parsed and known not to stand in the list itself."""
        patterns = self._patterns
        if not patterns:
            return None
        start, end = scheme + "://", f":{port}" if port else ""
        ends = (end, ":*") if self._any_port else (end,)
        if self._any_port and (text := f"{start}{host}:*") in patterns:
            return text
        dot = host.find(".") if self._wild else -1
        if dot < 0:
            return None
        if shapes := self._shapes.get(host[dot:]):
            found = self._match_label(start, host[:dot], host[dot:], ends, shapes)
            if found is not None:
                return found
        start += "*"
        while dot > 0:
            base = host[dot:]
            for end in ends:
                if (text := start + base + end) in patterns:
                    return text
            dot = host.find(".", dot + 1)
        return None

    def _match_label(
        self, start: str, label: str, base: str, ends: tuple[str, ...], shapes: tuple[tuple[int, int], ...]
    ) -> str | None:
        length = len(label)
        for before, after in shapes:
            rest = length - after
            # The star stands for one or more of [a-z0-9-]; the host's grammar leaves only the underscore to exclude.
            if rest <= before or "_" in label[before:rest]:
                continue
            for end in ends:
                text = f"{start}{label[:before]}*{label[rest:]}{base}{end}"
                if text in self._patterns:
                    return text
        return None
