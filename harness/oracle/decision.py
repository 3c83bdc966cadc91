"""What the contract says about one request, step by step, for comparison with the library's decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import origins

TCHAR = "!#$%&'*+-.^_`|~" + origins.DIGITS + origins.LOWER + origins.LOWER.upper()
FORBIDDEN_HEADERS = (
    *("accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method"),
    *("access-control-request-private-network", "connection", "content-length", "cookie", "cookie2", "date", "dnt"),
    *("expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding"),
    *("upgrade", "via"),
)
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
    `body`: an explaining text body is due (its wording is free). `rule`: the index of the deciding rule. `cause`: the
    method or header name that was refused.
    """

    reason: str
    status: int | None = None
    headers: Pairs = ()
    vary: tuple[str, ...] = ()
    managed: bool = True
    removes_timing: bool = False
    body: bool = False
    rule: int | None = None
    cause: str | None = None

    def removed(self, upstream: Iterable[str]) -> list[str]:
        """Which of the upstream's header names are removed before `headers` are set, as the upstream writes them."""
        if not self.managed:
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

    outcomes = [outcome_by(policy, index, request) for index in candidates(policy["rules"], request)]
    if all(same_answer(outcome, outcomes[0]) for outcome in outcomes):
        return outcomes[0]
    return ambiguous(policy, outcomes, request)


def outcome_by(policy: Mapping[str, Any], index: int | None, request: Request) -> Expected:
    """The outcome if this rule is the one that decides; None: no rule does."""
    if index is None:
        return Expected("not-managed", managed=False)
    rule = policy["rules"][index]
    outcome = preflight(rule, request) if is_preflight(request) else actual(rule, request)
    if policy.get("mode", "enforce") == "shadow":
        return Expected(outcome.reason, managed=False, rule=index, cause=outcome.cause)
    return replace(outcome, rule=index)


def same_answer(one: Expected, other: Expected) -> bool:
    """Whether both do the same to a request. A text body names the rule, so two of them differ."""
    if one.body or other.body:
        return one == other
    return replace(one, reason="", rule=None, cause=None) == replace(other, reason="", rule=None, cause=None)


def ambiguous(policy: Mapping[str, Any], outcomes: list[Expected], request: Request) -> Expected:
    """Servers may read the request in several ways, and the rules for these ways differ: the strictest answer."""
    if policy.get("mode", "enforce") == "shadow":
        return Expected("resource-ambiguous", managed=False)
    rules = [policy["rules"][outcome.rule] for outcome in outcomes if outcome.rule is not None]
    no_store = (("Cache-Control", "no-store"),)
    if is_preflight(request):
        vary: tuple[str, ...] = PREFLIGHT_VARY
        if any(allows_private_network(rule) for rule in rules):
            vary = (*vary, PRIVATE_NETWORK_VARY)
        return Expected("resource-ambiguous", 403, no_store, vary)
    removes_timing = any(sets_timing(rule) for rule in rules)
    if any(outcome.status == 403 for outcome in outcomes):
        return Expected("resource-ambiguous", 403, no_store, ("Origin",), removes_timing=removes_timing)
    return Expected("resource-ambiguous", vary=("Origin",), removes_timing=removes_timing)


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


# Which rules may decide


def candidates(rules: list[Rule], request: Request) -> list[int | None]:
    """Every rule that the request may be about; None: it may be about none."""
    readings = all_readings(request["path"])
    indexes: list[int | None] = []
    for path in readings if readings is not None else [None]:
        for index, rule in enumerate(rules):
            matches = resource_matches(rule, request.get("host"), path)
            if matches != "no" and index not in indexes:
                indexes.append(index)
            if matches == "yes":
                break
        else:
            if None not in indexes:
                indexes.append(None)
    return indexes


def resource_matches(rule: Rule, host: str | None, path: str | None) -> str:
    """ "yes", "no" or "maybe". An unknown path or host may be anything."""
    by_host = host_matches(rule.get("hosts", ["*"]), host)
    globs = rule.get("paths", ["/*"])
    if any(glob in ("/*", "*") for glob in globs):
        by_path = "yes"
    elif path is None:
        by_path = "maybe"
    else:
        by_path = "yes" if path_matches(globs, path) else "no"
    if "no" in (by_host, by_path):
        return "no"
    return "maybe" if "maybe" in (by_host, by_path) else "yes"


def host_matches(globs: list[str], host: str | None) -> str:
    if "*" in globs:  # every host, the unknown one too
        return "yes"
    name = None if host is None else bare_host(host)
    if not name or "," in name or " " in name:
        return "maybe"
    return "yes" if any(glob_matches(glob.lower(), name) for glob in globs) else "no"


