"""Asks a live endpoint what browsers ask, and compares every header with what the policy says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from edgecors.decision import Decision, Request, decide
from edgecors.fetch import SAFELISTED_METHODS
from edgecors.policy import Grant, Policy, Rule

from edgecors_admin.access import stand_in
from edgecors_admin.browser import Verdict, cors_check, preflight_check
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.globs import rule_for
from edgecors_admin.urls import is_http_url

STRANGER = "https://edgecors-probe.invalid"
"""An origin that only a rule for everyone allows."""
UNKNOWN_METHOD = "EDGECORS-PROBE"
MOST_ORIGINS = 3
"""Allowed origins that are tried: each kind of entry once is enough."""
TIMEOUT_SECONDS = 15.0

_RESPONSE_HEADERS = ("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers")
_PREFLIGHT_HEADERS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-allow-private-network",
)
_LISTS = ("access-control-allow-methods", "access-control-allow-headers", "access-control-expose-headers")


@dataclass(frozen=True)
class Reply:
    """A response; ``headers`` in order, repeated ones several times."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True)
class Case:
    """One request to send. ``request_method`` makes it a preflight."""

    title: str
    origin: str | None
    request_method: str | None = None
    request_headers: str | None = None

    @property
    def method(self) -> str:
        """What is sent."""
        return "GET" if self.request_method is None else "OPTIONS"

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with it."""
        headers = {
            "Origin": self.origin,
            "Access-Control-Request-Method": self.request_method,
            "Access-Control-Request-Headers": self.request_headers,
        }
        return {name: value for name, value in headers.items() if value is not None}


@dataclass(frozen=True)
class HeaderDifference:
    """A header (or the status) that is not what the policy says, and what is probably behind it."""

    what: str
    expected: str
    got: str
    because: str


@dataclass(frozen=True)
class Probed:
    """One case with its outcome; ``verdict`` is the browser's, None where no page sees the response."""

    case: Case
    decision: Decision
    reply: Reply
    differences: tuple[HeaderDifference, ...]
    verdict: Verdict | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "title": self.case.title,
            "method": self.case.method,
            "sent": self.case.headers,
            "reason": self.decision.reason,
            "status": self.reply.status,
            "headers": [list(header) for header in self.reply.headers],
            "differences": [vars(difference) for difference in self.differences],
            "verdict": vars(self.verdict) if self.verdict is not None else None,
        }


Send = Callable[[Case], Reply]


@dataclass(frozen=True)
class Place:
    """The URL's parts that a policy is about."""

    scheme: str
    host: str
    path: str


