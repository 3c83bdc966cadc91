"""The decision: a policy and a request in, a reason and headers out. The CORS protocol, and nothing else.

The protocol is https://fetch.spec.whatwg.org/#http-cors-protocol. Everything that decides (edge, gateway, decorator,
guard, command) calls `decide`; adapters in `edgecors.events` only carry its outcome into an event's form.
"""

from __future__ import annotations

from .characters import TOKEN, consists_of, is_token
from .origin import DEFAULT_PORTS, MAX_ORIGIN_LENGTH, parse_origin
from .paths import normalise_path
from .policy import FORBIDDEN_METHODS, preflight_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any, TypeVar

    from .policy import Headers, Policy, Rule

    Kept = TypeVar("Kept")

ALLOWED = "allowed"
NOT_CORS = "not-cors"
NOT_MANAGED = "not-managed"
SAME_ORIGIN = "same-origin"
ORIGIN_NOT_ALLOWED = "origin-not-allowed"
ORIGIN_MALFORMED = "origin-malformed"
METHOD_NOT_ALLOWED = "method-not-allowed"
HEADERS_NOT_ALLOWED = "headers-not-allowed"
HEADERS_MALFORMED = "headers-malformed"
POLICY_UNAVAILABLE = "policy-unavailable"

REASONS = {
    ALLOWED: "the policy allows the origin (and, in a preflight, the method and the headers)",
    NOT_CORS: "the request has no Origin header, so CORS has no say",
    NOT_MANAGED: "no rule is about this host and path, or the path is ambiguous",
    SAME_ORIGIN: "the request comes from a page of the same origin; it needs no permission",
    ORIGIN_NOT_ALLOWED: "no entry of the rule allows the origin",
    ORIGIN_MALFORMED: "the Origin header holds what no browser sends",
    METHOD_NOT_ALLOWED: "the rule does not allow the method asked for",
    HEADERS_NOT_ALLOWED: "the rule does not allow one of the headers asked for",
    HEADERS_MALFORMED: "Access-Control-Request-Headers is no list of names, or too long",
    POLICY_UNAVAILABLE: "no policy could be loaded yet",
}
"""Every reason there is, with its meaning. The same words stand in logs, metrics, `explain` and tests."""

MAX_REQUEST_HEADERS_LENGTH = 4096
MAX_REQUEST_HEADERS_NAMES = 64
MAX_REQUEST_HEADERS_EMPTY = 16

MAX_REMEMBERED = 256
"""Decisions that a policy remembers, and as many answers to what pages ask for: the same few come again and again."""
MAX_REMEMBERED_LENGTH = 1024
"""Characters of all that a page asks for, if the answer is to be remembered."""

_VARY_ACTUAL = ("Origin",)
_VARY_PREFLIGHT = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
_VARY_PRIVATE = (*_VARY_PREFLIGHT, "Access-Control-Request-Private-Network")
_NO_STORE = (("Cache-Control", "no-store"),)
_REFUSED_WITH_TEXT = (*_NO_STORE, ("Content-Type", "text/plain; charset=utf-8"))
_UNAVAILABLE = (("Retry-After", "1"), *_NO_STORE)
_TIMING = ("timing-allow-origin",)
_TOKENS = TOKEN + b","
# Stands for what is too long to be looked at: neither an origin nor a list of names.
_MALFORMED = "\0"
_ORIGIN_REFUSED = (ORIGIN_NOT_ALLOWED, ORIGIN_MALFORMED)


