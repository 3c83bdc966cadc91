"""Attach edgecors to an existing CloudFront distribution: what has to be true, what has to change, how to undo it.

Everything here works on the dictionaries of CloudFront's API and calls nothing. `edgecors_admin.distribution` reads and
writes them.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgecors_admin.errors import UsageError

if TYPE_CHECKING:
    from edgecors.policy import Policy

SETUPS = {
    "viewer": ("viewer-request", "viewer-response", "origin-response"),
    "origin": ("origin-request", "origin-response"),
    "functions": ("origin-response",),
}
"""The set-ups, with the events at which each runs the Lambda function."""
FUNCTION_EVENTS = ("viewer-request", "viewer-response")
"""The events of the CloudFront Functions in the ``functions`` set-up."""
HANDLERS = {"viewer": "app.viewer_handler", "origin": "app.origin_handler", "functions": "app.viewer_handler"}

ERROR, WARNING, OK = "error", "warning", "ok"

_VERSION_ARN = re.compile(r"arn:aws[a-z-]*:lambda:us-east-1:[0-9]{12}:function:[A-Za-z0-9_-]+:[0-9]+")
_ERROR_CODES = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
_PREFLIGHT_HEADERS = ("access-control-request-method", "access-control-request-headers")


@dataclass(frozen=True)
class Check:
    """One thing that decides whether CORS works.

    ``code`` is a stable word for programs, ``message`` what is the case and what it means, ``remedy`` what to do.
    """

    severity: str
    code: str
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def has_errors(checks: Iterable[Check]) -> bool:
    """Whether something has to be fixed before CORS works."""
    return any(check.severity == ERROR for check in checks)


@dataclass(frozen=True)
class ConfigChange:
    """A field of the behavior that gets another value; None for a field that is missing."""

    field: str
    before: Any
    after: Any
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Functions:
    """The ARNs to attach: a version of the edge function, and the two CloudFront Functions of that set-up."""

    edge: str
    viewer_request: str = ""
    viewer_response: str = ""

    @property
    def edge_name(self) -> str:
        """The edge function's ARN without the version."""
        return self.edge.rpartition(":")[0]

    def cloudfront_function(self, event: str) -> str:
        """The CloudFront Function of a viewer event."""
        return self.viewer_request if event == "viewer-request" else self.viewer_response


@dataclass(frozen=True)
class Policies:
    """The policies that a behavior names, as CloudFront's API returns their configurations; None without one."""

    cache: Mapping[str, Any] | None = None
    origin_request: Mapping[str, Any] | None = None
    response_headers: Mapping[str, Any] | None = None


class HeaderSet:
    """The headers that a policy names: some, or all except some."""

    def __init__(self, names: frozenset[str] = frozenset(), *, everything: bool = False) -> None:
        self._names = names
        self._everything = everything

    def __contains__(self, name: str) -> bool:
        return (name in self._names) is not self._everything


@dataclass(frozen=True)
class Plan:
    """What attaching finds and would change."""

    pattern: str
    setup: str
    checks: tuple[Check, ...]
    changes: tuple[ConfigChange, ...]

    @property
    def blocked(self) -> bool:
        """Whether an error has to be fixed first."""
        return has_errors(self.checks)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "behavior": self.pattern,
            "setup": self.setup,
            "checks": [check.as_dict() for check in self.checks],
            "changes": [change.as_dict() for change in self.changes],
        }


def check_functions(setup: str, functions: Functions) -> None:
    """Raises `UsageError` for a set-up or ARNs that CloudFront would not take."""
    if setup not in SETUPS:
        raise UsageError(f"--setup is {setup!r}. Use one of {', '.join(SETUPS)}.")
    if not _VERSION_ARN.fullmatch(functions.edge):
        raise UsageError(
            f"--function is {functions.edge!r}. CloudFront takes the ARN of a numbered version in us-east-1, such as"
            " arn:aws:lambda:us-east-1:123456789012:function:edgecors-edge:3 (an output of the stack)."
        )
    named = [functions.viewer_request, functions.viewer_response]
    if setup == "functions" and not all(":cloudfront:" in arn and ":function/" in arn for arn in named):
        raise UsageError(
            "The functions set-up needs --viewer-request-function and --viewer-response-function, the ARNs of the two"
            " published CloudFront Functions."
        )


