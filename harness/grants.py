"""Compare the library's decisions with the oracle's, on random policies and requests.

Each case must have the oracle's reason, status, headers, Vary and rule. Whatever the oracle decides, an echoed origin
must be byte for byte the request's, well formed, and covered by an entry of the policy. A valid policy must load, and
deciding must not raise.
"""

from __future__ import annotations

from random import Random
from typing import Any

from edgecors.decision import Decision, Request, decide
from edgecors.document import PolicyError, load_policy
from edgecors.memory import DecisionMemory
from edgecors.policy import Policy

from harness import generate
from harness.oracle import origins
from harness.oracle.decision import Expected, comparable, expected
from harness.summary import Summary

REQUESTS = 40
"""Requests for each policy."""
LIKE = (
    ("origin",),
    ("origin", "method", "path"),
    ("origin", "method", "path", "host", "fetch_site", "scheme"),
    ("origin", "method", "request_method", "request_headers", "path"),
    ("origin", "method", "request_method", "request_headers", "private_network"),
    ("method", "request_method", "request_headers", "path", "private_network"),
)
"""Fields that a request may share with an earlier one of the same policy, to test remembered decisions."""
ECHOES = frozenset(("access-control-allow-origin", "timing-allow-origin"))


def run(seed: int, cases: int, seconds: float) -> Summary:
    """Compare until the cases or the time are used up."""
    summary = Summary("grants", seconds, seed=seed)
    random = Random(seed)
    while summary.counts["cases"] < cases and not summary.over:
        case = generate.policy(random)
        try:
            policy = load_policy(case.text, case.lists)
        except PolicyError as error:
            summary.fail(f"a valid policy was rejected: {error}; {case}")
            continue
        summary.counts["policies"] += 1
        memory = DecisionMemory(policy)
        earlier: list[generate.Fields] = []
        # In one policy of a hundred, enough requests to fill the memory.
        requests = REQUESTS if generate.chance(random, 0.99) else 20 * REQUESTS
        for _ in range(min(requests, cases - summary.counts["cases"])):
            request, how = generate.request(random, case.meant)
            # A remembered decision must not be used for a request that differs in a field that matters.
            if earlier and generate.chance(random, 0.4):
                like = generate.pick(random, earlier)
                fields = generate.pick(random, LIKE)
                request |= {name: like[name] for name in like if name in fields}
                summary.counts["like_an_earlier"] += 1
            earlier.append(request)
            # In one case of two hundred there is no policy.
            if random.random() < 0.995:
                difference_text = compare(policy, case.meant, request, summary, memory)
            else:
                difference_text = compare(None, None, request, summary)
            summary.counts["cases"] += 1
            if difference_text:
                summary.fail(f"{difference_text} [{how}] {case} {request}")
    return summary


def compare(
    policy: Policy | None,
    meant: generate.Document | None,
    request: dict[str, Any],
    summary: Summary,
    memory: DecisionMemory | None = None,
) -> str:
    """What is wrong with the decision about a request; empty when nothing is."""
    oracle = expected(meant, request)
    try:
        decision = decide(policy, Request(**request), memory)
    except Exception as error:
        return f"deciding raised {error!r}"
    if decision.reason == "allowed":
        summary.counts["grants"] += 1
    return difference(oracle, decision) or wrong_echo(meant, request["origin"], decision, summary)


def difference(oracle: Expected, decision: Decision) -> str:
    """The fields in which the library's decision differs from the oracle's; empty when there are none."""
    pairs = {
        "reason": (oracle.reason, decision.reason),
        "status": (oracle.status, decision.status),
        "managed": (oracle.managed, decision.managed),
        "vary": (sorted(oracle.vary), sorted(decision.vary)),
        "headers": (comparable(oracle.headers), comparable(decision.headers)),
        "cause": (oracle.cause, decision.cause),
        "body": (oracle.body, decision.body is not None),
        "rule": (oracle.rule, decision.rule.index if decision.rule else None),
        "removes timing": (oracle.removes_timing, "timing-allow-origin" in decision.remove),
    }
    return "; ".join(f"{name}: oracle {a!r}, library {b!r}" for name, (a, b) in pairs.items() if a != b)


def wrong_echo(meant: generate.Document | None, origin: str | None, decision: Decision, summary: Summary) -> str:
    """An origin that was echoed although no entry of the policy allows it; empty when there is none."""
    for name, value in decision.headers:
        if name.lower() not in ECHOES:
            continue
        if meant is None or decision.rule is None:
            return f"{name} without a policy or a rule"
        grant = decision.grant
        if grant is None:
            return f"{name} without a grant"
        listed = generate.grants_of(meant["rules"][decision.rule.index])[grant.index]["allow_origins"]
        everyone = listed in ("*", ["*"])
        if everyone and value == "*":
            continue
        summary.counts["echoes"] += 1
        if everyone or value != origin or not origins.is_well_formed(value) or not origins.matches_any(listed, value):
            return f"{name}: {value!r} was echoed"
    return ""
