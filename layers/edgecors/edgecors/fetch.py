"""Tables of the Fetch standard (https://fetch.spec.whatwg.org). Every other module takes them from here.

Browsers alone look at the values of request headers: `edgecors_admin.request_headers` has these rules.
"""

from __future__ import annotations

SAFELISTED_METHODS = frozenset(("GET", "HEAD", "POST"))
"""https://fetch.spec.whatwg.org/#cors-safelisted-method"""

NORMALIZED_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"))
"""https://fetch.spec.whatwg.org/#concept-method-normalize; other methods are sent in the case that the page wrote."""

FORBIDDEN_METHODS = frozenset(("CONNECT", "TRACE", "TRACK"))
"""https://fetch.spec.whatwg.org/#forbidden-method (compared without regard to case)"""

SAFELISTED_RESPONSE_HEADERS = frozenset(
    ("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma")
)
"""https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name"""

FORBIDDEN_RESPONSE_HEADERS = frozenset(("set-cookie", "set-cookie2"))
"""https://fetch.spec.whatwg.org/#forbidden-response-header-name"""

_FORBIDDEN_REQUEST_HEADERS = frozenset(
    (
        *("accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method"),
        # https://wicg.github.io/private-network-access/#forbidden-header-names
        *("access-control-request-private-network", "connection", "content-length", "cookie", "cookie2", "date"),
        *("dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer"),
        *("transfer-encoding", "upgrade", "via"),
    )
)


def is_forbidden_method(method: str) -> bool:
    """Whether no page can send this method."""
    return method.upper() in FORBIDDEN_METHODS


def is_forbidden_request_header(name: str) -> bool:
    """Whether no page can set this request header. ``name`` is in lower case.

    https://fetch.spec.whatwg.org/#forbidden-request-header, without the method override headers of step 3, which are
    forbidden for three values only.
    """
    return name in _FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-"))