class Request:
    """What the protocol needs to know of a request. None stands for a header that is not there.

    Several values of one header are joined with ``", "``, which makes two origins malformed by grammar. ``path`` is as
    received, without query; ``host`` and ``scheme`` are None where the event does not show the viewer's own.
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
    """What is to be done, and why.

    ``status`` is set where we answer ourselves (204, 403, 503); None passes the request on. ``headers`` are set on the
    answer or the response, ``vary`` is merged into its Vary. ``touch`` is False where nothing at all may be changed;
    where it is True the upstream's own CORS headers go, and the lower-case names in ``remove`` with them. ``rule`` is
    the rule that decided and ``entry`` the allowlist entry that matched, in canonical spelling. ``forms`` is for
    adapters: what one of them made of the headers, kept under its name for the next time.

    Immutable by convention, for one object answers many requests.
    """

    __slots__ = ("body", "entry", "forms", "headers", "managed", "reason", "remove", "rule", "status", "vary")

    def __init__(
        self,
        reason: str,
        rule: Rule | None = None,
        *,
        managed: bool = True,
        status: int | None = None,
        headers: Headers = (),
        vary: tuple[str, ...] = (),
        remove: tuple[str, ...] = (),
        entry: str | None = None,
        body: str | None = None,
    ) -> None:
        self.reason = reason
        self.rule = rule
        self.managed = managed
        self.status = status
        self.headers = headers
        self.vary = vary
        self.remove = remove
        self.entry = entry
        self.body = body
        self.forms: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Decision({self.reason!r}, status={self.status!r}, headers={self.headers!r}, vary={self.vary!r})"


_NOT_MANAGED = Decision(NOT_MANAGED, managed=False)


def decide(policy: Policy | None, request: Request) -> Decision:
    """Decide a preflight or an actual request. ``policy`` is None when none could be loaded yet."""
    if request.is_preflight:
        return decide_preflight(policy, request)
    return decide_actual(policy, request)


def decide_preflight(policy: Policy | None, request: Request) -> Decision:
    """Decide a CORS-preflight request: Fetch, "CORS-preflight fetch", seen from the server's side."""
    if policy is None:
        return Decision(POLICY_UNAVAILABLE, status=503, headers=_UNAVAILABLE, vary=_VARY_PREFLIGHT)
    rule = find_rule(policy, request)
    if rule is None:
        return _NOT_MANAGED
    origin = _origin(rule, request) or ""
    method, names, private_network = request.request_method or "", request.request_headers, request.private_network
    if names is not None and len(names) > MAX_REQUEST_HEADERS_LENGTH:
        names = _MALFORMED
    key = (rule.index, origin, method, names, private_network)
    return policy.decisions.get(key) or _remember(
        policy.decisions,
        key,
        _preflight(policy, rule, origin, method, names, private_network),
        len(method) + len(names or "") + len(private_network or ""),
    )


def _preflight(
    policy: Policy, rule: Rule, origin: str, method: str, names: str | None, private_network: str | None
) -> Decision:
    reason, entry = _check_origin(rule, origin)
    headers: Headers = ()
    if reason == ALLOWED:
        key = (rule.index, method, names)
        reason, headers = policy.asked.get(key) or _remember(
            policy.asked, key, _check_asked(rule, method, names), len(method) + len(names or "")
        )
    if policy.shadow:
        return Decision(reason, rule, managed=False, entry=entry)
    vary = _VARY_PRIVATE if rule.private_network else _VARY_PREFLIGHT
    if reason == ALLOWED:
        headers = (("Access-Control-Allow-Origin", origin), *headers)
        if rule.private_network and private_network == "true":
            headers = (*headers, ("Access-Control-Allow-Private-Network", "true"))
        return Decision(reason, rule, status=204, headers=headers, vary=vary, entry=entry)
    if rule.debug:
        body = f"edgecors: {reason}: {REASONS[reason]} (rule {rule.index}).\n"
        return Decision(reason, rule, status=403, headers=_REFUSED_WITH_TEXT, vary=vary, entry=entry, body=body)
    return Decision(reason, rule, status=403, headers=_NO_STORE, vary=vary, entry=entry)


def decide_actual(policy: Policy | None, request: Request) -> Decision:
    """Decide anything that is no preflight: Fetch, "CORS check", seen from the server's side."""
    if policy is None:
        return Decision(POLICY_UNAVAILABLE, vary=_VARY_ACTUAL)
    rule = find_rule(policy, request)
    if rule is None:
        return _NOT_MANAGED
    origin = _origin(rule, request)
    key = (rule.index, origin)
    decision = policy.decisions.get(key) or _remember(policy.decisions, key, _actual(policy, rule, origin))
    if decision.reason not in _ORIGIN_REFUSED:
        return decision
    same = _same_origin(request)
    # Nothing is blocked that may well come from the site itself.
    return decision if same is False else _passed_on(policy, rule, SAME_ORIGIN if same else decision.reason)


def _actual(policy: Policy, rule: Rule, origin: str | None) -> Decision:
    """The decision about a request that does not come from a page of the resource's own origin."""
    reason, entry = (NOT_CORS, None) if origin is None else _check_origin(rule, origin)
    if rule.origins is not None and reason != ALLOWED:
        if not rule.block or reason == NOT_CORS or policy.shadow:
            return _passed_on(policy, rule, reason)
        return Decision(reason, rule, status=403, headers=_NO_STORE, vary=_VARY_ACTUAL, remove=_removed(rule))
    if policy.shadow:
        return Decision(reason, rule, managed=False, entry=entry)
    if rule.origins is None:
        return Decision(reason, rule, headers=_actual_headers(rule, "*"), remove=_removed(rule), entry=entry)
    headers = _actual_headers(rule, origin or "")
    return Decision(reason, rule, headers=headers, vary=_VARY_ACTUAL, remove=_removed(rule), entry=entry)