def bare_host(host: str) -> str:
    """A Host header's name: lower case, without port, without one trailing dot."""
    name = host.lower()
    before, colon, port = name.rpartition(":")
    inside_brackets = before.startswith("[") and "]" not in before  # this colon is an address's own
    if colon and not inside_brackets and (port == "" or origins.only(port, origins.DIGITS)):
        name = before
    return name[:-1] if name.endswith(".") else name


def path_matches(globs: list[str], path: str) -> bool:
    """Whether one of the globs matches one reading of a path."""
    return any(glob_matches(decoded(glob if glob.startswith(("/", "*")) else "/" + glob), path) for glob in globs)


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


STAYS_ENCODED = "/\\%;?#\0"
MAX_READINGS = 12
MAX_READINGS_LENGTH = 2048
MAX_ESCAPES, MAX_KEPT_ESCAPES = 384, 64


def all_readings(path: str) -> list[str] | None:
    """Every resource that some server may take the path for; None: there are too many."""
    if path == "":
        return ["/"]
    if not path.startswith("/") or len(path.split("%")) - 1 > MAX_ESCAPES:
        return None
    plain = decoded(path)
    if not any(mark in plain for mark in ("%", "//", ";", "?", "#")):
        return [without_dot_segments(plain)]
    if len(plain.split("%")) - 1 > MAX_KEPT_ESCAPES:
        return None
    forms = list(dict.fromkeys([plain, decoded(with_escaped_percent(path))]))
    for form in forms:  # grows while it is walked
        for step in SERVER_STEPS:
            changed = step(form)
            if changed not in forms:
                forms.append(changed)
        if len(forms) > MAX_READINGS or sum(map(len, forms)) > MAX_READINGS_LENGTH:
            return None
    return [without_dot_segments(form) for form in forms]


def decoded(path: str) -> str:
    """Percent escapes decoded but for those that may change what the path means. Bytes that are no UTF-8 stay."""
    output = ""
    position = 0
    while position < len(path):
        octets = b""
        while len(digits := path[position + 1 : position + 3]) == 2 and path[position] == "%" and is_hex(digits):
            octets += bytes([int(digits, 16)])
            position += 3
            if position >= len(path):
                break
        while octets:
            character, octets = first_character(octets)
            output += character
        if position < len(path) and not (path[position] == "%" and is_hex(path[position + 1 : position + 3])):
            character = path[position]
            output += f"%{ord(character):02X}" if character in "\\\0" else character
            position += 1
    return output


def with_escaped_percent(path: str) -> str:
    """The path with bad escapes made characters, so that nothing that is decoded completes them."""
    return "".join(
        "%25" if character == "%" and not is_hex(path[position + 1 : position + 3]) else character
        for position, character in enumerate(path)
    )


def is_hex(digits: str) -> bool:
    return len(digits) == 2 and origins.only(digits.lower(), origins.HEX)


def first_character(octets: bytes) -> tuple[str, bytes]:
    """The character that UTF-8 begins with, and the rest; an octet that begins none stays an escape."""
    for length in (1, 2, 3, 4):
        try:
            character = octets[:length].decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(character) == 1:
            return (f"%{octets[0]:02X}" if character in STAYS_ENCODED else character), octets[length:]
    return f"%{octets[0]:02X}", octets[1:]


def escapes(form: str) -> list[str]:
    """The form cut into characters and the escapes that were not decoded."""
    pieces = []
    position = 0
    while position < len(form):
        is_escape = (
            form[position] == "%"
            and is_hex(form[position + 1 : position + 3])
            and form[position + 1 : position + 3]
            in ("2F", "5C", "25", "3B", "3F", "23", "00", *(f"{octet:02X}" for octet in range(128, 256)))
        )
        length = 3 if is_escape else 1
        pieces.append(form[position : position + length])
        position += length
    return pieces


def without_dot_segments_as_file(form: str) -> str:
    """Dot segments at the end leave no slash behind."""
    path = without_dot_segments(form)
    return path[:-1] if form.rsplit("/", maxsplit=1)[-1] in (".", "..") and path != "/" else path


def merge_leading_slashes(form: str) -> str:
    while form.startswith("//"):
        form = form[1:]
    return form


def merge_slashes(form: str) -> str:
    output = ""
    for character in form:
        if not (character == "/" and output.endswith("/")):
            output += character
    return output


def drop_parameters(form: str) -> str:
    return "/".join(segment.split(";")[0] for segment in form.split("/"))


def replace_escape(escape: str, character: str) -> Callable[[str], str]:
    return lambda form: "".join(character if piece == escape else piece for piece in escapes(form))


def decode_query_marks(form: str) -> str:
    return replace_escape("%23", "#")(replace_escape("%3F", "?")(form))


