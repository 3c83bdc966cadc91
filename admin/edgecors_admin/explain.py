"""What a request gets and why: the decision, located in the policy's text, and the browser's verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecors.decision import (
    METHOD_NOT_ALLOWED,
    REASONS,
    Decision,
    Request,
    candidates,
    decide_actual,
    decide_preflight,
)
from edgecors.document import PolicyError
from edgecors.findings import Finding
from edgecors.paths import readings
from edgecors.policy import Policy

from edgecors_admin.browser import (
    Verdict,
    can_be_sent,
    cors_check,
    needs_preflight,
    normalised,
    preflight_check,
)
from edgecors_admin.key_value_store import hints_for_functions
from edgecors_admin.loading import load
from edgecors_admin.near_misses import NearMiss, find_near_misses
from edgecors_admin.request_headers import RequestHeader, unsafe_names
from edgecors_admin.source_map import PolicySource, read_written


@dataclass(frozen=True)
class Asked:
    """A request of a page: ``headers`` are what it sets, with values where they are known."""

    origin: str
    method: str = "GET"
    headers: Sequence[RequestHeader] = ()
    path: str = "/"
    host: str | None = None


@dataclass(frozen=True)
class ExplainedAnswer:
    """What one request gets. ``status`` is None where the upstream answers; ``cause`` the refused method or header."""

    reason: str
    rule: int | None
    grant: int | None
    entry: str | None
    entry_location: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    managed: bool
    cause: str | None = None

    @property
    def meaning(self) -> str:
        """The reason in a sentence."""
        return REASONS[self.reason]

    @property
    def fault(self) -> str:
        """What was refused, in a sentence; empty where no method or header was."""
        if self.cause is None:
            return ""
        if self.reason == METHOD_NOT_ALLOWED:
            return f"the method {self.cause} is not in allow_methods"
        return f"the header {self.cause} is not in allow_headers"

    @property
    def outcome(self) -> str:
        """What happens to the request."""
        if self.status is not None:
            return f"answered with {self.status}; the request does not reach the upstream"
        if self.managed:
            return "passed on to the upstream, whose own CORS headers are removed from its response"
        return "passed on unchanged: the upstream's own CORS headers are kept"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "reason": self.reason,
            "rule": self.rule,
            "grant": self.grant,
            "entry": self.entry,
            "entry_location": self.entry_location or None,
            "status": self.status,
            "headers": [list(header) for header in self.headers],
            "managed": self.managed,
            "cause": self.cause,
        }


@dataclass(frozen=True)
class Explanation:
    """The whole explanation.

    Attributes:
        asked: The request.
        preflight: None where the browser sends none.
        actual: The request after the preflight.
        verdict_without_credentials: What the browser does with the answers.
        verdict_with_credentials: The same for a request with credentials.
        rejected: The errors of a rejected policy.
        findings: What reading the policy and its lists reported.
        near_misses: For a refused origin, the entries that nearly allow it.
        candidates: The rules that may decide, where there are several; None stands for "not managed". They decide
            together: if their answers differ, the reason is ``resource-ambiguous``.
        why_several: Why there are several; empty where there is one.
        functions: What is different in CloudFront Functions. They decide the same, but keep the policy before one that
            is too large for them.
    """

    asked: Asked
    preflight: ExplainedAnswer | None
    actual: ExplainedAnswer
    verdict_without_credentials: Verdict
    verdict_with_credentials: Verdict
    rejected: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    functions: tuple[Finding, ...] = ()
    candidates: tuple[int | None, ...] = ()
    why_several: str = ""

    @property
    def upstream_decides(self) -> bool:
        """Whether the policy changes nothing here, so that only the upstream's headers can let the page read."""
        return not self.actual.managed and can_be_sent(normalised(self.asked.method))

    @property
    def ambiguity(self) -> str:
        """Which rules may decide and why, in a sentence; empty where it is certain which one decides."""
        if not self.candidates:
            return ""
        *numbers, last = [str(number) for number in self.candidates if number is not None]
        rules = f"rules {', '.join(numbers)} and {last}" if numbers else f"rule {last}"
        return f"{self.why_several}: {rules}{', or none,' if None in self.candidates else ''} may decide."

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "preflight": self.preflight.as_dict() if self.preflight is not None else None,
            "request": self.actual.as_dict(),
            "verdict": {
                "without_credentials": vars(self.verdict_without_credentials),
                "with_credentials": vars(self.verdict_with_credentials),
            },
            "upstream_decides": self.upstream_decides,
            "rejected": [finding.as_dict() for finding in self.rejected],
            "findings": [finding.as_dict() for finding in self.findings],
            "near_misses": [vars(near) for near in self.near_misses],
            "candidates": list(self.candidates),
            "functions": [finding.as_dict() for finding in self.functions],
        }


