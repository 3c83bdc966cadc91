"""What the contract says about one request, step by step, for comparison with the library's decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import origins

TCHAR = "!#$%&'*+-.^_`|~" + origins.DIGITS + origins.LOWER + origins.LOWER.upper()
UNRESERVED = "-._~" + origins.DIGITS + origins.LOWER + origins.LOWER.upper()
SAFELISTED = ("accept", "accept-language", "content-language", "content-type", "range")
DEFAULT_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
FORBIDDEN_METHODS = ("CONNECT", "TRACE", "TRACK")
MAX_HEADERS_TEXT = 4096
MAX_HEADERS_NAMES = 64
MAX_HEADERS_EMPTY = 16
PREFLIGHT_VARY = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
PRIVATE_NETWORK_VARY = "Access-Control-Request-Private-Network"

Pairs = tuple[tuple[str, str], ...]
Rule = Mapping[str, Any]
Request = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """The outcome of one request.

    `status` None: the request goes on to the upstream, and `headers` and `vary` are put on its response.
    `body`: an explaining text body is due (its wording is free). `rule`: the index of the deciding rule.
    """

    reason: str
    status: int | None = None
    headers: Pairs = ()
    vary: tuple[str, ...] = ()
    touched: bool = True
    removes_timing: bool = False
    body: bool = False
    rule: int | None = None

    def removed(self, upstream: Iterable[str]) -> list[str]:
        """Which of the upstream's header names are taken away before `headers` are set, as written there."""
        if not self.touched:
            return []
        return [
            name
            for name in upstream
            if name.lower().startswith("access-control-")
            or (self.removes_timing and name.lower() == "timing-allow-origin")
        ]


