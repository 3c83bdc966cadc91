"""CloudFront's settings for one cache behaviour: what it keys on, forwards, allows and keeps, and which triggers run.

The values are those of the project's template; a test compares them with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

READ_METHODS: Final = frozenset({"GET", "HEAD"})
ALL_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"})
DEFAULT_ERROR_TTL: Final = 10
"""Seconds for which CloudFront keeps an error when the distribution says nothing about its status."""


@dataclass(frozen=True, slots=True)
class KeySelection:
    """Some of a request's headers, cookies or query strings: ``mode`` is ``none``, ``all``, ``only`` or ``except``.

    ``names`` are compared as they are; header names have to be lower-case here.
    """

    mode: str = "none"
    names: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        """Whether something of this name is selected."""
        match self.mode:
            case "all":
                return True
            case "only":
                return name in self.names
            case "except":
                return name not in self.names
        return False

    def without(self, names: frozenset[str]) -> KeySelection:
        """The same but these. ``all`` becomes all except them."""
        match self.mode:
            case "all":
                return KeySelection("except", names)
            case "except":
                return KeySelection("except", self.names | names)
            case "only":
                return KeySelection.only(*(self.names - names))
        return self

    @classmethod
    def only(cls, *names: str) -> KeySelection:
        """Just these."""
        return cls("only", frozenset(names)) if names else cls()


NOTHING: Final = KeySelection()
EVERYTHING: Final = KeySelection("all")


@dataclass(frozen=True, slots=True)
class Behavior:
    """One cache behaviour with its cache policy and origin request policy. Times are seconds."""

    triggers: frozenset[str] = frozenset()
    allowed_methods: frozenset[str] = ALL_METHODS
    cached_methods: frozenset[str] = READ_METHODS
    key_headers: KeySelection = NOTHING
    key_query: KeySelection = EVERYTHING
    key_cookies: KeySelection = NOTHING
    key_encodings: tuple[str, ...] = ()
    """``br`` and ``gzip``, in the order in which CloudFront normalises ``Accept-Encoding``."""
    forward_headers: KeySelection = NOTHING
    forward_query: KeySelection = NOTHING
    forward_cookies: KeySelection = NOTHING
    min_ttl: int = 0
    default_ttl: int = 86400
    max_ttl: int = 31536000
    error_ttls: Mapping[int, int] = field(default_factory=dict)

    def header_reaches_origin(self, name: str) -> bool:
        """Whether a policy lets a viewer's header (lower-case name) through to the origin."""
        return self.key_headers.takes(name) or self.forward_headers.takes(name)

    @property
    def cookies_reach_origin(self) -> bool:
        """Whether any cookie does. If none, CloudFront drops the origin's ``Set-Cookie`` too."""
        return self.key_cookies != NOTHING or self.forward_cookies != NOTHING

    def unkeyed(self, names: Iterable[str]) -> Behavior:
        """The same with these headers forwarded but left out of the cache key: a mistake to try out."""
        wanted = frozenset(name.lower() for name in names)
        if not wanted:
            return self
        forward = self.forward_headers
        if not all(forward.takes(name) for name in wanted):
            forward = KeySelection("only", wanted | (forward.names if forward.mode == "only" else frozenset()))
        return replace(self, key_headers=self.key_headers.without(wanted), forward_headers=forward)

    def error_ttl(self, status: int) -> int:
        """The error caching minimum TTL of a status."""
        return self.error_ttls.get(status, DEFAULT_ERROR_TTL)


ERRORS_NOT_KEPT: Final = dict.fromkeys((400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504), 0)


NOT_FORWARDED: Final = frozenset(
    {"host", "x-forwarded-host", "x-http-method", "x-http-method-override", "x-method-override"}
)


def deployed_behavior(setup: str) -> Behavior:
    """The default cache behavior in the project's template for a set-up (``viewer`` or ``origin``)."""
    common: dict[str, Any] = {
        "key_cookies": EVERYTHING,
        "key_encodings": ("br", "gzip"),
        "forward_headers": KeySelection("except", NOT_FORWARDED),
        "forward_query": EVERYTHING,
        "forward_cookies": EVERYTHING,
        "default_ttl": 0,
        "error_ttls": ERRORS_NOT_KEPT,
    }
    if setup == "viewer":
        return Behavior(
            triggers=frozenset({"viewer-request", "origin-response", "viewer-response"}),
            key_headers=KeySelection.only("authorization", "accept", "x-api-key"),
            **common,
        )
    return Behavior(
        triggers=frozenset({"origin-request", "origin-response"}),
        cached_methods=frozenset({"GET", "HEAD", "OPTIONS"}),
        key_headers=KeySelection.only(
            "authorization",
            "accept",
            "x-api-key",
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
            "access-control-request-private-network",
        ),
        **common,
    )
