"""CloudFront's events for edge functions, all four triggers.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html
Header names are lower-case keys of lists of ``{"key", "value"}``; what comes back is the very object that came in,
changed as little as possible, because CloudFront answers 502 to a changed read-only header.
"""

from __future__ import annotations

from ..decision import Request
from .vary import merge_vary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..decision import Decision

    Headers = dict[str, list[dict[str, str]]]

VIEWER_REQUEST = "viewer-request"
ORIGIN_REQUEST = "origin-request"
ORIGIN_RESPONSE = "origin-response"
VIEWER_RESPONSE = "viewer-response"
TRIGGERS = (VIEWER_REQUEST, ORIGIN_REQUEST, ORIGIN_RESPONSE, VIEWER_RESPONSE)

_REASON_PHRASES = {204: "No Content", 403: "Forbidden", 503: "Service Unavailable"}


class Record:
    """The one record of an event.

    ``request`` and ``response`` are the event's own objects, ``headers`` the request's by lower-case name.
    """

    __slots__ = ("headers", "request", "response", "site", "trigger")

    def __init__(self, event: Any) -> None:
        """Raises LookupError, TypeError or ValueError for what is no CloudFront event."""
        cf = event["Records"][0]["cf"]
        config = cf.get("config") or {}
        self.request: dict[str, Any] = cf.get("request") or {}
        headers = self.request.get("headers")
        # Headers that can't be read must not keep the response from being freed of its own.
        self.headers = _lower(headers) if isinstance(headers, dict) else {}
        self.response: dict[str, Any] | None = cf.get("response")
        self.site: str = config.get("distributionId") or ""
        self.trigger: str = config.get("eventType") or self._guess()
        if self.trigger in (ORIGIN_RESPONSE, VIEWER_RESPONSE) and self.response is None:
            raise ValueError("a response event without a response")
        if self.trigger in (VIEWER_REQUEST, ORIGIN_REQUEST):
            # Whatever stands there: at these triggers CloudFront would take it for an answer of ours.
            self.response = None

    def _guess(self) -> str:
        """The samples of ``sam local generate-event`` name no trigger; only origin events have an origin."""
        at_origin = "origin" in self.request
        if self.response is not None:
            return ORIGIN_RESPONSE if at_origin else VIEWER_RESPONSE
        return ORIGIN_REQUEST if at_origin else VIEWER_REQUEST


def to_request(record: Record) -> Request:
    """What the protocol needs of the record's request. Viewer events do not tell the viewer's scheme: it is None."""
    request, headers = record.request, record.headers
    host = _value(headers, "host")
    if "origin" in request:
        host = _viewers(host, request["origin"])
    made = Request(request.get("method") or "GET", request.get("uri") or "/", host, None, _value(headers, "origin"))
    if "sec-fetch-site" in headers:
        made.fetch_site = _value(headers, "sec-fetch-site")
    if made.method == "OPTIONS":
        made.request_method = _value(headers, "access-control-request-method")
        made.request_headers = _value(headers, "access-control-request-headers")
        made.private_network = _value(headers, "access-control-request-private-network")
    return made


def generate_response(decision: Decision) -> dict[str, Any]:
    """A response of our own, as CloudFront wants it.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses.html
    Without a body unless there is text for one: a 204 with the mere key ``body`` becomes a 502.
    """
    status = decision.status or 0
    response: dict[str, Any] = {
        "status": str(status),
        "statusDescription": _REASON_PHRASES[status],
        "headers": {lower: [{"key": name, "value": value}] for lower, name, value in _form(decision)},
    }
    set_header(response, "Vary", ", ".join(decision.vary))
    if decision.body is not None:
        response["body"] = decision.body
    return response


def apply_to_response(response: dict[str, Any], decision: Decision) -> dict[str, Any]:
    """Put a decision on an upstream's response: its CORS headers go, ours come, Vary is merged. In place."""
    if not decision.managed:
        return response
    headers = strip(response, decision)
    for lower, name, value in _form(decision):
        headers[lower] = [{"key": name, "value": value}]
    if decision.vary:
        merged = merge_vary([entry["value"] for entry in headers.get("vary", ())], decision.vary)
        if merged is not None:
            headers["vary"] = [{"key": "Vary", "value": merged}]
    return response


def strip(response: dict[str, Any], decision: Decision) -> Headers:
    """Remove the upstream's CORS headers from a response; return the headers that are left."""
    headers = response.get("headers") or {}
    names = "".join(headers)
    if names != names.lower():
        headers, names = _lower(headers), names.lower()
    response["headers"] = headers
    # The joined names are searched at the speed of C; most responses have nothing to remove.
    if "access-control-" in names:
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
    for name in decision.remove:
        headers.pop(name, None)
    return headers


def fallback(event: Any) -> Any:
    """What an unreadable event still holds for CloudFront to go on with."""
    try:
        cf = event["Records"][0]["cf"]
        return cf.get("response") or cf.get("request") or {}
    except (LookupError, TypeError, AttributeError):
        return {}


def set_header(response: dict[str, Any], name: str, value: str) -> None:
    """Set one header of a response to one value."""
    response["headers"][name.lower()] = [{"key": name, "value": value}]


def status_of(response: dict[str, Any]) -> int:
    """The response's status; 0 where there is none to read."""
    status = str(response.get("status") or "")
    return int(status) if status.isascii() and status.isdigit() else 0


def _form(decision: Decision) -> tuple[tuple[str, str, str], ...]:
    """A decision's headers, each with its lower-case name first."""
    form: tuple[tuple[str, str, str], ...] | None = decision.forms.get("cloudfront")
    if form is None:
        form = decision.forms["cloudfront"] = tuple([(name.lower(), name, value) for name, value in decision.headers])
    return form


def _lower(headers: Headers) -> Headers:
    """The headers by lower-case name. Documented events have no others, so this is nearly always the object itself."""
    names = "".join(headers)
    if names == names.lower():
        return headers
    lowered: Headers = {}
    for name, entries in headers.items():
        lowered.setdefault(name.lower(), []).extend(entries)
    return lowered


def _value(headers: Headers, name: str) -> str | None:
    """All values of a header, joined. An empty list is no header."""
    entries = headers.get(name)
    if not entries:
        return None
    if len(entries) == 1:
        return entries[0]["value"]
    return ", ".join(entry["value"] for entry in entries)


def _viewers(host: str | None, origin: Any) -> str | None:
    """The viewer's Host, None where the event shows only the origin server's.

    Origin events carry the origin's own domain name unless an origin request policy forwards the viewer's Host.
    """
    if origin and host:
        for settings in origin.values():
            if host.lower() == str(settings.get("domainName", "")).lower():
                return None
    return host
