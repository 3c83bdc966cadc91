"""What is wrong with a distribution that runs edgecors, and what a page of another origin will see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edgecors_admin.attach import (
    ERROR,
    FUNCTION_EVENTS,
    HANDLERS,
    OK,
    Check,
    Functions,
    Policies,
    associations,
    find_behavior,
    forwarded_headers,
    has_errors,
    make_plan,
    patterns,
)
from edgecors_admin.errors import CommandError


class LiveDistribution(Protocol):
    """The part of `edgecors_admin.distribution.Distribution` that is used."""

    config: dict[str, Any]

    def policies(self, pattern: str) -> Policies:
        """The policies that a behavior names."""

    def handler_of(self, arn: str) -> str:
        """The handler of a Lambda function."""


@dataclass(frozen=True)
class Diagnosis:
    """One behavior: its set-up (None without edgecors), checks, and what a page sees in each situation."""

    pattern: str
    setup: str | None
    checks: tuple[Check, ...] = ()
    outcomes: tuple[tuple[str, str], ...] = ()

    @property
    def failing(self) -> bool:
        """Whether something is wrong."""
        return has_errors(self.checks)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "behavior": self.pattern,
            "setup": self.setup,
            "checks": [check.as_dict() for check in self.checks],
            "outcomes": dict(self.outcomes),
        }


def diagnose(live: LiveDistribution, pattern: str | None = None) -> list[Diagnosis]:
    """Diagnose one behavior, or all of them. Raises `UsageError` for an unknown pattern."""
    names = [pattern] if pattern is not None else patterns(live.config)
    return [_diagnose(live, name) for name in names]


def _diagnose(live: LiveDistribution, pattern: str) -> Diagnosis:
    behavior = find_behavior(live.config, pattern)
    lambdas, cloudfront_functions = associations(behavior)
    handlers = {arn: _handler(live, arn) for arn in dict.fromkeys(lambdas.values())}
    own = {event: arn for event, arn in lambdas.items() if handlers[arn] in HANDLERS.values()}
    if not own:
        return Diagnosis(pattern, None)
    arn = next(iter(own.values()))
    setup = _setup(handlers[arn], own, cloudfront_functions)
    functions = Functions(arn, *(cloudfront_functions.get(event, "") for event in FUNCTION_EVENTS))
    policies = live.policies(pattern)
    plan = make_plan(live.config, pattern, policies, setup, functions, handlers[arn])
    missing = tuple(
        Check(
            ERROR,
            f"not-attached-{change.field.lower()}",
            f"{change.field} is not as the {setup} set-up needs it: {change.reason}.",
            "Run edgecors attach again.",
        )
        for change in plan.changes
    )
    checks = (
        (*missing, *plan.checks)
        if missing
        else (*plan.checks, Check(OK, "attached", f"All triggers of the {setup} set-up are attached."))
    )
    return Diagnosis(pattern, setup, checks, tuple(_outcomes(behavior, policies, setup, own).items()))


def _handler(live: LiveDistribution, arn: str) -> str:
    try:
        return live.handler_of(arn)
    except CommandError:
        # The function of another account or one that was deleted: not ours to judge.
        return ""


def _setup(handler: str, own: Mapping[str, str], cloudfront_functions: Mapping[str, str]) -> str:
    if handler == HANDLERS["origin"]:
        return "origin"
    viewer_events = [event for event in FUNCTION_EVENTS if event in own]
    return "functions" if not viewer_events and cloudfront_functions else "viewer"


def _outcomes(behavior: Mapping[str, Any], policies: Policies, setup: str, own: Mapping[str, str]) -> dict[str, str]:
    """Situations, and what a page of an allowed origin sees."""
    methods = (behavior.get("AllowedMethods") or {}).get("Items") or ["GET", "HEAD"]
    answered = "origin-request" in own if setup == "origin" else setup == "functions" or "viewer-request" in own
    stamped = "origin-response" in own if setup == "origin" else setup == "functions" or "viewer-response" in own
    errors = "origin-response" in own and "origin" in forwarded_headers(behavior, policies)
    fails = "a network error: there are no CORS headers"
    return {
        "preflight": (
            "a 403 from CloudFront, because OPTIONS is not allowed"
            if "OPTIONS" not in methods
            else f"the response of edgecors{'' if setup != 'origin' else ', which CloudFront may cache'}"
            if answered
            else "whatever the origin server answers"
        ),
        "response below 400": "the response with the policy's headers" if stamped else fails,
        "error of the origin server": "the status with the policy's headers" if errors else fails,
        "error of CloudFront, WAF or a custom error page": fails,
        "methods": ", ".join(sorted(methods)),
    }