def find_behavior(config: Mapping[str, Any], pattern: str) -> dict[str, Any]:
    """A behavior of a distribution by its path pattern; ``*`` is the default behavior. Raises `UsageError`."""
    if pattern in ("*", "default"):
        default: dict[str, Any] = config["DefaultCacheBehavior"]
        return default
    items: list[dict[str, Any]] = (config.get("CacheBehaviors") or {}).get("Items") or []
    for behavior in items:
        if behavior["PathPattern"] == pattern:
            return behavior
    known = ", ".join(["*", *(behavior["PathPattern"] for behavior in items)])
    raise UsageError(f"The distribution has no behavior {pattern!r}. It has: {known}.")


def patterns(config: Mapping[str, Any]) -> list[str]:
    """The path patterns of all behaviors in order; the default behavior, ``*``, is last as at CloudFront."""
    items = (config.get("CacheBehaviors") or {}).get("Items") or []
    return [*(behavior["PathPattern"] for behavior in items), "*"]


def make_plan(
    config: Mapping[str, Any], pattern: str, policies: Policies, setup: str, functions: Functions, handler: str
) -> Plan:
    """Check a behavior and plan what attaching changes.

    Args:
        config: The distribution's configuration.
        pattern: The behavior's path pattern.
        policies: The policies that the behavior names.
        setup: The set-up to attach.
        functions: The functions to attach.
        handler: The Lambda function's handler; it decides which set-up the function is for.
    """
    behavior = find_behavior(config, pattern)
    changes = [*_method_changes(behavior), *_response_policy_changes(behavior, policies)]
    conflicts = list(_association_conflicts(behavior, setup, functions))
    if not conflicts:
        changes += _association_changes(behavior, setup, functions)
    checks = [
        *_check_handler(setup, handler),
        *conflicts,
        *_check_response_policy(policies),
        *check_behavior(behavior, policies, setup),
        *_check_errors(config, policies, behavior),
    ]
    return Plan(pattern, setup, tuple(checks), tuple(changes))


def check_behavior(behavior: Mapping[str, Any], policies: Policies, setup: str) -> Iterator[Check]:
    """Check cache key, forwarded headers and signed requests of a behavior."""
    key, forwarded = cache_key_headers(behavior, policies), forwarded_headers(behavior, policies)
    caches = caches_responses(behavior, policies)
    cached_methods = (behavior.get("AllowedMethods") or {}).get("CachedMethods", {}).get("Items") or []
    if setup == "origin":
        yield from _check_origin_key(key, forwarded, caches, "OPTIONS" in cached_methods)
    else:
        if caches and "origin" in key:
            yield Check(
                WARNING,
                "cache-key-with-origin",
                "Origin is part of the cache key, so the cache keeps a copy for each origin that asks.",
                "Use a cache policy without Origin: in this set-up CORS headers are set after the cache.",
            )
        else:
            yield Check(OK, "cache-key", "The cache is not split by origin; CORS headers are set after it.")
        if "origin" not in forwarded:
            yield Check(
                WARNING,
                "origin-not-forwarded",
                "Origin is not forwarded, so errors (400 and above) get no CORS headers: pages see a network error"
                " instead of a status.",
                "Use an origin request policy with Origin, such as CORS-S3Origin or AllViewerExceptHostHeader.",
            )
    groups = (behavior.get("TrustedKeyGroups") or {}).get("Enabled") or (behavior.get("TrustedSigners") or {}).get(
        "Enabled"
    )
    if groups:
        yield Check(
            WARNING,
            "signed-requests",
            "The behavior takes signed requests only. A preflight carries no cookies, so with signed cookies CloudFront"
            " refuses it before any function runs.",
            "Use signed URLs for what pages of other origins request, or a behavior of its own without signatures.",
        )