def explain_request(text: str, lists: Mapping[str, str | None], asked: Asked) -> Explanation:
    """Decide as the service does. A rejected policy is explained as "no policy could be loaded yet"."""
    policy: Policy | None = None
    rejected: tuple[Finding, ...] = ()
    try:
        policy = load(text, lists)
    except PolicyError as error:
        rejected = error.errors
    written = read_written(text, lists)
    method = normalised(asked.method)
    unsafe = unsafe_names(asked.headers)
    preflight = None
    if needs_preflight(method, unsafe):
        request = Request("OPTIONS", asked.path, asked.host, "https", asked.origin, method, ",".join(unsafe) or None)
        preflight = _answer(decide_preflight(policy, request), written)
    actual_request = Request(method, asked.path, asked.host, "https", asked.origin)
    actual_decision = decide_actual(policy, actual_request)
    actual = _answer(actual_decision, written)
    without, with_credentials = (
        _verdict(preflight, actual, asked.origin, method, unsafe, credentials) for credentials in (False, True)
    )
    findings = policy.findings if policy is not None else ()
    near: list[NearMiss] = []
    if policy is not None and actual_decision.reason != "allowed":
        near = find_near_misses(policy, written, actual_decision.rule, asked.origin)
    functions = hints_for_functions(policy) if policy is not None else ()
    numbers, why = _several_candidates(policy, actual_request) if policy is not None else ((), "")
    return Explanation(
        asked,
        preflight,
        actual,
        without,
        with_credentials,
        rejected=rejected,
        findings=findings,
        near_misses=tuple(near),
        functions=functions,
        candidates=numbers,
        why_several=why,
    )


def _several_candidates(policy: Policy, request: Request) -> tuple[tuple[int | None, ...], str]:
    """The numbers of the rules that may decide and why, where there are several."""
    rules = candidates(policy, request)
    if len(rules) == 1:
        return (), ""
    paths = readings(request.path)
    reasons = [] if paths is not None and len(paths) == 1 else ["the path can be read in several ways"]
    if not reasons or (not request.host and any(rule is not None and rule.hosts is not None for rule in rules)):
        reasons.append("the host is not known")
    why = " and ".join(reasons)
    return tuple(rule.index if rule is not None else None for rule in rules), why[0].upper() + why[1:]


def _answer(decision: Decision, written: PolicySource) -> ExplainedAnswer:
    location = ""
    grant = decision.grant.index if decision.grant is not None else None
    if decision.rule is not None and decision.entry is not None:
        entry = written.by_text(written.grant(decision.rule.index, grant or 0)).get(decision.entry)
        location = entry.location if entry is not None else ""
    headers = decision.headers
    if decision.managed and decision.vary:
        headers = (*headers, ("Vary", ", ".join(decision.vary)))
    rule = decision.rule.index if decision.rule is not None else None
    return ExplainedAnswer(
        decision.reason,
        rule,
        grant,
        decision.entry,
        location,
        decision.status,
        headers,
        decision.managed,
        decision.cause,
    )


def _verdict(
    preflight: ExplainedAnswer | None,
    actual: ExplainedAnswer,
    origin: str,
    method: str,
    unsafe: list[str],
    credentials: bool,
) -> Verdict:
    if not can_be_sent(method):
        return Verdict(False, f"no page can send {method}")
    untouched = "the policy does not apply here; the upstream's headers decide"
    if preflight is not None:
        if not preflight.managed:
            return Verdict(False, untouched)
        asked = preflight_check(preflight.status or 0, preflight.headers, origin, method, unsafe, credentials)
        if not asked.ok:
            return asked
    return cors_check(actual.headers, origin, credentials) if actual.managed else Verdict(False, untouched)
