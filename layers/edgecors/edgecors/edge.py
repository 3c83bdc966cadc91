"""The edge service: what each CloudFront trigger does in the two set-ups.

- ``viewer``: viewer-request answers preflights, viewer-response adds headers (to cache hits too), origin-response adds
  them to errors, which viewer-response never sees, and takes the upstream's CORS headers from everything else.
- ``origin``: origin-request answers preflights, origin-response adds headers; CloudFront caches both by origin.

No handler raises: an exception here would be a 502 at the viewer.
"""

from __future__ import annotations

import traceback

from .decision import POLICY_UNAVAILABLE, Decision, decide_actual, decide_preflight
from .events import cloudfront
from .memory import MemoryBySite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .decision import Request
    from .store import PolicyStore
    from .telemetry import Telemetry

_CLOSED = Decision(POLICY_UNAVAILABLE)


class Edge:
    """The two handlers over one store. Give Lambda `viewer` or `origin`, as the distribution is set up."""

    def __init__(self, store: PolicyStore, telemetry: Telemetry) -> None:
        self._store = store
        self._telemetry = telemetry
        self._memory = MemoryBySite()

    def viewer(self, event: Any, context: object = None) -> Any:
        """The handler of the ``viewer`` set-up; returns the request or response for CloudFront to go on with."""
        try:
            record = cloudfront.Record(event)
            if record.trigger == cloudfront.VIEWER_REQUEST:
                return self._request(record)
            if record.trigger == cloudfront.VIEWER_RESPONSE:
                return self._response(record)
            if record.trigger == cloudfront.ORIGIN_RESPONSE:
                return self._origin_response(record)
            return record.request
        except Exception:
            return self._failed(event)

    def origin(self, event: Any, context: object = None) -> Any:
        """The handler of the ``origin`` set-up; returns the request or response for CloudFront to go on with."""
        try:
            record = cloudfront.Record(event)
            if record.trigger == cloudfront.ORIGIN_REQUEST:
                return self._cacheable(record, self._request(record))
            if record.trigger == cloudfront.ORIGIN_RESPONSE:
                return self._cached_response(record)
            return record.request if record.response is None else record.response
        except Exception:
            return self._failed(event)

    def _request(self, record: cloudfront.Record) -> dict[str, Any]:
        """Answer a preflight, block what the policy blocks, let everything else go on."""
        if "origin" not in record.headers:
            return record.request
        request = cloudfront.to_request(record)
        policy = self._store.get(record.site)
        if request.is_preflight:
            decision = decide_preflight(policy, request, self._memory.of(record.site, policy))
        elif policy is not None and policy.blocks:
            decision = decide_actual(policy, request, self._memory.of(record.site, policy))
            # What goes on is counted where its response passes.
            if decision.status is None:
                return record.request
        else:
            return record.request
        self._telemetry.record_decision(record.site, request, decision)
        return record.request if decision.status is None else cloudfront.generate_response(decision)

    def _decide(self, record: cloudfront.Record, *, count: bool) -> tuple[Decision, Request]:
        """The decision about a request whose response is at hand, where nothing can be answered any more."""
        request = cloudfront.to_request(record)
        policy = self._store.get(record.site)
        decision = decide_actual(policy, request, self._memory.of(record.site, policy))
        # A preflight that got this far (shadow, not managed) was counted where it came in.
        if count and not request.is_preflight:
            self._telemetry.record_decision(record.site, request, decision)
        return decision, request

    def _response(self, record: cloudfront.Record) -> dict[str, Any]:
        decision, _ = self._decide(record, count=True)
        return cloudfront.apply_to_response(record.response or {}, decision)

    def _origin_response(self, record: cloudfront.Record) -> dict[str, Any]:
        """Errors get their headers here and are kept out of the cache; the rest is only made the same for everybody."""
        response = record.response or {}
        if cloudfront.status_of(response) < 400:
            decision, _ = self._decide(record, count=False)
            if decision.managed:
                cloudfront.strip(response, decision)
            return response
        decision, _ = self._decide(record, count=True)
        cloudfront.apply_to_response(response, decision)
        if decision.managed:
            cloudfront.set_header(response, "Cache-Control", "no-store")
        return response

    def _cacheable(self, record: cloudfront.Record, result: dict[str, Any]) -> dict[str, Any]:
        """An allowed preflight may be cached for as long as a browser would keep it."""
        if result is not record.request and cloudfront.status_of(result) == 204:
            (max_age,) = result["headers"]["access-control-max-age"]
            cloudfront.set_header(result, "Cache-Control", f"public, max-age={max_age['value']}")
        return result

    def _cached_response(self, record: cloudfront.Record) -> dict[str, Any]:
        decision, request = self._decide(record, count=True)
        response = cloudfront.apply_to_response(record.response or {}, decision)
        # A response that lacks its headers only because no policy was at hand must not stay in the cache.
        if decision.reason == POLICY_UNAVAILABLE and request.origin is not None:
            cloudfront.set_header(response, "Cache-Control", "no-store")
        return response

    def _failed(self, event: Any) -> Any:
        """Open for the site, closed for CORS: traffic goes on, the upstream's CORS headers do not."""
        self._telemetry.log(
            "ERROR", "the edge function failed; traffic goes on", exception=traceback.format_exc(limit=8)
        )
        try:
            record = cloudfront.Record(event)
        except Exception:
            return cloudfront.fallback(event)
        if record.response is None:
            return record.request
        try:
            cloudfront.strip(record.response, _CLOSED)
        except Exception:
            self._telemetry.log("ERROR", "the response's headers can't be read")
        return record.response
