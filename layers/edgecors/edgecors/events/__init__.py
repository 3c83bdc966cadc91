"""Adapters, one module per payload format. Only this package reads event and response dictionaries.

Every adapter is an `EventAdapter`. `api` finds the adapter of an event of API Gateway, a function URL or a load
balancer; an edge function gets events of `cloudfront` only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from ..decision import Decision, Request

    class EventAdapter(Protocol):
        """One event. Its class parses it; the methods translate between the event's format and the engine."""

        def request(self) -> Request:
            """What the CORS protocol needs of the event's request."""

        def generate_response(self, decision: Decision) -> dict[str, Any]:
            """The response of a decision that has a status, in the event's format."""

        def apply_to_response(self, response: Any, decision: Decision) -> Any:
            """A response with the CORS headers of a decision instead of its own, and with Vary merged."""