def _passed_on(policy: Policy, rule: Rule, reason: str) -> Decision:
    """A response without permission. The resource's own policy is for everyone: no-cors loads carry no Origin."""
    if policy.shadow:
        return Decision(reason, rule, managed=False)
    headers = (("Cross-Origin-Resource-Policy", rule.resource_policy),) if rule.resource_policy else ()
    return Decision(reason, rule, headers=headers, vary=_VARY_ACTUAL, remove=_removed(rule))


def _removed(rule: Rule) -> tuple[str, ...]:
    return _TIMING if rule.timing else ()


def _remember(memory: dict[Any, Kept], key: Hashable, value: Kept, length: int = 0) -> Kept:
    """Keep what was decided, unless more was asked for than a browser does. A flood only empties the memory."""
    if length <= MAX_REMEMBERED_LENGTH:
        if len(memory) >= MAX_REMEMBERED:
            memory.clear()
        memory[key] = value
    return value


def find_rule(policy: Policy, request: Request) -> Rule | None:
    """The first rule that is about the request's resource; None where nothing is managed."""
    path = normalise_path(request.path)
    if path is None:
        return None
    host = request.host
    for rule in policy.rules:
        if (rule.paths is None and rule.hosts is None) or rule.matches(host, path):
            return rule
    return None


def _origin(rule: Rule, request: Request) -> str | None:
    """The origin as far as it matters: to a rule open to everyone all are one, and so are all that are too long."""
    origin = request.origin
    if origin is None:
        return None
    if rule.origins is None:
        return "*"
    return origin if len(origin) <= MAX_ORIGIN_LENGTH else _MALFORMED


def _check_origin(rule: Rule, origin: str) -> tuple[str, str | None]:
    """The reason, and the entry that allows the origin."""
    origins = rule.origins
    if origins is None:
        # "*" without credentials: the answer is a constant, so even a malformed origin is no reason to differ.
        return ALLOWED, "*"
    if origin in origins.exact:
        return ALLOWED, origin
    parts = parse_origin(origin)
    if parts is None:
        return (ORIGIN_NOT_ALLOWED if origin == "null" else ORIGIN_MALFORMED), None
    entry = origins.match_pattern(*parts)
    return (ORIGIN_NOT_ALLOWED if entry is None else ALLOWED), entry


def _check_asked(rule: Rule, method: str, value: str | None) -> tuple[str, Headers]:
    """The reason, and the headers of the answer that do not depend on the origin."""
    names = [] if value is None else parse_header_names(value)
    reason = _check_method_and_names(rule, method, names)
    return reason, _asked_headers(rule, method, names) if names is not None and reason == ALLOWED else ()


def _check_method_and_names(rule: Rule, method: str, names: list[str] | None) -> str:
    if rule.methods is None:
        if not is_token(method) or method.upper() in FORBIDDEN_METHODS:
            return METHOD_NOT_ALLOWED
    elif method not in rule.methods:
        return METHOD_NOT_ALLOWED
    if names is None:
        return HEADERS_MALFORMED
    if rule.headers is not None and not rule.accepted_headers.issuperset(names):
        return HEADERS_NOT_ALLOWED
    return ALLOWED


def parse_header_names(value: str) -> list[str] | None:
    """The lower-case names of an Access-Control-Request-Headers value, in order; None when it is malformed or too long.

    Browsers send a sorted, lower-case list without blanks (Fetch, "CORS-unsafe request-header names"), but proxies
    split, join, pad and reorder it (RFC 9110, section 5.6.1 asks recipients to bear empty elements).
    """
    # Not ASCII is no token, and must not become one: the Kelvin sign in lower case is a k.
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


def _asked_headers(rule: Rule, method: str, names: list[str]) -> Headers:
    """What an allowed preflight is answered with: the whole lists of the rule, so that one serves later requests too.

    With credentials the wildcard is a name like any other (Fetch, "CORS protocol and credentials"), so what was asked
    for is listed instead. Safelisted names are allowed without being in the rule's list, but a browser asks for them
    only where their value is not safe, and then wants to see them in the answer.
    """
    methods = method if rule.methods is None and rule.credentials else rule.methods_value
    listed = [rule.headers_value] if rule.headers_value else []
    if rule.headers is not None:
        listed += dict.fromkeys(name for name in names if name not in rule.headers)
    elif rule.credentials:
        listed = list(dict.fromkeys(names))
    return preflight_headers(rule, methods, ", ".join(listed))


def _actual_headers(rule: Rule, origin: str) -> Headers:
    headers = (("Access-Control-Allow-Origin", origin), *rule.actual_headers)
    return (*headers, ("Timing-Allow-Origin", origin)) if rule.timing else headers


def _same_origin(request: Request) -> bool | None:
    """Whether the request comes from a page of its own origin; None where the event does not tell.

    Fetch metadata is the browser's own word (https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header);
    without it the Origin is compared with what was asked for, as far as the event shows that.
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
