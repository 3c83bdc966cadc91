"""CloudFront's cache: the key, how long a response is kept, and what is kept."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from edgecors_local.behavior import READ_METHODS, Behavior, KeySelection
from edgecors_local.http import Headers, HttpRequest, HttpResponse, tokens, value, values

Key = tuple[object, ...]

# "HTTP 4xx and 5xx status codes that CloudFront caches" in the guide's page on how it processes them.
_KEPT_ERRORS: Final = frozenset({404, 414, 500, 501, 502, 503, 504})
_KEPT_WITH_MAX_AGE: Final = frozenset({400, 403, 405, 412, 415})
# The page on error caching: `no-store` and its like count for these; for every other error they are ignored.
_NO_STORE_COUNTS: Final = frozenset({404, 410, 414, 501})

_MAX_ENTRIES: Final = 2000


def cacheable_method(behavior: Behavior, method: str) -> bool:
    """GET and HEAD always; OPTIONS where the behaviour says so."""
    return method in READ_METHODS or (method == "OPTIONS" and method in behavior.cached_methods)


def cache_key(behavior: Behavior, request: HttpRequest) -> Key:
    """What two requests have to have in common to be given the same response. ``request`` is the viewer's, as
    viewer-request left it. Header values are compared with regard to case, and absent is a value of its own.
    """
    return (
        request.method,
        request.path,
        select_query(behavior.key_query, request.query),
        tuple(sorted(_key_headers(behavior, request.headers))),
        tuple(select_cookies(behavior.key_cookies, request.headers)),
        normal_encoding(behavior, request.headers),
    )


def _key_headers(behavior: Behavior, headers: Headers) -> list[tuple[str, str]]:
    names = {name.lower() for name, _ in headers if behavior.key_headers.takes(name.lower())}
    return [(name, ", ".join(values(headers, name))) for name in names]


def select_query(selection: KeySelection, query: str) -> str:
    """The selected parameters of a raw query string, in their order."""
    if selection.mode == "all" or not query:
        return query
    return "&".join(part for part in query.split("&") if selection.takes(part.partition("=")[0]))


def select_cookies(selection: KeySelection, headers: Headers) -> list[str]:
    """The selected ``name=value`` pairs of all ``Cookie`` headers, in their order."""
    pairs = (pair.strip() for text in values(headers, "cookie") for pair in text.split(";"))
    return [pair for pair in pairs if pair and selection.takes(pair.partition("=")[0].strip())]


def normal_encoding(behavior: Behavior, headers: Headers) -> str | None:
    """``Accept-Encoding`` as CloudFront keys on and forwards it when the cache policy has compression on."""
    offered = {token.partition(";")[0].strip().lower() for token in tokens(value(headers, "accept-encoding"))}
    return ",".join(name for name in behavior.key_encodings if name in offered) or None


def ttl(behavior: Behavior, response: HttpResponse, now: float) -> float:
    """For how many seconds from ``now`` (a POSIX time) a response is kept; 0: not at all.

    Follows the guide's table of how Cache-Control and Expires act together with the three TTLs, and its pages on
    errors: the greater of the error caching minimum TTL and ``max-age``.
    """
    directives = _directives(response.headers)
    stated = _stated_age(directives, response.headers, now)
    forbidden = forbids_caching(response)
    if behavior.max_ttl == 0:
        return 0
    if response.status >= 400:
        return _error_ttl(behavior, response.status, stated, forbidden)
    if "*" in tokens(value(response.headers, "vary")):
        # "The origin must be asked each time": kept for the minimum TTL at most.
        return behavior.min_ttl
    if forbidden:
        return behavior.min_ttl
    if stated is None:
        return max(behavior.min_ttl, behavior.default_ttl)
    return min(max(stated, behavior.min_ttl), behavior.max_ttl)


def forbids_caching(response: HttpResponse) -> bool:
    """Whether the origin's ``Cache-Control`` forbids to cache a response (a directive may name headers)."""
    return not _directives(response.headers).keys().isdisjoint({"no-cache", "no-store", "private"})


def _error_ttl(behavior: Behavior, status: int, stated: float | None, forbidden: bool) -> float:
    if status in _KEPT_WITH_MAX_AGE and stated is None:
        return 0
    if status not in _KEPT_ERRORS | _KEPT_WITH_MAX_AGE:
        return 0
    if forbidden:
        return 0 if status in _NO_STORE_COUNTS else behavior.error_ttl(status)
    return max(min(stated or 0, behavior.max_ttl), behavior.error_ttl(status))


def _directives(headers: Headers) -> dict[str, str]:
    parts = (token.partition("=") for token in tokens(value(headers, "cache-control")))
    return {name.strip().lower(): text.strip().strip('"') for name, _, text in parts}


def _stated_age(directives: dict[str, str], headers: Headers, now: float) -> float | None:
    """The life that the origin stated, in seconds: ``s-maxage``, else ``max-age``, else ``Expires``."""
    for name in ("s-maxage", "max-age"):
        if directives.get(name, "").isdecimal():
            return float(directives[name])
    expires = value(headers, "expires")
    if expires is None:
        return None
    try:
        return max(0.0, math.floor(parsedate_to_datetime(expires).timestamp() - now))
    except ValueError:
        return 0.0  # RFC 9111 section 5.3: an invalid date is one in the past.


@dataclass(frozen=True, slots=True)
class Entry:
    """A kept response; the two times are POSIX times."""

    response: HttpResponse
    stored: float
    expires: float

    def age(self, now: float) -> int:
        """The ``Age`` to send: seconds since it was kept, and what it had then."""
        before = value(self.response.headers, "age") or ""
        return int(now - self.stored) + (int(before) if before.isdecimal() else 0)


class Cache:
    """Kept responses, the oldest dropped when there are too many."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def look_up(self, key: Key, now: float) -> Entry | None:
        """A response that is still fresh, or None. HEAD is also answered from what GET left."""
        for candidate in (key, ("GET", *key[1:])) if key[0] == "HEAD" else (key,):
            entry = self._entries.get(candidate)
            if entry is not None and entry.expires > now:
                return entry
        return None

    def keep(self, key: Key, response: HttpResponse, seconds: float, now: float) -> None:
        """Keeps a response for as long."""
        self._entries.pop(key, None)
        self._entries[key] = Entry(response, now, now + seconds)
        if len(self._entries) > _MAX_ENTRIES:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """What an invalidation of ``/*`` does."""
        self._entries.clear()