def comparable(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers in a form in which equal means the same: names, and lists of names, without regard to case.

    A list and not a set, so that a header sent twice shows.
    """
    of_names = ("access-control-allow-headers", "access-control-expose-headers")
    return sorted((name.lower(), value.lower() if name.lower() in of_names else value) for name, value in pairs)


def expected(policy: Mapping[str, Any] | None, request: Request) -> Expected:
    """Decide one request.

    Args:
        policy: a valid JSON policy document, its `@lists` replaced by what they hold; None: none could be read.
        request: `method`, `path`, and (absent or None when unknown or not sent) `host`, `scheme`, `origin`,
            `request_method`, `request_headers`, `private_network`, `fetch_site`; several values of a header
            joined with ", ".
    """
    if policy is None:
        return without_policy(request)

    index = deciding_rule(policy["rules"], request)
    if index is None:
        return Expected("not-managed", touched=False)
    rule = policy["rules"][index]
    outcome = preflight(rule, request) if is_preflight(request) else actual(rule, request)

    if policy.get("mode", "enforce") == "shadow":
        return Expected(outcome.reason, touched=False, rule=index)
    return Expected(
        outcome.reason,
        outcome.status,
        outcome.headers,
        outcome.vary,
        outcome.touched,
        outcome.removes_timing,
        outcome.body,
        index,
    )


def is_preflight(request: Request) -> bool:
    return (
        request["method"] == "OPTIONS"
        and request.get("origin") is not None
        and request.get("request_method") is not None
    )


def without_policy(request: Request) -> Expected:
    if is_preflight(request):
        headers = (("Retry-After", "1"), ("Cache-Control", "no-store"))
        return Expected("policy-unavailable", 503, headers, PREFLIGHT_VARY)
    return Expected("policy-unavailable", vary=("Origin",))


# Which rule decides


def deciding_rule(rules: list[Rule], request: Request) -> int | None:
    path = normal_path(request["path"])
    if path is None:
        return None
    for index, rule in enumerate(rules):
        if host_matches(rule.get("hosts", ["*"]), request.get("host")) and path_matches(
            rule.get("paths", ["/*"]), path
        ):
            return index
    return None


def host_matches(globs: list[str], host: str | None) -> bool:
    if "*" in globs:  # every host, the unknown one too
        return True
    if host is None:
        return False
    name = bare_host(host)
    return any(glob_matches(glob.lower(), name) for glob in globs)


def bare_host(host: str) -> str:
    """A Host header's name: lower case, without port, without one trailing dot."""
    name = host.lower()
    before, colon, port = name.rpartition(":")
    inside_brackets = before.startswith("[") and "]" not in before  # this colon is an address's own
    if colon and not inside_brackets and (port == "" or origins.only(port, origins.DIGITS)):
        name = before
    return name[:-1] if name.endswith(".") else name


def path_matches(globs: list[str], path: str) -> bool:
    return any(glob_matches(glob if glob.startswith(("/", "*")) else "/" + glob, path) for glob in globs)


def glob_matches(glob: str, text: str) -> bool:
    """`*` any run of characters, `?` one. As a table: reachable[n] = the glob so far covers text[:n]."""
    reachable = [True] + [False] * len(text)
    for character in glob:
        after = [False] * (len(text) + 1)
        for position in range(len(text) + 1):
            if character == "*":
                after[position] = any(reachable[: position + 1])
            elif position > 0 and character in ("?", text[position - 1]):
                after[position] = reachable[position - 1]
        reachable = after
    return reachable[len(text)]


def normal_path(path: str) -> str | None:
    """The path as rules see it, or None when it can be read in more than one way."""
    if path == "":
        return "/"
    if not path.startswith("/"):
        return None
    decoded = ""
    position = 0
    while position < len(path):
        character = path[position]
        if ord(character) < 0x21 or ord(character) == 0x7F or character == "\\":
            return None
        if character != "%":
            decoded += character
            position += 1
            continue
        digits = path[position + 1 : position + 3].upper()
        if len(digits) != 2 or not origins.only(digits.lower(), origins.HEX):
            return None
        meant = chr(int(digits, 16))
        if meant in ("/", "\\", "\0"):
            return None
        decoded += meant if meant in UNRESERVED else "%" + digits
        position += 3
    return without_dot_segments(decoded)


def without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, for a path that starts with a slash. Empty segments stay."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for number, segment in enumerate(segments):
        is_last = number == len(segments) - 1
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
        if segment in (".", "..") and is_last:
            kept.append("")  # "/a/." and "/a/b/.." name the directory
    return "/" + "/".join(kept)


# Origins


def allows_everyone(rule: Rule) -> bool:
    return rule["allow_origins"] in ("*", ["*"])


def origin_verdict(rule: Rule, origin: str) -> str:
    if allows_everyone(rule):
        return "allowed"
    if not origins.is_well_formed(origin):
        return "origin-malformed"
    if not origins.matches_any(rule["allow_origins"], origin):
        return "origin-not-allowed"
    return "allowed"


def allow_origin(rule: Rule, origin: str | None) -> str:
    if allows_everyone(rule):
        return "*"
    assert origin is not None
    return origin


# Preflights


def preflight(rule: Rule, request: Request) -> Expected:
    vary: tuple[str, ...] = PREFLIGHT_VARY
    if rule.get("allow_private_network", False):
        vary = (*vary, PRIVATE_NETWORK_VARY)

    reason = origin_verdict(rule, request["origin"])
    if reason == "allowed":
        reason = method_verdict(rule, request["request_method"])
    names = requested_names(request.get("request_headers"))
    if reason == "allowed":
        reason = headers_verdict(rule, names)

    if reason != "allowed":
        headers = [("Cache-Control", "no-store")]
        debug = rule.get("debug", False)
        if debug:
            headers.append(("Content-Type", "text/plain; charset=utf-8"))
        return Expected(reason, 403, tuple(headers), vary, body=debug)

    assert names is not None
    headers = [
        ("Access-Control-Allow-Origin", allow_origin(rule, request["origin"])),
        ("Access-Control-Allow-Methods", allow_methods(rule, request["request_method"])),
        ("Access-Control-Max-Age", str(rule.get("max_age", 7200))),
    ]
    granted = allow_headers(rule, names)
    if granted:
        headers.append(("Access-Control-Allow-Headers", granted))
    if rule.get("allow_credentials", False):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if rule.get("allow_private_network", False) and request.get("private_network") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return Expected("allowed", 204, tuple(headers), vary)


def methods_of(rule: Rule) -> list[str]:
    """The rule's methods with HEAD right behind GET where it was not named."""
    methods: list[str] = []
    listed = rule.get("allow_methods", DEFAULT_METHODS)
    for method in listed:
        methods.append(method)
        if method == "GET" and "HEAD" not in listed:
            methods.append("HEAD")
    return methods


def any_method(rule: Rule) -> bool:
    return rule.get("allow_methods", DEFAULT_METHODS) in ("*", ["*"])


def method_verdict(rule: Rule, method: str) -> str:
    if not origins.only(method, TCHAR) or method.upper() in FORBIDDEN_METHODS:
        return "method-not-allowed"
    if any_method(rule) or method in methods_of(rule):
        return "allowed"
    return "method-not-allowed"


def allow_methods(rule: Rule, asked: str) -> str:
    if any_method(rule):
        # With credentials `*` would be a method of that name (Fetch, CORS-preflight fetch).
        return asked if rule.get("allow_credentials", False) else "*"
    return ", ".join(methods_of(rule))


def requested_names(text: str | None) -> list[str] | None:
    """The names asked for, lower case, in order, each once; None when the header is malformed or too much."""
    if text is None:
        return []
    if len(text) > MAX_HEADERS_TEXT:
        return None
    elements = [element.strip(" \t") for element in text.split(",")]
    names = [element for element in elements if element != ""]
    if len(names) > MAX_HEADERS_NAMES or len(elements) - len(names) > MAX_HEADERS_EMPTY:
        return None
    if not all(origins.only(name, TCHAR) for name in names):
        return None
    return list(dict.fromkeys(name.lower() for name in names))


def any_header(rule: Rule) -> bool:
    return rule.get("allow_headers", "*") in ("*", ["*"])


def headers_of(rule: Rule) -> list[str]:
    return [name.lower() for name in rule["allow_headers"]]


def headers_verdict(rule: Rule, names: list[str] | None) -> str:
    if names is None:
        return "headers-malformed"
    if any_header(rule):
        return "allowed"
    allowed = [*headers_of(rule), *SAFELISTED]
    return "allowed" if all(name in allowed for name in names) else "headers-not-allowed"


def allow_headers(rule: Rule, asked: list[str]) -> str:
    """The value of Access-Control-Allow-Headers; empty: the header is not sent."""
    if not any_header(rule):
        listed = headers_of(rule)
        # A browser asks for a safelisted name when its value is not safe, and then wants to see it named.
        return ", ".join(listed + [name for name in asked if name not in listed])
    if rule.get("allow_credentials", False):
        return ", ".join(asked)
    return "*, authorization"  # `*` never covers Authorization


# Actual requests


def actual(rule: Rule, request: Request) -> Expected:
    origin = request.get("origin")
    removes_timing = bool(rule.get("timing_allow_origin", False))
    vary = () if allows_everyone(rule) else ("Origin",)

    reason = "not-cors" if origin is None else origin_verdict(rule, origin)
    if reason in ("origin-malformed", "origin-not-allowed"):
        relation = relation_to_site(request)
        if relation == "same":
            reason = "same-origin"
        elif relation == "cross" and rule.get("on_refused", "omit") == "block":
            return Expected(reason, 403, (("Cache-Control", "no-store"),), vary, removes_timing=removes_timing)

    headers: list[tuple[str, str]] = []
    if reason == "allowed" or allows_everyone(rule):
        value = allow_origin(rule, origin)
        headers.append(("Access-Control-Allow-Origin", value))
        if rule.get("allow_credentials", False):
            headers.append(("Access-Control-Allow-Credentials", "true"))
        exposed = rule.get("expose_headers", [])
        if exposed:
            headers.append(("Access-Control-Expose-Headers", exposed if exposed == "*" else ", ".join(exposed)))
        if removes_timing:
            headers.append(("Timing-Allow-Origin", value))
    if "resource_policy" in rule:
        headers.append(("Cross-Origin-Resource-Policy", rule["resource_policy"]))
    return Expected(reason, None, tuple(headers), vary, removes_timing=removes_timing)


def relation_to_site(request: Request) -> str:
    """Whether the page that asks is of the site itself: "same", "cross", or "unknown"."""
    fetch_site = request.get("fetch_site")
    if fetch_site is not None:
        return "same" if fetch_site in ("same-origin", "none") else "cross"
    parts = origins.parse(request["origin"])
    if parts is None:  # `null` too: nothing to compare
        return "cross"
    if request.get("host") is None:
        return "unknown"
    scheme = request.get("scheme")
    if scheme is not None and scheme != parts.scheme:
        return "cross"
    host = request["host"].lower()
    default = origins.DEFAULT_PORTS.get(parts.scheme)
    for same_as_none in (":", *([f":{default}"] if default is not None else [])):
        if host.endswith(same_as_none):
            host = host[: -len(same_as_none)]
            break
    own = parts.host if parts.port is None else f"{parts.host}:{parts.port}"
    return "same" if host == own else "cross"
