"""The decision: a policy and a request in, a reason and headers out. The CORS protocol, and nothing else.

The protocol is https://fetch.spec.whatwg.org/#http-cors-protocol. Everything that decides (edge, gateway, decorator,
guard, command) calls `decide`, and every CORS header is put together here. The adapters in `edgecors.events` only
carry a decision into the form of an event.
"""

from __future__ import annotations

from .characters import TOKEN, consists_of, is_token
from .fetch import is_forbidden_method
from .memory import remember
from .origin import DEFAULT_PORTS, MAX_ORIGIN_LENGTH, parse_origin
from .paths import readings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .memory import DecisionMemory
    from .policy import Grant, Policy, Rule

    Headers = tuple[tuple[str, str], ...]

ALLOWED = "allowed"
NOT_CORS = "not-cors"
NOT_MANAGED = "not-managed"
SAME_ORIGIN = "same-origin"
ORIGIN_NOT_ALLOWED = "origin-not-allowed"
ORIGIN_MALFORMED = "origin-malformed"
METHOD_NOT_ALLOWED = "method-not-allowed"
HEADERS_NOT_ALLOWED = "headers-not-allowed"
HEADERS_MALFORMED = "headers-malformed"
RESOURCE_AMBIGUOUS = "resource-ambiguous"
POLICY_UNAVAILABLE = "policy-unavailable"

REASONS = {
    ALLOWED: "the policy allows the origin (and, in a preflight, the method and the headers)",
    NOT_CORS: "the request has no Origin header, so CORS does not apply",
    NOT_MANAGED: "no rule matches this host and path",
    SAME_ORIGIN: "the request comes from a page of the same origin, which needs no permission",
    ORIGIN_NOT_ALLOWED: "no entry of the rule allows the origin",
    ORIGIN_MALFORMED: "the Origin header has a value that no browser sends",
    METHOD_NOT_ALLOWED: "the method is not allowed for this origin",
    HEADERS_NOT_ALLOWED: "a request header is not allowed for this origin",
    HEADERS_MALFORMED: "Access-Control-Request-Headers is not a list of names, or is too long",
    RESOURCE_AMBIGUOUS: "servers may read the host or path in several ways, and the rules for them differ",
    POLICY_UNAVAILABLE: "no policy could be loaded yet",
}
"""Every reason, with its meaning. The same words are in logs, metrics, `explain` and tests."""
REFUSALS = frozenset(
    (
        ORIGIN_NOT_ALLOWED,
        ORIGIN_MALFORMED,
        METHOD_NOT_ALLOWED,
        HEADERS_NOT_ALLOWED,
        HEADERS_MALFORMED,
        RESOURCE_AMBIGUOUS,
    )
)
"""The reasons with which a request is refused. Each is logged, so that `denied` and `shadow` find it."""

MAX_REQUEST_HEADERS_LENGTH = 4096
MAX_REQUEST_HEADERS_NAMES = 64
MAX_REQUEST_HEADERS_EMPTY = 16
MAX_CAUSE_LENGTH = 100

_VARY_ACTUAL = ("Origin",)
_VARY_PREFLIGHT = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
_VARY_PRIVATE = (*_VARY_PREFLIGHT, "Access-Control-Request-Private-Network")
_NO_STORE = (("Cache-Control", "no-store"),)
_REFUSED_WITH_TEXT = (*_NO_STORE, ("Content-Type", "text/plain; charset=utf-8"))
_UNAVAILABLE = (("Retry-After", "1"), *_NO_STORE)
_CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
_TIMING = ("timing-allow-origin",)
_TOKENS = TOKEN + b","
# Stands for a value that is too long to be parsed: neither an origin nor a list of names.
_MALFORMED = "\0"
_ORIGIN_REFUSED = (ORIGIN_NOT_ALLOWED, ORIGIN_MALFORMED)


