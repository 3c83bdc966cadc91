"""CloudFront's events for edge functions, all four triggers.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html
Header names are lower-case keys of lists of ``{"key", "value"}``. Handlers return the event's own request or response,
changed as little as possible, because CloudFront answers 502 when a read-only header was changed.
"""

from __future__ import annotations

from ..decision import Request
from .vary import merge_vary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..decision import Decision

    CloudFrontHeaders = dict[str, list[dict[str, str]]]

VIEWER_REQUEST = "viewer-request"
ORIGIN_REQUEST = "origin-request"
ORIGIN_RESPONSE = "origin-response"
VIEWER_RESPONSE = "viewer-response"

_REASON_PHRASES = {204: "No Content", 403: "Forbidden", 503: "Service Unavailable"}


class CloudFrontEvent:
    """The event of one trigger.

    Attributes:
        trigger: One of `VIEWER_REQUEST`, `ORIGIN_REQUEST`, `ORIGIN_RESPONSE`, `VIEWER_RESPONSE`.
        site: The distribution's id.
        unchanged: The event's own request or response, for CloudFront to continue with.
        has_origin: Whether the request has an Origin header.
    """

    __slots__ = ("_headers", "_request", "has_origin", "site", "trigger", "unchanged")

    def __init__(self, event: Any) -> None:
        """Parse an event. Raises LookupError, TypeError or ValueError for anything that is not a CloudFront event."""
        cf = event["Records"][0]["cf"]
        config = cf.get("config") or {}
        request: dict[str, Any] = cf.get("request") or {}
        response: dict[str, Any] | None = cf.get("response")
        headers = request.get("headers")
        self._request = request
        # Unreadable request headers must not prevent the response's CORS headers from being removed.
        self._headers = _lower(headers) if isinstance(headers, dict) else {}
        self.has_origin = "origin" in self._headers
        self.site: str = config.get("distributionId") or ""
        self.trigger: str = config.get("eventType") or _guess_trigger(request, response)
        if self.trigger in (VIEWER_REQUEST, ORIGIN_REQUEST):
            # CloudFront would take a response that is returned here for the answer to the viewer.
            self.unchanged = request
        elif response is not None:
            self.unchanged = response
        elif self.trigger in (ORIGIN_RESPONSE, VIEWER_RESPONSE):
            raise ValueError("a response event without a response")
        else:
            self.unchanged = request

    @property
    def status(self) -> int:
        """The status of a response event; 0 when it is not a number."""
        status = str(self.unchanged.get("status") or "")
        return int(status) if status.isascii() and status.isdigit() else 0

    def request(self) -> Request:
        """What the CORS protocol needs of the request. Viewer events do not show the viewer's scheme: it is None."""
        request, headers = self._request, self._headers
        host = _value(headers, "host")
        if "origin" in request:
            host = _viewer_host(host, request["origin"])
        result = Request(
            request.get("method") or "GET", request.get("uri") or "/", host, None, _value(headers, "origin")
        )
        if "sec-fetch-site" in headers:
            result.fetch_site = _value(headers, "sec-fetch-site")
        if result.method == "OPTIONS":
            result.request_method = _value(headers, "access-control-request-method")
            result.request_headers = _value(headers, "access-control-request-headers")
            result.private_network = _value(headers, "access-control-request-private-network")
        return result

    def generate_response(self, decision: Decision) -> dict[str, Any]:
        """The response of a decision that has a status.

        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses.html
        A 204 with the mere key ``body`` becomes a 502, so the key is there only with a text.
        """
        status = decision.status or 0
        headers = {name.lower(): [{"key": name, "value": value}] for name, value in decision.headers}
        headers["vary"] = [{"key": "Vary", "value": ", ".join(decision.vary)}]
        response: dict[str, Any] = {
            "status": str(status),
            "statusDescription": _REASON_PHRASES[status],
            "headers": headers,
        }
        if decision.body is not None:
            response["body"] = decision.body
        return response

    def generate_cacheable_response(self, decision: Decision) -> dict[str, Any]:
        """The same; an allowed preflight may be cached by CloudFront for as long as a browser would cache it."""
        response = self.generate_response(decision)
        if decision.status == 204:
            (max_age,) = response["headers"]["access-control-max-age"]
            set_cache_control(response, f"public, max-age={max_age['value']}")
        return response

    def apply_to_response(self, response: dict[str, Any], decision: Decision) -> dict[str, Any]:
        """Set a decision's headers on a response instead of the upstream's CORS headers, and merge Vary. In place."""
        if not decision.managed:
            return response
        headers = remove_cors_headers(response, decision)
        for name, value in decision.headers:
            headers[name.lower()] = [{"key": name, "value": value}]
        if decision.vary:
            merged = merge_vary([entry["value"] for entry in headers.get("vary", ())], decision.vary)
            if merged is not None:
                headers["vary"] = [{"key": "Vary", "value": merged}]
        return response


def remove_cors_headers(response: dict[str, Any], decision: Decision) -> CloudFrontHeaders:
    """Remove the upstream's CORS headers from a response, in place; returns the headers that are left."""
    headers = response.get("headers") or {}
    names = "".join(headers)
    if names != names.lower():
        headers, names = _lower(headers), names.lower()
    response["headers"] = headers
    # One search in the joined names is faster than a loop, and most responses have nothing to remove.
    if "access-control-" in names:
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
    for name in decision.remove:
        headers.pop(name, None)
    return headers


def set_cache_control(response: dict[str, Any], value: str) -> None:
    """Set the Cache-Control header of a response."""
    response["headers"]["cache-control"] = [{"key": "Cache-Control", "value": value}]


def fallback(event: Any) -> Any:
    """The request or response in an event that `CloudFrontEvent` can't parse, for CloudFront to continue with."""
    try:
        cf = event["Records"][0]["cf"]
        return cf.get("response") or cf.get("request") or {}
    except (LookupError, TypeError, AttributeError):
        return {}


def _guess_trigger(request: dict[str, Any], response: dict[str, Any] | None) -> str:
    """The samples of ``sam local generate-event`` name no trigger; only origin events have an origin."""
    at_origin = "origin" in request
    if response is not None:
        return ORIGIN_RESPONSE if at_origin else VIEWER_RESPONSE
    return ORIGIN_REQUEST if at_origin else VIEWER_REQUEST


def _lower(headers: CloudFrontHeaders) -> CloudFrontHeaders:
    """The headers by lower-case name. Documented events have no others, so this is nearly always the same object."""
    names = "".join(headers)
    if names == names.lower():
        return headers
    lowered: CloudFrontHeaders = {}
    for name, entries in headers.items():
        lowered.setdefault(name.lower(), []).extend(entries)
    return lowered


def _value(headers: CloudFrontHeaders, name: str) -> str | None:
    """All values of a header, joined; None for an empty list."""
    entries = headers.get(name)
    if not entries:
        return None
    if len(entries) == 1:
        return entries[0]["value"]
    return ", ".join(entry["value"] for entry in entries)


def _viewer_host(host: str | None, origin: Any) -> str | None:
    """The viewer's Host; None where the event shows only the origin server's.

    Origin events show the origin server's domain name unless an origin request policy forwards the viewer's Host.
    """
    if origin and host:
        for settings in origin.values():
            # With a port where the origin server's is not its scheme's default.
            if host.lower().partition(":")[0] == str(settings.get("domainName", "")).lower():
                return None
    return host