def _check_origin_key(key: HeaderSet, forwarded: HeaderSet, caches: bool, options_cached: bool) -> Iterator[Check]:
    preflight_key = all(name in key for name in _PREFLIGHT_HEADERS)
    if caches and "origin" not in key:
        yield Check(
            ERROR,
            "cache-key-without-origin",
            "Origin is not part of the cache key. In this set-up responses are cached with their CORS headers, so a"
            " response for one origin would be served to another.",
            "Use a cache policy with the header Origin in its key, or --setup viewer.",
        )
    elif "origin" not in forwarded:
        yield Check(
            ERROR,
            "origin-not-forwarded",
            "Origin is not forwarded, so the function at the origin events can't see it and allows nobody.",
            "Use a cache policy or an origin request policy with the header Origin.",
        )
    else:
        yield Check(OK, "cache-key", "Origin is part of the cache key, or nothing is cached.")
    if not all(name in forwarded for name in _PREFLIGHT_HEADERS):
        yield Check(
            ERROR,
            "preflight-not-forwarded",
            "Access-Control-Request-Method and Access-Control-Request-Headers are not forwarded, so preflights can't be"
            " recognised at origin-request.",
            "Add both headers to the cache policy or the origin request policy.",
        )
    elif options_cached and caches and not preflight_key:
        yield Check(
            ERROR,
            "preflight-cache-key",
            "OPTIONS is cached, but Access-Control-Request-Method and Access-Control-Request-Headers are not part of"
            " the cache key: the answer to one preflight would be served for another.",
            "Add both headers to the cache policy, or take OPTIONS out of the cached methods.",
        )


def check_policy(policy: Policy | None, behavior: Mapping[str, Any], policies: Policies, setup: str) -> Iterator[Check]:
    """Check that the site's policy works behind a behavior; None for a policy that is rejected."""
    if policy is None:
        yield Check(
            WARNING,
            "policy-rejected",
            "The policy of this distribution is rejected, so containers keep the last valid one, or allow nobody.",
            "Run edgecors lint for the errors.",
        )
    elif any(rule.hosts is not None for rule in policy.rules) and "host" not in forwarded_headers(behavior, policies):
        concerned = "requests" if setup == "origin" else "errors"
        yield Check(
            WARNING,
            "host-not-forwarded",
            "The policy has rules with hosts, but the viewer's Host is not forwarded to the origin events. There every"
            f" such rule may apply, so {concerned} without one certain answer get no CORS headers.",
            "Use an origin request policy that forwards Host, such as AllViewer, or rules without hosts.",
        )


def check_missing_policy(id: str, site: str) -> Check:
    """The check of a distribution without a policy; ``site`` is that of its alias, or the distribution itself."""
    return Check(
        WARNING,
        "no-policy",
        f"There is no policy for {id}, so nobody is allowed, and the upstream's own CORS headers are removed.",
        f"Write one before you attach: edgecors allow {site} https://app.example.com",
    )


def _check_handler(setup: str, handler: str) -> Iterator[Check]:
    expected = HANDLERS[setup]
    if handler != expected:
        yield Check(
            ERROR,
            "wrong-handler",
            f"The function's handler is {handler}; the {setup} set-up needs {expected}.",
            "Deploy the function with the matching EdgeSetup, or choose another --setup.",
        )


def _check_response_policy(policies: Policies) -> Iterator[Check]:
    policy = policies.response_headers
    if policy and policy.get("CorsConfig") and not _is_cors_only(policy):
        yield Check(
            ERROR,
            "response-headers-policy-cors",
            f"The response headers policy {policy.get('Name', '')!r} sets other headers as well as CORS headers.",
            "Choose a response headers policy with the other headers only.",
        )


def _check_errors(config: Mapping[str, Any], policies: Policies, behavior: Mapping[str, Any]) -> Iterator[Check]:
    items = (config.get("CustomErrorResponses") or {}).get("Items") or []
    pages = sorted(item["ErrorCode"] for item in items if item.get("ResponsePagePath"))
    if pages:
        codes = ", ".join(map(str, pages))
        yield Check(
            WARNING,
            "custom-error-page",
            f"CloudFront replaces errors with custom error pages ({codes}). No function runs for them, so they have no"
            " CORS headers.",
            "Leave errors of APIs to the origin server.",
        )
    seconds = {item["ErrorCode"]: item.get("ErrorCachingMinTTL", 10) for item in items}
    cached = [code for code in _ERROR_CODES if seconds.get(code, 10) > 0]
    if cached and caches_responses(behavior, policies):
        yield Check(
            WARNING,
            "errors-cached",
            f"CloudFront caches errors for at least {max(seconds.get(code, 10) for code in cached)} s, together with"
            " the CORS headers for the origin that asked first.",
            f"Set an error caching minimum TTL of 0 for {', '.join(map(str, cached))}.",
        )