class Request:
    """The parts of a request that the protocol needs. None means that the header is absent.

    Attributes:
        method: as received.
        path: as received, without query.
        host: the viewer's Host header; None where the event does not show it.
        scheme: ``http`` or ``https``; None where the event does not show it.
        origin: all values of the header, joined with ``", "``, which makes two origins malformed by grammar.
        request_method: Access-Control-Request-Method.
        request_headers: Access-Control-Request-Headers.
        private_network: Access-Control-Request-Private-Network.
        fetch_site: Sec-Fetch-Site.
    """

    __slots__ = (
        "fetch_site",
        "host",
        "method",
        "origin",
        "path",
        "private_network",
        "request_headers",
        "request_method",
        "scheme",
    )

    def __init__(
        self,
        method: str,
        path: str,
        host: str | None = None,
        scheme: str | None = None,
        origin: str | None = None,
        request_method: str | None = None,
        request_headers: str | None = None,
        private_network: str | None = None,
        fetch_site: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.host = host
        self.scheme = scheme
        self.origin = origin
        self.request_method = request_method
        self.request_headers = request_headers
        self.private_network = private_network
        self.fetch_site = fetch_site

    @property
    def is_preflight(self) -> bool:
        """https://fetch.spec.whatwg.org/#cors-preflight-request. Any other OPTIONS is an ordinary request."""
        return self.method == "OPTIONS" and self.origin is not None and self.request_method is not None


class Decision:
    """What to do with a request, and why. Immutable by convention: one object answers many requests.

    The usual decisions pass their arguments by position: with keywords Python takes twice as long to make one.

    Attributes:
        reason: one of `REASONS`.
        status: of our own answer (204, 403, 503); None passes the request on.
        headers: to set on the answer or the response.
        vary: names to merge into its Vary header.
        remove: lower-case names to remove besides every ``access-control-*``.
        managed: False where nothing at all may be changed.
        rule: the rule that decided.
        grant: the grant that decided; None if no grant matches the origin.
        entry: the allowlist entry that matched, in canonical spelling.
        cause: the method or header name that was refused.
        body: text of our own answer.
    """

    __slots__ = (
        "body",
        "cause",
        "entry",
        "grant",
        "headers",
        "managed",
        "reason",
        "remove",
        "rule",
        "status",
        "vary",
    )

    def __init__(
        self,
        reason: str,
        rule: Rule | None = None,
        grant: Grant | None = None,
        entry: str | None = None,
        status: int | None = None,
        headers: Headers = (),
        vary: tuple[str, ...] = (),
        remove: tuple[str, ...] = (),
        *,
        managed: bool = True,
        cause: str | None = None,
        body: str | None = None,
    ) -> None:
        self.reason = reason
        self.rule = rule
        self.managed = managed
        self.status = status
        self.headers = headers
        self.vary = vary
        self.remove = remove
        self.grant = grant
        self.entry = entry
        self.cause = cause
        self.body = body

    def __repr__(self) -> str:
        return f"Decision({self.reason!r}, status={self.status!r}, headers={self.headers!r}, vary={self.vary!r})"

    def has_same_answer(self, other: Decision) -> bool:
        """Whether both do the same to the request, whatever the reason."""
        return (
            self.managed == other.managed
            and self.status == other.status
            and self.headers == other.headers
            and self.vary == other.vary
            and self.remove == other.remove
            and self.body == other.body
        )


_NOT_MANAGED = Decision(NOT_MANAGED, managed=False)
ON_ERROR = Decision(POLICY_UNAVAILABLE, vary=_VARY_ACTUAL)
"""After an internal error: traffic goes on, nobody is allowed."""


def decide(policy: Policy | None, request: Request, memory: DecisionMemory | None = None) -> Decision:
    """Decide a preflight or an actual request.

    Args:
        policy: None when no policy could be loaded yet.
        request: what an event's adapter read.
        memory: recent decisions of the same policy.
    """
    if request.is_preflight:
        return decide_preflight(policy, request, memory)
    return decide_actual(policy, request, memory)


# Resources: which rules may apply to a request.


def candidates(policy: Policy, request: Request) -> tuple[Rule | None, ...]:
    """Every rule that may be the first one to match the request's resource; None stands for "no rule matches".

    There is one candidate, unless upstream servers may read the path in several ways, or a rule is for some hosts only
    and the event does not show the viewer's host. A rule is skipped only if it certainly does not match.
    """
    if policy.catch_all:
        return policy.catch_all
    paths = readings(request.path)
    if paths is not None and len(paths) == 1 and not policy.has_hosts:
        # Nearly every request: one reading, and nothing depends on the host.
        path = paths[0]
        for rule in policy.rules:
            if rule.paths is None or rule.paths.match(path):
                return (rule,)
        return (None,)
    host = _bare_host(request.host)
    return _any_path(policy, host) if paths is None else _all_matches(policy, host, paths)


def _all_matches(policy: Policy, host: str | None, paths: Sequence[str]) -> tuple[Rule | None, ...]:
    rules: dict[Rule | None, None] = {}
    for path in paths:
        for rule in policy.rules:
            matches = rule.matches(host, path)
            if matches is not False:
                rules[rule] = None
            if matches:
                break
        else:
            rules[None] = None
    return tuple(rules)


def _any_path(policy: Policy, host: str | None) -> tuple[Rule | None, ...]:
    rules: list[Rule | None] = []
    for rule in policy.rules:
        if rule.hosts is None or host is None or rule.hosts.match(host):
            rules.append(rule)
            if rule.paths is None and (rule.hosts is None or host is not None):
                return tuple(rules)
    return (*rules, None)


def _bare_host(host: str | None) -> str | None:
    """A Host header's value in lower case, without port and trailing dot; None where it names no single host."""
    if not host or "," in host or " " in host:
        return None
    name = host.lower()
    # RFC 3986, section 3.2.3: the port after the colon may be empty. An IPv6 address without a port ends with a
    # bracket, so that the text after its last colon is not a number.
    head, colon, port = name.rpartition(":")
    if colon and (not port or (port.isascii() and port.isdigit())):
        name = head
    return name.removesuffix(".") or None


def _agree(decisions: Sequence[Decision]) -> Decision | None:
    """The decision that holds when all candidates give the same answer, as they always do in shadow mode."""
    first, *others = decisions
    return first if all(first.has_same_answer(other) for other in others) else None


# Preflights: Fetch, "CORS-preflight fetch", seen from the server's side.


def decide_preflight(policy: Policy | None, request: Request, memory: DecisionMemory | None = None) -> Decision:
    """Decide a CORS-preflight request. The arguments are those of `decide`."""
    if policy is None:
        return Decision(POLICY_UNAVAILABLE, status=503, headers=_UNAVAILABLE, vary=_VARY_PREFLIGHT)
    rules = candidates(policy, request)
    if len(rules) == 1:
        return _decide_preflight_by(policy, rules[0], request, memory)
    decision = _agree([_decide_preflight_by(policy, rule, request, None) for rule in rules])
    if decision is not None:
        return decision
    is_private = any(rule.allow_private_network for rule in rules if rule is not None)
    vary = _VARY_PRIVATE if is_private else _VARY_PREFLIGHT
    return Decision(RESOURCE_AMBIGUOUS, status=403, headers=_NO_STORE, vary=vary)


def _decide_preflight_by(
    policy: Policy, rule: Rule | None, request: Request, memory: DecisionMemory | None
) -> Decision:
    if rule is None:
        return _NOT_MANAGED
    origin = _relevant_origin(rule, request.origin) or ""
    method, names, private_network = request.request_method or "", request.request_headers, request.private_network
    if names is not None and len(names) > MAX_REQUEST_HEADERS_LENGTH:
        names = _MALFORMED
    if memory is None:
        return _preflight(policy, rule, origin, method, names, private_network, None)
    key = (rule.index, origin, method, names, private_network)
    decision: Decision | None = memory.decisions.get(key)
    if decision is None:
        decision = _preflight(policy, rule, origin, method, names, private_network, memory)
        length = len(method) + len(names or "") + len(private_network or "")
        remember(memory.decisions, key, decision, length)
    return decision


def _preflight(
    policy: Policy,
    rule: Rule,
    origin: str,
    method: str,
    names: str | None,
    private_network: str | None,
    memory: DecisionMemory | None,
) -> Decision:
    # 1. The origin: the first grant that matches it decides; later grants are not consulted.
    reason, grant, entry = find_grant(rule, origin)
    headers: Headers = ()
    cause = None
    # 2. The method and the headers, by that grant.
    if grant is not None:
        reason, headers, cause = _judge(rule, grant, method, names, memory)
    # 3. The answer.
    if policy.shadow:
        return Decision(reason, rule, managed=False, grant=grant, entry=entry, cause=cause)
    vary = _VARY_PRIVATE if rule.allow_private_network else _VARY_PREFLIGHT
    if grant is None or reason != ALLOWED:
        body = _refusal_text(rule, reason, cause) if rule.debug else None
        refused = _NO_STORE if body is None else _REFUSED_WITH_TEXT
        return Decision(
            reason, rule, status=403, headers=refused, vary=vary, grant=grant, entry=entry, cause=cause, body=body
        )
    headers = (("Access-Control-Allow-Origin", "*" if grant.allow_origins is None else origin), *headers)
    if grant.allow_private_network and private_network == "true":
        headers = (*headers, ("Access-Control-Allow-Private-Network", "true"))
    return Decision(reason, rule, grant, entry, 204, headers, vary)


def _judge(
    rule: Rule, grant: Grant, method: str, names: str | None, memory: DecisionMemory | None
) -> tuple[str, Headers, str | None]:
    """Reason, headers that do not depend on the origin, and cause, for an origin that the grant allows."""
    if memory is None:
        return _check_preflight(grant, method, names)
    key = (rule.index, grant.index, method, names)
    judgement: tuple[str, Headers, str | None] | None = memory.preflights.get(key)
    if judgement is None:
        judgement = _check_preflight(grant, method, names)
        remember(memory.preflights, key, judgement, len(method) + len(names or ""))
    return judgement


def _check_preflight(grant: Grant, method: str, value: str | None) -> tuple[str, Headers, str | None]:
    if grant.allow_methods is None:
        is_allowed = is_token(method) and not is_forbidden_method(method)
    else:
        is_allowed = method in grant.allow_methods
    if not is_allowed:
        return METHOD_NOT_ALLOWED, (), method[:MAX_CAUSE_LENGTH]
    names = [] if value is None else parse_header_names(value)
    if names is None:
        return HEADERS_MALFORMED, (), None
    if grant.allow_headers is not None:
        for name in names:
            # Safelisted names too: a browser asks for them only when their value is not safe, and then the answer
            # has to list them (Fetch, "CORS-preflight fetch", step 7.7).
            if name not in grant.allow_headers:
                return HEADERS_NOT_ALLOWED, (), name[:MAX_CAUSE_LENGTH]
    return ALLOWED, _preflight_headers(grant, method, names), None


def _preflight_headers(grant: Grant, method: str, names: list[str]) -> Headers:
    """The grant's whole lists, so that one answer serves later requests too.

    With credentials the wildcard is a name like any other (Fetch, "CORS protocol and credentials"), so the answer
    repeats what was asked for instead.
    """
    methods, headers = grant.allow_methods_value, grant.allow_headers_value
    if grant.allow_credentials and grant.allow_methods is None:
        methods = method
    if grant.allow_credentials and grant.allow_headers is None:
        headers = ", ".join(dict.fromkeys(names))
    answer: Headers = (_CREDENTIALS,) if grant.allow_credentials else ()
    answer += (("Access-Control-Allow-Methods", methods),)
    if headers:
        answer += (("Access-Control-Allow-Headers", headers),)
    return (*answer, ("Access-Control-Max-Age", str(grant.max_age)))


def _refusal_text(rule: Rule, reason: str, cause: str | None) -> str:
    quoted = "" if cause is None else f" {cause!a}"
    return f"edgecors: {reason}{quoted}: {REASONS[reason]} (rule {rule.index}).\n"


# Actual requests: Fetch, "CORS check", seen from the server's side.


def decide_actual(policy: Policy | None, request: Request, memory: DecisionMemory | None = None) -> Decision:
    """Decide any request but a preflight. The arguments are those of `decide`."""
    if policy is None:
        return Decision(POLICY_UNAVAILABLE, vary=_VARY_ACTUAL)
    rules = candidates(policy, request)
    if len(rules) == 1:
        return _decide_actual_by(policy, rules[0], request, memory)
    decisions = [_decide_actual_by(policy, rule, request, None) for rule in rules]
    decision = _agree(decisions)
    if decision is not None:
        return decision
    remove = _TIMING if any(rule.timing_allow_origin for rule in rules if rule is not None) else ()
    if any(decision.status == 403 for decision in decisions):
        return Decision(RESOURCE_AMBIGUOUS, status=403, headers=_NO_STORE, vary=_VARY_ACTUAL, remove=remove)
    return Decision(RESOURCE_AMBIGUOUS, vary=_VARY_ACTUAL, remove=remove)


def _decide_actual_by(policy: Policy, rule: Rule | None, request: Request, memory: DecisionMemory | None) -> Decision:
    if rule is None:
        return _NOT_MANAGED
    origin = _relevant_origin(rule, request.origin)
    if memory is None:
        decision = _actual(policy, rule, origin)
    else:
        key = (rule.index, origin)
        decision = memory.decisions.get(key) or remember(memory.decisions, key, _actual(policy, rule, origin))
    if decision.reason not in _ORIGIN_REFUSED:
        return decision
    is_same = _is_same_origin(request)
    # A request that may come from the site itself is never blocked.
    return decision if is_same is False else _passed_on(policy, rule, SAME_ORIGIN if is_same else decision.reason)


def _actual(policy: Policy, rule: Rule, origin: str | None) -> Decision:
    """The decision about a request that does not come from a page of the resource's own origin."""
    # 1. The grant that matches the origin. A request without Origin gets the constant headers of the open grant.
    reason, grant, entry = (NOT_CORS, rule.open_grant, None) if origin is None else find_grant(rule, origin)
    if grant is None:
        # 2. Refused, or without Origin.
        if not rule.blocks or reason == NOT_CORS or policy.shadow:
            return _passed_on(policy, rule, reason)
        return Decision(reason, rule, status=403, headers=_NO_STORE, vary=_VARY_ACTUAL, remove=_names_to_remove(rule))
    # 3. Allowed.
    if policy.shadow:
        return Decision(reason, rule, managed=False, grant=grant, entry=entry)
    headers = _actual_headers(rule, grant, origin or "")
    vary = () if rule.is_constant else _VARY_ACTUAL
    return Decision(reason, rule, grant, entry, None, headers, vary, _names_to_remove(rule))


def _actual_headers(rule: Rule, grant: Grant, origin: str) -> Headers:
    allowed = "*" if grant.allow_origins is None else origin
    headers: Headers = (("Access-Control-Allow-Origin", allowed),)
    if grant.allow_credentials:
        headers += (_CREDENTIALS,)
    if grant.expose_headers:
        headers += (("Access-Control-Expose-Headers", grant.expose_headers),)
    if rule.resource_policy:
        headers += (("Cross-Origin-Resource-Policy", rule.resource_policy),)
    if grant.timing_allow_origin:
        headers += (("Timing-Allow-Origin", allowed),)
    return headers


def _passed_on(policy: Policy, rule: Rule, reason: str) -> Decision:
    """A response without permission. The resource policy holds for everyone: no-cors requests carry no Origin."""
    if policy.shadow:
        return Decision(reason, rule, managed=False)
    headers = (("Cross-Origin-Resource-Policy", rule.resource_policy),) if rule.resource_policy else ()
    return Decision(reason, rule, None, None, None, headers, _VARY_ACTUAL, _names_to_remove(rule))


def _names_to_remove(rule: Rule) -> tuple[str, ...]:
    return _TIMING if rule.timing_allow_origin else ()


# Origins.


def _relevant_origin(rule: Rule, origin: str | None) -> str | None:
    """The origin as far as the rule distinguishes origins: too long ones are equivalent, and for ``*`` all are."""
    if origin is None:
        return None
    if rule.is_constant:
        return "*"
    return origin if len(origin) <= MAX_ORIGIN_LENGTH else _MALFORMED


def find_grant(rule: Rule, origin: str) -> tuple[str, Grant | None, str | None]:
    """The reason, the first grant that has the origin, and the entry that matches."""
    parts: tuple[str, str, str] | None = None
    is_parsed = False
    for grant in rule.grants:
        origins = grant.allow_origins
        if origins is None:
            # "*" without credentials: the answer is a constant, so a malformed origin gets it too.
            return ALLOWED, grant, "*"
        if origins.has_exact(origin):
            return ALLOWED, grant, origin
        if not is_parsed:
            parts, is_parsed = parse_origin(origin), True
        if parts is not None and (entry := origins.match_pattern(*parts)) is not None:
            return ALLOWED, grant, entry
    return (ORIGIN_MALFORMED if parts is None and origin != "null" else ORIGIN_NOT_ALLOWED), None, None


def _is_same_origin(request: Request) -> bool | None:
    """Whether the request comes from a page of its own origin; None where the event does not show enough.

    Fetch metadata is the browser's own statement (https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header);
    without it the Origin is compared with the request's scheme and host, as far as the event shows them.
    """
    if request.fetch_site is not None:
        return request.fetch_site in ("same-origin", "none")
    parts = parse_origin(request.origin or "")
    if parts is None:
        return False
    if request.host is None:
        return None
    scheme, name, port = parts
    authority = f"{name}:{port}" if port else name
    host = request.host.lower()
    # RFC 3986, sections 3.2.3 and 6.2.3: an empty port, and the scheme's default, mean the same as none.
    before, _, last = host.rpartition(":")
    if last in ("", DEFAULT_PORTS.get(scheme)):
        host = before
    return host == authority and request.scheme in (None, scheme)


def parse_header_names(value: str) -> list[str] | None:
    """Parse an Access-Control-Request-Headers value.

    Browsers send a sorted, lower-case list without blanks (Fetch, "CORS-unsafe request-header names"), but proxies
    split, join, pad and reorder it (RFC 9110, section 5.6.1 asks recipients to accept empty elements).

    Returns:
        The lower-case names in order; None for a malformed value, and for one of more than 4 KB or 64 names.
    """
    # Non-ASCII characters are not part of a token, and must not become so: the Kelvin sign in lower case is a k.
    if len(value) > MAX_REQUEST_HEADERS_LENGTH or not value.isascii():
        return None
    parts = value.lower().split(",")
    if len(parts) <= MAX_REQUEST_HEADERS_NAMES and "" not in parts and consists_of(value, _TOKENS):
        return parts  # as browsers send it
    if len(parts) > MAX_REQUEST_HEADERS_NAMES + MAX_REQUEST_HEADERS_EMPTY:
        return None
    names = []
    for part in parts:
        name = part.strip(" \t")
        if name:
            if not is_token(name):
                return None
            names.append(name)
    if len(names) > MAX_REQUEST_HEADERS_NAMES or len(parts) - len(names) > MAX_REQUEST_HEADERS_EMPTY:
        return None
    return names