def cut_at(*marks: str) -> Callable[[str], str]:
    def cut(form: str) -> str:
        for mark in marks:
            form = form.split(mark, maxsplit=1)[0]
        return form

    return cut


def decode_again(form: str) -> str:
    return decoded(replace_escape("%25", "%")(form)) if "%25" in form else form


def replace_bad_percent(replacement: str) -> Callable[[str], str]:
    return lambda form: "".join(replacement if piece == "%" else piece for piece in escapes(form))


def read_unicode_escapes(form: str) -> str:
    """`%uXXXX`, which some servers decode."""
    output = ""
    while form:
        digits = form[2:6]
        if form.startswith("%u") and len(digits) == 4 and origins.only(digits.lower(), origins.HEX):
            character = chr(int(digits, 16))
            output += f"%{ord(character):02X}" if character in STAYS_ENCODED else character
            form = form[6:]
        else:
            output, form = output + form[0], form[1:]
    return output


def has_bytes(form: str) -> bool:
    return any(is_byte(piece) for piece in escapes(form))


def is_byte(piece: str) -> bool:
    return len(piece) == 3 and piece[1] in "89ABCDEF"


def read_with_replacements(form: str) -> str:
    """What is not UTF-8 becomes replacement characters."""
    output = ""
    octets = b""
    for piece in [*escapes(form), ""]:
        if is_byte(piece):
            octets += bytes([int(piece[1:], 16)])
            continue
        output += octets.decode("utf-8", "replace") + piece
        octets = b""
    return output


def read_all_as_latin_1(form: str) -> str:
    """One byte that is not UTF-8 makes the whole path Latin-1."""
    if not has_bytes(form):
        return form
    output = ""
    for piece in escapes(form):
        output += (
            chr(int(piece[1:], 16)) if is_byte(piece) else piece.encode("utf-8", "surrogatepass").decode("latin-1")
        )
    return output


def read_latin_1(form: str) -> str:
    return "".join(
        chr(int(piece[1:], 16)) if len(piece) == 3 and piece[1] in "89ABCDEF" else piece for piece in escapes(form)
    )


def read_overlong(form: str) -> str:
    """Sequences of UTF-8 that are longer than they need to be, as a decoder that does not check reads them."""
    pieces = escapes(form)
    output = ""
    while pieces:
        for length in (2, 3, 4):
            octets = [int(piece[1:], 16) if len(piece) == 3 else 0 for piece in pieces[:length]]
            if len(octets) == length and is_overlong(octets):
                code = octets[0] & {2: 0x1F, 3: 0x0F, 4: 0x07}[length]
                for octet in octets[1:]:
                    code = code * 64 + (octet & 0x3F)
                character = chr(code)
                output += f"%{code:02X}" if character in STAYS_ENCODED else character
                pieces = pieces[length:]
                break
        else:
            output += pieces.pop(0)
    return output


def is_overlong(octets: list[int]) -> bool:
    if not all(0x80 <= octet <= 0xBF for octet in octets[1:]):
        return False
    return (
        (len(octets) == 2 and octets[0] in (0xC0, 0xC1))
        or (len(octets) == 3 and octets[0] == 0xE0 and octets[1] <= 0x9F)
        or (len(octets) == 4 and octets[0] == 0xF0 and octets[1] <= 0x8F)
    )


