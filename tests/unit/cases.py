"""Policies and requests for the engine's tests, and the comparison that lets nothing extra through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from edgecors.decision import Decision, Request, decide
from edgecors.document import PolicyError, load_policy
from edgecors.policy import Policy

APP = "https://app.example.com"
EVIL = "https://evil.example"

ACAO = "Access-Control-Allow-Origin"
ACAC = "Access-Control-Allow-Credentials"
ACAM = "Access-Control-Allow-Methods"
ACAH = "Access-Control-Allow-Headers"
ACEH = "Access-Control-Expose-Headers"
ACMA = "Access-Control-Max-Age"
ACPN = "Access-Control-Allow-Private-Network"
TIMING = "Timing-Allow-Origin"
CORP = "Cross-Origin-Resource-Policy"

ON_ACTUAL = ("Origin",)
ON_PREFLIGHT = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
NO_STORE = {"Cache-Control": "no-store"}

ALL_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
PREFLIGHT_DEFAULTS = {ACAO: APP, ACAM: ALL_METHODS, ACAH: "*, authorization", ACMA: "7200"}
"""What a preflight from APP gets from a rule that says nothing but who is allowed."""


def document(*rules: Mapping[str, Any], **fields: Any) -> str:
    """A JSON document of these rules; each allows APP unless it says whom."""
    return json.dumps({"version": 1, "rules": [{"allow_origins": [APP]} | dict(rule) for rule in rules], **fields})


def policy(lists: Mapping[str, str | None] | None = None, **fields: Any) -> Policy:
    """A policy of one rule with these fields, which allows APP unless it says whom."""
    return load_policy(document(fields), lists)


def errors_of(text: str) -> tuple[list[tuple[str, str, str]], str]:
    """Severity, code and place of everything that was found in a rejected document, and the error's text."""
    try:
        load_policy(text)
    except PolicyError as error:
        return [(f.severity, f.code, f.location) for f in error.findings], str(error)
    raise AssertionError(f"not rejected: {text}")


def found_in(compiled: Policy) -> list[tuple[str, str, str]]:
    """Severity, code and place of what a policy that serves reports."""
    return [(f.severity, f.code, f.location) for f in compiled.findings]


def preflight(origin: str | None = APP, method: str | None = "GET", names: str | None = None, **fields: Any) -> Request:
    """A preflight for https://cdn.example/."""
    values = {"method": "OPTIONS", "path": "/", "host": "cdn.example", "scheme": "https"} | fields
    return Request(origin=origin, request_method=method, request_headers=names, **values)


def actual(origin: str | None = APP, method: str = "GET", **fields: Any) -> Request:
    """A request to https://cdn.example/ that is not a preflight."""
    values = {"path": "/", "host": "cdn.example", "scheme": "https"} | fields
    return Request(method=method, origin=origin, **values)


def exactly(pairs: Iterable[tuple[str, str]], expected: Mapping[str, str]) -> None:
    """Demand these headers and no other, as they are emitted, in any order, none under two spellings."""
    pairs = list(pairs)
    names = [name.lower() for name, _ in pairs]
    assert len(set(names)) == len(names), f"sent twice: {pairs}"
    assert dict(pairs) == dict(expected)


def answer(
    compiled: Policy | None,
    request: Request,
    reason: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    vary: tuple[str, ...] = (),
    managed: bool = True,
) -> Decision:
    """Decide, and demand exactly this reason, status, header set and Vary."""
    decision = decide(compiled, request)
    assert (decision.reason, decision.status, decision.managed) == (reason, status, managed)
    exactly(decision.headers, headers or {})
    assert decision.vary == vary
    return decision


def allowed(
    compiled: Policy, request: Request, headers: Mapping[str, str], vary: tuple[str, ...] = ON_PREFLIGHT
) -> None:
    """Demand an allowed preflight with exactly these headers."""
    assert answer(compiled, request, "allowed", 204, headers, vary).body is None


def refused(compiled: Policy, request: Request, reason: str, vary: tuple[str, ...] = ON_PREFLIGHT) -> None:
    """Demand a refused preflight: 403, not stored, and no CORS header at all."""
    assert answer(compiled, request, reason, 403, NO_STORE, vary).body is None


def is_granted(entry: str, origin: str) -> bool:
    """Whether a list of this one entry grants anything to an origin, asked both ways."""
    compiled = policy(allow_origins=[entry])
    results = {decide(compiled, request).reason == "allowed" for request in (preflight(origin), actual(origin))}
    assert len(results) == 1
    for request in (preflight(origin), actual(origin)):
        assert (ACAO in dict(decide(compiled, request).headers)) == results.copy().pop()
    return results.pop()
