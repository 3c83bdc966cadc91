"""What the edge did with the page's requests, and what the policy says about them.

Each of the page's requests carries an id in its query (``trial=...``), which no CORS rule looks at. The edge notes what
it saw under that id; the page asks for it afterwards on its own server.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from edgecors_admin.browser import Verdict, cors_check, preflight_check

from edgecors_local.http import Exchange, HttpRequest, tokens, value

if TYPE_CHECKING:
    from edgecors.decision import Decision
    from edgecors.policy import Policy

KEPT: Final = 2000
"""Trials that are remembered; older ones are forgotten."""
MOST: Final = 20
"""Exchanges kept of one trial."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of a trial as the edge received it, and what the edge answered."""

    request: HttpRequest
    exchange: Exchange

    @property
    def origin(self) -> str | None:
        """The request's Origin."""
        return value(self.request.headers, "origin")

    @property
    def asked(self) -> str | None:
        """The method that a preflight asks for; None where this is no preflight."""
        return (
            value(self.request.headers, "access-control-request-method") if self.request.method == "OPTIONS" else None
        )


class Trials:
    """The exchanges of each trial. An instance is a listener of `EdgeApp`."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, list[Seen]] = OrderedDict()

    def __call__(self, request: HttpRequest, exchange: Exchange, seconds: float) -> None:
        """Notes a request that carries an id."""
        ids = parse_qs(request.query).get("trial")
        if not ids:
            return
        exchanges = self._seen.setdefault(ids[0], [])
        if len(exchanges) < MOST:
            exchanges.append(Seen(request, exchange))
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)

    def of(self, trial: str, origin: str) -> list[Seen]:
        """The requests with a trial's id from one origin, in order."""
        return [seen for seen in self._seen.get(trial, ()) if seen.origin == origin]


def judged(policy: Policy | None, seen: Sequence[Seen], credentials: bool) -> dict[str, Any]:
    """What the policy says of a trial's requests, and so what a browser has to make of it; JSON-ready.

    ``expected`` is whether the page gets its answer (None where the edge saw nothing), ``why`` the first cause that it
    does not: the policy's reason where the policy refuses, otherwise the browser's. What the policy does not touch is
    for the upstream to say: there the headers that were sent count. ``answered`` is what a browser makes of the headers
    that were sent, whatever the policy says.
    """
    decisions = [_decide(policy, one) for one in seen]
    verdicts = [_verdict(one, decision, credentials) for one, decision in zip(seen, decisions, strict=True)]
    answers = [_verdict_on_answer(one, credentials) for one in seen]
    return {
        "expected": all(verdict.ok for verdict in verdicts) if verdicts else None,
        "why": _why(decisions[_deciding(verdicts)], verdicts[_deciding(verdicts)]) if verdicts else "",
        "deciding": _deciding(verdicts) if verdicts else None,
        "answered": answers[_deciding(answers)].why if answers else "",
        "exchanges": [
            {**_shown(one, decision), "differs": verdict.ok != answer.ok}
            for one, decision, verdict, answer in zip(seen, decisions, verdicts, answers, strict=True)
        ],
    }


def _deciding(verdicts: Sequence[Verdict]) -> int:
    """A browser stops at the first refusal; without one, its last request counts."""
    return next((number for number, verdict in enumerate(verdicts) if not verdict.ok), len(verdicts) - 1)


def _why(decision: Decision, verdict: Verdict) -> str:
    from edgecors.decision import ALLOWED, REASONS

    if verdict.ok or not decision.managed or decision.reason == ALLOWED:
        return verdict.why
    cause = f" ({decision.cause})" if decision.cause else ""
    return f"{decision.reason}{cause}: {REASONS[decision.reason]}"


def _decide(policy: Policy | None, seen: Seen) -> Decision:
    from edgecors.decision import Request, decide_actual, decide_preflight

    headers = seen.request.headers
    request = Request(
        seen.request.method,
        seen.request.path,
        value(headers, "host"),
        "http",
        seen.origin,
        value(headers, "access-control-request-method"),
        value(headers, "access-control-request-headers"),
        value(headers, "access-control-request-private-network"),
        value(headers, "sec-fetch-site"),
    )
    return decide_preflight(policy, request) if request.is_preflight else decide_actual(policy, request)


def _verdict(seen: Seen, decision: Decision, credentials: bool) -> Verdict:
    """A browser's verdict on what the policy has decided."""
    if not decision.managed:
        return _verdict_on_answer(seen, credentials)
    return _check(seen, decision.status or 0, decision.headers, credentials)


def _verdict_on_answer(seen: Seen, credentials: bool) -> Verdict:
    """A browser's verdict on what the edge has answered."""
    response = seen.exchange.response
    return _check(seen, response.status, response.headers, credentials)


def _check(seen: Seen, status: int, headers: Pairs, credentials: bool) -> Verdict:
    origin = seen.origin or ""
    if seen.asked is None:
        return cors_check(headers, origin, credentials)
    unsafe = tokens(value(seen.request.headers, "access-control-request-headers"))
    return preflight_check(status, headers, origin, seen.asked, unsafe, credentials)


def _shown(seen: Seen, decision: Decision) -> dict[str, Any]:
    response = seen.exchange.response
    return {
        "method": seen.request.method,
        "target": seen.request.target,
        "preflight": seen.asked is not None,
        "status": response.status,
        "steps": seen.exchange.steps,
        "decisions": seen.exchange.decisions,
        "troubles": seen.exchange.troubles,
        "reason": decision.reason,
        "cause": decision.cause,
        "entry": decision.entry,
        "rule": decision.rule.index if decision.rule is not None else None,
        "managed": decision.managed,
        "sent": seen.request.headers,
        "answered": response.headers,
    }