def place_of(url: str) -> Place:
    """Read the URL. Raises `UsageError`."""
    if not is_http_url(url):
        raise UsageError(f"{url!r} is not an http or https URL.")
    parts = urlsplit(url)
    return Place(parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/")


def probe(policy: Policy, location: Place, send: Send) -> list[Probed]:
    """Send every case and compare. Raises `CommandError` when the policy has nothing to say about the URL."""
    rule = rule_for(policy, location.host, location.path)
    if rule is None:
        raise CommandError(f"No rule matches {location.host}{location.path}, so there is nothing to compare with.")
    if policy.shadow:
        raise CommandError(
            "The policy is in shadow mode: nothing is answered or changed, so there is nothing to compare."
        )
    asked: list[str] = []
    results = []
    for case in cases(rule):
        reply = send(case)
        request = Request(
            case.method,
            location.path,
            location.host,
            location.scheme,
            case.origin,
            case.request_method,
            case.request_headers,
        )
        decision = decide(policy, request)
        compared = tuple(compare(case, decision, reply, asked))
        results.append(Probed(case, decision, reply, compared, _verdict(case, reply, decision)))
        if case.origin is not None:
            asked.append(case.origin)
    return results


def cases(rule: Rule) -> list[Case]:
    """What to ask about a rule. The order matters: a cache that mixes origins up shows it from the second on."""
    most = max(2, MOST_ORIGINS // len(rule.grants))
    chosen = [(grant, origin) for grant in rule.grants for origin in _origins_of(grant, most)]
    first = [origin for _, origin in chosen[:1]]
    method, names = _asked_for(rule.grants[0])
    actual = [Case(f"request from {origin}", origin) for _, origin in chosen]
    actual += [
        Case("request from an unknown origin", STRANGER),
        Case("request without Origin", None),
        *(Case(f"request from {origin} again", origin) for origin in first),
    ]
    preflights = [Case(f"preflight from {origin}", origin, *_asked_for(grant)) for grant, origin in chosen]
    preflights.append(Case("preflight from an unknown origin", STRANGER, method, names))
    for grant in rule.grants:
        origin = next((origin for other, origin in chosen if other is grant), None)
        if grant.allow_methods is not None and origin is not None:
            preflights.append(Case(f"preflight from {origin} for a method that is not allowed", origin, UNKNOWN_METHOD))
    return [*actual, *preflights]


def _asked_for(grant: Grant) -> tuple[str, str | None]:
    """A method and header names that a preflight may ask for: not safelisted where the grant has such."""
    headers = grant.allow_headers
    method = next((m for m in sorted(grant.allow_methods or ()) if m not in SAFELISTED_METHODS), "GET")
    return method, ",".join(sorted(headers)[:3]) if headers else ("content-type" if headers is None else None)


def _origins_of(grant: Grant, most: int) -> list[str]:
    """Some origins that a grant allows, patterns among them."""
    if grant.allow_origins is None:
        return ["https://edgecors-probe.example"]
    entries = [entry for entry in grant.allow_origins if entry != "null"]
    exact = [entry for entry in entries if "*" not in entry][: most - 1]
    patterns = [stand_in(entry) for entry in entries if "*" in entry]
    return [*exact, *patterns[: most - len(exact)]]


def compare(case: Case, decision: Decision, reply: Reply, asked: Sequence[str]) -> Iterable[HeaderDifference]:
    """Everything that is not as decided. ``asked`` are the origins of earlier requests."""
    wanted = {name.lower(): value for name, value in decision.headers}
    if decision.status is not None and reply.status != decision.status:
        yield HeaderDifference("status", str(decision.status), str(reply.status), _why_status(case, reply))
    # A preflight that something else answered lacks our headers for that one reason.
    comparable = decision.status is None or reply.status == decision.status
    for name in _PREFLIGHT_HEADERS if case.request_method is not None else _RESPONSE_HEADERS:
        got = reply.values(name)
        expected = wanted.get(name)
        if not _same(name, expected, got) and (comparable or got):
            because = _why_header(name, case, expected, got, reply, asked)
            yield HeaderDifference(name, expected or "(none)", " | ".join(got) or "(none)", because)
    for name in ("timing-allow-origin", "cross-origin-resource-policy"):
        if name in wanted and reply.values(name) != [wanted[name]]:
            because = _why_header(name, case, wanted[name], reply.values(name), reply, asked)
            yield HeaderDifference(name, wanted[name], " | ".join(reply.values(name)) or "(none)", because)
    yield from _vary(decision, reply)


def _same(name: str, expected: str | None, got: list[str]) -> bool:
    if expected is None or not got:
        return expected is None and not got
    if name in _LISTS and len(got) == 1:
        return _names(expected) == _names(got[0])
    return got == [expected]


def _names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


def _vary(decision: Decision, reply: Reply) -> Iterable[HeaderDifference]:
    got = _names(",".join(reply.values("vary")))
    missing = [name for name in decision.vary if name.lower() not in got and "*" not in got]
    if missing and decision.managed:
        because = "a shared cache between here and the browser may give this answer to another origin"
        yield HeaderDifference("vary", ", ".join(decision.vary), ", ".join(reply.values("vary")) or "(none)", because)


def _why_status(case: Case, reply: Reply) -> str:
    if failed := _failed_function(reply):
        return failed
    if case.request_method is None:
        return "something in front of the service responded, or the service uses another version of the policy"
    if reply.status == 503:
        return "no policy could be loaded yet: look at the logs for 'policy refresh failed'"
    if reply.status == 403:
        return (
            "something else refused it: a CloudFront behaviour without OPTIONS, S3, an authorizer, or an older policy"
        )
    if reply.status in (401, 405, 404):
        return (
            "the upstream answered: the preflight did not reach the service (trigger, route or authorizer on OPTIONS)"
        )
    if reply.status >= 500:
        return "an error before or behind the service; a function's malformed answer becomes CloudFront's 502"
    return (
        "something else answered the preflight: the upstream, an HTTP API's CorsConfiguration, or a function URL's Cors"
    )


def _failed_function(reply: Reply) -> str:
    """What X-Cache says of a CloudFront Function; empty where none failed."""
    cache = " ".join(reply.values("x-cache"))
    if "FunctionExecutionError" in cache:
        return f"the CloudFront Function failed (X-Cache: {cache}): run edgecors functions check"
    if "FunctionThrottledError" in cache:
        return (
            f"CloudFront throttles the function (X-Cache: {cache}), because it failed or took too much time;"
            " after a fix, the throttling continues for some minutes"
        )
    return ""


def _why_header(name: str, case: Case, expected: str | None, got: list[str], reply: Reply, asked: Sequence[str]) -> str:
    if failed := _failed_function(reply):
        return failed
    older = (
        "an older version of the policy may still be in use; probe again after refresh_seconds"
        " (with CloudFront Functions after a minute)"
    )
    if len(got) > 1 or (name == "access-control-allow-origin" and any("," in value for value in got)):
        return "two sources add it: switch off the CORS of the function URL, the API, or a response headers policy"
    value = got[0] if got else None
    if name == "access-control-allow-origin" and value is not None and value != case.origin and value in asked:
        return f"a cached copy that was made for {value}: Origin is not part of the cache's key{_cached(reply)}"
    if value is not None and expected is None:
        if name == "access-control-allow-origin" and value == case.origin:
            return f"something allows any origin that asks: the upstream's own header was not removed, or {older}"
        return f"the upstream's own header was not removed: no response trigger runs here, or {older}"
    if value is None and case.request_method is None and reply.status >= 400:
        return (
            f"an error response ({reply.status}) without headers: viewer-response does not run for 400 and above, so"
            " attach origin-response too; no function runs for errors that CloudFront, WAF or a gateway generates"
        )
    if value is None:
        return f"no response trigger runs here{_cached(reply)}, or {older}"
    return f"{older}, or something else sets it"


def _cached(reply: Reply) -> str:
    cache, age = reply.values("x-cache"), reply.values("age")
    reported = [f"X-Cache: {cache[0]}"] if cache else []
    reported += [f"Age: {age[0]}"] if age else []
    return f" ({', '.join(reported)})" if reported else ""


def _verdict(case: Case, reply: Reply, decision: Decision) -> Verdict | None:
    if case.origin is None:
        return None
    credentials = decision.grant is not None and decision.grant.allow_credentials
    if case.request_method is None:
        return cors_check(reply.headers, case.origin, credentials)
    unsafe = [] if case.request_headers is None else case.request_headers.split(",")
    return preflight_check(reply.status, reply.headers, case.origin, case.request_method, unsafe, credentials)


@dataclass
class HttpSender:
    """Sends cases to a URL over urllib3, which keeps repeated headers apart. Follows no redirect."""

    url: str
    extra: dict[str, str] = field(default_factory=dict)

    def __call__(self, case: Case) -> Reply:
        """Raises `CommandError` when the endpoint can't be reached."""
        import urllib3

        pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)
        headers = {"User-Agent": "edgecors-probe", "Accept": "*/*", **case.headers}
        if case.request_method is None:
            headers |= self.extra  # a browser sends nothing of its own with a preflight
        try:
            # The body is not wanted; its end is not waited for.
            response = pool.request(case.method, self.url, headers=headers, redirect=False, preload_content=False)
            reply = Reply(response.status, tuple(response.headers.items()))
            response.close()
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"{self.url} could not be reached: {error}") from None
        finally:
            pool.clear()
        return reply