def _association_conflicts(behavior: Mapping[str, Any], setup: str, functions: Functions) -> Iterator[Check]:
    lambdas, cloudfront_functions = associations(behavior)
    others = {event: arn for event, arn in lambdas.items() if arn.rpartition(":")[0] != functions.edge_name}
    for event in SETUPS[setup]:
        if event in others:
            yield Check(
                ERROR,
                "event-taken",
                f"Another Lambda function runs at {event}: {others[event]}. CloudFront runs one for each event.",
                "Use another set-up, or call edgecors from that function.",
            )
    viewer_lambdas = [event for event in FUNCTION_EVENTS if event in others]
    own = {functions.viewer_request, functions.viewer_response}
    taken = {event: arn for event, arn in cloudfront_functions.items() if arn not in own}
    if setup == "viewer" and cloudfront_functions:
        listed = ", ".join(f"{event} ({arn})" for event, arn in sorted(cloudfront_functions.items()))
        yield Check(
            ERROR,
            "mixed-functions",
            f"CloudFront Functions run at {listed}. They can't be combined with Lambda@Edge at viewer events.",
            "Use --setup origin, which has no viewer events, or --setup functions.",
        )
    if setup == "functions":
        if viewer_lambdas:
            yield Check(
                ERROR,
                "mixed-functions",
                f"Lambda@Edge runs at {', '.join(viewer_lambdas)}. It can't be combined with CloudFront Functions at"
                " viewer events.",
                "Use --setup origin, which has no viewer events.",
            )
        for event in FUNCTION_EVENTS:
            if event in taken:
                yield Check(
                    ERROR,
                    "event-taken",
                    f"Another CloudFront Function runs at {event}: {taken[event]}. CloudFront runs one for each event.",
                    "Combine both functions into one, or use --setup origin.",
                )


def _association_changes(behavior: Mapping[str, Any], setup: str, functions: Functions) -> Iterator[ConfigChange]:
    lambdas, cloudfront_functions = associations(behavior)
    wanted = {event: arn for event, arn in lambdas.items() if arn.rpartition(":")[0] != functions.edge_name}
    wanted |= dict.fromkeys(SETUPS[setup], functions.edge)
    if wanted != lambdas:
        bodies = {
            item["EventType"]: item.get("IncludeBody", False) for item in _items(behavior, "LambdaFunctionAssociations")
        }
        items = [
            {
                "LambdaFunctionARN": arn,
                "EventType": event,
                "IncludeBody": bodies.get(event, False) and arn == lambdas[event],
            }
            for event, arn in sorted(wanted.items())
        ]
        yield _change(
            behavior,
            "LambdaFunctionAssociations",
            {"Quantity": len(items), "Items": items},
            f"run the edge function at {', '.join(SETUPS[setup])}",
        )
    own = {functions.viewer_request, functions.viewer_response}
    chosen = {event: arn for event, arn in cloudfront_functions.items() if arn not in own}
    if setup == "functions":
        chosen |= {event: functions.cloudfront_function(event) for event in FUNCTION_EVENTS}
    if chosen != cloudfront_functions:
        items = [{"FunctionARN": arn, "EventType": event} for event, arn in sorted(chosen.items())]
        yield _change(
            behavior,
            "FunctionAssociations",
            {"Quantity": len(items), "Items": items},
            "run the CloudFront Functions at viewer-request and viewer-response",
        )


def _method_changes(behavior: Mapping[str, Any]) -> Iterator[ConfigChange]:
    allowed = behavior.get("AllowedMethods") or {"Quantity": 2, "Items": ["GET", "HEAD"]}
    if "OPTIONS" not in allowed["Items"]:
        after = {**allowed, "Quantity": 3, "Items": ["GET", "HEAD", "OPTIONS"]}
        after.setdefault("CachedMethods", {"Quantity": 2, "Items": ["GET", "HEAD"]})
        yield _change(
            behavior, "AllowedMethods", after, "allow OPTIONS: CloudFront answers preflights with 403 otherwise"
        )


def _response_policy_changes(behavior: Mapping[str, Any], policies: Policies) -> Iterator[ConfigChange]:
    policy = policies.response_headers
    if policy and policy.get("CorsConfig") and _is_cors_only(policy):
        yield _change(
            behavior,
            "ResponseHeadersPolicyId",
            None,
            f"remove the response headers policy {policy.get('Name', '')!r}: it sets its own CORS headers",
        )


def _change(behavior: Mapping[str, Any], field: str, after: Any, reason: str) -> ConfigChange:
    return ConfigChange(field, copy.deepcopy(behavior.get(field)), after, reason)


