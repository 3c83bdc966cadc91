"""What a browser does with a response: Fetch's two checks, on exactly the headers that it gets.

A small model for `explain` and `probe`. It does not know policies, so it can contradict them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgecors.characters import is_token
from edgecors.fetch import NORMALIZED_METHODS, SAFELISTED_METHODS, is_forbidden_method

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Verdict:
    """Whether the page gets what it asked for, and the reason, in the words of a browser's console."""

    ok: bool
    why: str


def normalised(method: str) -> str:
    """The method as a browser sends it: https://fetch.spec.whatwg.org/#concept-method-normalize."""
    return method.upper() if method.upper() in NORMALIZED_METHODS else method


def needs_preflight(method: str, unsafe: Iterable[str]) -> bool:
    """Whether the browser asks first: https://fetch.spec.whatwg.org/#http-fetch."""
    return method not in SAFELISTED_METHODS or any(True for _ in unsafe)


def cors_check(headers: Headers, origin: str, credentials: bool) -> Verdict:
    """https://fetch.spec.whatwg.org/#concept-cors-check"""
    values = _values(headers, "access-control-allow-origin")
    if not values:
        return Verdict(False, "no Access-Control-Allow-Origin header")
    allowed = ", ".join(values)
    if len(values) > 1 or "," in allowed:
        return Verdict(False, f"Access-Control-Allow-Origin has several values: {allowed}")
    if allowed == "*" and not credentials:
        return Verdict(True, "Access-Control-Allow-Origin: * allows every origin without credentials")
    if allowed == "*":
        return Verdict(False, "Access-Control-Allow-Origin: * is not accepted for a request with credentials")
    if allowed != origin:
        return Verdict(False, f"Access-Control-Allow-Origin names {allowed}, not {origin}")
    if not credentials:
        return Verdict(True, "Access-Control-Allow-Origin names the origin")
    if _values(headers, "access-control-allow-credentials") != ["true"]:
        return Verdict(False, "a request with credentials needs Access-Control-Allow-Credentials: true")
    return Verdict(True, "Access-Control-Allow-Origin names the origin, and credentials are allowed")


def preflight_check(
    status: int, headers: Headers, origin: str, method: str, unsafe: Iterable[str], credentials: bool
) -> Verdict:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, from step 7 on."""
    if not _values(headers, "access-control-allow-origin"):
        return Verdict(False, "the preflight's answer has no Access-Control-Allow-Origin header")
    checked = cors_check(headers, origin, credentials)
    if not checked.ok:
        return checked
    if not 200 <= status <= 299:
        return Verdict(False, f"the preflight's answer has status {status}")
    methods = _extracted(headers, "access-control-allow-methods")
    names = _extracted(headers, "access-control-allow-headers")
    if methods is None or names is None:
        return Verdict(False, "Access-Control-Allow-Methods or -Headers can't be read")
    wild_method = "*" in methods and not credentials
    if method not in methods and method not in SAFELISTED_METHODS and not wild_method:
        return Verdict(False, f"method {method} is not in Access-Control-Allow-Methods")
    lower = {name.lower() for name in names}
    for name in unsafe:
        wild = "*" in lower and not credentials and name != "authorization"
        if name not in lower and not wild:
            return Verdict(False, f"header {name} is not in Access-Control-Allow-Headers")
    return Verdict(True, "the preflight's answer allows origin, method and headers")


def can_be_sent(method: str) -> bool:
    """Whether a page can send the method at all."""
    return is_token(method) and not is_forbidden_method(method)


def _values(headers: Headers, name: str) -> list[str]:
    return [value.strip() for key, value in headers if key.lower() == name]


def _extracted(headers: Headers, name: str) -> list[str] | None:
    """https://fetch.spec.whatwg.org/#extract-header-list-values: None for a value that is not a list of tokens."""
    items = []
    for value in _values(headers, name):
        for part in value.split(","):
            item = part.strip(" \t")
            if item and not is_token(item):
                return None
            if item:
                items.append(item)
    return items