def without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, for a path that starts with a slash. Empty segments stay."""
    segments = path.split("/")[1:]
    result: list[str] = []
    for number, segment in enumerate(segments):
        is_last = number == len(segments) - 1
        if segment == "..":
            result = result[:-1]
        elif segment != ".":
            result.append(segment)
        if segment in (".", "..") and is_last:
            result.append("")  # "/a/." and "/a/b/.." name the directory
    return "/" + "/".join(result)


SERVER_STEPS: tuple[Callable[[str], str], ...] = (
    without_dot_segments,
    without_dot_segments_as_file,
    merge_leading_slashes,
    merge_slashes,
    drop_parameters,
    replace_escape("%2F", "/"),
    replace_escape("%5C", "/"),
    replace_escape("%3B", ";"),
    decode_query_marks,
    cut_at("?", "#"),
    decode_again,
    replace_bad_percent("%25"),
    replace_bad_percent(""),
    cut_at("%00"),
    replace_escape("%00", ""),
    read_unicode_escapes,
    read_with_replacements,
    read_all_as_latin_1,
    read_latin_1,
    read_overlong,
)
"""What one server or another does with a path, each step alone. Servers combine them in any order."""


# Grants and origins


def grants_of(rule: Rule) -> list[Rule]:
    """A rule without `grants` has one, written in the rule itself."""
    return list(rule["grants"]) if "grants" in rule else [rule]


def allows_private_network(rule: Rule) -> bool:
    return any(grant.get("allow_private_network", False) for grant in grants_of(rule))


def sets_timing(rule: Rule) -> bool:
    return any(grant.get("timing_allow_origin", False) for grant in grants_of(rule))


def deciding_grant(rule: Rule, origin: str) -> Rule | None:
    for grant in grants_of(rule):
        if origin_verdict(grant, origin) == "allowed":
            return grant
    return None


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
    if allows_private_network(rule):
        vary = (*vary, PRIVATE_NETWORK_VARY)

    grant = deciding_grant(rule, request["origin"])
    if grant is None:
        return refused_preflight(rule, origin_verdict(grants_of(rule)[0], request["origin"]), None, vary)
    reason = method_verdict(grant, request["request_method"])
    if reason != "allowed":
        return refused_preflight(rule, reason, request["request_method"][:100], vary)
    names = requested_names(request.get("request_headers"))
    reason = headers_verdict(grant, names)
    if reason != "allowed":
        strangers = [name for name in names or [] if not any_header(grant) and name not in headers_of(grant)]
        return refused_preflight(rule, reason, strangers[0][:100] if strangers else None, vary)

    assert names is not None
    headers = [
        ("Access-Control-Allow-Origin", allow_origin(grant, request["origin"])),
        ("Access-Control-Allow-Methods", allow_methods(grant, request["request_method"])),
        ("Access-Control-Max-Age", str(int(grant.get("max_age", 7200)))),
    ]
    granted = allow_headers(grant, names)
    if granted:
        headers.append(("Access-Control-Allow-Headers", granted))
    if grant.get("allow_credentials", False):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if grant.get("allow_private_network", False) and request.get("private_network") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return Expected("allowed", 204, tuple(headers), vary)


def refused_preflight(rule: Rule, reason: str, cause: str | None, vary: tuple[str, ...]) -> Expected:
    headers = [("Cache-Control", "no-store")]
    debug = rule.get("debug", False)
    if debug:
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    return Expected(reason, 403, tuple(headers), vary, body=debug, cause=cause)


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
    """The listed names in lower case, without those that no page can send."""
    names = [name.lower() for name in rule["allow_headers"]]
    return [name for name in names if name not in FORBIDDEN_HEADERS and not name.startswith(("proxy-", "sec-"))]


def headers_verdict(rule: Rule, names: list[str] | None) -> str:
    if names is None:
        return "headers-malformed"
    if any_header(rule):
        return "allowed"
    return "allowed" if all(name in headers_of(rule) for name in names) else "headers-not-allowed"


def allow_headers(rule: Rule, asked: list[str]) -> str:
    """The value of Access-Control-Allow-Headers; empty: the header is not sent."""
    if not any_header(rule):
        return ", ".join(headers_of(rule))
    if rule.get("allow_credentials", False):
        return ", ".join(asked)
    return "*, authorization"  # `*` never covers Authorization


# Actual requests


def actual(rule: Rule, request: Request) -> Expected:
    origin = request.get("origin")
    removes_timing = sets_timing(rule)
    grants = grants_of(rule)
    everyone = grants[-1] if allows_everyone(grants[-1]) else None
    vary = () if everyone is not None and len(grants) == 1 else ("Origin",)

    grant = everyone if origin is None else deciding_grant(rule, origin)
    reason = "not-cors" if origin is None else "allowed"
    if origin is not None and grant is None:
        reason = origin_verdict(grants[0], origin)
        relation = relation_to_site(request)
        if relation == "same":
            reason = "same-origin"
        elif relation == "cross" and rule.get("on_refused", "omit") == "block":
            return Expected(reason, 403, (("Cache-Control", "no-store"),), vary, removes_timing=removes_timing)

    headers: list[tuple[str, str]] = []
    if grant is not None:
        value = allow_origin(grant, origin)
        headers.append(("Access-Control-Allow-Origin", value))
        if grant.get("allow_credentials", False):
            headers.append(("Access-Control-Allow-Credentials", "true"))
        exposed = exposed_by(grant)
        if exposed:
            headers.append(("Access-Control-Expose-Headers", exposed))
        if grant.get("timing_allow_origin", False):
            headers.append(("Timing-Allow-Origin", value))
    if "resource_policy" in rule:
        headers.append(("Cross-Origin-Resource-Policy", rule["resource_policy"]))
    return Expected(reason, None, tuple(headers), vary, removes_timing=removes_timing)


def exposed_by(grant: Rule) -> str:
    exposed = grant.get("expose_headers", [])
    if exposed in ("*", ["*"]):
        return "*"
    return ", ".join(name for name in exposed if name.lower() not in ("set-cookie", "set-cookie2"))


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