def associations(behavior: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The ARNs of a behavior's Lambda functions and CloudFront Functions, by event."""
    return (
        {item["EventType"]: item["LambdaFunctionARN"] for item in _items(behavior, "LambdaFunctionAssociations")},
        {item["EventType"]: item["FunctionARN"] for item in _items(behavior, "FunctionAssociations")},
    )


def cache_key_headers(behavior: Mapping[str, Any], policies: Policies) -> HeaderSet:
    """The headers in the cache key."""
    if policies.cache is not None:
        config = policies.cache["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]
        return _header_set(config, "HeaderBehavior")
    items = ((behavior.get("ForwardedValues") or {}).get("Headers") or {}).get("Items") or []
    return HeaderSet(frozenset(map(str.lower, items)) - {"*"}, everything="*" in items)


def forwarded_headers(behavior: Mapping[str, Any], policies: Policies) -> HeaderSet:
    """The viewer's headers that the origin events show: those of the cache key and of the origin request policy."""
    key = cache_key_headers(behavior, policies)
    if policies.origin_request is None:
        return key
    forwarded = _header_set(policies.origin_request["HeadersConfig"], "HeaderBehavior")
    names = ("origin", "host", *_PREFLIGHT_HEADERS)
    return HeaderSet(frozenset(name for name in names if name in key or name in forwarded))


def caches_responses(behavior: Mapping[str, Any], policies: Policies) -> bool:
    """Whether responses can be cached at all."""
    if policies.cache is not None:
        return bool(policies.cache.get("MaxTTL", 31_536_000) > 0)
    return bool(behavior.get("MaxTTL", 31_536_000) > 0)


def _header_set(config: Mapping[str, Any], field: str) -> HeaderSet:
    names = frozenset(map(str.lower, (config.get("Headers") or {}).get("Items") or []))
    kind = config[field]
    if kind in ("none", "whitelist"):
        return HeaderSet(names if kind == "whitelist" else frozenset())
    # allViewer, allViewerAndWhitelistCloudFront, allExcept
    return HeaderSet(names if kind == "allExcept" else frozenset(), everything=True)


def _is_cors_only(policy: Mapping[str, Any]) -> bool:
    others = ("SecurityHeadersConfig", "ServerTimingHeadersConfig")
    lists = ("CustomHeadersConfig", "RemoveHeadersConfig")
    return not any(policy.get(name) for name in others) and not any(
        (policy.get(name) or {}).get("Items") for name in lists
    )


def _items(behavior: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (behavior.get(field) or {}).get("Items") or []
    return items


def apply_changes(config: Mapping[str, Any], pattern: str, changes: tuple[ConfigChange, ...]) -> dict[str, Any]:
    """A copy of a distribution's configuration with the changes made."""
    result: dict[str, Any] = copy.deepcopy(dict(config))
    behavior = find_behavior(result, pattern)
    for change in changes:
        if change.after is None:
            behavior.pop(change.field, None)
        else:
            behavior[change.field] = copy.deepcopy(change.after)
    return result


# What was attached, so that it can be undone


def merge_record(record: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """The record of what was attached, with a plan's changes: each field keeps the value it had before the first."""
    result: dict[str, Any] = copy.deepcopy(dict(record))
    fields = result.setdefault(plan.pattern, {})
    for change in plan.changes:
        known = fields.setdefault(change.field, {"before": change.before})
        known["after"] = change.after
    return result


def undo(
    config: Mapping[str, Any], pattern: str, record: Mapping[str, Any]
) -> tuple[tuple[ConfigChange, ...], tuple[str, ...]]:
    """What detaching changes, and the fields that somebody else has changed since they were attached."""
    behavior = find_behavior(config, pattern)
    changes, drifted = [], []
    for field, values in record[pattern].items():
        present = behavior.get(field)
        if same(present, values["before"]):
            continue
        if same(present, values["after"]):
            changes.append(ConfigChange(field, present, values["before"], "restore the value from before attaching"))
        else:
            drifted.append(field)
    return tuple(changes), tuple(drifted)


def same(first: Any, second: Any) -> bool:
    """Whether two values mean the same: CloudFront returns lists in an order of its own, and empty ones as missing."""
    return bool(_canonical(first) == _canonical(second))


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get("Quantity") == 0:
            return None
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value or None
