"""No wrong grant: the library's decision beside the oracle's, on random policies and requests.

Demanded of every case: the same reason, status, headers, Vary and rule as the oracle's; and, without the oracle's
decision, that whatever is echoed is byte for byte the request's origin, well formed, and covered by an entry of the
policy. A valid policy must load, and deciding must not raise.
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
"""What a request has in common with an earlier one of the same policy, where it has."""
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
        seen: list[generate.Fields] = []
        # Seldom so many that the memory is full.
        requests = REQUESTS if generate.chance(random, 0.99) else 20 * REQUESTS
        for _ in range(min(requests, cases - summary.counts["cases"])):
            request, how = generate.request(random, case.meant)
            # What is remembered of one must be true of the next that is like it in some fields and not in others.
            if seen and generate.chance(random, 0.4):
                like = generate.pick(random, seen)
                kept = generate.pick(random, LIKE)
                request |= {name: like[name] for name in like if name in kept}
                summary.counts["like_an_earlier"] += 1
            seen.append(request)
            # Seldom there is no policy at all.
            if random.random() < 0.995:
                wrong = compare(policy, case.meant, request, summary, memory)
            else:
                wrong = compare(None, None, request, summary)
            summary.counts["cases"] += 1
            if wrong:
                summary.fail(f"{wrong} [{how}] {case} {request}")
    return summary


def compare(
    policy: Policy | None,
    meant: generate.Document | None,
    request: dict[str, Any],
    summary: Summary,
    memory: DecisionMemory | None = None,
) -> str:
    """What is wrong with the decision about a request; empty when nothing is."""
    wanted = expected(meant, request)
    try:
        found = decide(policy, Request(**request), memory)
    except Exception as error:
        return f"deciding raised {error!r}"
    if found.reason == "allowed":
        summary.counts["grants"] += 1
    return difference(wanted, found) or wrong_echo(meant, request["origin"], found, summary)


def difference(wanted: Expected, found: Decision) -> str:
    """In what the library's decision is another than the oracle's."""
    pairs = {
        "reason": (wanted.reason, found.reason),
        "status": (wanted.status, found.status),
        "managed": (wanted.managed, found.managed),
        "vary": (sorted(wanted.vary), sorted(found.vary)),
        "headers": (comparable(wanted.headers), comparable(found.headers)),
        "cause": (wanted.cause, found.cause),
        "body": (wanted.body, found.body is not None),
        "rule": (wanted.rule, found.rule.index if found.rule else None),
        "removes timing": (wanted.removes_timing, "timing-allow-origin" in found.remove),
    }
    return "; ".join(f"{name}: oracle {a!r}, library {b!r}" for name, (a, b) in pairs.items() if a != b)


def wrong_echo(meant: generate.Document | None, origin: str | None, found: Decision, summary: Summary) -> str:
    """Whether an origin went out that must not, told by the policy's entries alone."""
    for name, value in found.headers:
        if name.lower() not in ECHOES:
            continue
        if meant is None or found.rule is None:
            return f"{name} without a policy or a rule"
        grant = found.grant
        if grant is None:
            return f"{name} without a grant"
        listed = generate.grants_of(meant["rules"][found.rule.index])[grant.index]["allow_origins"]
        everyone = listed in ("*", ["*"])
        if everyone and value == "*":
            continue
        summary.counts["echoes"] += 1
        if everyone or value != origin or not origins.is_well_formed(value) or not origins.matches_any(listed, value):
            return f"{name}: {value!r} was echoed"
    return ""
