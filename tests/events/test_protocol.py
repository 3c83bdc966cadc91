"""Every payload format has an adapter with the same three methods."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from edgecors.decision import ALLOWED, Decision, Request
from edgecors.events.api import parse_event
from edgecors.events.cloudfront import CloudFrontEvent

from tests.events.make import APP, SOURCES, make_event
from tests.functions.edge.support import VIEWER_RESPONSE, event

if TYPE_CHECKING:
    from edgecors.events import EventAdapter

DECISION = Decision(ALLOWED, status=204, headers=(("Access-Control-Allow-Origin", APP),), vary=("Origin",))


def adapters() -> dict[str, EventAdapter]:
    """An adapter for each front. mypy checks that all of them are `EventAdapter`."""
    result: dict[str, EventAdapter] = {"cloudfront": CloudFrontEvent(event(VIEWER_RESPONSE, origin=APP))}
    for source in SOURCES:
        adapter = parse_event(make_event(source, headers=[("Origin", APP)]))
        assert adapter is not None
        result[source] = adapter
    return result


@pytest.mark.parametrize("front", ["cloudfront", *SOURCES])
def test_adapter_parses_responds_and_applies(front: str) -> None:
    adapter = adapters()[front]
    request = adapter.request()
    assert isinstance(request, Request)
    assert request.origin == APP
    generated = adapter.generate_response(DECISION)
    assert str(generated.get("statusCode") or generated["status"]) == "204"
    response: dict[str, Any] = {"statusCode": 200, "status": "200", "headers": {}}
    assert APP in str(adapter.apply_to_response(response, DECISION))


@pytest.mark.parametrize("name", ["request", "generate_response", "apply_to_response"])
def test_adapter_methods_have_the_same_parameters(name: str) -> None:
    signatures = {tuple(inspect.signature(getattr(adapter, name)).parameters) for adapter in adapters().values()}
    assert len(signatures) == 1
