"""The edge function: what each CloudFront trigger does in the two set-ups.

- viewer set-up: viewer-request answers preflights, viewer-response adds headers (to cache hits too), origin-response
  adds them to errors, which viewer-response never sees, and removes the upstream's CORS headers from other responses.
- origin set-up: origin-request answers preflights, origin-response adds headers; CloudFront caches both by origin.

No handler raises: an exception here would be a 502 for the viewer.
"""

from __future__ import annotations

import traceback

from .decision import ON_ERROR, POLICY_UNAVAILABLE, decide_actual, decide_preflight
from .events.cloudfront import (
    ORIGIN_REQUEST,
    ORIGIN_RESPONSE,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    CloudFrontEvent,
    fallback,
    remove_cors_headers,
    set_cache_control,
)
from .memory import MemoryBySite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .decision import Decision, Request
    from .store import PolicyStore
    from .telemetry import Telemetry


class Edge:
    """The handlers of both set-ups over one store.

    Args:
        store: Where policies come from; the site is the distribution's id.
        telemetry: Where decisions are counted and errors logged.
    """

    def __init__(self, store: PolicyStore, telemetry: Telemetry) -> None:
        self._store = store
        self._telemetry = telemetry
        self._memory = MemoryBySite()

    def viewer(self, event: Any, context: object = None) -> Any:
        """Lambda's handler for the viewer set-up; returns the request or response for CloudFront to continue with."""
        try:
            adapter = CloudFrontEvent(event)
            if adapter.trigger == VIEWER_REQUEST:
                decision = self._decide_request(adapter)
                return adapter.unchanged if decision is None else adapter.generate_response(decision)
            if adapter.trigger == VIEWER_RESPONSE:
                decision, _ = self._decide_response(adapter, count=True)
                return adapter.apply_to_response(adapter.unchanged, decision)
            if adapter.trigger == ORIGIN_RESPONSE:
                return self._uncached_errors(adapter)
            return adapter.unchanged
        except Exception:
            return self._handle_error(event)

    def origin(self, event: Any, context: object = None) -> Any:
        """Lambda's handler for the origin set-up; returns the request or response for CloudFront to continue with."""
        try:
            adapter = CloudFrontEvent(event)
            if adapter.trigger == ORIGIN_REQUEST:
                decision = self._decide_request(adapter)
                return adapter.unchanged if decision is None else adapter.generate_cacheable_response(decision)
            if adapter.trigger == ORIGIN_RESPONSE:
                return self._cached_response(adapter)
            return adapter.unchanged
        except Exception:
            return self._handle_error(event)

    def _decide_request(self, adapter: CloudFrontEvent) -> Decision | None:
        """The decision that answers a preflight or blocks a request; None when the request goes on."""
        if not adapter.has_origin:
            return None
        request = adapter.request()
        policy = self._store.get(adapter.site)
        if request.is_preflight:
            decision = decide_preflight(policy, request, self._memory.of(adapter.site, policy))
        elif policy is not None and policy.blocks:
            decision = decide_actual(policy, request, self._memory.of(adapter.site, policy))
            # A request that goes on is counted at its response.
            if decision.status is None:
                return None
        else:
            return None
        self._telemetry.record_decision(adapter.site, request, decision)
        return decision if decision.status is not None else None

    def _decide_response(self, adapter: CloudFrontEvent, *, count: bool) -> tuple[Decision, Request]:
        """The decision about the request of a response event."""
        request = adapter.request()
        policy = self._store.get(adapter.site)
        decision = decide_actual(policy, request, self._memory.of(adapter.site, policy))
        # A preflight that was not answered (shadow, not managed) was counted at the request event.
        if count and not request.is_preflight:
            self._telemetry.record_decision(adapter.site, request, decision)
        return decision, request

    def _uncached_errors(self, adapter: CloudFrontEvent) -> dict[str, Any]:
        """Errors get CORS headers and are not cached. Other responses lose theirs: the cache serves all viewers."""
        response = adapter.unchanged
        if adapter.status < 400:
            decision, _ = self._decide_response(adapter, count=False)
            if decision.managed:
                remove_cors_headers(response, decision)
            return response
        decision, _ = self._decide_response(adapter, count=True)
        adapter.apply_to_response(response, decision)
        if decision.managed:
            set_cache_control(response, "no-store")
        return response

    def _cached_response(self, adapter: CloudFrontEvent) -> dict[str, Any]:
        decision, request = self._decide_response(adapter, count=True)
        response = adapter.apply_to_response(adapter.unchanged, decision)
        # A response that lacks its headers only because no policy could be loaded must not stay in the cache.
        if decision.reason == POLICY_UNAVAILABLE and request.origin is not None:
            set_cache_control(response, "no-store")
        return response

    def _handle_error(self, event: Any) -> Any:
        """Log the exception and let the event go on without the upstream's CORS headers."""
        self._telemetry.log(
            "ERROR", "the edge function failed; the event is passed on", exception=traceback.format_exc(limit=8)
        )
        try:
            adapter = CloudFrontEvent(event)
        except Exception:
            return fallback(event)
        if adapter.trigger in (ORIGIN_RESPONSE, VIEWER_RESPONSE):
            try:
                remove_cors_headers(adapter.unchanged, ON_ERROR)
            except Exception:
                self._telemetry.log("ERROR", "the response's headers can't be read")
        return adapter.unchanged
